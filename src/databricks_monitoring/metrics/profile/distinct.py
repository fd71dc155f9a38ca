"""Number of distinct values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Integers
    from databricks_monitoring.metrics.profile.segments import Segments


def distinct_count(ordered: Segments, num_nan: Integers | None = None) -> Integers:
    """Return the exact number of distinct non-null values of each group.

    All NaN count as one, both zeros as one.

    Parameters
    ----------
    ordered : Segments, of k groups
        Non-null values without NaN, in ascending order.
    num_nan : ndarray, shape (k,)
        How many values are NaN besides.

    Returns
    -------
    ndarray, shape (k,)

    Notes
    -----
    ``1 + #{i : x[i] != x[i - 1]}`` on the sorted values. The managed service approximates at about 5 %
    (`conventions.DISTINCT_COUNT`).

    References
    ----------
    Databricks: profile metrics, `distinct_count`.

    Examples
    --------
    >>> from databricks_monitoring.metrics.profile.segments import Segments
    >>> distinct_count(Segments.of([np.array([1.0, 1.0, 2.0]), np.array([4.0])]), np.array([3, 0]))
    array([3, 1])
    """
    steps = np.ones(len(ordered.values), np.bool_)
    np.not_equal(ordered.values[1:], ordered.values[:-1], out=steps[1:])
    steps[ordered.first] = True
    found = ordered.counted(steps)
    return found if num_nan is None else found + (num_nan > 0)
