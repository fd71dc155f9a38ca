"""Statements and the warehouse through the SDK: states, chunks, links, limits, cancellation."""

from __future__ import annotations

import csv
import io
import json
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from databricks.sdk.errors import (
    BadRequest,
    InvalidParameterValue,
    NotFound,
    PermissionDenied,
)
from databricks.sdk.errors import NotImplemented as NotServed
from databricks.sdk.service.sql import (
    ColumnInfoTypeName,
    Disposition,
    ExecuteStatementRequestOnWaitTimeout,
    Format,
    ServiceErrorCode,
    State,
    StatementParameterListItem,
    StatementState,
)

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.service.sql import StatementResponse

    from tests.conftest import RunningWorkspace

WAREHOUSE = "local"
ENDLESS = "SELECT count(*) FROM range(10000000) a CROSS JOIN range(10000000) b WHERE (a.id * b.id) % 7 = -1"


def wait_for(client: WorkspaceClient, statement_id: str, *, seconds: float = 20) -> StatementResponse:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        response = client.statement_execution.get_statement(statement_id)
        assert response.status is not None
        if response.status.state not in {StatementState.PENDING, StatementState.RUNNING}:
            return response
        time.sleep(0.02)
    pytest.fail("the statement did not end")


def state(response: StatementResponse) -> StatementState | None:
    assert response.status is not None
    return response.status.state


def test_the_manifest_describes_what_the_rows_hold(client: WorkspaceClient) -> None:
    response = client.statement_execution.execute_statement(
        "SELECT id, id / 2 AS half, NULL AS nothing, array(id) AS many, DATE '2026-01-02' AS day, "
        "double('NaN') AS nan FROM range(:n) ORDER BY id",
        WAREHOUSE,
        parameters=[StatementParameterListItem(name="n", value="2", type="INT")],
    )
    assert state(response) is StatementState.SUCCEEDED
    assert response.manifest is not None
    assert response.manifest.schema is not None
    columns = response.manifest.schema.columns or []
    assert [column.type_name for column in columns] == [
        ColumnInfoTypeName.LONG,
        ColumnInfoTypeName.DOUBLE,
        ColumnInfoTypeName.NULL,
        ColumnInfoTypeName.ARRAY,
        ColumnInfoTypeName.DATE,
        ColumnInfoTypeName.DOUBLE,
    ]
    assert response.result is not None
    assert response.result.data_array == [
        ["0", "0.0", None, "[0]", "2026-01-02", "NaN"],
        ["1", "0.5", None, "[1]", "2026-01-02", "NaN"],
    ]
    assert response.result.next_chunk_index is None
    assert response.manifest.truncated is False


def test_chunks_join_to_the_whole_result(client: WorkspaceClient) -> None:
    response = client.statement_execution.execute_statement(
        "SELECT id FROM range(12345) ORDER BY id", WAREHOUSE
    )
    assert response.manifest is not None
    assert response.manifest.total_row_count == 12345
    assert (response.manifest.total_chunk_count or 0) > 1
    chunk = response.result
    rows: list[list[str]] = []
    while chunk is not None:
        assert chunk.row_offset == len(rows)
        rows += chunk.data_array or []
        if chunk.next_chunk_index is None:
            break
        assert chunk.next_chunk_internal_link == (
            f"/api/2.0/sql/statements/{response.statement_id}/result/chunks/{chunk.next_chunk_index}"
        )
        chunk = client.statement_execution.get_statement_result_chunk_n(
            str(response.statement_id), chunk.next_chunk_index
        )
    assert [int(row[0]) for row in rows] == list(range(12345))
    with pytest.raises(InvalidParameterValue, match="99"):
        client.statement_execution.get_statement_result_chunk_n(str(response.statement_id), 99)


def test_a_statement_without_rows_succeeds(client: WorkspaceClient) -> None:
    for statement in ("SELECT id FROM range(0)", "CREATE SCHEMA IF NOT EXISTS main.statements"):
        response = client.statement_execution.execute_statement(statement, WAREHOUSE)
        assert state(response) is StatementState.SUCCEEDED
        assert response.result is not None
        assert not response.result.data_array
        assert response.manifest is not None
        assert response.manifest.total_row_count == 0


def test_a_failing_statement_answers_200_with_its_error(client: WorkspaceClient) -> None:
    response = client.statement_execution.execute_statement("SELECT * FROM nowhere_to_be_found", WAREHOUSE)
    assert state(response) is StatementState.FAILED
    assert response.status is not None
    assert response.status.error is not None
    assert response.status.error.error_code is ServiceErrorCode.BAD_REQUEST
    assert "TABLE_OR_VIEW_NOT_FOUND" in str(response.status.error.message)
    assert response.status.sql_state == "42P01"
    assert response.result is None
    with pytest.raises(NotFound):
        client.statement_execution.get_statement_result_chunk_n(str(response.statement_id), 0)


def test_names_belong_to_the_catalog_and_schema_of_the_request(client: WorkspaceClient) -> None:
    run = client.statement_execution.execute_statement
    run("CREATE SCHEMA IF NOT EXISTS main.named", WAREHOUSE)
    run("CREATE OR REPLACE TABLE main.named.t AS SELECT 7 AS seven", WAREHOUSE)
    response = run("SELECT seven, current_schema() FROM t", WAREHOUSE, catalog="main", schema="named")
    assert response.result is not None
    assert response.result.data_array == [["7", "named"]]


def test_a_long_statement_is_polled(client: WorkspaceClient) -> None:
    response = client.statement_execution.execute_statement(
        "SELECT sum(id) FROM range(3000000)", WAREHOUSE, wait_timeout="0s"
    )
    assert state(response) in {StatementState.PENDING, StatementState.RUNNING, StatementState.SUCCEEDED}
    finished = wait_for(client, str(response.statement_id))
    assert finished.result is not None
    assert finished.result.data_array == [["4499998500000"]]


def test_cancel_stops_what_runs(client: WorkspaceClient) -> None:
    response = client.statement_execution.execute_statement(ENDLESS, WAREHOUSE, wait_timeout="0s")
    client.statement_execution.cancel_execution(str(response.statement_id))
    finished = wait_for(client, str(response.statement_id))
    assert state(finished) is StatementState.CANCELED
    assert finished.result is None


def test_a_statement_may_be_cancelled_by_its_own_patience(client: WorkspaceClient) -> None:
    response = client.statement_execution.execute_statement(
        ENDLESS, WAREHOUSE, wait_timeout="5s", on_wait_timeout=ExecuteStatementRequestOnWaitTimeout.CANCEL
    )
    assert state(response) is StatementState.CANCELED


@pytest.mark.parametrize("wanted", [Format.JSON_ARRAY, Format.CSV, Format.ARROW_STREAM])
def test_links_serve_chunks_without_a_token(client: WorkspaceClient, wanted: Format) -> None:
    response = client.statement_execution.execute_statement(
        "SELECT id, CASE WHEN id % 2 = 0 THEN 'a,b' END AS text FROM range(150000) ORDER BY id",
        WAREHOUSE,
        disposition=Disposition.EXTERNAL_LINKS,
        format=wanted,
    )
    assert response.manifest is not None
    assert response.manifest.total_chunk_count == 2
    rows: list[list[object]] = []
    index: int | None = 0
    while index is not None:
        part = client.statement_execution.get_statement_result_chunk_n(str(response.statement_id), index)
        assert part.external_links
        link = part.external_links[0]
        assert link.expiration
        with urllib.request.urlopen(str(link.external_link), timeout=10) as answer:
            body = answer.read()
        if wanted is Format.JSON_ARRAY:
            rows += json.loads(body)
        elif wanted is Format.CSV:
            read: list[list[object]] = [
                [None if cell == "null" else cell for cell in row]
                for row in csv.reader(io.StringIO(body.decode()))
            ]
            rows += read[1:] if index == 0 else read
        else:
            table = pa.ipc.open_stream(body).read_all()
            rows += [[str(row["id"]), row["text"]] for row in table.to_pylist()]
        index = link.next_chunk_index
    assert len(rows) == 150000
    assert rows[:2] == [["0", "a,b"], ["1", None]]
    assert rows[-1] == ["149999", None]


def test_a_changed_link_is_refused(client: WorkspaceClient) -> None:
    response = client.statement_execution.execute_statement(
        "SELECT 1", WAREHOUSE, disposition=Disposition.EXTERNAL_LINKS
    )
    assert response.result is not None
    assert response.result.external_links
    link = str(response.result.external_links[0].external_link)
    for changed in (link.replace("expires=", "expires=9"), link[:-2] + "xx"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(changed, timeout=10)
        assert caught.value.code == 403
        caught.value.close()


def test_row_and_byte_limits_truncate(client: WorkspaceClient) -> None:
    by_rows = client.statement_execution.execute_statement(
        "SELECT id FROM range(1000)", WAREHOUSE, row_limit=10
    )
    assert by_rows.manifest is not None
    assert (by_rows.manifest.total_row_count, by_rows.manifest.truncated) == (10, True)
    whole = client.statement_execution.execute_statement("SELECT id FROM range(10)", WAREHOUSE, row_limit=10)
    assert whole.manifest is not None
    assert (whole.manifest.total_row_count, whole.manifest.truncated) == (10, False)
    by_bytes = client.statement_execution.execute_statement(
        "SELECT id FROM range(1000)", WAREHOUSE, byte_limit=800
    )
    assert by_bytes.manifest is not None
    assert 0 < (by_bytes.manifest.total_row_count or 0) <= 100
    assert by_bytes.manifest.truncated is True


def test_inline_results_have_a_largest_size(client: WorkspaceClient) -> None:
    large = "SELECT repeat('x', 1000) FROM range(30000)"
    response = client.statement_execution.execute_statement(large, WAREHOUSE)
    assert state(response) is StatementState.FAILED
    assert response.status is not None
    assert response.status.error is not None
    assert "INLINE" in str(response.status.error.message)
    linked = client.statement_execution.execute_statement(
        large, WAREHOUSE, disposition=Disposition.EXTERNAL_LINKS
    )
    assert state(linked) is StatementState.SUCCEEDED


@pytest.mark.parametrize("wait", ["1s", "51s", "10", "-5s", "5m"])
def test_wait_timeouts_outside_of_what_is_allowed_are_refused(client: WorkspaceClient, wait: str) -> None:
    with pytest.raises(InvalidParameterValue, match="wait_timeout"):
        client.statement_execution.execute_statement("SELECT 1", WAREHOUSE, wait_timeout=wait)


def test_requests_that_cannot_be_meant_are_refused(client: WorkspaceClient) -> None:
    run = client.statement_execution.execute_statement
    with pytest.raises(InvalidParameterValue, match="EXTERNAL_LINKS"):
        run("SELECT 1", WAREHOUSE, format=Format.ARROW_STREAM)
    with pytest.raises(InvalidParameterValue, match="warehouse_id"):
        run("SELECT 1", "")
    with pytest.raises(NotFound, match="local"):
        run("SELECT 1", "other")
    with pytest.raises(InvalidParameterValue, match="statement"):
        run(" ", WAREHOUSE)
    with pytest.raises(BadRequest):
        client.api_client.do(
            "POST",
            "/api/2.0/sql/statements",
            body={"statement": "SELECT 1", "warehouse_id": "local", "format": "XML"},
        )
    with pytest.raises(NotFound):
        client.statement_execution.get_statement("01f0-no-such-statement")


def test_there_is_one_warehouse_and_it_runs(
    client: WorkspaceClient, workspace_server: RunningWorkspace
) -> None:
    (listed,) = client.warehouses.list()
    assert (listed.id, listed.state) == (WAREHOUSE, State.RUNNING)
    found = client.warehouses.get(WAREHOUSE)
    assert found.odbc_params is not None
    assert workspace_server.url.endswith(f":{found.odbc_params.port}")
    assert client.warehouses.start_and_wait(WAREHOUSE).state is State.RUNNING
    with pytest.raises(NotServed):
        client.warehouses.stop(WAREHOUSE)
    with pytest.raises(NotFound):
        client.warehouses.get("other")
    with pytest.raises(PermissionDenied):
        client.warehouses.delete(WAREHOUSE)
