"""Total variation distance between two sets of category counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_monitoring.metrics.compiled import compiled

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Floats


@compiled
def tv_distance(current: Floats, comparison: Floats) -> float:
    """Return the total variation distance, in [0, 1].

    Parameters
    ----------
    current, comparison : ndarray, shape (k,)
        Counts over the same categories, neither side empty.

    Notes
    -----
    ``0.5 * sum |p - q|`` over shares: the least share of rows that would have to change category.

    References
    ----------
    Gibbs, Su (2002), On choosing and bounding probability metrics. Databricks: `tv_distance`.

    Examples
    --------
    >>> tv_distance(np.array([3.0, 1.0]), np.array([1.0, 3.0]))
    0.5
    """
    of_current, of_comparison = current.sum(), comparison.sum()
    summed = 0.0
    for at in range(len(current)):
        summed += abs(current[at] / of_current - comparison[at] / of_comparison)
    return summed / 2
