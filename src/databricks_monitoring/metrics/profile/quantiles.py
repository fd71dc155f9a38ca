"""Quantiles: the summary of a numeric column that drift is computed from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from databricks_monitoring.metrics.conventions import QUANTILES

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Floats
    from databricks_monitoring.metrics.profile.segments import Segments


def quantiles(ordered: Segments) -> Floats:
    """Return 1000 quantiles of each group that has values, in ascending order, in the column's unit.

    Parameters
    ----------
    ordered : Segments, of k groups
        Non-null values without NaN, in ascending order.

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
    # Whole numbers throughout: ceil(i * n / 1000) - 1 must not depend on how i / 1000 is rounded.
    positions = np.arange(1, QUANTILES + 1, dtype=np.int64) * ordered.sizes[ordered.filled, np.newaxis]
    positions += QUANTILES - 1
    positions //= QUANTILES
    positions += ordered.first[:, np.newaxis] - 1
    found: Floats = ordered.values.astype(np.float64, copy=False)[positions]
    return found
