"""Patterns of dates and times, from Java's letters to strftime's."""

from __future__ import annotations

import re

from databricks_monitoring.local_workspace.sql.errors import unsupported

_LETTERS = {
    "yyyy": "%Y",
    "y": "%Y",
    "yy": "%y",
    "MMMM": "%B",
    "MMM": "%b",
    "MM": "%m",
    "M": "%-m",
    "dd": "%d",
    "d": "%-d",
    "DDD": "%j",
    "D": "%-j",
    "EEEE": "%A",
    "EEE": "%a",
    "E": "%a",
    "HH": "%H",
    "H": "%-H",
    "hh": "%I",
    "h": "%-I",
    "a": "%p",
    "mm": "%M",
    "m": "%-M",
    "ss": "%S",
    "s": "%-S",
    "SSS": "%g",
    "SSSSSS": "%f",
}

_TOKEN = re.compile(r"'(?P<quoted>(?:[^']|'')*)'|(?P<letters>([A-Za-z])\3*)|(?P<other>.)", re.DOTALL)


def strftime(pattern: str, *, parsing: bool) -> str:
    """Return the strftime format of a Java pattern.

    Raises
    ------
    SqlError
        For letters without an equal.

    Examples
    --------
    >>> strftime("yyyy-MM-dd'T'HH:mm:ss", parsing=False)
    '%Y-%m-%dT%H:%M:%S'
    """
    parts = []
    for token in _TOKEN.finditer(pattern):
        letters, quoted = token.group("letters"), token.group("quoted")
        if quoted is not None:
            parts.append((quoted.replace("''", "'") or "'").replace("%", "%%"))
        elif letters is None:
            parts.append(token.group("other").replace("%", "%%"))
        elif letters in _LETTERS:
            parts.append(_LETTERS[letters])
        elif letters in {"X", "XX", "XXX"}:
            # The session's zone is UTC, which these letters write as Z.
            parts.append("%z" if parsing else "Z")
        else:
            raise unsupported(f"the letters {letters!r} in a date pattern")
    return "".join(parts)
