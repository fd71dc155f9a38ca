"""Refreshes of a monitor: joined or started, and waited for."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from databricks.sdk.service.dataquality import Refresh, RefreshState

from databricks_monitoring.errors import RefreshFailedError, RefreshTimeoutError
from databricks_monitoring.polling import poll

if TYPE_CHECKING:
    from collections.abc import Callable

    from databricks.sdk import WorkspaceClient

    from databricks_monitoring.names import TableName

_TABLE = "table"
_UNFINISHED = (RefreshState.MONITOR_REFRESH_STATE_PENDING, RefreshState.MONITOR_REFRESH_STATE_RUNNING)


@dataclass(frozen=True)
class RefreshInfo:
    """How a refresh stands, or how it ended.

    Attributes
    ----------
    state : str
        `PENDING`, `RUNNING`, `SUCCESS`, `FAILED` or `CANCELED`.
    """

    monitor_name: str
    refresh_id: int
    state: str
    started: datetime | None
    ended: datetime | None
    message: str | None


def refresh(
    client: WorkspaceClient,
    table: TableName,
    object_id: str,
    *,
    wait: bool,
    timeout: float,
    progress: Callable[[str], None] | None = None,
) -> RefreshInfo:
    """Refresh the metrics of a monitored table; see `LakehouseMonitor.refresh_monitor`."""
    waiter = _Waiter(client, table, object_id, time.monotonic() + timeout, progress)
    found = waiter.joinable(wait=wait)
    if found is None:
        body = Refresh(object_type=_TABLE, object_id=object_id)
        found = client.data_quality.create_refresh(_TABLE, object_id, body)
    if not wait:
        return _info(table, found)
    ended = waiter.ended(found)
    if ended.state is not RefreshState.MONITOR_REFRESH_STATE_SUCCESS:
        raise RefreshFailedError(
            f"Refresh {ended.refresh_id} of {table} ended in {_state(ended)}: "
            f"{ended.message or 'the service gave no reason'}"
        )
    return _info(table, ended)


@dataclass(frozen=True)
class _Waiter:
    client: WorkspaceClient
    table: TableName
    object_id: str
    deadline: float
    progress: Callable[[str], None] | None

    def joinable(self, *, wait: bool) -> Refresh | None:
        """Return a refresh that has not begun; wait for the end of one that has, if asked to."""
        listed = self.client.data_quality.list_refresh(_TABLE, self.object_id)
        unfinished = [found for found in listed if found.state in _UNFINISHED]
        for found in unfinished:
            if found.state is RefreshState.MONITOR_REFRESH_STATE_PENDING:
                return found
        if wait:
            for found in unfinished:
                # How it ends does not matter: another follows.
                self.ended(found)
        return None

    def ended(self, refresh: Refresh) -> Refresh:
        """Return a refresh once it has ended."""
        number = refresh.refresh_id or 0

        def ask() -> Refresh | None:
            found = self.client.data_quality.get_refresh(_TABLE, self.object_id, number)
            return None if found.state in _UNFINISHED else found

        words = f"refresh {number} of {self.table} is not done yet"
        found = poll(ask, deadline=self.deadline, words=words, progress=self.progress)
        if found is None:
            raise RefreshTimeoutError(
                f"Refresh {number} of {self.table} did not end in time; it goes on. "
                "Wait longer with a larger timeout."
            )
        return found


def _state(refresh: Refresh) -> str:
    return refresh.state.value.removeprefix("MONITOR_REFRESH_STATE_") if refresh.state else "UNKNOWN"


def _info(table: TableName, refresh: Refresh) -> RefreshInfo:
    return RefreshInfo(
        monitor_name=str(table),
        refresh_id=refresh.refresh_id or 0,
        state=_state(refresh),
        started=_moment(refresh.start_time_ms),
        ended=_moment(refresh.end_time_ms),
        message=refresh.message,
    )


def _moment(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
