"""Labels that come after the window they belong to was measured, and what is judged meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from databricks.sdk.service.catalog import MonitorInferenceLog, MonitorInferenceLogProblemType

from databricks_monitoring.clients import SqlClient
from databricks_monitoring.errors import InvalidValueError
from databricks_monitoring.monitoring.drift_analysis import analyze_drift
from databricks_monitoring.monitoring.lakehouse_monitor import LakehouseMonitor
from databricks_monitoring.monitoring.monitored_tables import find_layouts
from databricks_monitoring.names import SchemaName, TableName
from databricks_monitoring.refresh_command import from_workspace
from databricks_monitoring.serving.inference_table import create_inference_table
from databricks_monitoring.serving.labels import merge_labels
from databricks_monitoring.serving.signature import InputColumn, Signature
from databricks_monitoring.unity_catalog import ensure_schema
from tests.contract.monitored import succeeded

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

SCHEMA = SchemaName("mlops_aut", "late_labels")
DAYS = 6
ROWS_A_DAY = 40


@pytest.fixture(scope="module")
def sql(client: WorkspaceClient) -> SqlClient:
    ensure_schema(client, SCHEMA)
    return SqlClient(client)


def predicted(sql: SqlClient, name: str) -> TableName:
    """Create an inference table with rows of the last closed days, unlabelled, with probabilities."""
    table = SCHEMA.table(name)
    signature = Signature((InputColumn("a", "DOUBLE"),), "classification", probability_field="$")
    create_inference_table(sql, table, SCHEMA.table(f"{name}_payload"), signature, "classification")
    sql.execute(
        f"INSERT INTO {table.quoted} SELECT concat('r', id, '_0'), concat('c', id), "  # noqa: S608 - quoted
        f"date_sub(current_date(), 1 + CAST(id % {DAYS} AS INT)) + INTERVAL 1 HOUR, 'churn_1', "
        "CAST(id AS DOUBLE), CASE WHEN id % 2 = 0 THEN '1' ELSE '0' END, "
        "CASE WHEN id % 2 = 0 THEN map('0', 0.25D, '1', 0.75D) ELSE map('0', 0.75D, '1', 0.25D) END, NULL "
        f"FROM (SELECT explode(sequence(0, {DAYS * ROWS_A_DAY - 1})) AS id)"
    )
    return table


def accuracies(sql: SqlClient, table: TableName) -> list[object]:
    """Return the accuracy of each day, newest first."""
    rows = sql.execute(
        f"SELECT accuracy_score FROM {table.quoted[:-1]}_profile_metrics` "  # noqa: S608 - quoted
        "WHERE column_name = ':table' AND model_id = '*' AND slice_key IS NULL AND granularity = '1 day' "
        "ORDER BY `window`.`start` DESC"
    )
    return [row["accuracy_score"] for row in rows]


def test_labels_change_the_windows_they_touch(sql: SqlClient, client: WorkspaceClient) -> None:
    table = predicted(sql, "touched")
    monitors = LakehouseMonitor(SCHEMA.catalog, SCHEMA.schema, client)
    config = {"output_schema": str(SCHEMA), "problem_type": "classification"}
    monitors.create_monitor("touched", **config, label_delay="2 days")  # type: ignore[arg-type]  # texts only
    succeeded(client, str(client.tables.get(str(table)).table_id))
    assert accuracies(sql, table) == [None] * DAYS
    sql.execute(f"CREATE TABLE {SCHEMA.quoted}.truth (client_request_id STRING, label STRING, at TIMESTAMP)")
    sql.execute(
        f"INSERT INTO {SCHEMA.quoted}.truth SELECT client_request_id, "  # noqa: S608 - quoted
        "CASE WHEN `timestamp` >= date_sub(current_date(), 2) THEN '2' ELSE prediction END, "
        f"TIMESTAMP'2026-01-01' FROM {table.quoted} WHERE `timestamp` >= date_sub(current_date(), 4)"
    )
    labelled = merge_labels(sql, table, "truth", on="client_request_id", timestamp_col="at")
    assert labelled == 4 * ROWS_A_DAY
    monitors.refresh_monitor("touched")
    # The rows without labels are neither right nor wrong.
    assert accuracies(sql, table) == [0.0, 0.0, 1.0, 1.0, None, None]
    [layout] = find_layouts(client, SCHEMA, monitor="touched")
    assert layout.label_delay == timedelta(days=2)
    analysis = analyze_drift(sql, layout, days=7)
    assert len(analysis.waiting_for_labels) == 2
    assert analysis.model_quality is None
    sql.execute(
        f"INSERT INTO {SCHEMA.quoted}.truth SELECT client_request_id, prediction, "  # noqa: S608 - quoted
        f"TIMESTAMP'2026-01-02' FROM {table.quoted} WHERE `timestamp` >= date_sub(current_date(), 1)"
    )
    assert merge_labels(sql, table, "truth", on="client_request_id", timestamp_col="at") == ROWS_A_DAY
    monitors.refresh_monitor("touched")
    assert accuracies(sql, table) == [1.0, 0.0, 1.0, 1.0, None, None]
    monitors.create_monitor("touched", **config)  # type: ignore[arg-type]  # texts only
    [layout] = find_layouts(client, SCHEMA, monitor="touched")
    assert layout.label_delay == timedelta(0)


@pytest.mark.usefixtures("sql")
def test_a_delay_that_is_none_is_refused(client: WorkspaceClient) -> None:
    with pytest.raises(InvalidValueError, match="such as '3 days'"):
        LakehouseMonitor(SCHEMA.catalog, SCHEMA.schema, client).create_monitor(
            "touched", str(SCHEMA), problem_type="classification", label_delay="soon"
        )


@pytest.mark.usefixtures("environment")
def test_kept_probabilities_are_scored(sql: SqlClient, client: WorkspaceClient) -> None:
    table = predicted(sql, "scored")
    sql.execute(f"UPDATE {table.quoted} SET label = prediction")  # noqa: S608 - quoted
    client.quality_monitors.create(
        str(table),
        assets_dir="/Workspace/Shared/late_labels",
        output_schema_name=str(SCHEMA),
        inference_log=MonitorInferenceLog(
            timestamp_col="timestamp",
            granularities=["1 day"],
            model_id_col="model_id",
            problem_type=MonitorInferenceLogProblemType.PROBLEM_TYPE_CLASSIFICATION,
            prediction_col="prediction",
            label_col="label",
            prediction_proba_col="prediction_proba",
        ),
    )
    succeeded(client, str(client.tables.get(str(table)).table_id))
    rows = sql.execute(
        f"SELECT DISTINCT round(log_loss, 4) AS log_loss FROM {table.quoted[:-1]}_profile_metrics` "  # noqa: S608
        "WHERE column_name = ':table' AND model_id = '*' AND slice_key IS NULL"
    )
    assert [row["log_loss"] for row in rows] == [0.2877]  # -ln 0.75
    assert from_workspace(str(table)).definition.prediction_proba_column == "prediction_proba"
