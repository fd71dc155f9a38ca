"""Population stability index between two stored quantile arrays."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from databricks_monitoring.metrics.compiled import compiled
from databricks_monitoring.metrics.conventions import PSI_BINS, PSI_FLOOR

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Floats


@compiled
def population_stability_index(current: Floats, comparison: Floats, bins: int = PSI_BINS) -> float:
    """Return the population stability index, at least 0, dimensionless.

    Parameters
    ----------
    current, comparison : ndarray
        Ascending, without NaN: the stored 1000 quantiles of each side.
    bins
        Number of bins; `conventions.PSI_BINS` is 10.

    Notes
    -----
    ``sum_i (a_i - e_i) ln(a_i / e_i)`` over bins of the comparison's deciles, where a and e are the shares
    of the current side and of the comparison. Bins are closed on the right, the outer ones unbounded. A
    decile that occurs twice or more gets a bin of its own: with a bin up to it only, values that move below
    a constant would go unseen. Shares are at least `conventions.PSI_FLOOR`, 1e-4, and not renormalised.
    Databricks' reading: below 0.1 no significant change, below 0.2 moderate, from 0.2 significant; its
    binning is undocumented, ten bins fit the values it publishes.

    References
    ----------
    Yurdakul (2018), Statistical properties of population stability index. Databricks:
    `population_stability_index`.

    Examples
    --------
    >>> same = np.arange(1.0, 1001.0)
    >>> population_stability_index(same, same)
    0.0
    >>> round(population_stability_index(same + 100, same), 4)
    0.7594
    """
    n, m = len(current), len(comparison)
    index = 0.0
    counted_n = counted_m = np.intp(0)
    for decile in range(1, bins):
        edge = _edge(comparison, decile, bins)
        again = decile > 1 and edge == _edge(comparison, decile - 1, bins)
        if again:
            continue
        if decile < bins - 1 and edge == _edge(comparison, decile + 1, bins):
            below_n, below_m = np.searchsorted(current, edge), np.searchsorted(comparison, edge)
            index += _term((below_n - counted_n) / n, (below_m - counted_m) / m)
            counted_n, counted_m = below_n, below_m
        upto_n = np.searchsorted(current, edge, side="right")
        upto_m = np.searchsorted(comparison, edge, side="right")
        index += _term((upto_n - counted_n) / n, (upto_m - counted_m) / m)
        counted_n, counted_m = upto_n, upto_m
    return index + _term((n - counted_n) / n, (m - counted_m) / m)


@compiled
def _edge(comparison: Floats, decile: int, bins: int) -> float:
    return float(comparison[(decile * len(comparison) + bins - 1) // bins - 1])


@compiled
def _term(actual: float, expected: float) -> float:
    actual, expected = max(actual, PSI_FLOOR), max(expected, PSI_FLOOR)
    return (actual - expected) * math.log(actual / expected)
