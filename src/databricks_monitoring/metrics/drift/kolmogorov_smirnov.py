"""Two-sample Kolmogorov-Smirnov test between two stored quantile arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from databricks_monitoring.metrics.compiled import compiled
from databricks_monitoring.metrics.drift.kolmogorov_distribution import kolmogorov_survival

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Floats, Integers


@compiled
def ks_statistic(current: Floats, comparison: Floats) -> float:
    """Return the greatest difference between two empirical distribution functions, in [0, 1].

    Parameters
    ----------
    current, comparison : ndarray, shape (k,)
        Ascending, without NaN: the stored 1000 quantiles of each side.

    Notes
    -----
    ``D = max_x |F(x) - G(x)|`` where F and G are the shares of quantiles at or below x. On 1000 quantiles D
    is a multiple of 1/1000, as are the values Databricks publishes, whatever the number of rows was. F is
    ahead of G by s quantiles somewhere if and only if some ``current[i] < comparison[i + 1 - s]``, so one
    walk for each direction raises s as far as it goes.

    References
    ----------
    Hodges (1958), The significance probability of the Smirnov two-sample test. Databricks: `ks_test`.

    Examples
    --------
    >>> ks_statistic(np.array([1.0, 2.0, 3.0, 4.0]), np.array([3.0, 4.0, 5.0, 6.0]))
    0.5
    """
    ahead = 0
    for at in range(len(current)):
        while at >= ahead and current[at] < comparison[at - ahead]:
            ahead += 1
    for at in range(len(current)):
        while at >= ahead and comparison[at] < current[at - ahead]:
            ahead += 1
    return ahead / len(current)


def ks_pvalues(statistic: Floats, n: Integers, m: Integers) -> Floats:
    """Return `ks_pvalue` of many statistics at once, arrays of one length."""
    # Whole numbers are divided as such only while their product fits 64 bits; doubles are exact beyond need.
    sizes = np.maximum(1.0, np.round(n.astype(np.float64) * m / (n + m)))
    return kolmogorov_survival(statistic, sizes.astype(np.int64))


def ks_pvalue(statistic: float, n: int, m: int) -> float:
    """Return the probability of a statistic at least this large if both sides came from one distribution.

    Parameters
    ----------
    statistic
        D, in [0, 1].
    n, m
        Number of values (rows, not quantiles) on each side, at least 1.

    Notes
    -----
    ``kstwo.sf(D, round(n m / (n + m)))``: the distribution of the one-sample statistic at the effective
    size, which is also what `scipy.stats.ks_2samp(method="asymp")` uses. The effective size is at least 1.
    It agrees with p-values published from Databricks to every digit. With many rows it is tiny for any
    difference: prefer the statistic.

    References
    ----------
    Simard, L'Ecuyer (2011), Computing the two-sided Kolmogorov-Smirnov distribution. Databricks: `ks_test`.

    Examples
    --------
    >>> ks_pvalue(0.049, 523, 941)
    0.3829208808885818
    """
    return float(ks_pvalues(np.array([statistic]), np.array([n]), np.array([m]))[0])
