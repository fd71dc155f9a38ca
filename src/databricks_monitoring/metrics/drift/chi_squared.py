"""Chi-squared test of homogeneity between two sets of category counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import chdtrc

from databricks_monitoring.metrics.drift.runs import lengths, summed

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Floats, Integers


def chi_squared_tests(current: Floats, comparison: Floats, starts: Integers) -> tuple[Floats, Floats]:
    """Return `chi_squared_test` of many pairs at once: statistics and p-values, NaN below two categories.

    Parameters
    ----------
    current, comparison : ndarray
        Counts over the same categories, those of one pair after those of the other, no side of a pair empty.
    starts : ndarray, shape (pairs,)
        Where the categories of each pair start.
    """
    sizes = lengths(starts, len(current))
    together = current + comparison
    categories = np.add.reduceat(together > 0, starts, dtype=np.int64)
    share = together / np.repeat(summed(together, starts), sizes)
    deviations = np.zeros(len(together))
    for side in (current, comparison):
        expected = np.repeat(summed(side, starts), sizes) * share
        deviations += np.divide(
            (side - expected) ** 2, expected, out=np.zeros(len(together)), where=together > 0
        )
    statistic = np.where(categories > 1, summed(deviations, starts), np.nan)
    pvalue: Floats = chdtrc(np.maximum(categories - 1, 1), statistic)
    return statistic, pvalue


def chi_squared_test(current: Floats, comparison: Floats) -> tuple[float, float] | None:
    """Return the statistic and its p-value; None below two categories.

    Parameters
    ----------
    current, comparison : ndarray, shape (k,)
        Counts over the same categories, neither side empty.

    Notes
    -----
    ``sum (observed - expected)^2 / expected`` over the 2 x K table of counts, expected from its margins;
    categories that neither side has are dropped, K - 1 degrees of freedom, no continuity correction.
    Whether Databricks tests homogeneity or goodness of fit is undocumented. With many rows the p-value is
    tiny for any difference.

    References
    ----------
    Pearson (1900). Databricks: `chi_squared_test`.

    Examples
    --------
    >>> statistic, pvalue = chi_squared_test(np.array([10.0, 20.0]), np.array([20.0, 10.0]))
    >>> round(statistic, 4), round(pvalue, 6)
    (6.6667, 0.009823)
    """
    statistic, pvalue = chi_squared_tests(current, comparison, np.array([0]))
    return None if np.isnan(statistic[0]) else (float(statistic[0]), float(pvalue[0]))
