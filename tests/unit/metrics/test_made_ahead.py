"""What is made in a thread of its own arrives whole, in order, and with whatever stopped it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from databricks_monitoring.metrics.engines.made_ahead import made_ahead

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_things_come_in_their_order() -> None:
    assert list(made_ahead(range(100), 3)) == list(range(100))
    assert list(made_ahead([], 3)) == []


def test_what_stops_the_maker_is_raised_after_what_it_made() -> None:
    def two() -> Iterator[int]:
        yield from (1, 2)
        raise ValueError("no more")

    things = made_ahead(two(), 4)
    assert [next(things), next(things)] == [1, 2]
    with pytest.raises(ValueError, match="no more"):
        next(things)


def test_a_taker_may_leave_and_no_thread_stays() -> None:
    before = threading.active_count()
    things = made_ahead(iter(int, 1), 2)
    assert next(things) == 0
    things.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before
