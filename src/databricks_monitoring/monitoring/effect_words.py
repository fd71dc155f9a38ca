"""A change in words: what was, what is, by how much."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from databricks_monitoring.monitoring.metric_rows import ProfileRow

_DIGITS = 4
_SMALL_SHIFT = 0.1
_SHORT = 40

STATISTIC_NAMES = {
    "population_stability_index": "PSI",
    "ks_test.statistic": "KS statistic",
    "js_distance": "JS distance",
    "tv_distance": "total variation distance",
}
"""What people call the columns of the drift metric table."""


def number(value: float, digits: int = _DIGITS) -> str:
    """Return a number short enough to read: so many significant digits, whole where it is large.

    Examples
    --------
    >>> number(82.0999), number(0.000123456), number(1234567.0), number(3.0), number(0.0851, 2)
    ('82.1', '0.0001235', '1,234,567', '3', '0.085')
    """
    if not math.isfinite(value):
        return str(value)
    if value == 0 or abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: float) -> str:
    """Return a share, 0 to 1, as per cent.

    Examples
    --------
    >>> percent(0.1234), percent(0.00042)
    ('12.3 %', '0.042 %')
    """
    hundredths = 100 * share
    return f"{hundredths:.1f} %" if abs(hundredths) >= 1 or share == 0 else f"{number(hundredths)} %"


def change(before: float, now: float, name: str, spread: float | None = None) -> str:
    """Return `name before -> now`, with the change in per cent and, given a spread, in units of it.

    Examples
    --------
    >>> change(82.1, 97.4, "mean", spread=17.0)
    'mean 82.1 -> 97.4 (+18.6 %, +0.9 standard deviations)'
    """
    relative = [f"{100 * (now - before) / abs(before):+.1f} %"] if before else []
    if spread:
        relative.append(f"{(now - before) / spread:+.1f} standard deviations")
    return f"{name} {number(before)} -> {number(now)}" + (f" ({', '.join(relative)})" if relative else "")


def numeric_effect(now: ProfileRow, before: ProfileRow) -> str:
    """Return how a number changed: its mean, or its spread where the mean stayed."""
    if now.mean is None or before.mean is None:
        return "distribution changed"
    spread = before.stddev or 0.0
    if now.stddev is not None and before.stddev and abs(now.mean - before.mean) < _SMALL_SHIFT * spread:
        if abs(now.stddev / before.stddev - 1) >= _SMALL_SHIFT:
            return change(before.stddev, now.stddev, "standard deviation")
        return f"shape changed around the same mean ({number(now.mean)})"
    return change(before.mean, now.mean, "mean", before.stddev)


def category_effect(now: ProfileRow, before: ProfileRow) -> str:
    """Return the category whose share changed most, and its shares."""
    shares = {
        item: (before.items.get(item, 0) / before.count, now.items.get(item, 0) / now.count)
        for item in {*now.items, *before.items}
        if before.count and now.count
    }
    if not shares:
        return "distribution changed"
    item = max(sorted(shares), key=lambda name: abs(shares[name][1] - shares[name][0]))
    was, is_now = shares[item]
    shown = item if len(item) <= _SHORT else item[: _SHORT - 3] + "..."
    if was == 0 and sum(before.items.values()) == before.count:
        return f"{shown!r} is new: {percent(is_now)} of the rows"
    return f"share of {shown!r} {percent(was)} -> {percent(is_now)}"


def null_effect(now: ProfileRow, before: ProfileRow) -> str:
    """Return how the share of missing values changed."""
    return f"missing values {percent(before.null_share)} -> {percent(now.null_share)}"
