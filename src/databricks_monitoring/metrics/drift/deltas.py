"""Differences of the plain statistics of two profile rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from databricks_monitoring.metrics.drift.runs import places

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from databricks_monitoring.metrics.arrays import Flags, Integers
    from databricks_monitoring.metrics.drift.categories import ItemLists


def deltas(current: pa.Array, comparison: pa.Array) -> pa.Array:
    """Return `delta` of many pairs at once, NULL for None."""
    return pc.subtract(current, comparison)


def delta(current: float | None, comparison: float | None) -> float | None:
    """Return current minus comparison, in their unit; None if either is missing.

    Notes
    -----
    Columns `avg_delta`, and in percentage points `percent_null_delta`, `percent_zeros_delta` and
    `percent_distinct_delta`; `count_delta` for whole numbers.

    Examples
    --------
    >>> delta(3.0, 5.0)
    -2.0
    """
    return None if current is None or comparison is None else current - comparison


def non_null_columns_deltas(
    names: ItemLists, current: Integers, comparison: Integers, known: Flags
) -> tuple[Integers, Integers]:
    """Return `non_null_columns_delta` of many pairs at once: columns added, and columns missing.

    Parameters
    ----------
    names
        The columns of each row, as numbers.
    current, comparison : ndarray, shape (pairs,)
        The rows of each pair.
    known : ndarray, shape (pairs,)
        Pairs in which columns that occur 0 times on the current side do not count.
    """
    size = int(names.codes.max(initial=0)) + 1
    keys = []
    for rows in (current, comparison):
        sizes = names.sizes[rows]
        at, pair = places(names.starts[rows], sizes), np.repeat(np.arange(len(rows)), sizes)
        kept = (names.times[at] > 0) | ~known[pair] if rows is current else np.ones(len(at), np.bool_)
        keys.append(pair[kept] * size + names.codes[at[kept]])
    now, before = keys
    added, missing = (
        np.bincount(np.setdiff1d(these, those) // size, minlength=len(current))
        for these, those in ((now, before), (before, now))
    )
    return added, missing


def non_null_columns_delta(current: Sequence[str], comparison: Sequence[str]) -> dict[str, int]:
    """Return how many columns gained their first values and how many lost all of them.

    Examples
    --------
    >>> non_null_columns_delta(["a", "b"], ["b", "c", "d"])
    {'added': 1, 'missing': 2}
    """
    now, before = set(current), set(comparison)
    return {"added": len(now - before), "missing": len(before - now)}
