"""Median."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Floats
    from databricks_monitoring.metrics.profile.segments import Segments


def median(ordered: Segments) -> Floats:
    """Return the median of each group in the column's unit (epoch seconds for times); NaN without values.

    Parameters
    ----------
    ordered : Segments, of k groups
        Non-null values without NaN, in ascending order.

    Returns
    -------
    ndarray, shape (k,)

    Notes
    -----
    The middle value, or the mean of the two middle values where n is even (`conventions.MEDIAN`), halved
    before they are added so that the sum cannot overflow.

    References
    ----------
    Databricks: profile metrics, `median`; its definition for even n is undocumented.

    Examples
    --------
    >>> from databricks_monitoring.metrics.profile.segments import Segments
    >>> median(Segments.of([np.array([1.0, 2.0, 10.0, 20.0]), np.array([7.0])]))
    array([6., 7.])
    """
    found = np.full(len(ordered), np.nan)
    n = ordered.sizes[ordered.filled]
    lower = ordered.values[ordered.first + (n - 1) // 2].astype(np.float64)
    upper = ordered.values[ordered.first + n // 2].astype(np.float64)
    # Infinities of both signs have no middle: NaN.
    with np.errstate(invalid="ignore"):
        found[ordered.filled] = np.where(lower == upper, lower, lower / 2 + upper / 2)
    return found
