"""Differences of the plain statistics of two profile rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from databricks_monitoring.metrics.compiled import compiled

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
    found = np.zeros((2, len(current)), np.int64)
    _count_names(names, current, comparison, known, found)
    return found[0], found[1]


@compiled
def _count_names(
    names: ItemLists, current: Integers, comparison: Integers, known: Flags, found: Integers
) -> None:
    """Count the names that only the current side of each pair lists, and those that only the other does."""
    _, starts, codes, times = names
    for pair in range(len(current)):
        now, now_end = starts[current[pair]], starts[current[pair] + 1]
        then, then_end = starts[comparison[pair]], starts[comparison[pair] + 1]
        while now < now_end or then < then_end:
            if now < now_end and known[pair] and times[now] == 0:
                now += 1
            elif then == then_end or (now < now_end and codes[now] < codes[then]):
                found[0, pair] += 1
                now += 1
            elif now == now_end or codes[then] < codes[now]:
                found[1, pair] += 1
                then += 1
            else:
                now, then = now + 1, then + 1


def non_null_columns_delta(current: Sequence[str], comparison: Sequence[str]) -> dict[str, int]:
    """Return how many columns gained their first values and how many lost all of them.

    Examples
    --------
    >>> non_null_columns_delta(["a", "b"], ["b", "c", "d"])
    {'added': 1, 'missing': 2}
    """
    now, before = set(current), set(comparison)
    return {"added": len(now - before), "missing": len(before - now)}
