"""Population stability index between two stored quantile arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from databricks_monitoring.metrics.conventions import PSI_BINS, PSI_FLOOR

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Floats


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
    at = -(-np.arange(1, bins) * len(comparison) // bins) - 1
    edges, times = np.unique(comparison[at], return_counts=True)
    actual = _shares(current, edges, times > 1)
    expected = _shares(comparison, edges, times > 1)
    return float(np.sum((actual - expected) * np.log(actual / expected)))


def _shares(values: Floats, edges: Floats, repeated: np.typing.NDArray[np.bool_]) -> Floats:
    """Return the share of values per bin; a repeated edge is also one that excludes itself."""
    upto = np.searchsorted(values, edges, side="right")
    below = np.searchsorted(values, edges[repeated], side="left")
    cuts = np.sort(np.concatenate([upto, below]))
    counts = np.diff(np.concatenate([[0], cuts, [len(values)]]))
    return np.maximum(counts / len(values), PSI_FLOOR)
