"""Rules, incidents and notifications against the SQL engine and a real mail server."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from databricks_monitoring.alerting.channels.email import SMTP_URL_VARIABLE
from databricks_monitoring.alerting.dispatch import dispatch
from databricks_monitoring.alerting.incidents import incidents_table
from databricks_monitoring.alerting.rules import AlertRule, load_rules, parse_rules, save_rules
from databricks_monitoring.clients import SqlClient
from databricks_monitoring.errors import TableNotFoundError
from databricks_monitoring.monitoring.drift_analysis import analyze, analyze_drift
from databricks_monitoring.monitoring.metric_rows import read_metrics
from databricks_monitoring.names import SchemaName
from tests.contract.alerting.metric_tables import write_metrics
from tests.contract.alerting.receivers import http_receiver, mail_server
from tests.unit.alerting.test_message import DRIFTING
from tests.unit.monitoring.sample import LAYOUT, day

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from databricks.sdk import WorkspaceClient

    from databricks_monitoring.clients import Rows
    from databricks_monitoring.monitoring.metric_rows import Layout
    from tests.conftest import RunningWorkspace

    Clock = Callable[[datetime], None]

METRICS = DRIFTING.metrics()
SCHEMA = SchemaName("main", "alerting_tests")
LAYOUT_HERE = replace(LAYOUT, table=SCHEMA.table("inference_logs"), output_schema=SCHEMA)
PEOPLE = ["ml-ops@example.com", "lead@example.com"]


def set_clock(server: RunningWorkspace, body: dict[str, object]) -> None:
    request = urllib.request.Request(
        f"{server.url}/api/local/clock",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=10):
        pass


@pytest.fixture(scope="module")
def sql(client: WorkspaceClient) -> SqlClient:
    runner = SqlClient(client)
    runner.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA.quoted}")
    write_metrics(runner, LAYOUT_HERE, METRICS)
    return runner


@pytest.fixture
def layout(sql: SqlClient) -> Layout:
    for name in ("alert_rules", "alert_incidents"):
        sql.execute(f"DROP TABLE IF EXISTS {SCHEMA.table(name).quoted}")
    return LAYOUT_HERE


@pytest.fixture
def at(workspace_server: RunningWorkspace) -> Iterator[Clock]:
    """Set the workspace's clock; it returns to real time after the test."""

    def set_to(moment: datetime) -> None:
        set_clock(workspace_server, {"now": moment.isoformat()})

    yield set_to
    set_clock(workspace_server, {"reset": True})


def kept_incidents(sql: SqlClient) -> Rows:
    return sql.execute(f"SELECT * FROM {incidents_table(SCHEMA).quoted}")  # noqa: S608 - a quoted name


def rules(**more: object) -> list[AlertRule]:
    bodies: list[dict[str, object]] = [
        {"metric": "feature_drift", "threshold": 0.1, "recipients": PEOPLE, **more},
        {"metric": "prediction_drift", "threshold": 0.1, "recipients": PEOPLE, **more},
    ]
    return parse_rules(bodies)


def test_rules_are_kept_by_monitor_and_replaced(sql: SqlClient, layout: Layout) -> None:
    del layout
    assert load_rules(sql, SCHEMA) == {}
    mine, theirs = rules(), rules(severity="critical")
    assert save_rules(sql, SCHEMA, "main.a.t", mine) == [one.name for one in mine]
    save_rules(sql, SCHEMA, "main.b.t", theirs)
    in_order = sorted(mine, key=lambda one: one.name)
    assert load_rules(sql, SCHEMA)["main.a.t"] == in_order
    tuned = [mine[0].model_copy(update={"threshold": 0.3})]
    save_rules(sql, SCHEMA, "main.a.t", tuned)
    assert load_rules(sql, SCHEMA)["main.a.t"] == tuned
    assert len(load_rules(sql, SCHEMA)["main.b.t"]) == 2


def test_saving_the_same_rules_again_writes_nothing(sql: SqlClient, layout: Layout) -> None:
    del layout
    save_rules(sql, SCHEMA, "main.a.t", rules())
    history = f"DESCRIBE HISTORY {SCHEMA.table('alert_rules').quoted}"
    before = len(sql.execute(history))
    save_rules(sql, SCHEMA, "main.a.t", rules())
    assert len(sql.execute(history)) == before


def test_metrics_are_read_as_they_were_written(sql: SqlClient, layout: Layout, at: Clock) -> None:
    written = METRICS
    at(written.now)
    found = read_metrics(sql, layout, days=15)
    assert found.granularity == "1 day"
    assert found.models == ["churn_3"]
    assert found.windows == written.windows
    assert found.profiles == written.profiles
    assert sorted(found.drifts, key=lambda row: (row.column, row.window)) == sorted(
        written.drifts, key=lambda row: (row.column, row.window)
    )
    assert (
        analyze_drift(sql, layout, days=15).body()["drifted"] == analyze(written, days=15).body()["drifted"]
    )


def test_the_open_window_is_not_looked_at(sql: SqlClient, layout: Layout, at: Clock) -> None:
    at(day(10).start.replace(hour=23))
    analysis = analyze_drift(sql, layout, days=14)
    assert analysis.windows[-1] == day(9)
    assert analysis.findings == []


def test_a_table_without_metrics_is_said(sql: SqlClient, layout: Layout) -> None:
    with pytest.raises(TableNotFoundError, match="has no metrics yet"):
        read_metrics(sql, replace(layout, table=SCHEMA.table("nothing")), days=7)


def test_people_hear_once_of_the_beginning_and_once_of_the_end(
    sql: SqlClient, layout: Layout, at: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mail_server() as mailbox:
        monkeypatch.setenv(SMTP_URL_VARIABLE, mailbox.url)
        at(METRICS.now)
        first = dispatch(sql, layout, rules())
        again = dispatch(sql, layout, rules())
        assert (first.open_incidents, len(first.sent), again.sent) == (3, 1, [])
        at(day(9).end)
        assert [sent.message.urgency for sent in dispatch(sql, layout, rules()).sent] == ["resolved"]
        assert dispatch(sql, layout, rules()).sent == []
    opened, resolved = (str(mail["Subject"]) for mail in mailbox.mails)
    assert opened.startswith("[warning] churn_3: ")
    assert opened.endswith(" drifted since 2026-11-11")
    assert resolved.startswith("[resolved] churn_3: ")
    rows = kept_incidents(sql)
    assert [row["state"] for row in rows] == ["RESOLVED"] * 3
    assert all(row["notified_at"] and row["closed_at"] for row in rows)


def test_what_the_mail_server_refuses_stays_due(
    sql: SqlClient, layout: Layout, at: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(METRICS.now)
    monkeypatch.setenv(SMTP_URL_VARIABLE, "smtp://127.0.0.1:9")
    failed = dispatch(sql, layout, rules())
    assert failed.sent == []
    assert "does not answer" in failed.failures[0]
    with mail_server() as mailbox:
        monkeypatch.setenv(SMTP_URL_VARIABLE, mailbox.url)
        mailbox.refused.add(PEOPLE[1])
        half = dispatch(sql, layout, rules())
        assert half.sent[0].recipients == (PEOPLE[0],)
        assert "nobody by that name" in half.failures[0]
        mailbox.refused.clear()
        rest = dispatch(sql, layout, rules())
        assert (rest.sent[0].recipients, rest.failures) == ((PEOPLE[1],), [])
        assert dispatch(sql, layout, rules()).sent == []
    assert mailbox.recipients == [[PEOPLE[0]], [PEOPLE[1]]]


def test_a_dry_run_says_and_does_nothing(sql: SqlClient, layout: Layout, at: Clock) -> None:
    at(METRICS.now)
    report = dispatch(sql, layout, rules(), dry_run=True)
    assert len(report.sent) == 1
    with pytest.raises(TableNotFoundError):
        kept_incidents(sql)


def test_a_webhook_gets_all_in_one_post(sql: SqlClient, layout: Layout, at: Clock) -> None:
    at(METRICS.now)
    with http_receiver() as posts:
        hook = f"http://{posts.address}/hook"
        paging = rules(notification_type="webhook", recipients=[hook])
        dispatch(sql, layout, paging)
        assert [len(body["notices"]) for body in posts.bodies] == [3]
