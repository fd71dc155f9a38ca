"""1-Wasserstein distance between two stored quantile arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Floats


def wasserstein_distances(current: Floats, comparison: Floats) -> Floats:
    """Return `wasserstein_distance` of many pairs at once, a pair's quantiles in each row."""
    k = current.shape[1]
    differ = current != comparison
    with np.errstate(over="ignore", invalid="ignore"):
        found: Floats = np.where(differ, np.abs(current - comparison), 0.0).sum(axis=1) / k
        for at in np.flatnonzero(~np.isfinite(found)):
            # Where finite values overflow on the way they are divided before they are subtracted and added.
            apart = np.abs(current[at] / k - comparison[at] / k)
            found[at] = np.sum(apart[differ[at]])
    return found


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
    return float(wasserstein_distances(current[None, :], comparison[None, :])[0])
