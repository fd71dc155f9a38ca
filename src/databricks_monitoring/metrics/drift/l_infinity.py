"""L-infinity distance between two sets of category counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_monitoring.metrics.compiled import compiled

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Floats


@compiled
def l_infinity_distance(current: Floats, comparison: Floats) -> float:
    """Return the greatest difference of any category's share, in [0, 1].

    Parameters
    ----------
    current, comparison : ndarray, shape (k,)
        Counts over the same categories, neither side empty.

    Notes
    -----
    ``max |p - q|`` over shares; the bucket of all unlisted items counts as one category.

    References
    ----------
    Databricks: `l_infinity_distance`.

    Examples
    --------
    >>> l_infinity_distance(np.array([3.0, 1.0]), np.array([1.0, 3.0]))
    0.5
    """
    of_current, of_comparison = current.sum(), comparison.sum()
    greatest = 0.0
    for at in range(len(current)):
        greatest = max(greatest, abs(current[at] / of_current - comparison[at] / of_comparison))
    return greatest
