"""Flat arrays that hold the values of many things, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Integers


def places(starts: Integers, sizes: Integers) -> Integers:
    """Return the places of all values of some runs, one run after the other.

    Examples
    --------
    >>> places(np.array([7, 0]), np.array([2, 3])).tolist()
    [7, 8, 0, 1, 2]
    """
    ends = np.cumsum(sizes)
    found: Integers = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - sizes), sizes)
    return found
