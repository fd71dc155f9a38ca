"""Arithmetic mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Numbers


def mean(ordered: Numbers) -> float | None:
    """Return the arithmetic mean, column `avg`, in the column's unit; None without values.

    Parameters
    ----------
    ordered : ndarray, shape (n,)
        Non-null values without NaN, in ascending order.

    Notes
    -----
    ``sum(x) / n`` by pairwise summation over the sorted values, so the order of the rows cannot change
    the last digit. Where the sum overflows although every value is finite, the values are scaled by their
    largest magnitude first. Infinite values give an infinite mean, both signs together NaN.

    References
    ----------
    Higham, N. (1993), The accuracy of floating point summation. Databricks: profile metrics, `avg`.

    Examples
    --------
    >>> mean(np.array([1.0, 2.0, 6.0]))
    3.0
    >>> mean(np.array([1e308, 1e308]))
    1e+308
    """
    if len(ordered) == 0:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        plain = float(np.mean(ordered, dtype=np.float64))
    if np.isfinite(plain):
        return plain
    largest = max(abs(float(ordered[0])), abs(float(ordered[-1])))
    return plain if np.isinf(largest) else float(np.mean(ordered / largest)) * largest
