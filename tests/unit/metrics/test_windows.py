from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import duckdb
import pytest

from databricks_monitoring.errors import InvalidValueError
from databricks_monitoring.metrics.definition import GRANULARITIES
from databricks_monitoring.metrics.windows import Calendar, microseconds, moment

MOMENT = datetime(2026, 11, 22, 9, 47, 31, 5, tzinfo=UTC)  # a Sunday

EXPECTED = {
    "5 minutes": ("2026-11-22T09:45", "2026-11-22T09:50"),
    "30 minutes": ("2026-11-22T09:30", "2026-11-22T10:00"),
    "1 hour": ("2026-11-22T09:00", "2026-11-22T10:00"),
    "1 day": ("2026-11-22T00:00", "2026-11-23T00:00"),
    "1 week": ("2026-11-16T00:00", "2026-11-23T00:00"),
    "2 weeks": ("2026-11-16T00:00", "2026-11-30T00:00"),
    "3 weeks": ("2026-11-09T00:00", "2026-11-30T00:00"),
    "4 weeks": ("2026-11-02T00:00", "2026-11-30T00:00"),
    "1 month": ("2026-11-01T00:00", "2026-12-01T00:00"),
    "1 year": ("2026-01-01T00:00", "2027-01-01T00:00"),
}


def test_every_granularity_is_expected() -> None:
    assert tuple(EXPECTED) == GRANULARITIES


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_alignment(granularity: str) -> None:
    calendar = Calendar(granularity)
    window = calendar.window(calendar.start_of(microseconds(MOMENT)))
    shown = [f"{edge:%Y-%m-%dT%H:%M}" for edge in (window.start, window.end)]
    if granularity.endswith("weeks"):
        # Blocks are counted from 1970-01-05.
        blocks = int(granularity[0])
        assert (window.start.date() - date(1970, 1, 5)).days % (7 * blocks) == 0
        assert window.end - window.start == timedelta(weeks=blocks)
        assert window.start <= MOMENT < window.end
    else:
        assert tuple(shown) == EXPECTED[granularity]


@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("year", [1969, 1970, 2024, 2026])
def test_windows_are_half_open_and_adjacent(granularity: str, year: int) -> None:
    calendar = Calendar(granularity)
    start = calendar.start_of(microseconds(MOMENT.replace(year=year)))
    end = calendar.end_of(start)
    assert calendar.start_of(start) == start
    assert calendar.start_of(end - 1) == start
    assert calendar.start_of(end) == end
    assert calendar.before(end) == start
    assert calendar.start_of(start - 1) == calendar.before(start)


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_sql_agrees_with_python(granularity: str) -> None:
    calendar = Calendar(granularity)
    micros = [microseconds(MOMENT) + step * 7_919_000_000_077 for step in range(-400, 100)]
    values = ", ".join(f"({value})" for value in micros)
    query = f"SELECT {calendar.start_sql('v')} FROM (VALUES {values}) t(v)"  # noqa: S608 - numbers of our own
    found = [row[0] for row in duckdb.connect().sql(query).fetchall()]
    assert found == [calendar.start_of(value) for value in micros]


def test_week_anchor_moves_the_first_day() -> None:
    thursday = Calendar("1 week", date(1970, 1, 1))
    assert moment(thursday.start_of(microseconds(MOMENT))).date() == date(2026, 11, 19)


def test_months_have_their_own_lengths() -> None:
    month = Calendar("1 month")
    february = month.start_of(microseconds(datetime(2024, 2, 29, tzinfo=UTC)))
    assert month.window(february).end == datetime(2024, 3, 1, tzinfo=UTC)
    assert moment(month.before(february)) == datetime(2024, 1, 1, tzinfo=UTC)


def test_runs_of_months() -> None:
    month = Calendar("1 month")
    starts = [microseconds(datetime(2026, number, 1, tzinfo=UTC)) for number in (1, 2, 5)]
    runs = [(moment(a).month, moment(b).month) for a, b in month.runs(starts)]
    assert runs == [(1, 3), (5, 6)]


def test_unknown_granularity_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="15 minutes"):
        Calendar("15 minutes")
