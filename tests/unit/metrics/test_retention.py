"""Rows that retention deleted do not take their metrics with them."""

from __future__ import annotations

import dataclasses
import json
import shutil
from typing import TYPE_CHECKING

import pytest

from databricks_monitoring.errors import MetricError
from databricks_monitoring.names import RETAINED_SINCE_PROPERTY
from tests.unit.metrics.delta import LOG, SCHEMA, Monitored, at, row, rows

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

DAYS = (9, 10, 11, 12, 16)
"""From a Monday on, and the Monday after."""

LOG_OF_WEEKS = dataclasses.replace(LOG, granularities=("1 day", "1 week"))
CUT = at(11, 0)


@pytest.fixture
def monitored(tmp_path: Path) -> Monitored:
    found = Monitored(tmp_path, has_baseline=True)
    for number in DAYS:
        found.append(rows(20, number, first=100 * number))
    extend_baseline(found, 50)
    return found


def extend_baseline(monitored: Monitored, count: int) -> None:
    schema = SCHEMA.remove(SCHEMA.get_field_index("timestamp"))
    monitored.append(rows(count, 1, label="yes"), to="baseline", schema=schema)


def retain(monitored: Monitored, cut: datetime = CUT) -> None:
    monitored.delta().alter.set_table_properties(
        {RETAINED_SINCE_PROPERTY: cut.isoformat()}, raise_if_not_exists=False
    )
    monitored.delta().delete(f"timestamp < '{cut.isoformat()}'")


def before_the_cut(monitored: Monitored, name: str) -> list[str]:
    """Return the metric rows of the windows that lost rows, without cells that are NULL."""
    found = monitored.query(f"SELECT * FROM {name} WHERE \"window\".start < '{CUT.isoformat()}'")  # noqa: S608
    return sorted(repr({key: value for key, value in cell.items() if value is not None}) for cell in found)


def counts(monitored: Monitored, granularity: str = "1 day") -> list[tuple[int, int]]:
    found = monitored.query(
        "SELECT \"window\".start AS s, count AS n FROM profile WHERE log_type = 'INPUT' "  # noqa: S608
        f"AND column_name = ':table' AND model_id = '*' AND granularity = '{granularity}' ORDER BY s"
    )
    return [(cell["s"].day, cell["n"]) for cell in found]


def whole(monitored: Monitored) -> list[list[str]]:
    return [monitored.everything(name) for name in ("profile", "drift")]


def test_metrics_stay_when_retention_deletes_their_rows(monitored: Monitored) -> None:
    monitored.refresh(LOG_OF_WEEKS)
    before = whole(monitored)
    retain(monitored)
    report = monitored.refresh(LOG_OF_WEEKS)
    assert whole(monitored) == before
    assert (report.profile_rows, report.drift_rows) == (0, 0)
    assert report.message == (
        f"Read version {report.primary_version}. No window had to be recomputed. "
        "Windows that began before 2026-11-11 00:00 UTC keep their metrics, since retention deleted rows of "
        "them: 2 of 1 day, 1 of 1 week."
    )
    versions = monitored.versions()
    assert monitored.refresh(LOG_OF_WEEKS).message.endswith("Nothing had changed.")
    assert monitored.versions() == versions


def test_rows_that_come_late_are_counted_and_left_out(monitored: Monitored) -> None:
    monitored.refresh(LOG_OF_WEEKS)
    retain(monitored)
    kept = [before_the_cut(monitored, name) for name in ("profile", "drift")]
    monitored.append([row(1, 9), row(2, 9), row(3, 12)])
    report = monitored.refresh(LOG_OF_WEEKS)
    assert {name: len(found) for name, found in report.windows.items()} == {"1 day": 1, "1 week": 0}
    assert (
        "Their metrics leave out rows that came or changed late: 2 of 1 day, 3 of 1 week." in report.message
    )
    assert "Recomputed windows: 1 of 1 day. Wrote " in report.message
    assert [before_the_cut(monitored, name) for name in ("profile", "drift")] == kept
    assert counts(monitored) == [(9, 20), (10, 20), (11, 20), (12, 21), (16, 20)]
    assert counts(monitored, "1 week") == [(9, 80), (16, 20)]


def test_a_label_that_comes_late_counts_as_a_changed_row(monitored: Monitored) -> None:
    monitored.refresh(LOG_OF_WEEKS)
    retain(monitored)
    monitored.refresh(LOG_OF_WEEKS)
    monitored.delta().update(predicate="row_id IN ('r1101', 'r1102')", updates={"label": "'yes'"})
    report = monitored.refresh(LOG_OF_WEEKS)
    assert "came or changed late: 2 of 1 week." in report.message
    assert [window.start.day for window in report.windows["1 day"]] == [11]


def test_an_old_window_without_metrics_is_computed_from_rows_that_come_late(monitored: Monitored) -> None:
    monitored.refresh()
    retain(monitored, at(16, 0))
    monitored.append(rows(7, 13))
    extend_baseline(monitored, 10)
    kept = monitored.everything("profile")
    monitored.refresh()
    assert counts(monitored) == [(9, 20), (10, 20), (11, 20), (12, 20), (13, 7), (16, 20)]
    assert set(kept) - set(monitored.everything("profile")) == (
        {text for text in kept if "'log_type': 'BASELINE'" in text}
    )
    starts = monitored.query('SELECT DISTINCT "window".start AS s FROM drift ORDER BY s')
    assert 13 in [cell["s"].day for cell in starts]


def test_a_changed_definition_recomputes_complete_windows_only(monitored: Monitored) -> None:
    monitored.refresh(LOG_OF_WEEKS)
    retain(monitored)
    kept = [before_the_cut(monitored, name) for name in ("profile", "drift")]
    changed = dataclasses.replace(
        LOG_OF_WEEKS,
        granularities=("1 day", "1 week", "1 month"),
        slicing_exprs=("age > 30",),
        monitor_version=1,
    )
    report = monitored.refresh(changed)
    assert [before_the_cut(monitored, name) for name in ("profile", "drift")] == kept
    versions = monitored.query(
        'SELECT granularity AS g, "window".start AS s, array_agg(DISTINCT monitor_version) AS v FROM profile '
        "WHERE log_type = 'INPUT' GROUP BY ALL ORDER BY ALL"
    )
    assert [(cell["g"], cell["s"].day, cell["v"]) for cell in versions] == [
        *(("1 day", number, [0 if number < 11 else 1]) for number in DAYS),
        ("1 week", 9, [0]),
        ("1 week", 16, [1]),
    ]
    assert "not computed, since retention deleted rows of them; their metrics stay." in report.message


def test_a_new_baseline_leaves_the_drift_of_old_windows(monitored: Monitored) -> None:
    monitored.refresh()
    retain(monitored)
    monitored.refresh()
    kept = before_the_cut(monitored, "drift")
    extend_baseline(monitored, 10)
    monitored.refresh()
    assert before_the_cut(monitored, "drift") == kept
    found = monitored.query(
        "SELECT DISTINCT count_delta AS d FROM drift WHERE drift_type = 'BASELINE' "  # noqa: S608
        f"AND column_name = ':table' AND \"window\".start >= '{CUT.isoformat()}'"
    )
    assert found == [{"d": -40}]


def test_metrics_stay_when_old_files_are_gone(monitored: Monitored) -> None:
    monitored.refresh(LOG_OF_WEEKS)
    before = [before_the_cut(monitored, name) for name in ("profile", "drift")]
    retain(monitored)
    monitored.append([row(1, 12)])
    monitored.delta().vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    monitored.refresh(LOG_OF_WEEKS)
    assert [before_the_cut(monitored, name) for name in ("profile", "drift")] == before
    assert counts(monitored) == [(9, 20), (10, 20), (11, 20), (12, 21), (16, 20)]


def test_drift_cut_off_before_its_commit_is_made_of_kept_profiles(monitored: Monitored) -> None:
    monitored.refresh(LOG_OF_WEEKS)
    drift = monitored.everything("drift")
    shutil.rmtree(monitored.root / "drift")
    retain(monitored)
    monitored.refresh(LOG_OF_WEEKS)
    assert monitored.everything("drift") == drift


def test_a_first_refresh_computes_only_windows_with_all_their_rows(monitored: Monitored) -> None:
    retain(monitored)
    report = monitored.refresh(LOG_OF_WEEKS)
    assert counts(monitored) == [(11, 20), (12, 20), (16, 20)]
    assert counts(monitored, "1 week") == [(16, 20)]
    assert "were not computed, since retention deleted rows of them." in report.message


def test_another_table_in_the_same_place_keeps_nothing(monitored: Monitored) -> None:
    monitored.refresh()
    shutil.rmtree(monitored.root / "primary")
    monitored.append(rows(5, 12))
    retain(monitored)
    monitored.refresh()
    assert counts(monitored) == [(12, 5)]


def test_what_a_user_deletes_is_recomputed(monitored: Monitored) -> None:
    monitored.refresh()
    monitored.delta().delete("timestamp < '2026-11-10T00:00:00Z' OR row_id = 'r1201'")
    report = monitored.refresh()
    assert counts(monitored) == [(10, 20), (11, 20), (12, 19), (16, 20)]
    assert (
        "Recomputed windows: 1 of 1 day. Removed windows, which have no rows any more: 1 of 1 day. Wrote "
        in (report.message)
    )


def test_a_removed_window_alone_is_a_change(tmp_path: Path) -> None:
    monitored = Monitored(tmp_path)
    monitored.append(rows(5, 9))
    monitored.append(rows(5, 12))
    monitored.refresh()
    monitored.delta().delete("timestamp < '2026-11-10T00:00:00Z'")
    report = monitored.refresh()
    assert report.message == (
        f"Read 0 rows of version {report.primary_version}. Removed windows, which have no rows any more: "
        "1 of 1 day. Wrote 0 profile rows and 0 drift rows."
    )


def test_a_cut_that_is_no_time_is_refused(monitored: Monitored) -> None:
    monitored.delta().alter.set_table_properties(
        {RETAINED_SINCE_PROPERTY: "long ago"}, raise_if_not_exists=False
    )
    with pytest.raises(MetricError, match=r"retained_since.*'long ago'"):
        monitored.refresh()


def test_the_conventions_name_what_is_kept(monitored: Monitored) -> None:
    assert "kept" in json.dumps(monitored.refresh().conventions["RETAINED_WINDOWS"])
