"""Number of distinct values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Numbers


def distinct_count(ordered: Numbers, num_nan: int = 0) -> int:
    """Return the exact number of distinct non-null values; all NaN count as one, both zeros as one.

    Parameters
    ----------
    ordered : ndarray, shape (n,)
        Non-null values without NaN, in ascending order.
    num_nan
        How many values are NaN besides.

    Notes
    -----
    ``1 + #{i : x[i] != x[i - 1]}`` on the sorted values. The managed service approximates at about 5 %
    (`conventions.DISTINCT_COUNT`).

    References
    ----------
    Databricks: profile metrics, `distinct_count`.

    Examples
    --------
    >>> distinct_count(np.array([1.0, 1.0, 2.0]), num_nan=3)
    3
    """
    steps = int(np.count_nonzero(ordered[1:] != ordered[:-1])) + 1 if len(ordered) else 0
    return steps + (num_nan > 0)
