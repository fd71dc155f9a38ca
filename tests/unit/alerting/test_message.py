"""What a person reads."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from databricks_monitoring.alerting.evaluation import evaluate
from databricks_monitoring.alerting.incidents import Due, Incident, due, follow, told
from databricks_monitoring.alerting.message import compose
from databricks_monitoring.alerting.rules import AlertRule, parse_rule
from databricks_monitoring.errors import ColumnNotFoundError
from tests.unit.monitoring.sample import Sample, category, day, normal, unique

if TYPE_CHECKING:
    from databricks_monitoring.monitoring.metric_rows import MonitorMetrics

PEOPLE = ["ml-ops@example.com"]


def rule(metric: str, threshold: float, **more: object) -> AlertRule:
    return parse_rule({"metric": metric, "threshold": threshold, "recipients": PEOPLE, **more})


RULES = [
    rule("feature_drift", 0.1, severity="critical"),
    rule("prediction_drift", 0.1),
    rule("null_rate", 0.05),
    rule("row_count", 0.5),
    rule("model_quality", 0.05),
    rule("data_freshness", 30),
]

DRIFTING = Sample(
    {
        "Weight": normal(82.1, shift=1.0, since=10),
        "Height": normal(1.7),
        "Species": category({"elf": 0.5, "orc": 0.5}, {"elf": 0.3, "orc": 0.7}, since=11),
        "prediction": category({"0": 0.7, "1": 0.3}, {"0": 0.4, "1": 0.6}, since=11),
    },
    quality={-1: (0.85, 4000)} | {number: (0.85 if number < 10 else 0.7, 2000) for number in range(13)},
)


def incidents_of(metrics: MonitorMetrics, known: list[Incident] | None = None) -> list[Incident]:
    observations = [found for one in RULES for found in evaluate(one, metrics)]
    return follow(known or [], observations, RULES, metrics)


def notices_of(metrics: MonitorMetrics, known: list[Incident] | None = None) -> list[Due]:
    return due(incidents_of(metrics, known), RULES, metrics.now)


def test_the_subject_says_what_drifted_since_when_in_which_model() -> None:
    metrics = DRIFTING.metrics()
    message = compose(notices_of(metrics), metrics)
    assert message.subject.startswith("[critical] churn_3: ")
    assert "drifted since 2026-11-11" in message.subject
    for name in ("Weight", "Species", "predictions"):
        assert name in message.subject
    assert "Height" not in message.text


def test_the_text_says_how_much_how_sure_which_rows_and_what_next() -> None:
    metrics = DRIFTING.metrics()
    text = compose(notices_of(metrics), metrics).text
    for words in (
        "mean 82.",
        "-> 83.",
        "PSI ",
        "over the threshold of 0.1",
        "3,000 rows, compared with 4,000 (baseline)",
        "Chance of this if nothing had changed",
        "accuracy 85.0 % -> 70.0 % (-15.0 points)",
        "`main`.`sales`.`inference_logs`",
        "`timestamp` >= '2026-11-11T00:00:00Z' AND `timestamp` < '2026-11-15T00:00:00Z'",
        "https://workspace.example.com/sql/dashboardsv3/01f0",
        "WHAT TO DO NEXT",
    ):
        assert words in text


def test_the_html_escapes_what_comes_from_data() -> None:
    shares = {"<b>": 0.5, "x": 0.5}
    metrics = Sample({"Species": category(shares, {"<b>": 0.2, "x": 0.8}, since=12)}).metrics()
    message = compose(notices_of(metrics), metrics)
    assert "'<b>'" in message.text or "'x'" in message.text
    assert "<b>'" not in message.html.replace("<li><b>", "")


def test_the_body_is_json_with_one_entry_for_each_notice() -> None:
    metrics = DRIFTING.metrics()
    notices = notices_of(metrics)
    body = json.loads(json.dumps(compose(notices, metrics).body))
    assert len(body["notices"]) == len(notices) == 4
    assert {notice["column"] for notice in body["notices"]} == {"Weight", "Species", "prediction", ""}


def test_one_incident_is_told_once() -> None:
    metrics = DRIFTING.metrics()
    opened = incidents_of(metrics)
    after = [told(notice, PEOPLE, metrics.now) for notice in due(opened, RULES, metrics.now)]
    assert incidents_of(metrics, after) == []
    assert due(after, RULES, metrics.now) == []


def test_a_later_window_moves_the_incident_on_without_a_message() -> None:
    earlier = DRIFTING.metrics(days=12)
    after = [told(notice, PEOPLE, earlier.now) for notice in notices_of(earlier)]
    later = DRIFTING.metrics(days=14)
    moved = incidents_of(later, after)
    assert {one.last_window_start for one in moved} >= {day(13).start}
    assert {one.incident_id for one in moved if one.column_name == "Weight"} == {
        one.incident_id for one in after if one.column_name == "Weight"
    }
    assert due(moved, RULES, later.now) == []


def test_the_end_of_a_condition_is_told_once() -> None:
    drifting = DRIFTING.metrics()
    after = [told(notice, PEOPLE, drifting.now) for notice in notices_of(drifting)]
    quiet = Sample({name: DRIFTING.columns[name] for name in DRIFTING.columns}, quality=DRIFTING.quality)
    calm = quiet.metrics(days=10)
    ended = incidents_of(calm, after)
    assert {one.state for one in ended} == {"RESOLVED"}
    notices = due(ended, RULES, calm.now)
    message = compose(notices, calm)
    assert message.subject.startswith("[resolved] churn_3: ")
    assert "no longer drifted" in message.subject
    assert "WHAT IS OVER" in message.text
    assert "WHAT TO DO NEXT" not in message.text
    closed = [told(notice, PEOPLE, calm.now) for notice in notices]
    assert due(closed, RULES, calm.now) == []


def test_who_was_refused_is_told_later_and_nobody_twice() -> None:
    metrics = DRIFTING.metrics()
    both = rule("feature_drift", 0.1, recipients=["a@example.com", "b@example.com"])
    opened = follow([], evaluate(both, metrics), [both], metrics)
    (first, *_) = due(opened, [both], metrics.now)
    partly = told(first, ["a@example.com"], metrics.now)
    assert partly.notified_at is None
    (again,) = due([partly], [both], metrics.now)
    assert again.recipients == ("b@example.com",)
    assert told(again, ["b@example.com"], metrics.now).notified_at == metrics.now


def test_a_reminder_comes_after_the_hours_asked_for() -> None:
    metrics = DRIFTING.metrics()
    nagging = rule("prediction_drift", 0.1, reminder_hours=24)
    (opened,) = follow([], evaluate(nagging, metrics), [nagging], metrics)
    notified = replace(opened, notified_at=metrics.now)
    assert due([notified], [nagging], metrics.now + timedelta(hours=23)) == []
    (reminder,) = due([notified], [nagging], metrics.now + timedelta(hours=24))
    assert reminder.event == "reminder"


def test_a_removed_rule_closes_its_incident_in_silence() -> None:
    metrics = DRIFTING.metrics()
    opened = incidents_of(metrics)
    closed = follow(opened, [], [], metrics)
    assert {one.state for one in closed} == {"RESOLVED"}
    assert due(closed, RULES, metrics.now) == []


def without_column(metrics: MonitorMetrics, column: str) -> MonitorMetrics:
    """Return metrics as if the monitored table had never had a column."""
    return replace(
        metrics,
        profiles={key: row for key, row in metrics.profiles.items() if key[0] != column},
        drifts=[row for row in metrics.drifts if row.column != column],
    )


def test_an_incident_on_a_column_that_disappeared_is_resolved_and_people_are_told_why() -> None:
    metrics = DRIFTING.metrics()
    opened = incidents_of(metrics)
    gone = without_column(metrics, "Weight")
    (resolved,) = [one for one in incidents_of(gone, opened) if one.state == "RESOLVED"]
    assert resolved.column_name == "Weight"
    assert resolved.reason == "Weight has no metrics in any window since 2026-11-01 00:00 UTC"
    (notice,) = due([resolved], RULES, gone.now)
    assert f"Now: {resolved.reason}" in compose([notice], gone).text
    assert resolved not in incidents_of(gone, [resolved])


def test_a_column_with_metrics_in_one_window_keeps_its_incident() -> None:
    metrics = DRIFTING.metrics()
    opened = incidents_of(metrics)
    gone = without_column(metrics, "Weight")
    still = replace(
        gone, profiles=dict(gone.profiles) | {("Weight", day(0)): metrics.profiles["Weight", day(0)]}
    )
    assert [one.column_name for one in incidents_of(still, opened) if one.state == "RESOLVED"] == []


def test_an_incident_on_a_column_that_became_an_identifier_says_so() -> None:
    opened = incidents_of(DRIFTING.metrics())
    columns = {**DRIFTING.columns, "Species": unique()}
    metrics = replace(DRIFTING, columns=columns).metrics()
    (resolved,) = [one for one in incidents_of(metrics, opened) if one.column_name == "Species"]
    assert str(resolved.reason).startswith("Species is no longer analysed: nearly every value is distinct")


def test_an_incident_on_a_column_that_the_rule_stopped_naming_is_resolved() -> None:
    metrics = DRIFTING.metrics()
    before, after = (
        rule("feature_drift", 0.1, name="features", columns=columns, notify_on_resolve=False)
        for columns in (["Weight", "Species"], ["Species"])
    )
    opened = follow([], evaluate(before, metrics), [before], metrics)
    changed = follow(opened, evaluate(after, metrics), [after], metrics)
    (resolved,) = [one for one in changed if one.state == "RESOLVED"]
    assert (resolved.column_name, resolved.reason) == ("Weight", "rule features no longer names Weight")
    assert due([resolved], [after], metrics.now) == []


def test_windows_that_decide_nothing_leave_incidents_alone() -> None:
    metrics = DRIFTING.metrics()
    opened = incidents_of(metrics)
    empty = replace(metrics, profiles={}, drifts=[], newest_end=None)
    assert incidents_of(empty, opened) == []


def test_volume_and_freshness() -> None:
    fallen = Sample({"Weight": normal()}, rows_of_day={13: 600}).metrics()
    (notice,) = notices_of(fallen)
    assert notice.incident.effect == "rows 3,000 (median) -> 600 (-80 %)"
    old = replace(Sample({"Weight": normal()}).metrics(), now=day(15).end)
    (stale,) = notices_of(old)
    message = compose([stale], old)
    assert "no new rows since 2026-11-15" in message.subject
    assert "48 hours ago" in message.text


def test_a_rule_on_a_column_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(ColumnNotFoundError, match="Did you mean 'Weight'"):
        evaluate(rule("feature_drift", 0.1, columns=["Wieght"]), DRIFTING.metrics())
