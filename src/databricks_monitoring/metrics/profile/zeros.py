"""Zeros of sorted columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Integers
    from databricks_monitoring.metrics.profile.segments import Segments


def num_zeros(ordered: Segments) -> Integers:
    """Return how many values of each group are zero, of either sign; column `num_zeros`.

    Parameters
    ----------
    ordered : Segments, of k groups
        Non-null values.

    Returns
    -------
    ndarray, shape (k,)

    Examples
    --------
    >>> import numpy as np
    >>> from databricks_monitoring.metrics.profile.segments import Segments
    >>> num_zeros(Segments.of([np.array([-1.0, -0.0, 0.0, 3.0]), np.array([1.0])]))
    array([2, 0])
    """
    return ordered.counted(ordered.values == 0)
