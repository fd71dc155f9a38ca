"""Numbers and times as people read them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import timedelta

_NOTHING = "—"
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def shown(value: object, form: dict[str, Any] | None = None) -> str:
    """Return a value as text, by the `format` of an encoding.

    Examples
    --------
    >>> shown(0.1234, {"type": "number-percent", "decimalPlaces": {"type": "max", "places": 1}})
    '12.3 %'
    >>> shown(12345.678, {"type": "number-plain", "decimalPlaces": {"type": "max", "places": 2}})
    '12,345.68'
    >>> shown(None)
    '—'
    """
    if value is None:
        return _NOTHING
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number(value, form or {})
    return _time(str(value)) or str(value)


def _number(value: float, form: dict[str, Any]) -> str:
    percent = form.get("type") == "number-percent"
    places = (form.get("decimalPlaces") or {}).get("places")
    if percent:
        return f"{_trimmed(value * 100, 1 if places is None else places)} %"
    if places is None:
        places = 0 if isinstance(value, int) else 4
    tiny = value != 0 and abs(value) < 10**-places
    return f"{value:.2g}" if tiny else _trimmed(value, places)


def _trimmed(value: float, places: int) -> str:
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _time(text: str) -> str | None:
    if len(text) < len("2026-01-01T00:00") or text[4:5] != "-":
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if (moment.hour, moment.minute, moment.second) == (0, 0, 0):
        return f"{moment:%Y-%m-%d}"
    return f"{moment:%Y-%m-%d %H:%M}"


def ago(passed: timedelta) -> str:
    """Return how long ago something was, in the largest unit that fits.

    Examples
    --------
    >>> from datetime import timedelta
    >>> ago(timedelta(hours=5, minutes=3))
    '5 h ago'
    """
    seconds = passed.total_seconds()
    if seconds < _MINUTE:
        return "just now"
    for unit, length in (("d", _DAY), ("h", _HOUR)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit} ago"
    return f"{int(seconds // _MINUTE)} min ago"
