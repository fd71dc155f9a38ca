"""The most frequent values: the summary of a categorical column that drift is computed from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from databricks_monitoring.metrics.conventions import FREQUENT_ITEMS_AT_MOST

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Integers

FrequentItems = list[tuple[str, int]]


def frequent_items(items: pa.Array, counts: Integers, at_most: int = FREQUENT_ITEMS_AT_MOST) -> FrequentItems:
    """Return the most frequent values and how often each occurs, the most frequent first.

    Parameters
    ----------
    items : pyarrow.Array of string, shape (k,)
        The distinct values.
    counts : ndarray, shape (k,)
        How often each occurs; those with count 0 are left out.
    at_most
        Values listed; `conventions.FREQUENT_ITEMS_AT_MOST` is 100.

    Notes
    -----
    Exact. Equal counts are ordered by value (by code point), so the order of the rows cannot change the
    list. Databricks lists the top 100; how it breaks ties is undocumented.

    Examples
    --------
    >>> frequent_items(pa.array(["b", "a", "c", "d"]), np.array([2, 2, 5, 0]), at_most=2)
    [('c', 5), ('a', 2)]
    """
    occurring = np.flatnonzero(counts)
    if len(occurring) > at_most:
        here = counts[occurring]
        least = np.partition(here, len(here) - at_most)[len(here) - at_most]
        above = occurring[here > least]
        occurring = np.concatenate(
            [above, _first_by_value(items, occurring[here == least], at_most - len(above))]
        )
    pairs = zip(items.take(pa.array(occurring)).to_pylist(), counts[occurring].tolist(), strict=True)
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))


def _first_by_value(items: pa.Array, tied: Integers, wanted: int) -> Integers:
    texts = pa.table({"item": items.take(pa.array(tied))})
    first = pc.select_k_unstable(texts, wanted, [("item", "ascending")])
    chosen: Integers = tied[first.to_numpy(zero_copy_only=False).astype(np.intp)]
    return chosen
