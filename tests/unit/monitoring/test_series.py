"""Since when a condition holds."""

from __future__ import annotations

from databricks_monitoring.alerting.evidence import Evidence
from databricks_monitoring.monitoring.series import Point, persistent_run
from tests.unit.monitoring.sample import day


def _points(verdicts: str) -> list[Point]:
    """Return points from letters: Drifted, Near, Unchanged, `?` for undecided."""
    effects = {"D": 0.2, "N": 0.07, "U": 0.01}
    return [
        Point(
            day(number),
            Evidence("js_distance", effects[letter], effects[letter], 0.1, 1e-12, 10)
            if letter != "?"
            else None,
            100,
            100,
            letter,
        )
        for number, letter in enumerate(verdicts)
    ]


def _since(verdicts: str) -> int | None:
    run = persistent_run(_points(verdicts))
    return (run.first.window.start - day(0).start).days if run else None


def test_the_run_reaches_back_to_the_last_unchanged_window() -> None:
    assert _since("UUUU") is None
    assert _since("UUUD") == 3
    assert _since("UDUDD") == 3
    assert _since("DDDU") is None


def test_undecided_and_near_windows_neither_begin_nor_end_a_run() -> None:
    assert _since("UD??D") == 1
    assert _since("UDD?") == 1
    assert _since("UDNND") == 1
    assert _since("UNNDD") == 3
    assert _since("UDDN") == 1
    assert _since("UUNN") is None
    assert _since("??") is None
    assert _since("") is None


def test_a_run_that_fills_the_days_may_be_older() -> None:
    whole, part = persistent_run(_points("?DDD")), persistent_run(_points("UDDD"))
    assert whole is not None
    assert whole.from_the_start
    assert part is not None
    assert not part.from_the_start
    assert part.windows == 3
