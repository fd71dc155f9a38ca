"""The cells of a drift row, from two profile rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from databricks_monitoring.metrics.drift.categories import Frequencies, aligned
from databricks_monitoring.metrics.drift.chi_squared import chi_squared_test
from databricks_monitoring.metrics.drift.deltas import delta, non_null_columns_delta
from databricks_monitoring.metrics.drift.jensen_shannon import js_distance
from databricks_monitoring.metrics.drift.kolmogorov_smirnov import ks_pvalue, ks_statistic
from databricks_monitoring.metrics.drift.l_infinity import l_infinity_distance
from databricks_monitoring.metrics.drift.population_stability_index import population_stability_index
from databricks_monitoring.metrics.drift.total_variation import tv_distance
from databricks_monitoring.metrics.drift.wasserstein import wasserstein_distance

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


def drift_cells(current: ProfileRow, comparison: ProfileRow) -> Cells:
    """Return the statistics of a drift row; those that do not apply to both rows are left out."""
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
    return cells | _numeric(current, comparison) | _categorical(current, comparison)


def _numeric(current: ProfileRow, comparison: ProfileRow) -> Cells:
    mine, theirs = current.quantiles, comparison.quantiles
    if mine is None or theirs is None:
        return {}
    statistic = ks_statistic(mine, theirs)
    pvalue = ks_pvalue(statistic, current.numbers, comparison.numbers)
    return {
        "ks_test": {"statistic": statistic, "pvalue": pvalue},
        "wasserstein_distance": wasserstein_distance(mine, theirs),
        "population_stability_index": population_stability_index(mine, theirs),
    }


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
