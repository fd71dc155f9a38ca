from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from databricks.sdk.service.dataquality import AggregationGranularity, DataProfilingConfig, Refresh

from databricks_monitoring.clients import SqlClient
from databricks_monitoring.errors import (
    ColumnNotFoundError,
    ConfigError,
    InvalidValueError,
    InvocationError,
    TableNotFoundError,
    ValidationFailedError,
)
from databricks_monitoring.names import RETAINED_SINCE_PROPERTY, SchemaName, TableName
from databricks_monitoring.serving.inference_table import (
    create_inference_table,
    quarantine_table,
    unpack,
)
from databricks_monitoring.serving.labels import merge_labels
from databricks_monitoring.serving.model_serving_setup import ServingSetup
from databricks_monitoring.serving.retention import delete_expired
from databricks_monitoring.serving.signature import InputColumn, Signature
from databricks_monitoring.serving.validation import validate_inference_table
from databricks_monitoring.unity_catalog import ensure_schema
from tests.contract.monitored import monitor, succeeded

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

    from tests.contract.conftest import Served

SIGNATURE = Signature((InputColumn("a", "DOUBLE"), InputColumn("b", "STRING")), "classification")
COLUMNS = ["Height", "Universe", "Teams", "Magic"]
CHARACTERS: list[dict[str, object]] = [
    {"Height": 1.9, "Universe": "Earth-616", "Teams": 2, "Magic": True},
    {"Height": 1.7, "Universe": None, "Teams": 0, "Magic": False},
    {"Height": None, "Universe": "Earth-65", "Teams": 1, "Magic": True},
]
EXPECTED = [
    {"Height": 1.9, "Universe": "Earth-616", "Teams": 2, "Magic": True, "prediction": "1"},
    {"Height": 1.7, "Universe": None, "Teams": 0, "Magic": False, "prediction": "0"},
    {"Height": None, "Universe": "Earth-65", "Teams": 1, "Magic": True, "prediction": "0"},
]
FORMATS: dict[str, dict[str, object]] = {
    "records": {"dataframe_records": CHARACTERS},
    "split": {"dataframe_split": {"columns": COLUMNS, "data": [list(row.values()) for row in CHARACTERS]}},
    "inputs": {"inputs": {name: [row[name] for row in CHARACTERS] for name in COLUMNS}},
    "instances": {"instances": CHARACTERS},
}


@pytest.fixture(scope="module")
def sql(client: WorkspaceClient) -> SqlClient:
    ensure_schema(client, SCHEMA)
    return SqlClient(client)


SCHEMA = SchemaName("mlops_aut", "inference_tests")


def logged(sql: SqlClient, payload: TableName, at_least: int) -> None:
    """Wait until the endpoint has written its payloads."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = sql.execute(f"SELECT count(*) FROM {payload.quoted}").scalar()  # noqa: S608 - quoted
        if int(str(found)) >= at_least:
            return
        time.sleep(0.5)
    raise AssertionError(f"fewer than {at_least} payloads in {payload}")


def test_every_request_becomes_its_rows_once(served: Served) -> None:
    setup, sql = ServingSetup(served.client), served.sql
    endpoint = served.deployment["endpoint_name"]
    for name, payload in FORMATS.items():
        answer = setup.invoke_endpoint(endpoint, payload, client_request_id=f"once-{name}")
        assert answer["predictions"] == [1, 0, 0]
    short = {"dataframe_records": [{**CHARACTERS[0], "Universe": "lose one"}] * 2}
    setup.invoke_endpoint(endpoint, short, client_request_id="once-short")
    with pytest.raises(InvocationError):
        setup.invoke_endpoint(endpoint, {"dataframe_records": [{**CHARACTERS[0], "Universe": "refuse"}]})
    logged(sql, TableName.parse(served.deployment["payload_table"]), 6)

    first = unpack(sql, served.table)
    again = unpack(sql, served.table)

    assert first.payloads_read >= 6
    assert (again.rows_added, again.payloads_quarantined) == (0, 0)
    rows = sql.execute(
        f"SELECT * FROM {served.table.quoted} WHERE client_request_id LIKE 'once-%' ORDER BY row_id"  # noqa: S608
    )
    assert Counter(str(row["client_request_id"]) for row in rows) == {f"once-{name}": 3 for name in FORMATS}
    for name in FORMATS:
        mine = [row for row in rows if row["client_request_id"] == f"once-{name}"]
        assert [{column: row[column] for column in [*COLUMNS, "prediction"]} for row in mine] == EXPECTED
        assert [str(row["row_id"]).rpartition("_")[2] for row in mine] == ["0", "1", "2"]
    assert {row["model_id"] for row in rows} == {"tall_1"}
    assert {row["label"] for row in rows} == {None}
    quarantined = sql.execute(
        f"SELECT reason, client_request_id FROM {quarantine_table(served.table).quoted}"  # noqa: S608 - quoted
    )
    reasons = Counter(str(row["reason"]) for row in quarantined)
    assert reasons["count_mismatch"] == 1
    assert reasons["failed"] >= 1


def test_labels_arrive_late_and_are_corrected(served: Served) -> None:
    setup, sql = ServingSetup(served.client), served.sql
    endpoint = served.deployment["endpoint_name"]
    payload = TableName.parse(served.deployment["payload_table"])
    before = int(str(sql.execute(f"SELECT count(*) FROM {payload.quoted}").scalar()))  # noqa: S608 - quoted
    setup.invoke_endpoint(endpoint, FORMATS["records"], client_request_id="late")
    logged(sql, payload, before + 1)
    unpack(sql, served.table)
    labels = served.table.parent.table("labels")
    sql.execute(
        f"CREATE OR REPLACE TABLE {labels.quoted} "
        "(client_request_id STRING, position INT, alive INT, at TIMESTAMP)"
    )
    sql.execute(
        f"INSERT INTO {labels.quoted} VALUES "  # noqa: S608 - quoted
        "('late', 0, 1, TIMESTAMP'2026-01-01'), ('late', 2, NULL, NULL)"
    )

    def merge(**changes: str) -> int:
        return merge_labels(
            sql,
            served.table,
            "labels",
            on="client_request_id",
            label_col="alive",
            position_col="position",
            **changes,
        )

    def labelled() -> list[object]:
        found = sql.execute(
            f"SELECT label FROM {served.table.quoted} WHERE client_request_id = 'late' ORDER BY row_id"  # noqa: S608
        )
        return [row["label"] for row in found]

    assert (merge(), labelled()) == (1, ["1", None, None])
    assert merge() == 0
    sql.execute(
        f"INSERT INTO {labels.quoted} VALUES "  # noqa: S608 - quoted
        "('late', 0, 0, TIMESTAMP'2026-01-02'), ('late', 1, 1, TIMESTAMP'2026-01-02')"
    )
    with pytest.raises(ConfigError, match="timestamp_col"):
        merge()
    assert (merge(timestamp_col="at"), labelled()) == (2, ["0", "1", None])
    with pytest.raises(ColumnNotFoundError, match="alive"):
        merge_labels(sql, served.table, labels, on="client_request_id", label_col="alife")
    with pytest.raises(TableNotFoundError, match="Did you mean"):
        merge_labels(sql, served.table, "lables", on="client_request_id")


def test_what_is_in_order_is_said(served: Served) -> None:
    found = validate_inference_table(served.client, served.table)
    assert found["endpoint"] == served.deployment["endpoint_name"]
    assert found["columns of the model"] == ", ".join(COLUMNS)


def test_faults_are_listed_together(sql: SqlClient) -> None:
    table, payload = SCHEMA.table("faulty"), SCHEMA.table("faulty_payload")
    create_inference_table(sql, table, payload, SIGNATURE, "classification")
    sql.execute(f"ALTER TABLE {table.quoted} SET TBLPROPERTIES ('delta.enableChangeDataFeed' = 'false')")
    with pytest.raises(ValidationFailedError) as caught:
        validate_inference_table(sql.client, table)
    assert [finding.split()[1] for finding in caught.value.findings] == ["change", "payload", "endpoint"]
    with pytest.raises(ConfigError, match="not an inference table"):
        validate_inference_table(sql.client, quarantine_table(table))


def test_a_payload_table_that_is_not_there_is_named(sql: SqlClient) -> None:
    table = SCHEMA.table("waiting")
    create_inference_table(sql, table, SCHEMA.table("waiting_payload"), SIGNATURE, "classification")
    with pytest.raises(TableNotFoundError, match="waiting_payload"):
        unpack(sql, table)


def test_a_newer_model_may_bring_columns(sql: SqlClient) -> None:
    table, payload = SCHEMA.table("growing"), SCHEMA.table("growing_payload")
    assert create_inference_table(sql, table, payload, SIGNATURE, "regression")
    assert not create_inference_table(sql, table, payload, SIGNATURE, "regression")
    wider = Signature((*SIGNATURE.inputs, InputColumn("c", "BIGINT")), "regression")
    create_inference_table(sql, table, payload, wider, "regression")
    assert sql.execute(f"SELECT * FROM {table.quoted}").columns == (  # noqa: S608 - quoted
        "row_id", "client_request_id", "timestamp", "model_id", "a", "b", "prediction", "label", "c",
    )  # fmt: skip
    other = Signature((InputColumn("a", "STRING"),), "regression")
    with pytest.raises(InvalidValueError, match="column a"):
        create_inference_table(sql, table, payload, other, "regression")


def test_payloads_of_the_older_kind(sql: SqlClient) -> None:
    table, payload = SCHEMA.table("legacy"), SCHEMA.table("legacy_payload")
    sql.execute(
        f"CREATE TABLE {payload.quoted} (client_request_id STRING, databricks_request_id STRING, "
        "`date` DATE, timestamp_ms BIGINT, status_code INT, sampling_fraction DOUBLE, "
        "execution_time_ms BIGINT, request STRING, response STRING, request_metadata MAP<STRING, STRING>)"
    )
    for number, body in enumerate(('{"inputs": {"a": [1.5], "b": ["x"]}}', '{"inputs": 3}')):
        sql.execute(
            f"INSERT INTO {payload.quoted} SELECT NULL, :id, DATE'2025-06-01', "
            '1748772000000, 200, 1.0D, 3, :body, \'{"predictions": ["yes"]}\', '
            "map('model_name', 'main.s.churn', 'model_version', '4')",
            {"id": f"old{number}", "body": body},
        )
    create_inference_table(sql, table, payload, SIGNATURE, "classification")
    done = unpack(sql, table)
    assert (done.rows_added, done.payloads_read, done.payloads_quarantined) == (1, 2, 1)
    [row] = sql.execute(f"SELECT * FROM {table.quoted}")  # noqa: S608 - quoted
    assert (row["row_id"], row["model_id"], row["a"], row["prediction"]) == ("old0_0", "churn_4", 1.5, "yes")
    assert str(row["timestamp"]) == "2025-06-01 10:00:00+00:00"
    expired = delete_expired(sql, table, 90)
    assert (expired.payloads, expired.rows, expired.quarantined) == (2, 1, 1)
    expired = delete_expired(sql, table, 90)
    assert (expired.payloads, expired.rows, expired.quarantined) == (0, 0, 0)
    # A payload that is delivered again, or ever so late, must not bring back what was deleted.
    sql.execute(
        f"INSERT INTO {payload.quoted} (databricks_request_id, `date`, timestamp_ms, status_code) "  # noqa: S608
        "VALUES ('old0', DATE'2025-06-01', 1748772000000, 200)"
    )
    again = unpack(sql, table)
    assert (again.rows_added, again.payloads_quarantined) == (0, 0)


def test_retention_of_no_day_is_refused(sql: SqlClient) -> None:
    with pytest.raises(InvalidValueError, match="retention_days"):
        delete_expired(sql, SCHEMA.table("never_read"), 0)


RETENTION_DAYS = 9
ROWS_A_DAY = 6


@pytest.fixture
def retained(sql: SqlClient) -> TableName:
    """Create a monitored inference table with three weeks of rows."""
    table = SCHEMA.table("retained")
    create_inference_table(sql, table, SCHEMA.table("retained_payload"), SIGNATURE, "classification")
    sql.execute(
        f"INSERT INTO {table.quoted} SELECT concat('r', id), NULL, "  # noqa: S608 - quoted
        "date_sub(current_date(), CAST(id % 21 AS INT)) + INTERVAL 1 SECOND, 'churn_1', CAST(id AS DOUBLE), "
        "'x', 'yes', NULL FROM (SELECT explode(sequence(0, :last)) AS id)",
        {"last": 21 * ROWS_A_DAY - 1},
    )
    config = DataProfilingConfig.from_dict(
        {
            "output_schema_id": sql.client.schemas.get(str(SCHEMA)).schema_id,
            "skip_builtin_dashboard": True,
            "inference_log": {
                "problem_type": "INFERENCE_PROBLEM_TYPE_CLASSIFICATION",
                "timestamp_column": "timestamp",
                "granularities": [
                    AggregationGranularity.AGGREGATION_GRANULARITY_1_DAY.value,
                    AggregationGranularity.AGGREGATION_GRANULARITY_1_WEEK.value,
                ],
                "prediction_column": "prediction",
                "model_id_column": "model_id",
                "label_column": "label",
            },
        }
    )
    table_id = str(sql.client.tables.get(str(table)).table_id)
    monitor(sql.client, table_id, config)
    succeeded(sql.client, table_id)
    return table


def refreshed(sql: SqlClient, table: TableName) -> str:
    """Refresh a monitor and return what the refresh says."""
    table_id = str(sql.client.tables.get(str(table)).table_id)
    sql.client.data_quality.create_refresh("table", table_id, Refresh("table", table_id))
    return succeeded(sql.client, table_id).message or ""


def metrics(sql: SqlClient, table: TableName, kind: str) -> list[str]:
    found = sql.execute(f"SELECT * FROM {table.quoted[:-1]}_{kind}_metrics`")  # noqa: S608 - quoted
    return sorted(map(repr, found))


def test_metrics_outlive_the_rows_that_retention_deletes(sql: SqlClient, retained: TableName) -> None:
    before = {kind: metrics(sql, retained, kind) for kind in ("profile", "drift")}
    sql.execute(
        f"INSERT INTO {quarantine_table(retained).quoted} (databricks_request_id, request_time) "  # noqa: S608
        "VALUES ('old', current_date() - INTERVAL 12 DAYS), ('new', current_timestamp())"
    )

    deleted = delete_expired(sql, retained, RETENTION_DAYS)

    assert (deleted.rows, deleted.quarantined) == (ROWS_A_DAY * (20 - RETENTION_DAYS), 1)
    assert (deleted.payloads, deleted.kept_payloads) == (0, 0)  # that table is not there
    today = datetime.combine(sql.workspace_time().date(), datetime.min.time(), UTC)
    cut = today - timedelta(days=RETENTION_DAYS)
    assert (sql.client.tables.get(str(retained)).properties or {})[RETAINED_SINCE_PROPERTY] == cut.isoformat()
    message = refreshed(sql, retained)
    assert f"before {cut:%Y-%m-%d} 00:00 UTC keep their metrics" in message
    assert {kind: metrics(sql, retained, kind) for kind in ("profile", "drift")} == before
    # What is left of a week is not taken for the week.
    weeks = sql.execute(
        f"SELECT sum(count) AS n FROM {retained.quoted[:-1]}_profile_metrics` "  # noqa: S608 - quoted
        "WHERE granularity = '1 week' AND column_name = ':table' AND model_id = '*'"
    )
    assert weeks.scalar() == 21 * ROWS_A_DAY

    assert delete_expired(sql, retained, RETENTION_DAYS + 5).rows == 0
    assert (sql.client.tables.get(str(retained)).properties or {})[RETAINED_SINCE_PROPERTY] == cut.isoformat()
    sql.execute(
        f"INSERT INTO {retained.quoted} (row_id, `timestamp`, model_id, a, prediction) "  # noqa: S608 - quoted
        "VALUES ('late', current_date() - INTERVAL 15 DAYS, 'churn_1', 1.0D, 'yes')"
    )
    assert "leave out rows that came or changed late: 1 of 1 day, 1 of 1 week." in refreshed(sql, retained)
    assert {kind: metrics(sql, retained, kind) for kind in ("profile", "drift")} == before
