"""Population stability index between two stored quantile arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from databricks_monitoring.metrics.conventions import PSI_BINS, PSI_FLOOR

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Flags, Floats, Integers


def population_stability_indices(current: Floats, comparison: Floats, bins: int = PSI_BINS) -> Floats:
    """Return `population_stability_index` of many pairs at once, a pair's quantiles in each row."""
    at = -(-np.arange(1, bins) * comparison.shape[1] // bins) - 1
    edges = comparison[:, at]
    same = edges[:, 1:] == edges[:, :-1]
    none = np.zeros((len(edges), 1), np.bool_)
    repeated = np.concatenate([none, same], axis=1) | np.concatenate([same, none], axis=1)
    actual, expected = _shares(current, edges, repeated), _shares(comparison, edges, repeated)
    summed: Floats = np.sum((actual - expected) * np.log(actual / expected), axis=1)
    return summed


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
    return float(population_stability_indices(current[None, :], comparison[None, :], bins)[0])


def _shares(values: Floats, edges: Floats, repeated: Flags) -> Floats:
    """Return the share of values per bin and pair; a repeated edge is also one that excludes itself.

    An edge that is there twice cuts twice: the bin between is empty on either side and adds nothing.
    """
    upto = _counted(values, edges, np.less_equal)
    below = np.where(repeated, _counted(values, edges, np.less), upto)
    cuts = np.sort(np.concatenate([upto, below], axis=1), axis=1)
    n = values.shape[1]
    counts = np.diff(cuts, axis=1, prepend=0, append=n)
    shares: Floats = np.maximum(counts / n, PSI_FLOOR)
    return shares


def _counted(values: Floats, edges: Floats, before: np.ufunc) -> Integers:
    """Return how many values of each row, ascending, lie before each edge of the row: a binary search."""
    n = values.shape[1]
    flat = values.reshape(-1)
    first = np.arange(len(values))[:, None] * n
    low = np.zeros(edges.shape, np.int64)
    high = np.full(edges.shape, n, np.int64)
    for _ in range(int(n).bit_length()):
        middle = (low + high) // 2
        inside = (low < high) & before(flat[first + np.minimum(middle, n - 1)], edges)
        high = np.where(inside | (low >= high), high, middle)
        low = np.where(inside, middle + 1, low)
    return low
