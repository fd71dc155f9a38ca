"""The most frequent values: the summary of a categorical column that drift is computed from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from databricks_monitoring.metrics.conventions import FREQUENT_ITEMS_AT_MOST
from databricks_monitoring.metrics.profile.segments import bounds_of
from databricks_monitoring.metrics.profile.tallies import Tallies

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Flags, Integers

_MANY = 1_000
"""Items of one group among which the first by value are selected before any are sorted."""


def frequent_items(items: pa.Array, occurring: Tallies, at_most: int = FREQUENT_ITEMS_AT_MOST) -> Tallies:
    """Return the most frequent values of each group and how often each occurs, the most frequent first.

    Parameters
    ----------
    items : pyarrow.Array of string, shape (m,)
        The distinct values.
    occurring : Tallies, of k groups
        How often each occurs.
    at_most
        Values listed; `conventions.FREQUENT_ITEMS_AT_MOST` is 100.

    Returns
    -------
    Tallies, of k groups
        Of at most `at_most` items each, in the order of the list.

    Notes
    -----
    Exact. Equal counts are ordered by value (by code point), so the order of the rows cannot change the
    list. Databricks lists the top 100; how it breaks ties is undocumented.

    Examples
    --------
    >>> texts = pa.array(["b", "a", "c"])
    >>> top = frequent_items(texts, Tallies(np.arange(3), np.array([2, 2, 5]), np.array([0, 3])), at_most=2)
    >>> texts.take(pa.array(top.items)).to_pylist(), top.counts
    (['c', 'a'], array([5, 2]))
    """
    kept = _candidates(items, occurring, at_most)
    chosen, counts, groups = occurring.items[kept], occurring.counts[kept], occurring.groups[kept]
    order = np.lexsort((_ranks(items, chosen), -counts, groups))
    sizes = np.bincount(groups, minlength=len(occurring))
    # A group's candidates beyond the wanted ones lie last among its own.
    place = np.arange(len(order)) - np.repeat(bounds_of(sizes)[:-1], sizes)
    order = order[place < at_most]
    return Tallies(chosen[order], counts[order], bounds_of(np.minimum(sizes, at_most)))


def _candidates(items: pa.Array, occurring: Tallies, at_most: int) -> Flags:
    """Return which items can be listed: the most frequent and those that tie."""
    kept = np.ones(len(occurring.items), np.bool_)
    for group in np.flatnonzero(occurring.distinct > at_most).tolist():
        at = slice(occurring.bounds[group], occurring.bounds[group + 1])
        counts = occurring.counts[at]
        least = np.partition(counts, len(counts) - at_most)[len(counts) - at_most]
        kept[at] = counts >= least
        tied = np.flatnonzero(counts == least)
        if len(tied) > _MANY:
            wanted = at_most - int(np.count_nonzero(counts > least))
            kept[at][tied] = False
            kept[at][tied[_first_by_value(items, occurring.items[at][tied], wanted)]] = True
    return kept


def _first_by_value(items: pa.Array, tied: Integers, wanted: int) -> Integers:
    texts = pa.table({"item": items.take(pa.array(tied))})
    first = pc.select_k_unstable(texts, wanted, [("item", "ascending")])
    chosen: Integers = first.to_numpy(zero_copy_only=False).astype(np.int64)
    return chosen


def _ranks(items: pa.Array, chosen: Integers) -> Integers:
    """Return the place of each chosen item among all of them in the order of their values."""
    used = np.zeros(len(items), np.bool_)
    used[chosen] = True
    positions = np.flatnonzero(used)
    ascending = pc.sort_indices(items.take(pa.array(positions))).to_numpy(zero_copy_only=False)
    rank = np.empty(len(items), np.int64)
    rank[positions[ascending]] = np.arange(len(positions))
    found: Integers = rank[chosen]
    return found
