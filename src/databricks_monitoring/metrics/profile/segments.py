"""Sorted values of many groups of rows, laid end to end, from which each group's statistics come at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from databricks_monitoring.metrics.arrays import Flags, Floats, Integers, Numbers


@dataclass(frozen=True)
class Segments:
    """Values of groups of rows; those of one group lie together and ascend, and a group may have none.

    Attributes
    ----------
    values : ndarray, shape (n,)
        Non-null values, group after group, NaN last in each.
    bounds : ndarray, shape (k + 1,)
        Where each group starts, and where the last one ends.
    """

    values: Numbers
    bounds: Integers

    @classmethod
    def of(cls, groups: Sequence[Numbers]) -> Self:
        """Lay the sorted values of groups end to end."""
        sizes = np.array([len(group) for group in groups], dtype=np.int64)
        return cls(np.concatenate([np.empty(0, groups[0].dtype), *groups]), bounds_of(sizes))

    def __len__(self) -> int:
        return len(self.bounds) - 1

    @cached_property
    def sizes(self) -> Integers:
        """How many values each group has."""
        return np.diff(self.bounds)

    @cached_property
    def filled(self) -> Integers:
        """Positions of the groups that have values."""
        return np.flatnonzero(self.sizes)

    @property
    def first(self) -> Integers:
        """Where each group that has values starts."""
        return self.bounds[:-1][self.filled]

    @property
    def last(self) -> Integers:
        """Where the last value lies of each group that has values."""
        return self.bounds[1:][self.filled] - 1

    def counted(self, flags: Flags) -> Integers:
        """Return how many flags are set in each group, of one flag for every value."""
        return np.diff(np.searchsorted(np.flatnonzero(flags), self.bounds))

    def sums(self, values: Floats) -> Floats:
        """Return the sum in each group of one number for every value.

        Each sum is that of its group by itself (pairwise, as NumPy adds): where a group lies, and what lies
        beside it, cannot change the last digit.
        """
        found = np.zeros(len(self))
        if len(self.filled):
            found[self.filled] = np.add.reduceat(values, self.first)
        return found

    def spread(self, of_groups: Floats) -> Floats:
        """Return, for every value, the number of its group."""
        return np.repeat(of_groups, self.sizes)

    def group(self, position: int) -> Numbers:
        """Return the values of one group."""
        return self.values[self.bounds[position] : self.bounds[position + 1]]


def bounds_of(sizes: Integers) -> Integers:
    """Return where groups of these sizes start when they lie end to end, and where the last one ends."""
    bounds = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.cumsum(sizes, out=bounds[1:])
    return bounds
