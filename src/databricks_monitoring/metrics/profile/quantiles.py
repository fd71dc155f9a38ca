"""Quantiles: the summary of a numeric column that drift is computed from."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from databricks_monitoring.metrics.conventions import QUANTILES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from databricks_monitoring.metrics.arrays import Floats, Numbers


@lru_cache(maxsize=256)
def _positions(n: int) -> NDArray[np.intp]:
    # Whole numbers throughout: ceil(i * n / 1000) - 1 must not depend on how i / 1000 is rounded.
    i = np.arange(1, QUANTILES + 1, dtype=np.int64)
    return np.asarray(-(-i * n // QUANTILES) - 1, dtype=np.intp)


def quantiles(ordered: Numbers) -> Floats | None:
    """Return 1000 quantiles in ascending order, in the column's unit; None without values.

    Parameters
    ----------
    ordered : ndarray, shape (n,)
        Non-null values without NaN, in ascending order.

    Returns
    -------
    ndarray, shape (1000,)
        Element i (from 0) is the observed value at probability p = ``(i + 1) / 1000``, which is
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
    >>> q = quantiles(np.arange(1.0, 2001.0))
    >>> q[0], q[499], q[-1]
    (np.float64(2.0), np.float64(1000.0), np.float64(2000.0))
    """
    if len(ordered) == 0:
        return None
    return ordered[_positions(len(ordered))].astype(np.float64)
