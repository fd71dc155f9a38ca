"""Retention as a job step: what it deletes, what it keeps, and what it says."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest

from databricks_monitoring.clients import SqlClient
from databricks_monitoring.names import SchemaName, TableName
from databricks_monitoring.scripts import apply_retention
from databricks_monitoring.serving.inference_table import quarantine_table, unpack
from databricks_monitoring.serving.retention import delete_expired
from tests.contract.payload_days import fortnight

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

pytestmark = pytest.mark.usefixtures("environment")

SCHEMA = SchemaName("main", "retention")
PAYLOAD = SCHEMA.table("kept_payload")
TABLE = SCHEMA.table("kept")
WHERE = ["--catalog", "main", "--schema", "retention"]
DAYS = 10


@pytest.fixture
def sql(client: WorkspaceClient) -> SqlClient:
    """Return SQL, with an inference table and two payloads a day in the schema."""
    found = SqlClient(client)
    fortnight(found, SCHEMA, TABLE.name)
    return found


def log(sql: SqlClient, identifier: str, day: int) -> None:
    sql.execute(
        f"INSERT INTO {PAYLOAD.quoted} (databricks_request_id, request_date, request_time, status_code, "
        "request, response) SELECT :id, date_sub(current_date(), CAST(:day AS INT)), "
        "date_sub(current_date(), CAST(:day AS INT)) + INTERVAL 1 SECOND, 200, "
        '\'{"inputs": {"a": [1.0]}}\', \'{"predictions": [2.0]}\'',
        {"id": identifier, "day": day},
    )


def count(sql: SqlClient, table: TableName) -> int:
    return int(str(sql.execute(f"SELECT count(*) FROM {table.quoted}").scalar()))  # noqa: S608 - quoted


def test_what_is_older_goes_from_all_three_tables_and_only_once(sql: SqlClient) -> None:
    told: list[str] = []
    done = delete_expired(sql, TABLE, DAYS, told=told.append)
    assert (done.payloads, done.rows, done.quarantined, done.held_back) == (6, 3, 3, None)
    assert (done.kept_payloads, done.kept_rows) == (22, 11)
    assert done.before.date() == sql.workspace_time().date() - timedelta(days=DAYS)
    assert "6 payloads, 3 rows and 3 quarantined payloads" in done.words()
    assert any(f"{PAYLOAD}: 6 rows deleted" in words for words in told)
    again = delete_expired(sql, TABLE, DAYS)
    assert (again.payloads, again.rows, again.quarantined) == (0, 0, 0)
    assert unpack(sql, TABLE).rows_added == 0


def test_the_files_go_as_well(sql: SqlClient) -> None:
    tables = (PAYLOAD, TABLE, quarantine_table(TABLE))
    for table in tables:
        # Seven days otherwise, for whoever still reads them.
        sql.execute(
            f"ALTER TABLE {table.quoted} SET TBLPROPERTIES ('delta.deletedFileRetentionDuration' = "
            "'interval 0 hours')"
        )
    delete_expired(sql, TABLE, DAYS)
    for table in tables:
        info = sql.client.tables.get(str(table))
        folder = Path(unquote(urlsplit(str(info.storage_location)).path))
        # Of what DELETE rewrote nothing is left but what the table has now.
        present = {path.name for path in folder.glob("*.parquet")}
        [detail] = sql.execute(f"DESCRIBE DETAIL {table.quoted}")
        assert len(present) == detail["numFiles"]


def test_a_payload_that_is_not_unpacked_is_kept_and_all_that_is_newer(sql: SqlClient) -> None:
    log(sql, "late", 12)
    done = delete_expired(sql, TABLE, DAYS)
    late = sql.workspace_time().date() - timedelta(days=12)
    assert done.held_back == late == done.before.date()
    assert (done.payloads, done.rows) == (2, 1)
    assert f"From {late} on everything is kept" in done.words()
    unpack(sql, TABLE)
    ids = {row["row_id"] for row in sql.execute(f"SELECT row_id FROM {TABLE.quoted}")}  # noqa: S608 - quoted
    assert ids >= {"p12_0", "p11_0"}
    assert "p13_0" not in ids
    done = delete_expired(sql, TABLE, DAYS)
    assert done.held_back is None
    assert done.payloads == 5
    assert count(sql, PAYLOAD) == 22


def test_the_command(sql: SqlClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.yml"
    tables = {"aut": f"{{name: kept, retention_days: {DAYS}}}", "dev": "{name: kept}"}
    config.write_text(
        "model: {name: m, type: regression}\nenvironments:\n"
        + "".join(
            f"  {name}:\n    serving: {{endpoint_name: m-serving}}\n    inference_table: {table}\n"
            for name, table in tables.items()
        ),
        encoding="utf-8",
    )
    configured = [*WHERE, "--config", str(config), "--environment"]
    assert apply_retention.main([*configured, "aut"]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("main.retention.kept: 6 payloads, 3 rows and 3 quarantined payloads")
    assert "removing files" in shown.err
    assert apply_retention.main([*WHERE, "--table", "kept", "--days", "5"]) == 0
    assert capsys.readouterr().out.startswith("main.retention.kept: 10 payloads, 5 rows")
    assert count(sql, TABLE) == 6

    assert apply_retention.main([*configured, "dev"]) == 2
    assert "retention_days" in capsys.readouterr().err
    assert apply_retention.main(WHERE) == 2
    assert "--table" in capsys.readouterr().err
    assert apply_retention.main([*WHERE, "--table", "kept"]) == 2
    assert apply_retention.main([*WHERE, "--table", "kepd", "--days", "5"]) == 1
    assert "Did you mean 'kept'" in capsys.readouterr().err
    assert apply_retention.main([*WHERE, "--table", "kept_payload", "--days", "5"]) == 2
    assert "not an inference table" in capsys.readouterr().err
    for wrong in ("0", "2.5", "some"):
        with pytest.raises(SystemExit) as ended:
            apply_retention.main([*WHERE, "--table", "kept", "--days", wrong])
        assert ended.value.code == 2
