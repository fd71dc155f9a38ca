"""Two-sample Kolmogorov-Smirnov test between two stored quantile arrays."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from databricks_monitoring.metrics.drift.kolmogorov_distribution import kolmogorov_survival

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Floats, Integers

_KNOWN: dict[tuple[float, int], float] = {}
"""P-values by statistic and effective size: slices of one size have the same ones over and over."""

_KNOWN_AT_MOST = 200_000


def ks_statistics(current: Floats, comparison: Floats) -> Floats:
    """Return `ks_statistic` of many pairs at once.

    Parameters
    ----------
    current, comparison : ndarray, shape (pairs, k) and (pairs, m)
        A pair's quantiles in each row.

    Notes
    -----
    Both sides of a pair are sorted together; walking up, each value of one side adds to the difference, each
    of the other takes away, in whole numbers, and the difference counts after the last of equal values.
    """
    k, m = current.shape[1], comparison.shape[1]
    together = np.concatenate([current, comparison], axis=1)
    # A stable sort takes two ascending runs for what they are, and merges them.
    order = np.argsort(together, axis=1, kind="stable")
    values = together.reshape(-1)[order + np.arange(len(order))[:, None] * (k + m)]
    shared = math.gcd(k, m)
    # The difference is at most k m / gcd(k, m), 1000 for the stored quantiles: small numbers take less time.
    whole = np.int16 if k * m // shared <= np.iinfo(np.int16).max else np.int64
    difference = np.cumsum(
        np.where(order < k, whole(m // shared), whole(-(k // shared))), axis=1, dtype=whole
    )
    # At the end the difference is 0, so the last value need not be looked at.
    at_end = values[:, 1:] != values[:, :-1]
    greatest = np.max(np.abs(difference[:, :-1]) * at_end, axis=1, initial=0)
    found: Floats = greatest / (k * m // shared)
    return found


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
    return float(ks_statistics(current[None, :], comparison[None, :])[0])


def ks_pvalues(statistic: Floats, n: Integers, m: Integers) -> Floats:
    """Return `ks_pvalue` of many statistics at once, arrays of one length."""
    # Whole numbers are divided as such only while their product fits 64 bits; doubles are exact beyond need.
    sizes = np.maximum(1.0, np.round(n.astype(np.float64) * m / (n + m)))
    asked = list(zip(statistic.tolist(), sizes.astype(np.int64).tolist(), strict=True))
    found = {case: _KNOWN.get(case) for case in asked}
    new = [case for case, pvalue in found.items() if pvalue is None]
    if new:
        cases = np.array([each for each, _ in new]), np.array([size for _, size in new], dtype=np.int64)
        made = dict(zip(new, kolmogorov_survival(*cases).tolist(), strict=True))
        found |= made
        if len(_KNOWN) > _KNOWN_AT_MOST:
            _KNOWN.clear()
        _KNOWN.update(made)
    return np.array([found[case] for case in asked], dtype=np.float64)


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
