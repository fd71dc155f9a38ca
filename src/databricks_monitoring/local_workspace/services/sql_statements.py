"""The SQL statement execution API."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from databricks.sdk.errors import InvalidParameterValue, NotFound, PermissionDenied
from databricks.sdk.service.sql import (
    Disposition,
    ExecuteStatementRequestOnWaitTimeout,
    ExternalLink,
    Format,
    ResultData,
    ResultManifest,
    ResultSchema,
    StatementParameterListItem,
    StatementResponse,
    StatementState,
)
from fastapi import APIRouter
from fastapi.responses import Response

from databricks_monitoring.local_workspace.services.warehouses import WAREHOUSE_ID
from databricks_monitoring.local_workspace.sql import render
from databricks_monitoring.local_workspace.sql.result import column_infos
from databricks_monitoring.local_workspace.statements import Statements, Submitted

if TYPE_CHECKING:
    from enum import Enum

    from databricks_monitoring.local_workspace.statement_results import StoredResult
    from databricks_monitoring.local_workspace.statements import Statement
    from databricks_monitoring.local_workspace.workspace import Workspace

Json = dict[str, Any]
_Choice = TypeVar("_Choice", bound="Enum")

RESULT_PREFIX = "/api/local/result/"
"""Path of links to chunks of results, which carry their own signature and expiry."""

_LINK_SECONDS = 900
_LONGEST_STATEMENT = 16 * 2**20
_WAIT = re.compile(r"(?P<seconds>\d+)s")
_SHORTEST_WAIT, _DEFAULT_WAIT, _LONGEST_WAIT = 5, 10, 50
_SETTLE_SECONDS = 5.0
_MEDIA_TYPES = {
    Format.JSON_ARRAY: "application/json",
    Format.ARROW_STREAM: "application/vnd.apache.arrow.stream",
    Format.CSV: "text/csv",
}


def router(workspace: Workspace) -> APIRouter:  # noqa: C901 - each route is a few lines of its own
    """Return the routes of statements and of links to their results."""
    routes = APIRouter()
    statements = Statements(workspace.sql, workspace.root)
    workspace.sql.closing.append(statements.close)
    links = _Links(workspace.url)

    def found(statement_id: str) -> Statement:
        statement = statements.get(statement_id)
        if statement is None:
            raise NotFound(f"The statement {statement_id} was not found.", error_code="NOT_FOUND")
        return statement

    @routes.post("/api/2.0/sql/statements")
    @routes.post("/api/2.0/sql/statements/", include_in_schema=False)
    def execute(body: Json) -> Json:
        """Run a statement and wait for it a while. Deviation: a restarted server knows no statements."""
        submitted = _submitted(body)
        wait = _wait(body.get("wait_timeout"))
        on_timeout = _choice(
            body,
            "on_wait_timeout",
            ExecuteStatementRequestOnWaitTimeout,
            ExecuteStatementRequestOnWaitTimeout.CONTINUE,
        )
        statement = statements.submit(submitted)
        if (
            not statement.done.wait(timeout=wait)
            and wait
            and on_timeout is ExecuteStatementRequestOnWaitTimeout.CANCEL
        ):
            statements.cancel(statement)
            statement.done.wait(timeout=_SETTLE_SECONDS)
        return _response(statement, links).as_dict()

    @routes.get("/api/2.0/sql/statements/{statement_id}")
    def get(statement_id: str) -> Json:
        """Return the state of a statement, and the first chunk of its result when it has succeeded."""
        return _response(found(statement_id), links).as_dict()

    @routes.get("/api/2.0/sql/statements/{statement_id}/result/chunks/{chunk_index}")
    def get_chunk(statement_id: str, chunk_index: int) -> Json:
        """Return one chunk of a result."""
        statement = found(statement_id)
        result = statement.result
        if result is None:
            raise NotFound(f"The statement {statement_id} has no result: it is {statement.state.value}.")
        if not 0 <= chunk_index < max(len(result.chunks), 1):
            raise InvalidParameterValue(
                f"chunk_index: found {chunk_index}, the result has {len(result.chunks)} chunks."
            )
        return _chunk(statement, result, chunk_index, links).as_dict()

    @routes.post("/api/2.0/sql/statements/{statement_id}/cancel")
    def cancel(statement_id: str) -> Json:
        """Stop a statement; ask for its state to see whether it stopped in time."""
        statements.cancel(found(statement_id))
        return {}

    @routes.get(RESULT_PREFIX + "{statement_id}/{chunk_index}")
    def download(statement_id: str, chunk_index: int, expires: int, signature: str) -> Response:
        """Return a chunk by its link, which needs no token. Only a local workspace has this route."""
        links.check(statement_id, chunk_index, expires, signature)
        statement = found(statement_id)
        if statement.result is None or not 0 <= chunk_index < len(statement.result.chunks):
            raise NotFound(f"The result of the statement {statement_id} is no longer kept.")
        wanted = statement.submitted.format
        return Response(statement.result.encoded(chunk_index, wanted), media_type=_MEDIA_TYPES[wanted])

    return routes


class _Links:
    """Signed URLs of chunks. The key is drawn anew with every server, as are the statements."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._key = secrets.token_bytes(32)

    def url(self, statement_id: str, chunk: int, expires: int) -> str:
        """Return the URL of a chunk that works until `expires`, in seconds of real time."""
        path = f"{RESULT_PREFIX}{statement_id}/{chunk}"
        return f"{self._url}{path}?expires={expires}&signature={self._signature(path, expires)}"

    def check(self, statement_id: str, chunk: int, expires: int, signature: str) -> None:
        """Refuse a URL that was changed or is too old."""
        expected = self._signature(f"{RESULT_PREFIX}{statement_id}/{chunk}", expires)
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise PermissionDenied("The link's signature does not match.")
        if time.time() > expires:
            raise PermissionDenied("The link has expired; fetch the chunk again for a new one.")

    def _signature(self, path: str, expires: int) -> str:
        return hmac.new(self._key, f"{path}?{expires}".encode(), hashlib.sha256).hexdigest()


def _submitted(body: Json) -> Submitted:
    statement = body.get("statement")
    if not isinstance(statement, str) or not statement.strip():
        raise InvalidParameterValue("statement: expected the text of a SQL statement.")
    if len(statement.encode()) > _LONGEST_STATEMENT:
        raise InvalidParameterValue(f"statement: longer than {_LONGEST_STATEMENT} bytes.")
    warehouse = body.get("warehouse_id")
    if not warehouse:
        raise InvalidParameterValue("warehouse_id: missing; name the warehouse that runs the statement.")
    if warehouse != WAREHOUSE_ID:
        raise NotFound(f"The warehouse {warehouse} was not found. This workspace has one: {WAREHOUSE_ID}.")
    disposition = _choice(body, "disposition", Disposition, Disposition.INLINE)
    wanted = _choice(body, "format", Format, Format.JSON_ARRAY)
    if disposition is Disposition.INLINE and wanted is not Format.JSON_ARRAY:
        raise InvalidParameterValue(
            f"format: {wanted.value} needs disposition EXTERNAL_LINKS; INLINE results are JSON_ARRAY."
        )
    return Submitted(
        statement=statement,
        catalog=body.get("catalog") or None,
        schema=body.get("schema") or None,
        parameters=_parameters(body.get("parameters") or []),
        row_limit=_limit(body, "row_limit"),
        byte_limit=_limit(body, "byte_limit"),
        disposition=disposition,
        format=wanted,
    )


def _parameters(given: object) -> list[StatementParameterListItem]:
    if not isinstance(given, list):
        raise InvalidParameterValue("parameters: expected a list of {name, value, type}.")
    parameters = []
    for each in given:
        if not isinstance(each, dict) or not isinstance(each.get("name"), str):
            raise InvalidParameterValue(f"parameters: found {each!r}, expected an object with a name.")
        value = each.get("value")
        if value is not None and not isinstance(value, str):
            raise InvalidParameterValue(f"parameters.{each['name']}: values are strings, found {value!r}.")
        parameters.append(StatementParameterListItem(name=each["name"], value=value, type=each.get("type")))
    return parameters


def _limit(body: Json, name: str) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not str(value).isdigit() or int(value) < 1:
        raise InvalidParameterValue(f"{name}: found {value!r}, expected a positive number.")
    return int(value)


def _choice(body: Json, name: str, kind: type[_Choice], default: _Choice) -> _Choice:
    value = body.get(name)
    if value is None:
        return default
    try:
        return kind(value)
    except ValueError as error:
        valid = ", ".join(str(member.value) for member in kind)
        raise InvalidParameterValue(f"{name}: found {value!r}, expected one of {valid}.") from error


def _wait(given: object) -> int:
    if given is None:
        return _DEFAULT_WAIT
    match = _WAIT.fullmatch(str(given))
    seconds = int(match.group("seconds")) if match else -1
    if seconds == 0 or _SHORTEST_WAIT <= seconds <= _LONGEST_WAIT:
        return seconds
    raise InvalidParameterValue(
        f"wait_timeout: found {given!r}, expected 0s, or from {_SHORTEST_WAIT}s to {_LONGEST_WAIT}s."
    )


def _response(statement: Statement, links: _Links) -> StatementResponse:
    response = StatementResponse(statement_id=statement.id, status=statement.status)
    result = statement.result
    if statement.state is StatementState.SUCCEEDED and result is not None:
        response.manifest = _manifest(statement, result)
        response.result = _chunk(statement, result, 0, links)
    return response


def _manifest(statement: Statement, result: StoredResult) -> ResultManifest:
    columns = column_infos(result.names, result.kinds)
    return ResultManifest(
        format=statement.submitted.format,
        schema=ResultSchema(column_count=len(columns), columns=columns),
        total_chunk_count=len(result.chunks),
        chunks=result.chunks,
        total_row_count=result.rows,
        total_byte_count=result.size,
        truncated=result.truncated,
    )


def _chunk(statement: Statement, result: StoredResult, index: int, links: _Links) -> ResultData:
    if not result.chunks:
        return ResultData(chunk_index=0, row_offset=0, row_count=0)
    chunk = result.chunks[index]
    following = index + 1 if index + 1 < len(result.chunks) else None
    next_link = f"/api/2.0/sql/statements/{statement.id}/result/chunks/{following}" if following else None
    if statement.submitted.disposition is Disposition.EXTERNAL_LINKS:
        expires = int(time.time()) + _LINK_SECONDS
        link = ExternalLink(
            chunk_index=index,
            row_offset=chunk.row_offset,
            row_count=chunk.row_count,
            byte_count=chunk.byte_count,
            next_chunk_index=following,
            next_chunk_internal_link=next_link,
            external_link=links.url(statement.id, index, expires),
            expiration=datetime.fromtimestamp(expires, UTC).isoformat().replace("+00:00", "Z"),
        )
        return ResultData(external_links=[link])
    rows: Any = render.rows(result.table(index), result.kinds)  # the SDK's annotation has no room for NULL
    return ResultData(
        chunk_index=index,
        row_offset=chunk.row_offset,
        row_count=chunk.row_count,
        byte_count=chunk.byte_count,
        next_chunk_index=following,
        next_chunk_internal_link=next_link,
        data_array=rows,
    )
