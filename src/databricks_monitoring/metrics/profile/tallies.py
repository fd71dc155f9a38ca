"""How often each text occurs in each of many groups of rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np

from databricks_monitoring.metrics.profile.segments import bounds_of

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Integers

_DENSE = 8
"""Groups times items per row, beyond which pairs are sorted and not counted in a table of all of them."""

_SMALL = 1_000_000
"""Groups times items that are always counted in such a table."""


@dataclass(frozen=True)
class Tallies:
    """The items that occur in groups, group after group.

    Attributes
    ----------
    items : ndarray, shape (n,)
        Positions in a list of distinct items, ascending in each group.
    counts : ndarray, shape (n,)
        How often each occurs, at least once.
    bounds : ndarray, shape (k + 1,)
        Where each group starts, and where the last one ends.
    """

    items: Integers
    counts: Integers
    bounds: Integers

    @classmethod
    def counting(cls, pairs: Integers, groups: int, items: int) -> Self:
        """Count pairs ``group * items + item``; those of groups beyond the last are left out."""
        size = groups * items
        if size <= max(_SMALL, _DENSE * len(pairs)):
            table = np.bincount(pairs, minlength=size)[:size]
            found = np.flatnonzero(table)
            counts = table[found]
        else:
            found, counts = np.unique(pairs[pairs < size], return_counts=True)
        group, item = np.divmod(found, max(1, items))
        return cls(item, counts, np.searchsorted(group, np.arange(groups + 1)).astype(np.int64))

    def __len__(self) -> int:
        return len(self.bounds) - 1

    @cached_property
    def distinct(self) -> Integers:
        """How many items occur in each group."""
        return np.diff(self.bounds)

    @cached_property
    def groups(self) -> Integers:
        """The group of each item that occurs."""
        return np.repeat(np.arange(len(self)), self.distinct)

    @property
    def totals(self) -> Integers:
        """How many values each group has."""
        return self.sums(self.counts)

    def sums(self, numbers: Integers) -> Integers:
        """Return the sum in each group of one whole number for every item that occurs."""
        found = np.zeros(len(self), dtype=np.int64)
        filled = np.flatnonzero(self.distinct)
        if len(filled):
            found[filled] = np.add.reduceat(numbers, self.bounds[:-1][filled])
        return found

    def without(self, item: int) -> tuple[Self, Integers]:
        """Return the tallies of the other items, numbered on from 0, and how often that first item occurs."""
        kept = self.items > item
        others = np.diff(bounds_of(kept.astype(np.int64))[self.bounds])
        taken = np.zeros(len(self), dtype=np.int64)
        taken[self.groups[~kept]] = self.counts[~kept]
        mine = type(self)(self.items[kept] - item - 1, self.counts[kept], bounds_of(others))
        return mine, taken
