"""Arithmetic mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Floats
    from databricks_monitoring.metrics.profile.segments import Segments


def mean(ordered: Segments) -> Floats:
    """Return the arithmetic mean of each group, column `avg`, in the column's unit; NaN without values.

    Parameters
    ----------
    ordered : Segments, of k groups
        Non-null values without NaN, in ascending order.

    Returns
    -------
    ndarray, shape (k,)

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
    >>> from databricks_monitoring.metrics.profile.segments import Segments
    >>> mean(Segments.of([np.array([1.0, 2.0, 6.0]), np.array([1e308, 1e308])]))
    array([3.e+000, 1.e+308])
    """
    with np.errstate(over="ignore", invalid="ignore"):
        found: Floats = ordered.sums(ordered.values.astype(np.float64, copy=False)) / ordered.sizes
    for group in ordered.filled[~np.isfinite(found[ordered.filled])].tolist():
        values = ordered.group(group)
        largest = max(abs(float(values[0])), abs(float(values[-1])))
        if np.isfinite(largest):
            found[group] = float(np.mean(values / largest)) * largest
    return found
