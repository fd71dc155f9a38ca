"""Zeros of sorted columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Integers
    from databricks_monitoring.metrics.profile.segments import Segments


def num_zeros(ordered: Segments) -> Integers:
    """Return how many values of each group are zero, of either sign; column `num_zeros`.

    Parameters
    ----------
    ordered : Segments, of k groups
        Non-null values without NaN, in ascending order.

    Returns
    -------
    ndarray, shape (k,)

    Examples
    --------
    >>> from databricks_monitoring.metrics.profile.segments import Segments
    >>> num_zeros(Segments.of([np.array([-1.0, -0.0, 0.0, 3.0]), np.array([1.0])]))
    array([2, 0])
    """
    least, greatest = ordered.values[ordered.first], ordered.values[ordered.last]
    if not ((least <= 0) & (greatest >= 0)).any():
        return np.zeros(len(ordered), dtype=np.int64)
    return ordered.counted(ordered.values == 0)
