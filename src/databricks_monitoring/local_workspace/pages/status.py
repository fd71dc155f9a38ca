"""How a monitor fares, in words for its dashboard and for the first page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from databricks.sdk.service.dataquality import RefreshState

from databricks_monitoring.local_workspace.pages.formats import ago
from databricks_monitoring.local_workspace.sql.errors import SqlError

if TYPE_CHECKING:
    from databricks.sdk.service.dataquality import Refresh

    from databricks_monitoring.local_workspace.monitors.stored_monitor import StoredMonitor
    from databricks_monitoring.local_workspace.workspace import Workspace
    from databricks_monitoring.names import TableName

_TONE = {
    RefreshState.MONITOR_REFRESH_STATE_SUCCESS: "good",
    RefreshState.MONITOR_REFRESH_STATE_FAILED: "bad",
    RefreshState.MONITOR_REFRESH_STATE_CANCELED: "bad",
}


@dataclass(frozen=True)
class MonitorStatus:
    """One monitor and its newest refresh.

    Attributes
    ----------
    tone
        `good`, `bad` or `busy`, for the eye.
    """

    table: str
    state: str
    tone: str
    when: str
    message: str


def monitor_statuses(workspace: Workspace) -> list[MonitorStatus]:
    """Return every monitor, by the name of its table."""
    found = [monitor_status(workspace, monitor) for monitor in workspace.monitors.list()]
    return sorted(found, key=lambda status: status.table)


def monitor_behind(workspace: Workspace, statements: list[str]) -> StoredMonitor | None:
    """Return the monitor whose metric tables the statements read, or None."""
    for monitor in workspace.monitors.list():
        if any(monitor.profile_table.quoted in sql for sql in statements):
            return monitor
    return None


def monitor_status(workspace: Workspace, monitor: StoredMonitor) -> MonitorStatus:
    """Return how a monitor fares."""
    refreshes = workspace.monitors.list_refresh(monitor.table_id)
    newest = refreshes[0] if refreshes else None
    state = newest.state if newest else None
    return MonitorStatus(
        table=str(monitor.table),
        state=state.value.removeprefix("MONITOR_REFRESH_STATE_").lower() if state else "not refreshed",
        tone=_TONE.get(state, "busy") if state else "busy",
        when=ago(workspace.clock.now() - _moment(newest)) if newest else "",
        message=(newest.message or "") if newest else "",
    )


def why_empty(workspace: Workspace, monitor: StoredMonitor) -> str:
    """Return why a chart over a monitor's metric tables may have no rows."""
    newest = next(iter(workspace.monitors.list_refresh(monitor.table_id)), None)
    if not workspace.tables.exists(monitor.profile_table):
        if newest is None or newest.state is None:
            return "No rows yet: the monitor has not been refreshed."
        word = newest.state.value.removeprefix("MONITOR_REFRESH_STATE_").lower()
        reason = f" {newest.message}" if newest.message else ""
        return f"No rows yet: no refresh has succeeded; the newest is {word}.{reason}"
    closes = _first_close(workspace, monitor.profile_table)
    if closes is not None and closes > workspace.clock.now():
        return f"No rows yet: no window has closed. The first one closes at {closes:%Y-%m-%d %H:%M} UTC."
    return "No rows yet: nothing in the metric tables matches."


def _first_close(workspace: Workspace, profile: TableName) -> datetime | None:
    statement = f"SELECT min(window.end) AS closes FROM {profile.quoted} WHERE log_type = 'INPUT'"  # noqa: S608 - quoted
    try:
        closes = workspace.sql.run(statement).table.to_pylist()[0]["closes"]
    except SqlError:
        # The charts over the same table say what is wrong with it.
        return None
    return closes.astimezone(UTC) if isinstance(closes, datetime) else None


def _moment(refresh: Refresh) -> datetime:
    return datetime.fromtimestamp((refresh.end_time_ms or refresh.start_time_ms or 0) / 1000, UTC)
