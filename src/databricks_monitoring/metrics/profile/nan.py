"""NaN values of a sorted column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Numbers


def without_nan(ordered: Numbers) -> tuple[Numbers, int]:
    """Return the part of a sorted column that is a number, and how many values are NaN.

    Parameters
    ----------
    ordered : ndarray, shape (n,)
        Non-null values in ascending order, NaN last, as NumPy sorts them.

    Returns
    -------
    numbers : ndarray
        The values before the first NaN; a view.
    num_nan : int
        Column `num_nan`; 0 for integers.

    Notes
    -----
    Every other statistic sees `numbers` only (see `conventions.NAN_VALUES`). A binary search, O(log n).

    Examples
    --------
    >>> without_nan(np.array([1.0, 2.0, np.nan]))
    (array([1., 2.]), 1)
    """
    if ordered.dtype.kind != "f":
        return ordered, 0
    first_nan = int(np.searchsorted(ordered, np.nan))
    return ordered[:first_nan], len(ordered) - first_nan
