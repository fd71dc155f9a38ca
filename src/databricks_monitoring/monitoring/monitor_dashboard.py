"""The dashboard of a monitor, written to the workspace once and kept up to date."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from databricks.sdk.errors import AlreadyExists, NotFound, ResourceAlreadyExists
from databricks.sdk.service.dashboards import Dashboard, LifecycleState

from databricks_monitoring.dashboard.definition import MonitorDashboard, monitor_dashboard
from databricks_monitoring.serving.payload_values import literal
from databricks_monitoring.unity_catalog import require_table

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

    from databricks_monitoring.clients import SqlClient

logger = logging.getLogger(__name__)

DASHBOARD_PROPERTY = "databricks_monitoring.dashboard_id"
"""Property of a monitored table that tells its dashboard."""

_EXTENSION = ".lvdash.json"


@dataclass(frozen=True)
class DeployedDashboard:
    """A published dashboard."""

    dashboard_id: str
    url: str


def dashboard_url(client: WorkspaceClient, dashboard_id: str) -> str:
    """Return the address of a dashboard."""
    return f"{(client.config.host or '').rstrip('/')}/sql/dashboardsv3/{dashboard_id}"


def ensure_dashboard(sql: SqlClient, spec: MonitorDashboard, folder: str) -> DeployedDashboard:
    """Make the dashboard that `spec` describes exist in a workspace folder, published, and return it.

    Changes nothing where nothing differs. The dashboard's id is kept as a property of the monitored table.
    Viewers see what their own rights let them see.

    Parameters
    ----------
    folder : str
        Workspace path, such as `/Workspace/Shared/lakehouse_monitoring/main_sales_inference_logs`; created.
    """
    client = sql.client
    wanted = monitor_dashboard(spec)
    current = _find(sql, spec, folder)
    if current is None:
        client.workspace.mkdirs(folder)
        current, changed = _create(sql, spec, folder, wanted)
    else:
        changed = not _same(current.serialized_dashboard, wanted)
    dashboard_id = current.dashboard_id or ""
    if changed and not _same(current.serialized_dashboard, wanted):
        client.lakeview.update(dashboard_id, Dashboard(serialized_dashboard=wanted, display_name=spec.title))
    if changed or not _is_published(client, dashboard_id):
        client.lakeview.publish(dashboard_id, embed_credentials=False, warehouse_id=sql.warehouse_id)
        logger.info("published dashboard %s in %s", spec.title, folder)
    _remember(sql, spec, dashboard_id)
    return DeployedDashboard(dashboard_id, dashboard_url(client, dashboard_id))


def _create(sql: SqlClient, spec: MonitorDashboard, folder: str, wanted: str) -> tuple[Dashboard, bool]:
    body = Dashboard(
        display_name=spec.title,
        parent_path=folder,
        serialized_dashboard=wanted,
        warehouse_id=sql.warehouse_id,
    )
    try:
        return sql.client.lakeview.create(body), True
    except (AlreadyExists, ResourceAlreadyExists):
        # Its id was lost with the table's properties, as when the table was made anew.
        for listed in sql.client.lakeview.list():
            if listed.display_name == spec.title:
                found = sql.client.lakeview.get(listed.dashboard_id or "")
                if _plain(found.path) == _plain(f"{folder}/{spec.title}{_EXTENSION}"):
                    return found, True
        raise


def _find(sql: SqlClient, spec: MonitorDashboard, folder: str) -> Dashboard | None:
    known = (require_table(sql.client, spec.monitored_table).properties or {}).get(DASHBOARD_PROPERTY)
    if not known:
        return None
    try:
        found = sql.client.lakeview.get(known)
    except NotFound:
        return None
    in_use = found.lifecycle_state is not LifecycleState.TRASHED
    return found if in_use and _plain(found.parent_path) == _plain(folder) else None


def _remember(sql: SqlClient, spec: MonitorDashboard, dashboard_id: str) -> None:
    table = spec.monitored_table
    known = (require_table(sql.client, table).properties or {}).get(DASHBOARD_PROPERTY)
    if known != dashboard_id:
        sql.execute(
            f"ALTER TABLE {table.quoted} SET TBLPROPERTIES "
            f"({literal(DASHBOARD_PROPERTY)} = {literal(dashboard_id)})"
        )


def _is_published(client: WorkspaceClient, dashboard_id: str) -> bool:
    try:
        client.lakeview.get_published(dashboard_id)
    except NotFound:
        return False
    return True


def _same(current: str | None, wanted: str) -> bool:
    return current is not None and json.loads(current) == json.loads(wanted)


def _plain(path: str | None) -> str:
    # The service leaves out the prefix that it accepts.
    return (path or "").removeprefix("/Workspace").rstrip("/")
