"""Zeros of a sorted column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Numbers


def num_zeros(ordered: Numbers) -> int:
    """Return how many values are zero, of either sign; column `num_zeros`.

    Parameters
    ----------
    ordered : ndarray, shape (n,)
        Non-null values without NaN, in ascending order.

    Notes
    -----
    Two binary searches, O(log n).

    Examples
    --------
    >>> num_zeros(np.array([-1.0, -0.0, 0.0, 3.0]))
    2
    """
    left, right = np.searchsorted(ordered, 0, "left"), np.searchsorted(ordered, 0, "right")
    return int(right - left)
