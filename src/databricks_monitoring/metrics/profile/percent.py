"""Percentages of counts."""

from __future__ import annotations


def percent(part: int | None, whole: int) -> float | None:
    """Return `part` of `whole` in percent, 0 to 100; None if there is no part or no whole.

    Notes
    -----
    ``100 * part / whole``. Columns `percent_nan`, `percent_zeros` and `percent_distinct` are relative to
    `count`, `percent_null` to ``count + num_nulls`` (see `conventions.PERCENT_NULL_DENOMINATOR`).

    Examples
    --------
    >>> percent(1, 8)
    12.5
    >>> percent(0, 0) is None
    True
    """
    return None if part is None or whole == 0 else part / whole * 100.0
