"""Chi-squared test of homogeneity between two sets of category counts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import chdtrc

from databricks_monitoring.metrics.compiled import compiled

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Floats, Integers


@compiled
def chi_squared_statistic(current: Floats, comparison: Floats) -> tuple[float, int]:
    """Return the statistic of `chi_squared_test`, NaN below two categories, and how many there are.

    Parameters
    ----------
    current, comparison : ndarray, shape (k,)
        Counts over the same categories, neither side empty.
    """
    of_current, of_comparison = current.sum(), comparison.sum()
    statistic = 0.0
    categories = 0
    for at in range(len(current)):
        together = current[at] + comparison[at]
        if together > 0:
            categories += 1
            share = together / (of_current + of_comparison)
            for observed, whole in ((current[at], of_current), (comparison[at], of_comparison)):
                statistic += (observed - whole * share) ** 2 / (whole * share)
    return (statistic if categories > 1 else math.nan), categories


def chi_squared_pvalues(statistic: Floats, categories: Integers) -> Floats:
    """Return the p-value of each statistic of `chi_squared_statistic`, arrays of one length."""
    pvalues: Floats = chdtrc(np.maximum(categories - 1, 1), statistic)
    return pvalues


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
    statistic, categories = chi_squared_statistic(current, comparison)
    if math.isnan(statistic):
        return None
    return statistic, float(chi_squared_pvalues(np.array([statistic]), np.array([categories]))[0])
