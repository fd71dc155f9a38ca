"""Two lists of frequent items over the same categories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from databricks_monitoring.metrics.conventions import FREQUENT_ITEMS_AT_MOST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from databricks_monitoring.metrics.arrays import Floats


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

    @property
    def rest(self) -> int:
        """How many values are not listed."""
        return self.count - sum(self.items.values())

    @property
    def most_unlisted(self) -> int:
        """How often an unlisted item occurs at most: as often as the least frequent listed one."""
        return min(self.rest, min(self.items.values(), default=0))


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
    categories = sorted(current.items.keys() | comparison.items.keys())
    return _counts(current, comparison, categories), _counts(comparison, current, categories)


def _counts(side: Frequencies, other: Frequencies, categories: list[str]) -> Floats:
    listed = np.array([side.items.get(item, 0) for item in categories], dtype=np.float64)
    if side.rest and len(side.items) >= FREQUENT_ITEMS_AT_MOST:
        theirs = np.array([other.items.get(item, 0) for item in categories], dtype=np.float64)
        wanted = np.where(listed > 0, 0.0, np.minimum(theirs / other.count * side.count, side.most_unlisted))
        total = float(wanted.sum())
        listed += wanted * min(1.0, side.rest / total) if total else 0.0
    return np.append(listed, max(0.0, side.count - float(listed.sum())))
