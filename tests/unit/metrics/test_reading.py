"""Batches of windows: every wanted window once, of rows that are read once where they fit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from databricks_monitoring.metrics.profile.reading import Asked, batches
from databricks_monitoring.metrics.windows import Calendar

HOUR = 3_600_000_000
CALENDARS = [Calendar(name) for name in ("1 hour", "1 day", "1 week", "1 month")]


def asked_of(calendar: Calendar, times: list[int], wanted: set[int]) -> Asked:
    counts: dict[int, int] = {}
    for time in sorted(times):
        start = calendar.start_of(time)
        counts[start] = counts.get(start, 0) + 1
    return Asked(calendar, [calendar.start_of(time) for time in wanted], counts)


@given(
    st.lists(st.integers(0, 2_000).map(lambda hours: hours * HOUR), min_size=1, max_size=40),
    st.data(),
    st.sampled_from([1, 5, 1_000]),
)
def test_every_window_is_in_one_batch_whose_span_holds_it(
    times: list[int], data: st.DataObject, rows_at_most: int
) -> None:
    wanted = data.draw(st.sets(st.sampled_from(times), min_size=1))
    some = data.draw(st.lists(st.sampled_from(CALENDARS), min_size=1, unique=True))
    asked = [asked_of(calendar, times, wanted) for calendar in some]
    made: dict[Calendar, list[int]] = {calendar: [] for calendar in some}
    for together in batches(asked, rows_at_most):
        assert len({batch.span for _, batch in together}) == 1
        for each, batch in together:
            assert batch.span is not None
            assert batch.starts
            for start in batch.starts:
                assert batch.span[0] <= start
                assert each.calendar.end_of(start) <= batch.span[1]
            made[each.calendar] += batch.starts
    assert made == {each.calendar: each.filled() for each in asked}


def test_granularities_share_a_reading_that_fits() -> None:
    times = [at * HOUR for at in range(24 * 28)]
    asked = [asked_of(calendar, times, set(times)) for calendar in CALENDARS[:3]]
    fits = list(batches(asked, 24 * 14))
    assert [len(together) for together in fits] == [3] * len(fits)
    # Rows of two weeks and a part at each end.
    assert len(fits) == 3
    alone = list(batches(asked, 24))
    assert all(len(together) == 1 for together in alone if together[0][1].rows > 24)


@pytest.mark.parametrize("rows_at_most", [1, 10**6])
def test_rows_that_nobody_wants_are_not_read(rows_at_most: int) -> None:
    times = [at * HOUR for at in range(24 * 10)]
    wanted = {0, 24 * 9 * HOUR}
    asked = [asked_of(calendar, times, wanted) for calendar in CALENDARS[:2]]
    spans = {batch.span for together in batches(asked, rows_at_most) for _, batch in together if batch.span}
    assert sum(end - start for start, end in spans if end - start > HOUR) == 2 * 24 * HOUR
