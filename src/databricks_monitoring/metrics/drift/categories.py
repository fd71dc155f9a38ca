"""Lists of frequent items over the same categories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from databricks_monitoring.metrics.compiled import compiled
from databricks_monitoring.metrics.conventions import FREQUENT_ITEMS_AT_MOST

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


class ItemLists(NamedTuple):
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
    found = np.empty((2, len(flat) + 1))
    size = align(lists, 0, 1, found)
    return found[0, :size], found[1, :size]


@compiled
def align(lists: ItemLists, current: int, comparison: int, found: Floats) -> int:
    """Write down the counts of `aligned` for two rows, and return over how many categories.

    Parameters
    ----------
    lists
        The items of all rows, in the same numbers.
    current, comparison
        The rows.
    found : ndarray, shape (2, at least one more than both lists together)
        Where the counts go, those of the current side first.
    """
    counts, starts, codes, times = lists
    a, b, size = starts[current], starts[comparison], 0
    while a < starts[current + 1] or b < starts[comparison + 1]:
        mine = b == starts[comparison + 1] or (a < starts[current + 1] and codes[a] <= codes[b])
        theirs = a == starts[current + 1] or (b < starts[comparison + 1] and codes[b] <= codes[a])
        found[0, size] = times[a] if mine else 0
        found[1, size] = times[b] if theirs else 0
        a, b, size = a + int(mine), b + int(theirs), size + 1
    for side, other, row, besides in ((0, 1, current, comparison), (1, 0, comparison, current)):
        cut = starts[row + 1] - starts[row] >= FREQUENT_ITEMS_AT_MOST
        found[side, size] = _rest(found[side, :size], found[other, :size], counts[row], counts[besides], cut)
    return size + 1


@compiled
def _rest(mine: Floats, theirs: Floats, count: int, their_count: int, cut: bool) -> float:  # noqa: FBT001
    """Return how many values are not listed, after giving items that only the other side lists their part."""
    rest = max(0.0, count - float(mine.sum()))
    if rest == 0 or not cut:
        return rest
    least = rest
    for listed in mine:
        if listed > 0:
            least = min(least, float(listed))
    given = 0.0
    for at in range(len(mine)):
        if mine[at] == 0:
            given += min(float(theirs[at]) / their_count * count, least)
    scale = rest / given if given > rest else 1.0
    for at in range(len(mine)):
        # What the other side was given above stands where this one lists an item.
        if mine[at] == 0:
            mine[at] = min(theirs[at] / their_count * count, least) * scale
    # Where all the rest is given to items nothing is left, not even by rounding.
    return max(0.0, rest - given)
