"""Quantiles: the summary of a numeric column that drift is computed from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from databricks_monitoring.metrics.compiled import compiled
from databricks_monitoring.metrics.conventions import QUANTILES

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Floats, Integers, Numbers
    from databricks_monitoring.metrics.profile.segments import Segments


def quantiles(ordered: Segments, found: Floats | None = None) -> Floats:
    """Return 1000 quantiles of each group that has values, in ascending order, in the column's unit.

    Parameters
    ----------
    ordered : Segments, of k groups
        Non-null values without NaN, in ascending order.
    found : ndarray, shape (groups that have values, 1000)
        Where they go; a new array by default.

    Returns
    -------
    ndarray, shape (groups that have values, 1000)
        Element i (from 0) of a row is the observed value at probability p = ``(i + 1) / 1000``, which is
        ``ordered[ceil(p n) - 1]``. Element 499 is the lower median, the last one the maximum.

    Notes
    -----
    Exact, no interpolation (`conventions.QUANTILE_POSITION`). Databricks documents neither the positions
    nor the error of its own.

    References
    ----------
    Hyndman, Fan (1996), Sample quantiles in statistical packages: definition 1.

    Examples
    --------
    >>> from databricks_monitoring.metrics.profile.segments import Segments
    >>> [q] = quantiles(Segments.of([np.arange(1.0, 2001.0)]))
    >>> q[0], q[499], q[-1]
    (np.float64(2.0), np.float64(1000.0), np.float64(2000.0))
    """
    if found is None:
        found = np.empty((len(ordered.filled), QUANTILES))
    _pick(ordered.values, ordered.first, ordered.sizes[ordered.filled], found)
    return found


@compiled
def _pick(values: Numbers, first: Integers, sizes: Integers, found: Floats) -> None:
    """Fill in the quantiles of groups, given by where each starts and how many values it has."""
    for group in range(len(first)):
        for at in range(QUANTILES):
            # Whole numbers throughout: ceil(i * n / 1000) - 1 must not depend on how i / 1000 is rounded.
            place = ((at + 1) * sizes[group] + QUANTILES - 1) // QUANTILES - 1
            found[group, at] = values[first[group] + place]
