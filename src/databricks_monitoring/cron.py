"""Cron expressions: five Unix fields become the six Quartz fields that Databricks schedules want."""

from __future__ import annotations

import re

_MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_UNIX_FIELDS = 5
_QUARTZ_FIELDS = (6, 7)
_PART = re.compile(r"^(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>\d+))?$")
_QUARTZ_DAY = re.compile(r"^[\w*/,\-#]+$")
_LIMITS = {
    "second": (0, 59),
    "minute": (0, 59),
    "hour": (0, 23),
    "day of month": (1, 31),
    "month": (1, 12),
    "day of week": (0, 7),
    "year": (1970, 2099),
}


def to_quartz(expression: str) -> str:
    """Return a cron expression as Quartz fields: second, minute, hour, day of month, month, day of week.

    Parameters
    ----------
    expression : str
        Five Unix fields, a macro such as `@daily`, or six or seven Quartz fields (checked and returned).

    Raises
    ------
    ValueError
        Saying which field is wrong. Unix cron means "either" when both day fields are set, which Quartz
        cannot say, so that is refused.

    Examples
    --------
    >>> to_quartz("0 0 * * *")
    '0 0 0 * * ?'
    >>> to_quartz("*/15 8-17 * * 1-5")
    '0 */15 8-17 ? * MON,TUE,WED,THU,FRI'
    """
    fields = _MACROS.get(expression.strip().lower(), expression).upper().split()
    if len(fields) in _QUARTZ_FIELDS:
        return _checked_quartz(expression, fields)
    if len(fields) != _UNIX_FIELDS:
        raise ValueError(
            "five fields (minute hour day-of-month month day-of-week), as in '0 0 * * *', or six Quartz "
            f"fields, as in '0 0 0 * * ?'; {expression!r} has {len(fields)}"
        )
    minute, hour, day, month, weekday = fields
    for name, field in (("minute", minute), ("hour", hour), ("day of month", day)):
        _values(name, field)
    _values("month", month, _MONTHS)
    weekdays = {number % 7 for number in _values("day of week", weekday, _DAYS, offset=0)}
    if len(weekdays) == len(_DAYS):
        return f"0 {minute} {hour} {day} {month} ?"
    if day != "*":
        raise ValueError(
            f"a schedule with only one of day-of-month and day-of-week set; {expression!r} sets both, "
            "which means either of them in Unix cron and cannot be said in Quartz"
        )
    names = ",".join(_DAYS[number] for number in sorted(weekdays))
    return f"0 {minute} {hour} ? {month} {names}"


def _checked_quartz(expression: str, fields: list[str]) -> str:
    second, minute, hour, day, month, weekday = fields[:6]
    for name, field in (("second", second), ("minute", minute), ("hour", hour)):
        _values(name, field)
    _values("month", month, _MONTHS)
    if len(fields) > 6:  # noqa: PLR2004 - the optional year
        _values("year", fields[6])
    if (day == "?") == (weekday == "?"):
        raise ValueError(f"exactly one '?' in the two day fields of Quartz cron; found {expression!r}")
    for name, field in (("day of month", day), ("day of week", weekday)):
        if field != "?" and not _QUARTZ_DAY.match(field):
            raise ValueError(f"{name} such as 1, 1-5 or MON; found {field!r}")
    return " ".join(fields)


def _values(name: str, field: str, names: tuple[str, ...] = (), offset: int = 1) -> list[int]:
    """Return the numbers that a field stands for."""
    low, high = _LIMITS[name]

    def number(text: str) -> int:
        value = names.index(text) + offset if text in names else int(text) if text.isdecimal() else low - 1
        if not low <= value <= high:
            raise ValueError(f"{name} from {low} to {high}; found {text!r}")
        return value

    found: list[int] = []
    for part in field.split(","):
        match = _PART.match(part)
        if match is None:
            raise ValueError(f"{name} such as *, 5, 1-5 or */10; found {part!r}")
        step = int(match["step"] or 1)
        first = number(match["first"]) if match["first"] else low
        open_ended = not match["first"] or (match["step"] and not match["last"])
        last = number(match["last"]) if match["last"] else high if open_ended else first
        if step == 0 or last < first:
            raise ValueError(f"{name} as a range that goes forward; found {part!r}")
        found += range(first, last + 1, step)
    return found
