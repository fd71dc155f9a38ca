"""Minimum and maximum."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Numbers


def extremes(ordered: Numbers) -> tuple[float | None, float | None]:
    """Return the least and the greatest value in the column's unit; None for both without values.

    Parameters
    ----------
    ordered : ndarray, shape (n,)
        Non-null values without NaN, in ascending order.

    Notes
    -----
    Columns `min` and `max`. For dates and timestamps these are epoch seconds as double.

    Examples
    --------
    >>> import numpy as np
    >>> extremes(np.array([1, 2, 6]))
    (1.0, 6.0)
    """
    return (float(ordered[0]), float(ordered[-1])) if len(ordered) else (None, None)
