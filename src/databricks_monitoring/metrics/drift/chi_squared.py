"""Chi-squared test of homogeneity between two sets of category counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import chdtrc

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Floats


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
    table = np.stack([current, comparison])
    table = table[:, table.sum(axis=0) > 0]
    categories = table.shape[1]
    if categories < 2:  # noqa: PLR2004 - nothing to compare
        return None
    expected = np.outer(table.sum(axis=1), table.sum(axis=0) / table.sum())
    statistic = float(np.sum((table - expected) ** 2 / expected))
    return statistic, float(chdtrc(categories - 1, statistic))
