from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from databricks_monitoring.clients import SqlClient
from databricks_monitoring.errors import StatementError, TableNotFoundError

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

    from databricks_monitoring.clients import Parameter


@pytest.fixture(scope="module")
def sql(client: WorkspaceClient) -> SqlClient:
    return SqlClient(client)


def test_values_come_back_as_they_went(sql: SqlClient) -> None:
    values: dict[str, Parameter] = {
        "i": 7, "f": 0.5, "b": True, "s": "it's", "d": date(2026, 11, 23),
        "t": datetime(2026, 11, 23, 10, 0, 0, 123456, UTC), "n": None,
    }  # fmt: skip
    rows = sql.execute("SELECT " + ", ".join(f":{name} AS {name}" for name in values), values)
    assert list(rows) == [values]
    assert rows.columns == tuple(values)


def test_nested_values_are_parsed(sql: SqlClient) -> None:
    [row] = sql.execute("SELECT array(1, 2) AS a, map('k', 1.5D) AS m, named_struct('x', 'y') AS s")
    assert row == {"a": [1, 2], "m": {"k": 1.5}, "s": {"x": "y"}}


def test_a_large_result_is_whole(sql: SqlClient) -> None:
    rows = sql.execute("SELECT id, repeat('x', 100) AS text FROM range(120000)")
    assert sum(int(str(row["id"])) for row in rows) == 120000 * 119999 // 2


def test_a_missing_table_names_the_existing(sql: SqlClient) -> None:
    sql.execute("CREATE TABLE IF NOT EXISTS main.default.sql_client_there (a INT)")
    with pytest.raises(TableNotFoundError, match="Did you mean 'sql_client_there'"):
        sql.execute("SELECT * FROM main.default.sql_client_their")


def test_a_failing_statement_raises(sql: SqlClient) -> None:
    with pytest.raises(StatementError, match="DIVIDE_BY_ZERO") as caught:
        sql.execute("SELECT 1 / (id - id) FROM range(1)")
    assert caught.value.error_code == "BAD_REQUEST"


def test_the_workspaces_time_is_aware(sql: SqlClient) -> None:
    assert sql.workspace_time().tzinfo is UTC
