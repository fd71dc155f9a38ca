"""The statistics of drift rows, from pairs of profile rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from databricks_monitoring.metrics.compiled import compiled
from databricks_monitoring.metrics.conventions import QUANTILES
from databricks_monitoring.metrics.drift.categories import ItemLists, align
from databricks_monitoring.metrics.drift.chi_squared import chi_squared_pvalues, chi_squared_statistic
from databricks_monitoring.metrics.drift.deltas import deltas, non_null_columns_deltas
from databricks_monitoring.metrics.drift.jensen_shannon import js_distance
from databricks_monitoring.metrics.drift.kolmogorov_smirnov import ks_pvalues, ks_statistic
from databricks_monitoring.metrics.drift.l_infinity import l_infinity_distance
from databricks_monitoring.metrics.drift.population_stability_index import population_stability_index
from databricks_monitoring.metrics.drift.profiles import NOWHERE
from databricks_monitoring.metrics.drift.total_variation import tv_distance
from databricks_monitoring.metrics.drift.wasserstein import wasserstein_distance
from databricks_monitoring.metrics.tables import TEST

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from databricks_monitoring.metrics.arrays import Flags, Floats, Integers
    from databricks_monitoring.metrics.drift.profiles import Profiles

Statistics = dict[str, "Floats"]
"""Statistics of some pairs, by name."""


class _OfQuantiles(NamedTuple):
    """Statistics of pairs of quantile arrays, to be filled in."""

    ks_statistic: Floats
    wasserstein: Floats
    psi: Floats


class _OfItems(NamedTuple):
    """Statistics of pairs of lists of items, to be filled in."""

    js: Floats
    tv: Floats
    l_infinity: Floats
    chi_squared_statistic: Floats
    categories: Integers


_PAIRS_AT_ONCE = 500
"""Pairs that one thread compares before it takes the next ones."""

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


def warm_up() -> None:
    """Load what is compiled, or compile it if this machine never did: seconds, or ten times that."""
    rows, one, some = np.zeros(1, np.int64), np.ones(1, np.int64), np.empty(1)
    _compare_quantiles(np.zeros((1, QUANTILES)), rows, rows, _OfQuantiles(some, some, some))
    lists = ItemLists(one, np.arange(2), rows, one)
    _compare_items(lists, rows, rows, _OfItems(some, some, some, some, one))
    non_null_columns_deltas(lists, rows, rows, rows > 0)
    ks_pvalues(np.full(1, 0.5), one, one)


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
    numbers = _compared(numeric, mine, theirs, lambda a, b: _numeric(profiles, a, b, threads))
    categories = _compared(listed, mine, theirs, lambda a, b: _categorical(profiles, a, b, threads))
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


def _compared(
    chosen: Flags, mine: Integers, theirs: Integers, compare: Callable[[Integers, Integers], Statistics]
) -> _Compared:
    """Return statistics of the chosen pairs; the same two rows are compared once."""
    at = np.full(len(chosen), NOWHERE)
    asked = np.flatnonzero(chosen)
    if not len(asked):
        return _Compared({}, at)
    size = int(theirs.max()) + 1
    keys, at[asked] = np.unique(mine[asked] * size + theirs[asked], return_inverse=True)
    return _Compared(compare(keys // size, keys % size), at)


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


def _numeric(
    profiles: Profiles, current: Integers, comparison: Integers, threads: Executor | None
) -> Statistics:
    numbers = profiles.numbers
    rows = np.unique(np.concatenate([current, comparison]))
    quantiles = profiles.quantiles.of(rows)
    mine, theirs = np.searchsorted(rows, current), np.searchsorted(rows, comparison)
    found, pvalue = _OfQuantiles(*np.empty((3, len(current)))), np.empty(len(current))

    def compare(at: slice) -> None:
        _compare_quantiles(quantiles, mine[at], theirs[at], _OfQuantiles(*(each[at] for each in found)))
        pvalue[at] = ks_pvalues(found.ks_statistic[at], numbers[current[at]], numbers[comparison[at]])

    _in_blocks(len(current), threads, compare)
    return {**found._asdict(), "ks_pvalue": pvalue}


@compiled
def _compare_quantiles(
    quantiles: Floats, current: Integers, comparison: Integers, found: _OfQuantiles
) -> None:
    """Compare pairs of rows of quantiles."""
    for pair in range(len(current)):
        mine, theirs = quantiles[current[pair]], quantiles[comparison[pair]]
        found.ks_statistic[pair] = ks_statistic(mine, theirs)
        found.wasserstein[pair] = wasserstein_distance(mine, theirs)
        found.psi[pair] = population_stability_index(mine, theirs)


def _categorical(
    profiles: Profiles, current: Integers, comparison: Integers, threads: Executor | None
) -> Statistics:
    js, tv, l_infinity, statistic = np.empty((4, len(current)))
    found = _OfItems(js, tv, l_infinity, statistic, np.empty(len(current), np.int64))

    def compare(at: slice) -> None:
        some = _OfItems(js[at], tv[at], l_infinity[at], statistic[at], found.categories[at])
        _compare_items(profiles.items, current[at], comparison[at], some)

    _in_blocks(len(current), threads, compare)
    pvalues = chi_squared_pvalues(found.chi_squared_statistic, found.categories)
    return {**found._asdict(), "chi_squared_pvalue": pvalues}


@compiled
def _compare_items(lists: ItemLists, current: Integers, comparison: Integers, found: _OfItems) -> None:
    """Compare pairs of lists of items, given by their rows."""
    longest = 0
    for row in range(len(lists.starts) - 1):
        longest = max(longest, lists.starts[row + 1] - lists.starts[row])
    counts = np.empty((2, 2 * longest + 1))
    for pair in range(len(current)):
        size = align(lists, current[pair], comparison[pair], counts)
        mine, theirs = counts[0, :size], counts[1, :size]
        found.js[pair] = js_distance(mine, theirs)
        found.tv[pair] = tv_distance(mine, theirs)
        found.l_infinity[pair] = l_infinity_distance(mine, theirs)
        found.chi_squared_statistic[pair], found.categories[pair] = chi_squared_statistic(mine, theirs)


def _in_blocks(size: int, threads: Executor | None, work: Callable[[slice], None]) -> None:
    """Do the work of `size` pairs some at a time, in several threads if there are any."""
    blocks = [slice(first, first + _PAIRS_AT_ONCE) for first in range(0, size, _PAIRS_AT_ONCE)]
    for _ in threads.map(work, blocks) if threads else map(work, blocks):
        pass
