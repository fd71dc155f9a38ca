"""Standard deviation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from databricks_monitoring.metrics.conventions import STDDEV_DDOF

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Numbers


def stddev(ordered: Numbers) -> float | None:
    """Return the sample standard deviation, in the column's unit; None below two values.

    Parameters
    ----------
    ordered : ndarray, shape (n,)
        Non-null values without NaN, in ascending order.

    Notes
    -----
    ``sqrt(sum((x - mean)^2) / (n - 1))`` in two passes over the sorted values; `conventions.STDDEV_DDOF`
    is 1. Where squares overflow, values are scaled by their largest magnitude first, so that the result
    overflows only if it is itself too large. NaN if a value is infinite. Whether Databricks divides by n
    or n - 1 is undocumented.

    References
    ----------
    Chan, Golub, LeVeque (1983), Algorithms for computing the sample variance. Databricks: `stddev`.

    Examples
    --------
    >>> stddev(np.array([1.0, 2.0, 3.0]))
    1.0
    """
    if len(ordered) <= STDDEV_DDOF:
        return None
    if ordered[0] == ordered[-1]:
        return 0.0 if np.isfinite(ordered[0]) else float("nan")
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        plain = float(np.std(ordered, ddof=STDDEV_DDOF, dtype=np.float64))
        if np.isfinite(plain) and plain > 0:
            return plain
        largest = max(abs(float(ordered[0])), abs(float(ordered[-1])))
        if np.isinf(largest):
            return float("nan")
        return float(np.std(ordered / largest, ddof=STDDEV_DDOF)) * largest
