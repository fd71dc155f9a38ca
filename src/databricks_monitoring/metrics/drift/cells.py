"""The cells of a drift row, from two profile rows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from databricks_monitoring.metrics.conventions import QUANTILES
from databricks_monitoring.metrics.drift.categories import Frequencies, aligned
from databricks_monitoring.metrics.drift.chi_squared import chi_squared_test
from databricks_monitoring.metrics.drift.deltas import delta, non_null_columns_delta
from databricks_monitoring.metrics.drift.jensen_shannon import js_distance
from databricks_monitoring.metrics.drift.kolmogorov_smirnov import ks_pvalues, ks_statistics
from databricks_monitoring.metrics.drift.l_infinity import l_infinity_distance
from databricks_monitoring.metrics.drift.population_stability_index import population_stability_indices
from databricks_monitoring.metrics.drift.total_variation import tv_distance
from databricks_monitoring.metrics.drift.wasserstein import wasserstein_distances

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from databricks_monitoring.metrics.arrays import Floats
    from databricks_monitoring.metrics.profile.cells import Cells


@dataclass(frozen=True)
class ProfileRow:
    """What drift needs of a profile row; `besides` is what custom drift metrics read."""

    count: int
    data_type: str | None = None
    avg: float | None = None
    num_nan: int | None = None
    percent_null: float | None = None
    percent_zeros: float | None = None
    percent_distinct: float | None = None
    non_null_columns: Sequence[str] | None = None
    quantiles: Floats | None = field(default=None, compare=False)
    frequent_items: Sequence[tuple[str, int]] | None = None
    besides: Mapping[str, object] = field(default_factory=dict)

    @property
    def numbers(self) -> int:
        """Number of values that are numbers: neither NULL nor NaN."""
        return self.count - (self.num_nan or 0)

    def says_the_same(self, other: ProfileRow) -> bool:
        """Whether every statistic of drift is the same for either row."""
        mine, theirs = self.quantiles, other.quantiles
        if mine is None or theirs is None:
            return mine is theirs and replace(self, besides={}) == replace(other, besides={})
        return (
            replace(self, besides={}) == replace(other, besides={})
            and len(mine) == len(theirs)
            and bool((mine == theirs).all())
        )


_PAIRS_AT_ONCE = 128
"""Pairs of quantile arrays compared in one pass: few enough to stay in a processor's cache."""

Pair = tuple[ProfileRow, ProfileRow]
"""A profile row and the one it is compared with."""


def drift_cells(pairs: Sequence[Pair]) -> list[Cells]:
    """Return the statistics of drift rows, in order; those that do not apply to both rows are left out."""
    numeric = [at for at, pair in enumerate(pairs) if _comparable(pair)]
    numbers: dict[int, Cells] = {}
    for first in range(0, len(numeric), _PAIRS_AT_ONCE):
        some = numeric[first : first + _PAIRS_AT_ONCE]
        numbers |= zip(some, _numeric([pairs[at] for at in some]), strict=True)
    return [_plain(*pair) | numbers.get(at, {}) | _categorical(*pair) for at, pair in enumerate(pairs)]


def _comparable(pair: Pair) -> bool:
    mine, theirs = pair[0].quantiles, pair[1].quantiles
    return mine is not None and theirs is not None and len(mine) == len(theirs) == QUANTILES


def _plain(current: ProfileRow, comparison: ProfileRow) -> Cells:
    cells: Cells = {
        "data_type": current.data_type,
        "count_delta": current.count - comparison.count,
        "avg_delta": delta(current.avg, comparison.avg),
        "percent_null_delta": delta(current.percent_null, comparison.percent_null),
        "percent_zeros_delta": delta(current.percent_zeros, comparison.percent_zeros),
        "percent_distinct_delta": delta(current.percent_distinct, comparison.percent_distinct),
    }
    if current.non_null_columns is not None and comparison.non_null_columns is not None:
        cells["non_null_columns_delta"] = non_null_columns_delta(
            current.non_null_columns, comparison.non_null_columns
        )
    return cells


def _numeric(pairs: Sequence[Pair]) -> list[Cells]:
    mine = np.array([current.quantiles for current, _ in pairs])
    theirs = np.array([comparison.quantiles for _, comparison in pairs])
    statistics = ks_statistics(mine, theirs)
    pvalues = ks_pvalues(
        statistics,
        np.array([current.numbers for current, _ in pairs]),
        np.array([comparison.numbers for _, comparison in pairs]),
    )
    return [
        {
            "ks_test": {"statistic": statistic, "pvalue": pvalue},
            "wasserstein_distance": distance,
            "population_stability_index": stability,
        }
        for statistic, pvalue, distance, stability in zip(
            statistics.tolist(),
            pvalues.tolist(),
            wasserstein_distances(mine, theirs).tolist(),
            population_stability_indices(mine, theirs).tolist(),
            strict=True,
        )
    ]


def _categorical(current: ProfileRow, comparison: ProfileRow) -> Cells:
    if not current.frequent_items or not comparison.frequent_items:
        return {}
    mine, theirs = aligned(
        Frequencies(current.count, dict(current.frequent_items)),
        Frequencies(comparison.count, dict(comparison.frequent_items)),
    )
    tested = chi_squared_test(mine, theirs)
    return {
        "js_distance": js_distance(mine, theirs),
        "tv_distance": tv_distance(mine, theirs),
        "l_infinity_distance": l_infinity_distance(mine, theirs),
        "chi_squared_test": tested and {"statistic": tested[0], "pvalue": tested[1]},
    }
