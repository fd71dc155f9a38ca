"""The dashboard of each kind of monitor: every statement runs over real metric tables."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from databricks_monitoring.alerting.evaluation import evaluate
from databricks_monitoring.alerting.rules import parse_rule
from databricks_monitoring.clients import SqlClient
from databricks_monitoring.monitoring.drift_analysis import analyze_drift
from databricks_monitoring.monitoring.lakehouse_monitor import LakehouseMonitor
from databricks_monitoring.monitoring.metric_rows import read_metrics
from databricks_monitoring.monitoring.monitored_tables import find_layouts
from databricks_monitoring.names import SchemaName
from databricks_monitoring.unity_catalog import ensure_schema

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

SCHEMA = SchemaName("main", f"kinds_{uuid.uuid4().hex[:8]}")
DAYS = 5
# Forecasts of horizon 1, 2 and 3, which are off by 1, 2 and 3; every fourth actual is 0.
_FORECASTS = """
SELECT concat('f', id) AS row_id,
  CAST(date_sub(current_date(), 1 + CAST(id % {days} AS INT)) AS TIMESTAMP) AS `timestamp`,
  'forecaster_1' AS model_id, CAST(1 + id % 3 AS INT) AS horizon, {price} AS price, id % 7 / 2.0D AS stock,
  CASE WHEN id % 2 = 0 THEN 'north' ELSE 'south' END AS region,
  CAST(10 * (id % 4) + 1 + id % 3 AS DOUBLE) AS prediction, CAST(10 * (id % 4) AS DOUBLE) AS label{more}
FROM range({rows})
"""
_PRICE_AS_TEXT = "CASE WHEN CAST(floor(id / 5) AS INT) % 10 = 0 THEN 'n/a' ELSE CAST(id % 50 AS STRING) END"


@pytest.fixture(scope="module")
def sql(client: WorkspaceClient) -> SqlClient:
    ensure_schema(client, SCHEMA)
    return SqlClient(client)


@pytest.fixture(scope="module")
def monitors(client: WorkspaceClient) -> LakehouseMonitor:
    return LakehouseMonitor(SCHEMA.catalog, SCHEMA.schema, client)


def monitored(
    sql: SqlClient,
    monitors: LakehouseMonitor,
    name: str,
    *,
    baseline: bool,
    **arguments: Any,  # noqa: ANN401 - those of create_monitor
) -> dict[str, list[dict[str, object]]]:
    """Monitor a table of forecasts and return the rows of each dataset of its dashboard."""
    table, before = SCHEMA.table(name), SCHEMA.table(f"{name}_baseline")
    properties = "TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')"
    rows = _FORECASTS.format(days=DAYS, rows=900, price=_PRICE_AS_TEXT, more="")
    sql.execute(f"CREATE TABLE {table.quoted} {properties} AS {rows}")
    known = _FORECASTS.format(days=1, rows=300, price="id % 50", more=", 'x' AS gone")
    sql.execute(
        f"CREATE TABLE {before.quoted} AS SELECT * EXCEPT (`timestamp`, row_id) FROM ({known})"  # noqa: S608
    )
    monitors.create_monitor(
        str(table), str(SCHEMA), baseline_table=str(before) if baseline else None, **arguments
    )
    monitors.refresh_monitor(str(table))
    dashboard_id = monitors.get_config(str(table)).dashboard_id
    text = sql.client.lakeview.get(str(dashboard_id)).serialized_dashboard
    return {
        dataset["name"]: list(sql.execute("".join(dataset["queryLines"])))
        for dataset in json.loads(str(text))["datasets"]
    }


@pytest.fixture(scope="module")
def forecasts(sql: SqlClient, monitors: LakehouseMonitor) -> dict[str, list[dict[str, object]]]:
    return monitored(
        sql, monitors, "forecasts", baseline=True, problem_type="regression", slicing_exprs=["horizon"]
    )


def test_a_regression(forecasts: dict[str, list[dict[str, object]]]) -> None:
    assert {name for name, rows in forecasts.items() if not rows} == set()
    now = {row["rows_of"]: row for row in forecasts["quality_now"]}
    assert set(now) == {"all rows", "horizon = 1", "horizon = 2", "horizon = 3", "baseline"}
    for horizon in (1, 2, 3):
        row = now[f"horizon = {horizon}"]
        assert (row["rmse"], row["mae"], row["labelled"]) == (pytest.approx(horizon), horizon, 60)
    assert now["all rows"]["labelled"] == 180
    assert now["baseline"]["labelled"] == 300
    lines = {row["slice"] for row in forecasts["quality_by_slice"]}
    assert lines == {"horizon = 1", "horizon = 2", "horizon = 3"}
    assert len(forecasts["quality_by_slice"]) == 3 * DAYS
    assert [row["quality"] for row in forecasts["quality_by_slice"][:DAYS]] == [1.0] * DAYS


def test_a_percentage_error_of_zeros_is_kept_in_the_table_and_not_shown(
    forecasts: dict[str, list[dict[str, object]]], sql: SqlClient
) -> None:
    assert {row["mape"] for row in forecasts["quality_now"]} == {None}
    kept = sql.execute(
        "SELECT min(mean_absolute_percentage_error) AS least FROM "  # noqa: S608 - a quoted name
        f"{SCHEMA.table('forecasts_profile_metrics').quoted} WHERE column_name = ':table'"
    )
    assert float(str(kept.scalar())) > 1e12


def test_the_schema_against_the_baseline(forecasts: dict[str, list[dict[str, object]]]) -> None:
    assert [
        (row["column_name"], row["difference"], row["expected"], row["found"], row["uncastable"])
        for row in forecasts["schema_differences"]
    ] == [
        ("gone", "missing", "string", None, None),
        ("price", "another type", "bigint", "string", pytest.approx(0.1)),
        ("row_id", "added", None, "string", None),
    ]


def test_alert_and_analysis_say_the_same_with_and_without_the_facts(
    forecasts: dict[str, list[dict[str, object]]], sql: SqlClient
) -> None:
    assert forecasts
    [layout] = find_layouts(sql.client, SCHEMA, monitor="forecasts")
    rule = parse_rule({"metric": "schema_mismatch", "threshold": 0.01, "recipients": ["a@example.com"]})
    found = {one.column: one.run for one in evaluate(rule, read_metrics(sql, layout, days=28))}
    assert {column for column, run in found.items() if run} == {"gone", "price"}
    assert found["price"] is not None
    assert found["price"].windows == DAYS
    assert found["price"].last.effect == (
        "expected bigint as in the baseline, found string; 10.0 % of 180 values do not cast"
    )
    analysis = analyze_drift(sql, layout, days=7)
    assert [finding.column for finding in analysis.schema] == ["gone", "price"]

    # The managed service writes no facts: there, and here without them, the catalog is asked.
    elsewhere = SchemaName(SCHEMA.catalog, f"{SCHEMA.schema}_managed")
    ensure_schema(sql.client, elsewhere)
    bare = replace(layout, output_schema=elsewhere)
    facts = "baseline_data_type, percent_uncastable, schema_mismatches"
    sql.execute(
        f"CREATE TABLE {bare.profile.quoted} AS "  # noqa: S608 - quoted names
        f"SELECT * EXCEPT ({facts}) FROM {layout.profile.quoted}"
    )
    sql.execute(f"CREATE TABLE {bare.drift.quoted} AS SELECT * FROM {layout.drift.quoted}")  # noqa: S608
    without = {one.column: one.run for one in evaluate(rule, read_metrics(sql, bare, days=28))}
    assert {column for column, run in without.items() if run} == {"gone", "price"}
    assert without["price"] is not None
    assert without["price"].windows == 1
    assert without["price"].last.effect == "expected bigint as in the baseline, found string"
    statement = "".join(_dataset(sql, "forecasts", "schema_differences"))
    asked = sql.execute(statement.replace(f"`{SCHEMA.schema}`", f"`{elsewhere.schema}`"))
    assert [(row["column_name"], row["uncastable"]) for row in asked] == [
        ("gone", None),
        ("price", None),
        ("row_id", None),
    ]


def _dataset(sql: SqlClient, table: str, name: str) -> list[str]:
    [layout] = find_layouts(sql.client, SCHEMA, monitor=table)
    dashboard_id = (layout.dashboard_url or "").rpartition("/")[2]
    datasets = json.loads(str(sql.client.lakeview.get(dashboard_id).serialized_dashboard))["datasets"]
    [found] = [dataset["queryLines"] for dataset in datasets if dataset["name"] == name]
    return [str(line) for line in found]


def test_a_snapshot(sql: SqlClient, monitors: LakehouseMonitor) -> None:
    rows = monitored(sql, monitors, "snapshot", baseline=True, profile_type="Snapshot")
    assert {name for name, found in rows.items() if not found} == set()
    assert rows["rows_last_window"][0]["row_count"] == 900
    for row in rows["null_rates"]:
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", str(row["window_start"]))
    differences = {row["column_name"]: row["uncastable"] for row in rows["schema_differences"]}
    assert differences["price"] == pytest.approx(0.1)
    assert differences["timestamp"] is None


def test_a_time_series(sql: SqlClient, monitors: LakehouseMonitor) -> None:
    rows = monitored(sql, monitors, "series", baseline=False, profile_type="TimeSeries")
    assert {name for name, found in rows.items() if not found} == set()
    assert "schema_differences" not in rows
    assert len(rows["volume"]) == DAYS


def test_the_history_of_a_metric_table_shows_the_conventions(
    forecasts: dict[str, list[dict[str, object]]], sql: SqlClient
) -> None:
    assert forecasts
    newest = sql.execute(f"DESCRIBE HISTORY {SCHEMA.table('forecasts_profile_metrics').quoted}")[0]
    found = json.loads(str(newest["userMetadata"]))["databricks_monitoring.conventions"]
    assert found["PSI_BINS"] == "10"
