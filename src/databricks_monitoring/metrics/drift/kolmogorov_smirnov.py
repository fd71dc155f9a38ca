"""Two-sample Kolmogorov-Smirnov test between two stored quantile arrays."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Floats


def ks_statistic(current: Floats, comparison: Floats) -> float:
    """Return the greatest difference between two empirical distribution functions, in [0, 1].

    Parameters
    ----------
    current, comparison : ndarray
        Ascending, without NaN: the stored 1000 quantiles of each side.

    Notes
    -----
    ``D = max_x |F(x) - G(x)|`` where F and G are the shares of quantiles at or below x. On 1000 quantiles D
    is a multiple of 1/1000, as are the values Databricks publishes, whatever the number of rows was.

    Examples
    --------
    >>> ks_statistic(np.array([1.0, 2.0, 3.0, 4.0]), np.array([3.0, 4.0, 5.0, 6.0]))
    0.5
    """
    values = np.concatenate([current, comparison])
    below_current = np.searchsorted(current, values, side="right") / len(current)
    below_comparison = np.searchsorted(comparison, values, side="right") / len(comparison)
    return float(np.max(np.abs(below_current - below_comparison)))


@lru_cache(maxsize=65_536)
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
    # scipy.stats takes more than a second to import; only drift needs it.
    from scipy.stats import kstwo  # noqa: PLC0415

    return float(kstwo.sf(statistic, max(1, round(n * m / (n + m)))))
