"""Windows of time: aligned in UTC, half-open, one size per granularity.

Times are whole microseconds since 1970-01-01T00:00Z here, the resolution of a Delta timestamp; a `Window`
shows them as datetimes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from databricks_monitoring.errors import InvalidValueError
from databricks_monitoring.metrics.conventions import EPOCH, WEEK_ANCHOR
from databricks_monitoring.metrics.definition import GRANULARITIES

if TYPE_CHECKING:
    from collections.abc import Collection

_MICROSECOND = timedelta(microseconds=1)
_MINUTE = 60_000_000
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_WEEK = 7 * _DAY
_YEAR = 366 * _DAY
_MONTHS_OF_A_YEAR = 12

_FIXED = {
    "5 minutes": 5 * _MINUTE,
    "30 minutes": 30 * _MINUTE,
    "1 hour": _HOUR,
    "1 day": _DAY,
    "1 week": _WEEK,
    "2 weeks": 2 * _WEEK,
    "3 weeks": 3 * _WEEK,
    "4 weeks": 4 * _WEEK,
}
_MONTHS = {"1 month": 1, "1 year": _MONTHS_OF_A_YEAR}

NO_TIME_FROM = (datetime(9999, 1, 1, tzinfo=UTC) - EPOCH) // _MICROSECOND
"""Rows from this moment on are in no window, which could not end; 9999-12-31 often means no time."""


def microseconds(moment: datetime) -> int:
    """Return an aware datetime as microseconds since the epoch."""
    return (moment - EPOCH) // _MICROSECOND


def moment(micros: int) -> datetime:
    """Return microseconds since the epoch as a datetime in UTC."""
    return EPOCH + timedelta(microseconds=micros)


@dataclass(frozen=True, order=True)
class Window:
    """A half-open span `[start, end)`; for a snapshot start and end are the refresh's time."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Calendar:
    """The windows of one granularity.

    Attributes
    ----------
    granularity
        One of `GRANULARITIES`.
    week_anchor
        A day on which a block of weeks starts.

    Examples
    --------
    >>> week = Calendar("1 week")
    >>> start = week.start_of(microseconds(datetime(2026, 11, 22, 9, tzinfo=UTC)))
    >>> week.window(start).start.isoformat(), week.window(start).end.isoformat()
    ('2026-11-16T00:00:00+00:00', '2026-11-23T00:00:00+00:00')
    """

    granularity: str
    week_anchor: date = WEEK_ANCHOR

    def __post_init__(self) -> None:
        if self.granularity not in GRANULARITIES:
            raise InvalidValueError("granularity", self.granularity, "one of " + ", ".join(GRANULARITIES))

    @property
    def _origin(self) -> int:
        if not self.granularity.endswith(("week", "weeks")):
            return 0
        return microseconds(datetime.combine(self.week_anchor, datetime.min.time(), UTC))

    def start_of(self, micros: int) -> int:
        """Return the start of the window that holds a moment."""
        if self.granularity in _FIXED:
            return micros - (micros - self._origin) % _FIXED[self.granularity]
        then = moment(micros)
        month = then.month if self.granularity == "1 month" else 1
        return microseconds(datetime(then.year, month, 1, tzinfo=UTC))

    def end_of(self, start: int) -> int:
        """Return the end of the window that starts at `start`."""
        return self._moved(start, 1)

    def before(self, start: int) -> int:
        """Return the start of the window that ends where this one starts."""
        return self._moved(start, -1)

    def divides(self, other: Calendar) -> bool:
        """Whether every window of another granularity consists of whole windows of this one.

        Examples
        --------
        >>> Calendar("1 hour").divides(Calendar("1 month")), Calendar("1 week").divides(Calendar("1 month"))
        (True, False)
        """
        mine, theirs = (_FIXED.get(each.granularity, _YEAR) for each in (self, other))
        return mine <= _DAY and mine <= theirs

    def window(self, start: int) -> Window:
        """Return the window that starts at `start`."""
        return Window(moment(start), moment(self.end_of(start)))

    def _moved(self, start: int, windows: int) -> int:
        if self.granularity in _FIXED:
            return start + windows * _FIXED[self.granularity]
        then = moment(start)
        months = then.year * _MONTHS_OF_A_YEAR + then.month - 1 + windows * _MONTHS[self.granularity]
        return microseconds(
            datetime(months // _MONTHS_OF_A_YEAR, months % _MONTHS_OF_A_YEAR + 1, 1, tzinfo=UTC)
        )

    def start_sql(self, micros: str) -> str:
        """Return the DuckDB expression of the start of the window that holds the moment `micros`.

        Parameters
        ----------
        micros
            A BIGINT expression: microseconds since the epoch.
        """
        if self.granularity in _FIXED:
            size, origin = _FIXED[self.granularity], self._origin
            # DuckDB's % takes the dividend's sign, so moments before the origin need a second turn.
            return f"({micros} - ((({micros} - {origin}) % {size}) + {size}) % {size})"
        unit = self.granularity.removeprefix("1 ")
        return f"epoch_us(date_trunc('{unit}', make_timestamp({micros})))"

    def spark_sql(self, micros: str) -> str:
        """Return the same for Spark, by arithmetic alone: no `window()`, no session's time zone."""
        if self.granularity in _FIXED:
            return f"({micros} - pmod({micros} - {self._origin}, {_FIXED[self.granularity]}))"
        # A whole number of days, which a double holds exactly.
        date = f"date_from_unix_date(CAST(round(({micros} - pmod({micros}, {_DAY})) / {_DAY}) AS INT))"
        month = f"month({date})" if self.granularity == "1 month" else "1"
        # Some sessions truncate dates by way of nanoseconds, which end in 2262.
        return f"(CAST(unix_date(make_date(year({date}), {month}, 1)) AS BIGINT) * {_DAY})"

    def span(self, starts: Collection[int]) -> tuple[int, int]:
        """Return the time from the first of some windows to the end of the last."""
        return min(starts), self.end_of(max(starts))

    def runs(self, starts: list[int]) -> list[tuple[int, int]]:
        """Return the spans that adjacent windows cover together.

        Examples
        --------
        >>> hour = Calendar("1 hour")
        >>> hour.runs([0, 3_600_000_000, 18_000_000_000])
        [(0, 7200000000), (18000000000, 21600000000)]
        """
        if not starts:
            return []
        ordered = sorted(starts)
        breaks = [after for before, after in pairwise(ordered) if self.end_of(before) != after]
        firsts = [ordered[0], *breaks]
        lasts = [before for before, after in pairwise(ordered) if self.end_of(before) != after]
        return list(zip(firsts, [self.end_of(last) for last in [*lasts, ordered[-1]]], strict=True))
