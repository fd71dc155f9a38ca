from __future__ import annotations

from pathlib import Path

import pytest
import sqlglot

from databricks_monitoring.errors import ConfigError
from databricks_monitoring.names import TableName
from databricks_monitoring.serving.payload_sql import merge_quarantine_statement, merge_rows_statement

GOLDEN = Path(__file__).parents[2] / "golden" / "sql"
TABLE = TableName("main", "sales", "inference_logs")
PAYLOAD = TableName("main", "sales", "inference_logs_payload")
GATEWAY = ["databricks_request_id", "request_date", "request_time", "status_code", "request", "response"]
LEGACY = ["databricks_request_id", "date", "timestamp_ms", "status_code", "request", "response"]
INPUTS = {
    "Height": "DOUBLE",
    "Teams": "BIGINT",
    "Magic": "BOOLEAN",
    "it's `odd`": "STRING",
    "since": "TIMESTAMP",
}


def statements() -> dict[str, str]:
    def rows(columns: list[str], kind: str, field: str | None) -> str:
        return merge_rows_statement(
            TABLE, PAYLOAD, columns, inputs=INPUTS, prediction_type=kind, prediction_field=field
        )

    quarantine = TABLE.parent.table("inference_logs_quarantine")
    return {
        "unpack_rows": rows(GATEWAY, "STRING", "prediction"),
        "unpack_rows_legacy": rows(LEGACY, "DOUBLE", None),
        "unpack_quarantine": merge_quarantine_statement(quarantine, TABLE, PAYLOAD, GATEWAY),
    }


@pytest.mark.parametrize("name", ["unpack_rows", "unpack_rows_legacy", "unpack_quarantine"])
def test_the_statement_is_as_reviewed(name: str, request: pytest.FixtureRequest) -> None:
    path = GOLDEN / f"{name}.sql"
    found = statements()[name] + "\n"
    if request.config.getoption("--update", default=False):
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["unpack_rows", "unpack_rows_legacy", "unpack_quarantine"])
def test_the_statement_is_databricks_sql(name: str) -> None:
    [tree] = sqlglot.parse(statements()[name], dialect="databricks")
    assert isinstance(tree, sqlglot.exp.Merge)


@pytest.mark.parametrize(("columns", "says"), [(["event_time"], "Unity AI Gateway"), (["x"], "neither")])
def test_another_table_is_refused(columns: list[str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        merge_quarantine_statement(TABLE, TABLE, PAYLOAD, columns)
