"""Minimum and maximum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Floats
    from databricks_monitoring.metrics.profile.segments import Segments


def extremes(ordered: Segments) -> tuple[Floats, Floats]:
    """Return the least and the greatest value of each group in the column's unit; NaN without values.

    Parameters
    ----------
    ordered : Segments, of k groups
        Non-null values without NaN, in ascending order.

    Returns
    -------
    least, greatest : ndarray, shape (k,)

    Notes
    -----
    Columns `min` and `max`. For dates and timestamps these are epoch seconds as double.

    Examples
    --------
    >>> from databricks_monitoring.metrics.profile.segments import Segments
    >>> extremes(Segments.of([np.array([1, 2, 6]), np.array([4])]))
    (array([1., 4.]), array([6., 4.]))
    """
    least, greatest = np.full(len(ordered), np.nan), np.full(len(ordered), np.nan)
    least[ordered.filled] = ordered.values[ordered.first]
    greatest[ordered.filled] = ordered.values[ordered.last]
    return least, greatest
