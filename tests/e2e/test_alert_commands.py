"""From rows to a mail by the two commands, over a real monitor and its refresh."""

from __future__ import annotations

import json
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from databricks_monitoring.alerting.channels.email import SMTP_URL_VARIABLE
from databricks_monitoring.alerting.rules import parse_rules, save_rules
from databricks_monitoring.clients import SqlClient
from databricks_monitoring.monitoring.lakehouse_monitor import LakehouseMonitor
from databricks_monitoring.names import SchemaName
from databricks_monitoring.scripts import analyze_drift, send_alerts
from tests.contract.alerting.receivers import mail_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from databricks.sdk import WorkspaceClient

    from tests.conftest import RunningWorkspace

SCHEMA = SchemaName("main", "alert_commands")
OUTPUT = SchemaName("main", "alert_commands_metrics")
TABLE = SCHEMA.table("inference_logs")
FIRST_DAY = datetime(2026, 11, 1, tzinfo=UTC)
NOW = FIRST_DAY + timedelta(days=8, hours=6)
ROWS_A_DAY = 150
DRIFT_DAY = 5
WHERE = ["--catalog", SCHEMA.catalog, "--schema", SCHEMA.schema]
COLUMNS = (
    "row_id STRING, timestamp TIMESTAMP, model_id STRING, Weight DOUBLE, Species STRING, "
    "prediction STRING, label STRING"
)


def _set_clock(server: RunningWorkspace, body: dict[str, object]) -> None:
    request = urllib.request.Request(
        f"{server.url}/api/local/clock",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=10):
        pass


def _rows(rng: np.random.Generator, day: int, rows: int) -> str:
    """Return the rows of a day as SQL; day -1 is the baseline's."""
    drifted = day >= DRIFT_DAY
    weights = rng.normal(97.0 if drifted else 82.0, 15.0, rows)
    species = rng.choice(["human", "elf", "orc"], rows, p=[0.6, 0.3, 0.1])
    predictions = rng.choice(["0", "1"], rows, p=[0.4, 0.6] if drifted else [0.7, 0.3])
    right = rng.random(rows) < (0.6 if drifted else 0.9)
    minutes = np.sort(rng.integers(0, 24 * 60, rows))
    lines = []
    for position in range(rows):
        moment = FIRST_DAY + timedelta(days=day, minutes=int(minutes[position]))
        prediction = str(predictions[position])
        label = prediction if right[position] else str(1 - int(prediction))
        lines.append(
            f"('{day}_{position}', TIMESTAMP '{moment:%Y-%m-%dT%H:%M:%SZ}', 'churn_3', "
            f"{weights[position]:.4f}, '{species[position]}', '{prediction}', '{label}')"
        )
    return ", ".join(lines)


@pytest.fixture(scope="module")
def monitored(workspace_server: RunningWorkspace, client: WorkspaceClient) -> Iterator[SqlClient]:
    """Monitor a table of eight whole days and six hours, drifting from the sixth day on."""
    sql = SqlClient(client)
    _set_clock(workspace_server, {"now": NOW.isoformat()})
    rng = np.random.default_rng(5)
    for schema in (SCHEMA, OUTPUT):
        sql.execute(f"CREATE SCHEMA IF NOT EXISTS {schema.quoted}")
    baseline = SCHEMA.table("train_set")
    for table in (TABLE, baseline):
        sql.execute(f"CREATE TABLE {table.quoted} ({COLUMNS})")
    for table, values in (
        (baseline, _rows(rng, -1, 1000)),
        (TABLE, ", ".join(_rows(rng, day, ROWS_A_DAY) for day in range(9))),
    ):
        sql.execute(f"INSERT INTO {table.quoted} VALUES {values}")  # noqa: S608 - made of this test's rows
    monitors = LakehouseMonitor(SCHEMA.catalog, SCHEMA.schema, client)
    monitors.create_monitor(
        str(TABLE),
        str(OUTPUT),
        baseline_table=str(baseline),
        problem_type="classification",
        skip_builtin_dashboard=True,
    )
    monitors.refresh_monitor(str(TABLE), timeout=120)
    yield sql
    _set_clock(workspace_server, {"reset": True})


@pytest.fixture(autouse=True)
def _workspace_in_the_environment(
    workspace_server: RunningWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", workspace_server.url)
    monkeypatch.setenv("DATABRICKS_TOKEN", workspace_server.token)


@pytest.mark.usefixtures("monitored")
def test_analyze_drift_says_what_drifted_since_when(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "out" / "drift.json"
    assert analyze_drift.main([*WHERE, "--days", "14", "--json", str(report)]) == 0
    printed = capsys.readouterr().out
    body = json.loads(report.read_text())
    (analysis,) = body["analyses"]
    since = {finding["column"]: finding["since"][:10] for finding in analysis["drifted"]}
    assert (since["Weight"], since["prediction"]) == ("2026-11-06", "2026-11-06")
    assert "Species" not in since
    assert analysis["model_quality"]["since"].startswith("2026-11-06")
    assert analysis["windows"][-1].startswith("2026-11-08")
    assert body["violations"] == len(since) + 1
    assert "feature Weight: mean 8" in printed
    assert "since 2026-11-06" in printed


@pytest.mark.usefixtures("monitored")
def test_nothing_to_analyse_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert analyze_drift.main([*WHERE, "--monitor", "nothing"]) == 1
    assert "nothing" in capsys.readouterr().err
    assert analyze_drift.main(["--catalog", OUTPUT.catalog, "--schema", OUTPUT.schema]) == 1
    assert "setup_monitoring" in capsys.readouterr().err


def test_send_alerts_sends_one_mail_and_then_none(
    monitored: SqlClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call = [*WHERE, "--environment", "dev"]
    assert send_alerts.main(call) == 1
    assert "No alert rules" in capsys.readouterr().err
    rules = parse_rules(
        [
            {"metric": metric, "threshold": threshold, "recipients": ["ml-ops@example.com"]}
            for metric, threshold in (
                ("prediction_drift", 0.1),
                ("feature_drift", 0.1),
                ("model_quality", 0.05),
            )
        ]
    )
    save_rules(monitored, OUTPUT, str(TABLE), rules)
    monkeypatch.delenv(SMTP_URL_VARIABLE, raising=False)
    assert send_alerts.main([*call, "--dry-run"]) == 0
    assert "Would send to ml-ops@example.com" in capsys.readouterr().out
    assert send_alerts.main(call) == 1
    assert SMTP_URL_VARIABLE in capsys.readouterr().err
    with mail_server() as mailbox:
        monkeypatch.setenv(SMTP_URL_VARIABLE, mailbox.url)
        assert send_alerts.main(call) == 0
        assert "Sent to ml-ops@example.com" in capsys.readouterr().out
        assert send_alerts.main(call) == 0
        assert "Nothing was due" in capsys.readouterr().out
    (mail,) = mailbox.mails
    assert mail["Subject"].startswith("[warning] churn_3: ")
    assert "Weight" in mail["Subject"]
    assert "predictions" in mail["Subject"]
    assert "since 2026-11-06" in mail["Subject"]


@pytest.mark.parametrize("command", [analyze_drift, send_alerts])
def test_wrong_usage_is_exit_code_two(command: object) -> None:
    main = command.main  # type: ignore[attr-defined] # both modules have one
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    assert main([*WHERE, "--environment", "dev", "--config", "/nonexistent.yml"]) == 2
