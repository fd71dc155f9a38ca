"""An inference table with a fortnight of payloads, unpacked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_monitoring.names import PAYLOAD_SUFFIX, SchemaName, TableName
from databricks_monitoring.serving.inference_table import create_inference_table, unpack
from databricks_monitoring.serving.signature import InputColumn, Signature
from databricks_monitoring.unity_catalog import ensure_schema

if TYPE_CHECKING:
    from databricks_monitoring.clients import SqlClient

SIGNATURE = Signature((InputColumn("a", "DOUBLE"),), "regression")
_COLUMNS = (
    "databricks_request_id STRING, request_date DATE, client_request_id STRING, request_time TIMESTAMP, "
    "status_code INT, sampling_fraction DOUBLE, execution_duration_ms BIGINT, request STRING, "
    "response STRING, logging_error_codes ARRAY<STRING>, served_entity_id STRING, requester STRING"
)


def fortnight(sql: SqlClient, schema: SchemaName, name: str) -> None:
    """Make the tables of a schema anew: on each of 14 days one payload that is a row and one that failed."""
    table, payload = schema.table(name), schema.table(name + PAYLOAD_SUFFIX)
    ensure_schema(sql.client, schema)
    for found in sql.client.tables.list(schema.catalog, schema.schema):
        sql.execute(f"DROP TABLE {TableName.parse(str(found.full_name)).quoted}")
    sql.execute(f"CREATE TABLE {payload.quoted} ({_COLUMNS})")
    create_inference_table(sql, table, payload, SIGNATURE, "regression")
    sql.execute(
        f"INSERT INTO {table.quoted} (row_id, `timestamp`, model_id, a, prediction) "  # noqa: S608 - quoted
        "SELECT concat('p', d, '_0'), date_sub(current_date(), CAST(d AS INT)), 'm_1', 1.0D, 2.0D "
        "FROM (SELECT explode(sequence(0, 13)) AS d)"
    )
    sql.execute(
        f"INSERT INTO {payload.quoted} (databricks_request_id, request_date, request_time, status_code) "  # noqa: S608
        "SELECT concat(CASE WHEN n % 2 = 0 THEN 'p' ELSE 'f' END, n DIV 2), date_sub(current_date(), "
        "CAST(n DIV 2 AS INT)), date_sub(current_date(), CAST(n DIV 2 AS INT)) + INTERVAL 1 SECOND, "
        "CAST(CASE WHEN n % 2 = 0 THEN 200 ELSE 400 END AS INT) "
        "FROM (SELECT explode(sequence(0, 27)) AS n)"
    )
    unpack(sql, table)
