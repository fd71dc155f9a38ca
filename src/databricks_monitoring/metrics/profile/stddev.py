"""Standard deviation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from databricks_monitoring.metrics.conventions import STDDEV_DDOF

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Floats, Numbers
    from databricks_monitoring.metrics.profile.segments import Segments


def stddev(ordered: Segments) -> Floats:
    """Return the sample standard deviation of each group, in the column's unit.

    Parameters
    ----------
    ordered : Segments, of k groups
        Non-null values without NaN, in ascending order.

    Returns
    -------
    ndarray, shape (k,)
        NaN below two values, and where a value is infinite.

    Notes
    -----
    ``sqrt(sum((x - mean)^2) / (n - 1))`` in two passes over the sorted values; `conventions.STDDEV_DDOF`
    is 1. Where squares overflow, values are scaled by their largest magnitude first, so that the result
    overflows only if it is itself too large. Whether Databricks divides by n or n - 1 is undocumented.

    References
    ----------
    Chan, Golub, LeVeque (1983), Algorithms for computing the sample variance. Databricks: `stddev`.

    Examples
    --------
    >>> from databricks_monitoring.metrics.profile.segments import Segments
    >>> stddev(Segments.of([np.array([1.0, 2.0, 3.0]), np.array([5.0, 5.0])]))
    array([1., 0.])
    """
    found = np.full(len(ordered), np.nan)
    enough = ordered.sizes[ordered.filled] > STDDEV_DDOF
    groups = ordered.filled[enough]
    least, greatest = ordered.values[ordered.first][enough], ordered.values[ordered.last][enough]
    values = ordered.values.astype(np.float64, copy=False)
    with np.errstate(over="ignore", invalid="ignore", under="ignore", divide="ignore"):
        deviations = values - ordered.spread(ordered.sums(values) / ordered.sizes)
        np.square(deviations, out=deviations)
        found[groups] = np.sqrt(ordered.sums(deviations)[groups] / (ordered.sizes[groups] - STDDEV_DDOF))
    same = least == greatest
    found[groups[same]] = np.where(np.isfinite(least[same]), 0.0, np.nan)
    doubtful = ~same & ~(np.isfinite(found[groups]) & (found[groups] > 0))
    for group in groups[doubtful].tolist():
        found[group] = _scaled(ordered.group(group))
    return found


def _scaled(values: Numbers) -> float:
    largest = max(abs(float(values[0])), abs(float(values[-1])))
    if np.isinf(largest):
        return float("nan")
    with np.errstate(over="ignore", under="ignore"):
        return float(np.std(values / largest, ddof=STDDEV_DDOF)) * largest
