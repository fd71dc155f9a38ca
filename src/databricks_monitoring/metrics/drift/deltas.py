"""Differences of the plain statistics of two profile rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


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


def non_null_columns_delta(current: Sequence[str], comparison: Sequence[str]) -> dict[str, int]:
    """Return how many columns gained their first values and how many lost all of them.

    Examples
    --------
    >>> non_null_columns_delta(["a", "b"], ["b", "c", "d"])
    {'added': 1, 'missing': 2}
    """
    now, before = set(current), set(comparison)
    return {"added": len(now - before), "missing": len(before - now)}
