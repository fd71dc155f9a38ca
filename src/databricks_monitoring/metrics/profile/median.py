"""Median."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Numbers


def median(ordered: Numbers) -> float | None:
    """Return the median in the column's unit (epoch seconds for times); None without values.

    Parameters
    ----------
    ordered : ndarray, shape (n,)
        Non-null values without NaN, in ascending order.

    Notes
    -----
    The middle value, or the mean of the two middle values where n is even (`conventions.MEDIAN`), halved
    before they are added so that the sum cannot overflow.

    References
    ----------
    Databricks: profile metrics, `median`; its definition for even n is undocumented.

    Examples
    --------
    >>> import numpy as np
    >>> median(np.array([1.0, 2.0, 10.0, 20.0]))
    6.0
    """
    n = len(ordered)
    if n == 0:
        return None
    lower, upper = float(ordered[(n - 1) // 2]), float(ordered[n // 2])
    return lower if lower == upper else lower / 2 + upper / 2
