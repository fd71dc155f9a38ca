"""NaN values of sorted columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from databricks_monitoring.metrics.profile.segments import Segments, bounds_of

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Integers


def without_nan(ordered: Segments) -> tuple[Segments, Integers]:
    """Return the values of each group that are numbers, and how many values of each group are NaN.

    Parameters
    ----------
    ordered : Segments, of k groups
        Non-null values in ascending order, NaN last, as NumPy sorts them.

    Returns
    -------
    numbers : Segments
        The values before the first NaN of each group.
    num_nan : ndarray, shape (k,)
        Column `num_nan`; 0 for integers.

    Notes
    -----
    Every other statistic sees `numbers` only (see `conventions.NAN_VALUES`).

    Examples
    --------
    >>> numbers, num_nan = without_nan(Segments.of([np.array([1.0, 2.0, np.nan]), np.array([3.0])]))
    >>> numbers.values, num_nan
    (array([1., 2., 3.]), array([1, 0]))
    """
    none = np.zeros(len(ordered), dtype=np.int64)
    if ordered.values.dtype.kind != "f" or not len(ordered.filled):
        return ordered, none
    # NaN lies last: a group without it at its end has none.
    if not np.isnan(ordered.values[ordered.last]).any():
        return ordered, none
    flags = np.isnan(ordered.values)
    num_nan = ordered.counted(flags)
    return Segments(ordered.values[~flags], bounds_of(ordered.sizes - num_nan)), num_nan
