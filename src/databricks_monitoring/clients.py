"""Connections: the workspace client, and SQL on one of its warehouses.

Who answers is decided by the SDK's own settings (`DATABRICKS_HOST`, a profile, a notebook); nothing here or
above asks where it runs.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import logging
import os
import re
import socket
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, overload
from urllib.parse import urlsplit
from urllib.request import getproxies

from databricks.sdk import WorkspaceClient
from databricks.sdk.config import Config
from databricks.sdk.service.sql import (
    ColumnInfo,
    ColumnInfoTypeName,
    ExecuteStatementRequestOnWaitTimeout,
    State,
    StatementParameterListItem,
    StatementState,
)

from databricks_monitoring.errors import (
    ConfigError,
    StatementError,
    WarehouseNotFoundError,
    WorkspaceUnreachableError,
)
from databricks_monitoring.names import TableName
from databricks_monitoring.unity_catalog import missing_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from databricks.sdk.service.sql import StatementResponse

logger = logging.getLogger(__name__)

Parameter = str | int | float | bool | datetime | date | Decimal | None
"""A value that may be bound to a `:name` in a statement."""

_REACHABILITY_SECONDS = 2.0
_LOOPBACK_RETRY_SECONDS = 30
_SERVER_WAIT = "30s"
_FIRST_POLL_SECONDS = 0.1
_SLOWEST_POLL_SECONDS = 5.0
_PROGRESS_EVERY_SECONDS = 10.0
_UNFINISHED = frozenset({StatementState.PENDING, StatementState.RUNNING})
_MISSING_TABLE = re.compile(r"TABLE_OR_VIEW_NOT_FOUND\].*?((?:`[^`]+`\.){2}`[^`]+`)", re.DOTALL)


def connect() -> WorkspaceClient:
    """Return a client of the workspace that the environment, a profile or a notebook names.

    Raises
    ------
    WorkspaceUnreachableError
        If the host is this machine and nothing listens there, or its name is unknown. The SDK alone would
        try for minutes.
    ConfigError
        If no workspace is configured.
    """
    host = os.environ.get("DATABRICKS_HOST", "")
    loopback = _is_loopback(host)
    if loopback:
        _check_listening(host)
    elif host and not getproxies():
        _check_name(host)
    try:
        if loopback:
            return WorkspaceClient(config=Config(retry_timeout_seconds=_LOOPBACK_RETRY_SECONDS))
        return WorkspaceClient()
    except ValueError as error:
        raise ConfigError(
            f"No workspace to talk to: {error} Set DATABRICKS_HOST and DATABRICKS_TOKEN, or "
            "DATABRICKS_CONFIG_PROFILE; for a local workspace run "
            '`eval "$(databricks-monitoring local env --root DIR)"`.'
        ) from error


def _is_loopback(host: str) -> bool:
    name = urlsplit(host).hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _check_name(host: str) -> None:
    # With a proxy the name is the proxy's to look up. Without, the SDK would try for minutes.
    name = urlsplit(host if "://" in host else f"https://{host}").hostname or ""
    try:
        socket.getaddrinfo(name, None)
    except OSError as error:
        raise WorkspaceUnreachableError(host, f"{name!r}: {error.strerror or error}") from error


def _check_listening(host: str) -> None:
    url = urlsplit(host)
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        socket.create_connection((url.hostname or "", port), timeout=_REACHABILITY_SECONDS).close()
    except OSError as error:
        raise WorkspaceUnreachableError(host, str(error)) from error


class Rows(Sequence[dict[str, object]]):
    """The typed rows of a result, each a dict in order of the columns.

    Attributes
    ----------
    columns : tuple of str
        The names of the columns, also when there is no row.
    """

    def __init__(self, columns: Sequence[str], rows: Sequence[dict[str, object]]) -> None:
        self.columns = tuple(columns)
        self._rows = list(rows)

    @overload
    def __getitem__(self, index: int) -> dict[str, object]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, object]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, object] | list[dict[str, object]]:
        return self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[dict[str, object]]:
        return iter(self._rows)

    def __repr__(self) -> str:
        return f"Rows({len(self)} of {', '.join(self.columns)})"

    def scalar(self) -> object:
        """Return the first column of the first row, or None without rows."""
        return self._rows[0][self.columns[0]] if self._rows else None


class SqlClient:
    """Statements on one SQL warehouse, waited for and typed.

    Parameters
    ----------
    client : WorkspaceClient
        The workspace.
    warehouse_id : str, optional
        The warehouse; else `DATABRICKS_WAREHOUSE_ID`, else the first that runs, else the first listed.
    timeout : float
        Seconds that one statement may take before it is cancelled.
    progress : callable, optional
        Told in words about statements that take longer than ten seconds.
    """

    def __init__(
        self,
        client: WorkspaceClient,
        warehouse_id: str | None = None,
        *,
        timeout: float = 3600.0,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        self.client = client
        self._warehouse_id = warehouse_id or os.environ.get("DATABRICKS_WAREHOUSE_ID") or None
        self._timeout = timeout
        self._progress = progress

    @property
    def warehouse_id(self) -> str:
        """The warehouse that runs the statements.

        Raises
        ------
        WarehouseNotFoundError
            If none was named and the workspace has none.
        """
        if self._warehouse_id is None:
            self._warehouse_id = _choose_warehouse(self.client)
        return self._warehouse_id

    def execute(self, statement: str, parameters: Mapping[str, Parameter] | None = None) -> Rows:
        """Run a statement to its end and return its rows.

        Parameters
        ----------
        statement : str
            Databricks SQL; values as `:name`.
        parameters : mapping, optional
            Values by name. A naive datetime is taken as UTC.

        Returns
        -------
        Rows
            Typed by the result's manifest: int, float (also nan and infinities), bool, aware UTC datetime,
            date, Decimal, bytes, str; lists and dicts parsed from JSON, their leaves as JSON has them.

        Raises
        ------
        TableNotFoundError
            If the statement names a table that does not exist.
        StatementError
            If it ended in any other state than SUCCEEDED, or was cancelled because it took too long.
        """
        response = self.client.statement_execution.execute_statement(
            statement=statement,
            warehouse_id=self.warehouse_id,
            parameters=[_bound(name, value) for name, value in (parameters or {}).items()] or None,
            wait_timeout=_SERVER_WAIT,
            on_wait_timeout=ExecuteStatementRequestOnWaitTimeout.CONTINUE,
        )
        response = self._finished(statement, response)
        state = response.status.state if response.status else None
        if state is not StatementState.SUCCEEDED:
            raise self._failure(statement, response)
        return self._rows(response)

    def workspace_time(self) -> datetime:
        """Return the workspace's current time, aware, in UTC."""
        now = self.execute("SELECT current_timestamp() AS now").scalar()
        if not isinstance(now, datetime):
            raise StatementError("SELECT current_timestamp()", "SUCCEEDED", "NO_TIME", f"answered {now!r}")
        return now

    def _finished(self, statement: str, response: StatementResponse) -> StatementResponse:
        started = told = time.monotonic()
        pause = _FIRST_POLL_SECONDS
        while response.status is not None and response.status.state in _UNFINISHED:
            statement_id = response.statement_id or ""
            now = time.monotonic()
            if now - started > self._timeout:
                self.client.statement_execution.cancel_execution(statement_id)
                raise StatementError(
                    statement, "CANCELED", "TIMEOUT", f"it ran longer than {self._timeout:g} seconds"
                )
            if self._progress and now - told >= _PROGRESS_EVERY_SECONDS:
                self._progress(f"waiting for the warehouse, {now - started:.0f} s")
                told = now
            time.sleep(pause)
            pause = min(pause * 1.5, _SLOWEST_POLL_SECONDS)
            response = self.client.statement_execution.get_statement(statement_id)
        return response

    def _failure(self, statement: str, response: StatementResponse) -> Exception:
        status = response.status
        error = status.error if status else None
        message = (error.message if error else None) or "the service gave no reason"
        missing = _MISSING_TABLE.search(message)
        if missing:
            return missing_table(self.client, TableName.parse(missing.group(1)))
        code = error.error_code.value if error and error.error_code else "UNKNOWN"
        state = status.state.value if status and status.state else "UNKNOWN"
        return StatementError(statement, state, code, message)

    def _rows(self, response: StatementResponse) -> Rows:
        schema = response.manifest.schema if response.manifest else None
        columns = (schema.columns if schema else None) or []
        names = [column.name or "" for column in columns]
        rows: list[dict[str, object]] = []
        chunk = response.result
        while chunk is not None:
            for values in chunk.data_array or []:
                cells = [_typed(value, column) for value, column in zip(values, columns, strict=True)]
                rows.append(dict(zip(names, cells, strict=True)))
            if chunk.next_chunk_index is None:
                break
            chunk = self.client.statement_execution.get_statement_result_chunk_n(
                response.statement_id or "", chunk.next_chunk_index
            )
        return Rows(names, rows)


def _choose_warehouse(client: WorkspaceClient) -> str:
    warehouses = [warehouse for warehouse in client.warehouses.list() if warehouse.id]
    running = [warehouse for warehouse in warehouses if warehouse.state is State.RUNNING]
    for warehouse in running or warehouses:
        logger.debug("using SQL warehouse %s", warehouse.name)
        return warehouse.id or ""
    raise WarehouseNotFoundError(
        "", [], hint="Create one, or name one with DATABRICKS_WAREHOUSE_ID if it is not listed for you."
    )


def _as_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _bound(name: str, value: Parameter) -> StatementParameterListItem:
    if value is None:
        return StatementParameterListItem(name=name)
    text, sql_type = _as_text(value)
    return StatementParameterListItem(name=name, value=text, type=sql_type)


def _as_text(value: str | float | datetime | date | Decimal) -> tuple[str, str]:  # noqa: PLR0911 - one per type
    match value:
        # bool before int and datetime before date: the former are subclasses of the latter.
        case bool():
            return str(value).lower(), "BOOLEAN"
        case int():
            return str(value), "BIGINT"
        case float():
            return repr(value), "DOUBLE"
        case Decimal():
            return f"{value:f}", _decimal_type(value)
        case datetime():
            return _as_utc(value).isoformat(), "TIMESTAMP"
        case date():
            return value.isoformat(), "DATE"
    return value, "STRING"


def _decimal_type(value: Decimal) -> str:
    _, digits, exponent = value.as_tuple()
    scale = max(0, -exponent) if isinstance(exponent, int) else 0
    return f"DECIMAL({max(len(digits), scale)},{scale})"


_READERS: dict[ColumnInfoTypeName, Callable[[str], object]] = {
    ColumnInfoTypeName.ARRAY: json.loads,
    ColumnInfoTypeName.BINARY: base64.b64decode,
    ColumnInfoTypeName.BOOLEAN: lambda text: text.lower() == "true",
    ColumnInfoTypeName.BYTE: int,
    ColumnInfoTypeName.DATE: date.fromisoformat,
    ColumnInfoTypeName.DECIMAL: Decimal,
    ColumnInfoTypeName.DOUBLE: float,
    ColumnInfoTypeName.FLOAT: float,
    ColumnInfoTypeName.INT: int,
    ColumnInfoTypeName.LONG: int,
    ColumnInfoTypeName.MAP: json.loads,
    ColumnInfoTypeName.SHORT: int,
    ColumnInfoTypeName.STRUCT: json.loads,
    ColumnInfoTypeName.TIMESTAMP: lambda text: _as_utc(datetime.fromisoformat(text)),
}


def _typed(value: str | None, column: ColumnInfo) -> object:
    if value is None:
        return None
    reader = _READERS.get(column.type_name) if column.type_name else None
    return reader(value) if reader else value
