"""The statistics of drift rows, from pairs of profile rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from databricks_monitoring.metrics.drift.categories import aligned_pairs
from databricks_monitoring.metrics.drift.chi_squared import chi_squared_tests
from databricks_monitoring.metrics.drift.deltas import deltas, non_null_columns_deltas
from databricks_monitoring.metrics.drift.jensen_shannon import js_distances
from databricks_monitoring.metrics.drift.kolmogorov_smirnov import ks_pvalues, ks_statistics
from databricks_monitoring.metrics.drift.l_infinity import l_infinity_distances
from databricks_monitoring.metrics.drift.population_stability_index import population_stability_indices
from databricks_monitoring.metrics.drift.profiles import NOWHERE
from databricks_monitoring.metrics.drift.total_variation import tv_distances
from databricks_monitoring.metrics.drift.wasserstein import wasserstein_distances
from databricks_monitoring.metrics.tables import TEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Executor

    from databricks_monitoring.metrics.arrays import Flags, Floats, Integers
    from databricks_monitoring.metrics.drift.profiles import Profiles

Statistics = dict[str, "Floats"]
"""Statistics of some pairs, by name."""

_QUANTILES_AT_ONCE = 64
"""Pairs of quantile arrays compared in one pass: few enough to stay in a processor's cache."""

_ITEMS_AT_ONCE = 2_000
"""Pairs of lists of items compared in one pass."""

_DELTAS = ("avg", "percent_null", "percent_zeros", "percent_distinct")


@dataclass(frozen=True)
class Pairs:
    """Pairs of profile rows, by their place.

    Attributes
    ----------
    current, comparison
        The rows.
    of_baseline
        Which pairs are comparisons with the baseline.
    """

    current: Integers
    comparison: Integers
    of_baseline: Flags

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.current)


def drift_cells(profiles: Profiles, pairs: Pairs, threads: Executor | None = None) -> dict[str, pa.Array]:
    """Return the statistics of drift rows as columns, NULL where one does not apply to both rows.

    Parameters
    ----------
    profiles
        Profile rows.
    pairs
        The rows of them that are compared.
    threads
        What compares several blocks of pairs at once.
    """
    once = profiles.once()
    mine, theirs = once[pairs.current], once[pairs.comparison]
    numeric = profiles.quantiles.there[mine] & profiles.quantiles.there[theirs]
    listed = (profiles.items.sizes[mine] > 0) & (profiles.items.sizes[theirs] > 0)
    in_turn = threads.map if threads else map
    numbers = _compared(
        numeric, mine, theirs, _Way(lambda a, b: _numeric(profiles, a, b), _QUANTILES_AT_ONCE, in_turn)
    )
    categories = _compared(
        listed, mine, theirs, _Way(lambda a, b: _categorical(profiles, a, b), _ITEMS_AT_ONCE, in_turn)
    )
    return _plain(profiles, pairs) | {
        "js_distance": categories.column("js"),
        "ks_test": numbers.test("ks"),
        "wasserstein_distance": numbers.column("wasserstein"),
        "population_stability_index": numbers.column("psi"),
        "chi_squared_test": categories.test("chi_squared"),
        "tv_distance": categories.column("tv"),
        "l_infinity_distance": categories.column("l_infinity"),
    }


@dataclass(frozen=True)
class _Compared:
    """Statistics of distinct pairs, and which of these each pair is, `NOWHERE` where none apply."""

    statistics: Statistics
    at: Integers

    def column(self, name: str, *, defined: str | None = None) -> pa.Array:
        """Return a statistic of each pair, NULL as well where the one that defines it is NaN."""
        if not self.statistics:
            return pa.nulls(len(self.at), pa.float64())
        missing = self.at == NOWHERE
        if defined:
            missing = missing | np.isnan(self.statistics[defined][self.at])
        return pa.array(self.statistics[name][self.at], mask=missing)

    def test(self, name: str) -> pa.Array:
        """Return a test's statistic and p-value of each pair."""
        statistic = f"{name}_statistic"
        parts = [self.column(part, defined=statistic) for part in (statistic, f"{name}_pvalue")]
        return pa.StructArray.from_arrays(parts, fields=list(TEST), mask=parts[0].is_null())


@dataclass(frozen=True)
class _Way:
    """How distinct pairs are compared: by what, how many at once, and one block after the other or not."""

    compare: Callable[[Integers, Integers], Statistics]
    at_once: int
    blocks: Callable[[Callable[[Integers], Statistics], Iterable[Integers]], Iterable[Statistics]]


def _compared(chosen: Flags, mine: Integers, theirs: Integers, way: _Way) -> _Compared:
    """Return statistics of the chosen pairs; the same two rows are compared once."""
    at = np.full(len(chosen), NOWHERE)
    asked = np.flatnonzero(chosen)
    if not len(asked):
        return _Compared({}, at)
    size = int(theirs.max()) + 1
    keys, at[asked] = np.unique(mine[asked] * size + theirs[asked], return_inverse=True)
    blocks = [keys[first : first + way.at_once] for first in range(0, len(keys), way.at_once)]
    made = list(way.blocks(lambda block: way.compare(block // size, block % size), blocks))
    return _Compared({name: np.concatenate([block[name] for block in made]) for name in made[0]}, at)


def _plain(profiles: Profiles, pairs: Pairs) -> dict[str, pa.Array]:
    def both(name: str) -> tuple[pa.Array, pa.Array]:
        whole = profiles.table.column(name).combine_chunks()
        return whole.take(pa.array(pairs.current)), whole.take(pa.array(pairs.comparison))

    return {
        "data_type": both("data_type")[0],
        "count_delta": deltas(*both("count")),
        **{f"{name}_delta": deltas(*both(name)) for name in _DELTAS},
        "non_null_columns_delta": _non_null_columns(profiles, pairs),
    }


def _non_null_columns(profiles: Profiles, pairs: Pairs) -> pa.Array:
    there = profiles.has_names
    at = np.full(len(pairs), NOWHERE)
    asked = np.flatnonzero(there[pairs.current] & there[pairs.comparison])
    at[asked] = np.arange(len(asked))
    # Columns that the baseline never has, such as the timestamp, were not added since.
    kinds = pairs.of_baseline[asked]
    counts = non_null_columns_deltas(profiles.names, pairs.current[asked], pairs.comparison[asked], kinds)
    parts = [pa.array(part, pa.int32()).take(pa.array(at, mask=at == NOWHERE)) for part in counts]
    fields = [pa.field(name, pa.int32()) for name in ("added", "missing")]
    return pa.StructArray.from_arrays(parts, fields=fields, mask=pa.array(at == NOWHERE))


def _numeric(profiles: Profiles, current: Integers, comparison: Integers) -> Statistics:
    mine, theirs = profiles.quantiles.of(current), profiles.quantiles.of(comparison)
    statistic = ks_statistics(mine, theirs)
    return {
        "ks_statistic": statistic,
        "ks_pvalue": ks_pvalues(statistic, profiles.numbers[current], profiles.numbers[comparison]),
        "wasserstein": wasserstein_distances(mine, theirs),
        "psi": population_stability_indices(mine, theirs),
    }


def _categorical(profiles: Profiles, current: Integers, comparison: Integers) -> Statistics:
    counts = aligned_pairs(profiles.items, current, comparison)
    sides = counts.current, counts.comparison, counts.starts
    statistic, pvalue = chi_squared_tests(*sides)
    return {
        "js": js_distances(*sides),
        "tv": tv_distances(*sides),
        "l_infinity": l_infinity_distances(*sides),
        "chi_squared_statistic": statistic,
        "chi_squared_pvalue": pvalue,
    }
