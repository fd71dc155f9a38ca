"""What `validate_inference_table` says in situations that users meet, and how it exits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from databricks.sdk.service.serving import AiGatewayInferenceTableConfig

from databricks_monitoring.clients import SqlClient
from databricks_monitoring.names import SchemaName, TableName
from databricks_monitoring.scripts import validate_inference_table as command
from databricks_monitoring.serving.inference_table import create_inference_table, unpack
from databricks_monitoring.serving.label_delay import keep_delay
from databricks_monitoring.serving.model_serving_setup import ServingSetup
from databricks_monitoring.serving.signature import InputColumn, Signature
from databricks_monitoring.serving.validation import Inspection, inspect_inference_table
from databricks_monitoring.unity_catalog import ensure_schema
from tests.contract.conftest import MODEL

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

    from tests.contract.conftest import Served

SCHEMA = SchemaName("mlops_aut", "validated")
SIGNATURE = Signature((InputColumn("a", "DOUBLE"), InputColumn("b", "STRING")), "classification")
GOOD = {"dataframe_records": [{"a": 1, "b": "x"}]}


@pytest.fixture(scope="module")
def sql(client: WorkspaceClient) -> SqlClient:
    ensure_schema(client, SCHEMA)
    return SqlClient(client)


def logged(sql: SqlClient, name: str) -> TableName:
    """Create an inference table whose payload table anyone may write; no endpoint logs to it."""
    table, payload = SCHEMA.table(name), SCHEMA.table(f"{name}_payload")
    sql.execute(
        f"CREATE TABLE {payload.quoted} (databricks_request_id STRING, client_request_id STRING, `date` "
        "DATE, timestamp_ms BIGINT, status_code INT, request STRING, response STRING, "
        "request_metadata MAP<STRING, STRING>)"
    )
    create_inference_table(sql, table, payload, SIGNATURE, "classification")
    return table


def put(  # noqa: PLR0917 - one argument a column
    sql: SqlClient,
    table: TableName,
    number: int,
    hours_ago: int,
    status: int,
    request: object,
    response: object,
) -> None:
    """Log as many requests as `number` says."""
    sql.execute(
        f"INSERT INTO {table.quoted[:-1]}_payload` "  # noqa: S608 - quoted
        "SELECT uuid(), NULL, CAST(t.at AS DATE), unix_millis(t.at), :status, :request, :response, "
        "map('model_name', 'main.s.churn', 'model_version', '4') "
        "FROM (SELECT current_timestamp() - CAST(:hours AS INT) * INTERVAL 1 HOUR AS at, "
        "explode(sequence(1, :number)) AS n) AS t",
        {
            "number": number,
            "hours": hours_ago,
            "status": status,
            "request": json.dumps(request),
            "response": json.dumps(response),
        },
    )


def inspected(sql: SqlClient, table: TableName) -> Inspection:
    return inspect_inference_table(sql.client, table)


def faults(sql: SqlClient, table: TableName) -> str:
    """Return the faults but that no endpoint logs, which is true of all these tables."""
    found = inspected(sql, table).faults
    assert any(fault.startswith("no endpoint logs to") for fault in found)
    return "\n".join(fault for fault in found if not fault.startswith("no endpoint logs to"))


def test_before_the_first_request(sql: SqlClient) -> None:
    table = logged(sql, "silent")
    assert not faults(sql, table)
    [warning] = inspected(sql, table).warnings
    assert warning.startswith("no traffic yet")
    assert "Send a request" in warning


def test_requests_that_all_fail(sql: SqlClient) -> None:
    table = logged(sql, "failing")
    put(sql, table, 40, 30, 200, GOOD, {"predictions": ["yes"]})
    put(sql, table, 3, 2, 400, GOOD, {"error_code": "BAD_REQUEST", "message": "column a is missing"})
    put(sql, table, 1, 2, 500, GOOD, {"error_code": "INTERNAL_ERROR", "message": "out of memory"})
    unpack(sql, table)
    found = faults(sql, table)
    assert "only errors: all 4 requests since" in found
    assert "most often status 400, 'column a is missing'" in found


def test_a_quarantine_that_grows(sql: SqlClient) -> None:
    table = logged(sql, "growing")
    put(sql, table, 50, 40, 200, GOOD, {"predictions": ["yes"]})
    put(sql, table, 20, 3, 200, GOOD, {"predictions": ["yes"]})
    put(sql, table, 6, 2, 200, {"dataframe_records": [{"a": "one"}]}, {"predictions": ["yes"]})
    put(sql, table, 4, 2, 200, GOOD, {"predictions": []})
    unpack(sql, table)
    found = faults(sql, table)
    assert "quarantine grows: 10 of 30 requests since" in found
    assert "(0.0% before)" in found
    assert "uncastable 6 (values are not of their column's type" in found
    assert "for example a: one is no DOUBLE" in found


def test_requests_that_nobody_unpacks(sql: SqlClient) -> None:
    table = logged(sql, "waiting")
    put(sql, table, 2, 30, 200, GOOD, {"predictions": ["yes"]})
    assert "late by 1,800 minutes" in faults(sql, table)
    unpack(sql, table)
    assert not faults(sql, table)
    put(sql, table, 2, 1, 200, GOOD, {"predictions": ["yes"]})
    assert not faults(sql, table)


def test_what_is_in_quarantine_waits_for_nobody(sql: SqlClient) -> None:
    table = logged(sql, "judged")
    put(sql, table, 1, 60, 200, GOOD, {"predictions": ["yes"]})
    put(sql, table, 1, 50, 200, GOOD, {"predictions": ["yes", "no"]})
    put(sql, table, 1, 49, 200, {"inputs": {"a": [], "b": []}}, {"predictions": []})
    assert "late by 3,600 minutes" in faults(sql, table)
    unpack(sql, table)
    assert not faults(sql, table)


def test_a_payload_that_is_older_than_the_newest_row_may_be_late(sql: SqlClient) -> None:
    table = logged(sql, "overtaken")
    put(sql, table, 1, 1, 200, GOOD, {"predictions": ["yes"]})
    unpack(sql, table)
    put(sql, table, 1, 100, 200, GOOD, {"predictions": ["yes"]})
    assert "late by 6,000 minutes" in faults(sql, table)


def test_labels_that_do_not_come(sql: SqlClient) -> None:
    table = logged(sql, "unlabelled")
    put(sql, table, 2, 30, 200, GOOD, {"predictions": ["yes"]})
    put(sql, table, 1, 2, 200, GOOD, {"predictions": ["yes"]})
    unpack(sql, table)
    keep_delay(sql, sql.client.tables.get(str(table)), table, "1 day")
    found = inspected(sql, table)
    assert found.facts["labels"] == "0 of 3 rows; 0 of the 2 that are due"
    assert any(warning.startswith("no labels: none of the 2 rows older than") for warning in found.warnings)
    sql.execute(
        f"UPDATE {table.quoted} SET label = 'yes' "  # noqa: S608 - quoted
        "WHERE `timestamp` < current_timestamp() - INTERVAL 1 DAY"
    )
    assert not [warning for warning in inspected(sql, table).warnings if warning.startswith("no labels")]


@pytest.mark.usefixtures("environment")
def test_columns_that_do_not_fit_the_baseline(
    sql: SqlClient,
    client: WorkspaceClient,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from databricks_monitoring.monitoring.lakehouse_monitor import LakehouseMonitor  # noqa: PLC0415

    table = logged(sql, "compared")
    put(sql, table, 3, 2, 200, {"dataframe_records": [{"a": 1}]}, {"predictions": ["yes"]})
    unpack(sql, table)
    sql.execute(f"ALTER TABLE {table.quoted} ADD COLUMNS (c STRING)")
    sql.execute(
        f"CREATE TABLE {SCHEMA.quoted}.base AS SELECT 'x' AS a, 'x' AS b, 1.5D AS gone, 'yes' AS prediction"
    )
    LakehouseMonitor(SCHEMA.catalog, SCHEMA.schema, client).create_monitor(
        "compared", output_schema=str(SCHEMA), problem_type="classification", baseline_table="base",
        label_delay="2 days",
    )  # fmt: skip
    found = faults(sql, table)
    assert "column gone is missing: the baseline" in found
    assert "column a is DOUBLE here and STRING in the baseline" in found
    assert "column b is missing from the requests: none of the 3 newest rows has a value" in found
    assert any("column c is not in the baseline" in warning for warning in inspected(sql, table).warnings)
    where = ["--catalog", SCHEMA.catalog, "--schema", SCHEMA.schema, "--table", "compared"]
    assert command.main(where) == 1
    printed = capsys.readouterr()
    assert "requests" in printed.out
    assert "warning: column c is not in the baseline" in printed.err
    assert "column gone is missing" in printed.err


def test_an_endpoint_that_has_stopped_logging(served: Served) -> None:
    endpoint = served.deployment["endpoint_name"]
    config = served.client.serving_endpoints.get(endpoint).ai_gateway
    assert config is not None
    assert config.inference_table_config is not None
    off = AiGatewayInferenceTableConfig.from_dict(
        {**config.inference_table_config.as_dict(), "enabled": False}
    )
    served.client.serving_endpoints.put_ai_gateway(endpoint, inference_table_config=off)
    try:
        found = inspect_inference_table(served.client, served.table).faults
    finally:
        served.client.serving_endpoints.put_ai_gateway(
            endpoint, inference_table_config=config.inference_table_config
        )
    assert any(fault.startswith(f"capture is off: endpoint {endpoint}") for fault in found)
    assert not inspect_inference_table(served.client, served.table).faults


def test_of_two_endpoints_one_that_logs_is_enough(served: Served) -> None:
    setup, endpoint = ServingSetup(served.client), served.deployment["endpoint_name"]
    where = {
        "catalog": served.table.catalog, "schema": served.table.schema, "table_name": served.table.name,
        "enabled": True,
    }  # fmt: skip
    # Among the endpoints in the order of their names, before and after the other.
    names = ["a-second", "z-second"]
    for name in names:
        setup.create_endpoint(name, str(MODEL), "1", inference_table_config=where)
        setup.disable_inference_table(name)
    try:
        assert not inspect_inference_table(served.client, served.table).faults
        setup.disable_inference_table(endpoint)
        assert "capture is off" in "".join(inspect_inference_table(served.client, served.table).faults)
    finally:
        setup.enable_inference_table(endpoint, served.table.catalog, served.table.schema, served.table.name)
        for name in names:
            setup.delete_endpoint(name)


def test_a_payload_table_that_was_dropped(
    client: WorkspaceClient, tall_model: TableName, sql: SqlClient
) -> None:
    setup, table, payload = ServingSetup(client), SCHEMA.table("lost"), SCHEMA.table("lost_payload")
    where = {"catalog": SCHEMA.catalog, "schema": SCHEMA.schema, "table_name": "lost", "enabled": True}
    setup.create_endpoint("lost-payloads", str(tall_model), "1", inference_table_config=where)
    try:
        create_inference_table(sql, table, payload, SIGNATURE, "classification")
        assert not inspected(sql, table).faults
        sql.execute(f"DROP TABLE {payload.quoted}")
        [fault] = inspected(sql, table).faults
        assert f"{payload} does not exist, although endpoint lost-payloads logs to it" in fault
        assert "disable the endpoint's inference table and enable it again" in fault
        setup.disable_inference_table("lost-payloads")
        setup.enable_inference_table("lost-payloads", SCHEMA.catalog, SCHEMA.schema, "lost")
        assert not inspected(sql, table).faults
    finally:
        setup.delete_endpoint("lost-payloads")
