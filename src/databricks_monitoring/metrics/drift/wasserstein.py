"""1-Wasserstein distance between two stored quantile arrays."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from databricks_monitoring.metrics.compiled import compiled

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Floats


@compiled
def wasserstein_distance(current: Floats, comparison: Floats) -> float:
    """Return the mean distance between corresponding quantiles, in the column's unit, at least 0.

    Parameters
    ----------
    current, comparison : ndarray, shape (k,)
        Ascending, without NaN: the stored 1000 quantiles of each side.

    Notes
    -----
    ``mean_i |q_i - r_i|``, which is W1 between the two distributions of k equally likely values. Equal
    infinities are at distance 0, others at distance infinity. How Databricks computes it is undocumented.

    References
    ----------
    Vallender (1974), Calculation of the Wasserstein distance between probability distributions on the line.

    Examples
    --------
    >>> wasserstein_distance(np.array([1.0, 2.0]), np.array([2.0, 4.0]))
    1.5
    """
    k = len(current)
    summed = 0.0
    for at in range(k):
        if current[at] != comparison[at]:
            summed += abs(current[at] - comparison[at])
    if math.isfinite(summed):
        return summed / k
    # Where finite values overflow on the way they are divided before they are subtracted and added.
    mean = 0.0
    for at in range(k):
        if current[at] != comparison[at]:
            mean += abs(current[at] / k - comparison[at] / k)
    return mean
