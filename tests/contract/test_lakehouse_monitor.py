from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from databricks_monitoring.clients import SqlClient
from databricks_monitoring.errors import (
    CatalogNotFoundError,
    ColumnNotFoundError,
    InvalidValueError,
    MonitorNotFoundError,
    RefreshFailedError,
    TableNotFoundError,
)
from databricks_monitoring.monitoring.lakehouse_monitor import LakehouseMonitor
from databricks_monitoring.names import SchemaName
from databricks_monitoring.unity_catalog import ensure_schema, schema_exists

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

SCHEMA = SchemaName("mlops_aut", "monitor_tests")


@pytest.fixture(scope="module")
def sql(client: WorkspaceClient) -> SqlClient:
    ensure_schema(client, SCHEMA)
    return SqlClient(client)


@pytest.fixture(scope="module")
def monitor(client: WorkspaceClient) -> LakehouseMonitor:
    return LakehouseMonitor(catalog=SCHEMA.catalog, schema=SCHEMA.schema, client=client)


def make_table(sql: SqlClient, name: str) -> str:
    table = SCHEMA.table(name)
    sql.execute(
        f"CREATE TABLE {table.quoted} TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true') AS "  # noqa: S608
        "SELECT timestampadd(HOUR, CAST(-id AS INT), date_trunc('DAY', current_timestamp())) AS `timestamp`, "
        "'m_1' AS model_id, id % 7 / 2.0D AS x, CASE WHEN id % 2 = 0 THEN 'a' ELSE 'b' END AS prediction, "
        "CAST(NULL AS STRING) AS label FROM range(96)"
    )
    return str(table)


def test_the_documented_life(monitor: LakehouseMonitor, sql: SqlClient) -> None:
    table = make_table(sql, "documented")
    baseline = make_table(sql, "train_set")
    arguments: dict[str, Any] = {
        "inference_table": table,
        "output_schema": "mlops_aut.monitor_tests_output",
        "profile_type": "InferenceLog",
        "granularities": ["1 day"],
        "baseline_table": baseline,
        "problem_type": "classification",
        "prediction_col": "prediction",
        "timestamp_col": "timestamp",
    }
    name = monitor.create_monitor(**arguments)
    assert name == table
    first = monitor.get_config(name)
    assert monitor.create_monitor(**arguments) == name
    assert monitor.get_config(name).monitor_version == first.monitor_version
    assert first.assets_dir == "/Workspace/Shared/lakehouse_monitoring/mlops_aut_monitor_tests_documented"

    refreshed = monitor.refresh_monitor(name)
    assert (refreshed.state, refreshed.monitor_name) == ("SUCCESS", name)
    assert refreshed.started is not None
    assert refreshed.ended is not None
    assert refreshed.ended >= refreshed.started

    metrics = monitor.get_monitor_metrics(name)
    assert {row["column_name"] for row in metrics.profile} >= {":table", "x", "prediction"}
    assert "quantiles" not in metrics.profile.columns
    assert {row["drift_type"] for row in metrics.drift} == {"CONSECUTIVE", "BASELINE"}
    profile, drift = metrics.to_pandas()
    assert (len(profile), len(drift)) == (len(metrics.profile), len(metrics.drift))

    one = monitor.get_monitor_metrics(name, columns=["x"], start=sql.workspace_time(), quantiles=True)
    assert "quantiles" in one.profile.columns
    assert not one.profile
    assert {row["column_name"] for row in monitor.get_monitor_metrics(name, columns=["x"]).drift} == {"x"}

    monitor.create_monitor(**{**arguments, "slicing_exprs": ["x > 1"], "schedule": "0 0 * * *"})
    changed = monitor.get_config(name)
    assert changed.slicing_exprs == ["x > 1"]
    assert changed.schedule is not None
    assert changed.schedule.quartz_cron_expression == "0 0 0 * * ?"
    monitor.refresh_monitor("documented")
    sliced = monitor.get_monitor_metrics(name, columns=[":table"], slice_key="x > 1", slice_value="true")
    assert sliced.profile
    assert name in monitor.list_monitors()
    assert monitor.delete_monitor(name)
    assert not monitor.delete_monitor(name)
    assert name not in monitor.list_monitors()


def test_what_is_missing_is_named_before_anything_is_made(monitor: LakehouseMonitor, sql: SqlClient) -> None:
    table = make_table(sql, "incomplete")
    output = "mlops_aut.monitor_tests_never"
    with pytest.raises(TableNotFoundError, match="incomplete"):
        monitor.create_monitor("incomplet", output, problem_type="classification")
    with pytest.raises(ColumnNotFoundError, match="Did you mean 'timestamp'"):
        monitor.create_monitor(table, output, problem_type="classification", timestamp_col="timestmp")
    with pytest.raises(TableNotFoundError, match="nothing"):
        monitor.create_monitor(table, output, problem_type="classification", baseline_table="nothing")
    with pytest.raises(CatalogNotFoundError, match="mlops_aut"):
        monitor.create_monitor(table, "mlops_out.monitoring", problem_type="classification")
    with pytest.raises(InvalidValueError, match="1 day"):
        monitor.create_monitor(table, output, problem_type="classification", granularities=["1 days"])
    assert not schema_exists(sql.client, SchemaName.parse(output))


def test_a_missing_monitor_names_the_existing(monitor: LakehouseMonitor, sql: SqlClient) -> None:
    watched = make_table(sql, "watched")
    other = make_table(sql, "unwatched")
    monitor.create_monitor(watched, "mlops_aut.monitor_tests_output", profile_type="Snapshot")
    monitor.refresh_monitor(watched)
    with pytest.raises(MonitorNotFoundError, match="watched"):
        monitor.refresh_monitor(other)
    assert watched in monitor.list_monitors()
    assert monitor.delete_monitor(watched)


def test_a_failing_refresh_says_why(monitor: LakehouseMonitor, sql: SqlClient) -> None:
    table = make_table(sql, "failing")
    baseline = make_table(sql, "failing_baseline")
    monitor.create_monitor(
        table, "mlops_aut.monitor_tests_output", problem_type="classification", baseline_table=baseline
    )
    monitor.refresh_monitor(table)
    sql.execute(f"DROP TABLE {SCHEMA.table('failing_baseline').quoted}")
    with pytest.raises(RefreshFailedError, match="failing_baseline"):
        monitor.refresh_monitor(table)
    assert monitor.delete_monitor(table)


def test_without_waiting_a_waiting_refresh_is_joined(monitor: LakehouseMonitor, sql: SqlClient) -> None:
    table = make_table(sql, "joined")
    monitor.create_monitor(table, "mlops_aut.monitor_tests_output", profile_type="Snapshot")
    asked = [monitor.refresh_monitor(table, wait=False).refresh_id for _ in range(3)]
    assert monitor.refresh_monitor(table).state == "SUCCESS"
    assert len(set(asked)) <= 2
    assert monitor.delete_monitor(table)
