"""Percentages of counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Floats, Integers


def percent(part: Integers, whole: Integers) -> Floats:
    """Return `part` of `whole` in percent, 0 to 100; NaN if there is no whole.

    Parameters
    ----------
    part, whole : ndarray, shape (k,)
        One count for each group.

    Notes
    -----
    ``part / whole * 100``. Columns `percent_nan`, `percent_zeros` and `percent_distinct` are relative to
    `count`, `percent_null` to ``count + num_nulls`` (see `conventions.PERCENT_NULL_DENOMINATOR`).

    Examples
    --------
    >>> percent(np.array([1, 0]), np.array([8, 0]))
    array([12.5,  nan])
    """
    with np.errstate(invalid="ignore"):
        return part / whole * 100.0
