"""The array types that statistics take, and what they promise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Numbers = NDArray[np.float64] | NDArray[np.int64]
Flags = NDArray[np.bool_]
Codes = NDArray[np.int32]
"""Positions in a list of distinct items, -1 where the value is NULL."""
