"""Lists of frequent items over the same categories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from databricks_monitoring.metrics.conventions import FREQUENT_ITEMS_AT_MOST
from databricks_monitoring.metrics.drift.runs import lengths, places, summed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from databricks_monitoring.metrics.arrays import Floats, Integers


@dataclass(frozen=True)
class Frequencies:
    """What a profile row knows of a categorical column.

    Attributes
    ----------
    count
        Number of non-null values.
    items
        The most frequent items and how often each occurs.
    """

    count: int
    items: Mapping[str, int]


@dataclass(frozen=True)
class ItemLists:
    """What many profile rows know of categorical columns, one list of items after the other.

    Attributes
    ----------
    counts
        Number of non-null values of each row.
    starts
        Where the list of each row starts, and last where the last one ends.
    codes
        The items as numbers, ascending within a list.
    times
        How often each item occurs.
    """

    counts: Integers
    starts: Integers
    codes: Integers
    times: Integers

    @property
    def sizes(self) -> Integers:
        """How many items each row lists."""
        found: Integers = np.diff(self.starts)
        return found


@dataclass(frozen=True)
class AlignedCounts:
    """The counts of both sides of many pairs, the categories of one pair after those of the other.

    Attributes
    ----------
    current, comparison
        Counts over the same categories.
    starts
        Where the categories of each pair start.
    """

    current: Floats
    comparison: Floats
    starts: Integers


def aligned_pairs(lists: ItemLists, current: Integers, comparison: Integers) -> AlignedCounts:
    """Return `aligned` of many pairs at once, a pair's last category being all the rest.

    Parameters
    ----------
    lists
        The items of all rows, in the same numbers.
    current, comparison : ndarray, shape (pairs,)
        The rows of each pair, which list at least one item each.
    """
    sides = (current, comparison)
    greatest = int(lists.codes.max(initial=0)) + 1
    at = [places(lists.starts[rows], lists.sizes[rows]) for rows in sides]
    keys = [
        np.repeat(np.arange(len(rows)), lists.sizes[rows]) * greatest + lists.codes[found]
        for rows, found in zip(sides, at, strict=True)
    ]
    categories, slots = np.unique(np.concatenate(keys), return_inverse=True)
    # Every pair has one category more, for the rest.
    pairs = categories // greatest
    starts = np.searchsorted(pairs, np.arange(len(current))) + np.arange(len(current))
    whole = len(categories) + len(current)
    slots = slots + np.concatenate(keys) // greatest
    listed = np.zeros((2, whole))
    listed[0, slots[: len(at[0])]] = lists.times[at[0]]
    listed[1, slots[len(at[0]) :]] = lists.times[at[1]]
    mine = _with_rest(lists, current, comparison, listed, starts)
    theirs = _with_rest(lists, comparison, current, listed[::-1], starts)
    return AlignedCounts(mine, theirs, starts)


def aligned(current: Frequencies, comparison: Frequencies) -> tuple[Floats, Floats]:
    """Return the counts of both sides over the same categories, the last being all the rest.

    Notes
    -----
    Categories are the items that either side lists. Where a side lists every item, one that it does not list
    has count 0. Where its list was cut at `conventions.FREQUENT_ITEMS_AT_MOST`, 100, an unlisted item has
    between 0 and the hundredth's count; it is given the count nearest to the other side's share
    (`conventions.UNLISTED_ITEMS`), scaled down where together they would exceed the rest. So a column of
    unique values, whose lists of 100 have nothing in common, has not drifted.

    Examples
    --------
    >>> a, b = aligned(Frequencies(4, {"x": 3, "y": 1}), Frequencies(2, {"x": 2}))
    >>> a.tolist(), b.tolist()
    ([3.0, 1.0, 0.0], [2.0, 0.0, 0.0])
    """
    code = {item: at for at, item in enumerate(sorted(current.items.keys() | comparison.items.keys()))}
    sides = [
        sorted((code[item], times) for item, times in one.items.items()) for one in (current, comparison)
    ]
    flat = np.array([pair for side in sides for pair in side], dtype=np.int64).reshape(-1, 2)
    lists = ItemLists(
        np.array([current.count, comparison.count]),
        np.array([0, len(sides[0]), len(flat)]),
        flat[:, 0],
        flat[:, 1],
    )
    found = aligned_pairs(lists, np.array([0]), np.array([1]))
    return found.current, found.comparison


def _with_rest(lists: ItemLists, side: Integers, other: Integers, listed: Floats, starts: Integers) -> Floats:
    """Return the first of two sides' counts with what is not listed, the rest in each pair's last place."""
    found: Floats = listed[0].copy()
    rest = np.maximum(0.0, lists.counts[side] - summed(found, starts))
    cut = (rest > 0) & (lists.sizes[side] >= FREQUENT_ITEMS_AT_MOST)
    if cut.any():
        sizes = lengths(starts, len(found))
        least = np.minimum.reduceat(np.where(listed[0] > 0, listed[0], np.inf), starts)
        counts = lists.counts[side], lists.counts[other]
        wanted = _unlisted(listed, counts, np.where(cut, np.minimum(rest, least), 0.0), sizes)
        total = summed(wanted, starts)
        scale = np.divide(rest, total, out=np.ones_like(rest), where=total > rest)
        found += wanted * np.repeat(scale, sizes)
        # Where all the rest is given to items nothing is left, not even by rounding.
        rest = np.maximum(0.0, rest - total)
    found[np.append(starts[1:], len(found)) - 1] = rest
    return found


def _unlisted(listed: Floats, counts: tuple[Integers, Integers], most: Floats, sizes: Integers) -> Floats:
    """Return how often, at most, items that only the second side lists may occur on the first."""
    mine, theirs = listed
    share = theirs / np.repeat(counts[1], sizes)
    nearest = np.minimum(share * np.repeat(counts[0], sizes), np.repeat(most, sizes))
    return np.where(mine > 0, 0.0, nearest)
