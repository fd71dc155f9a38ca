"""The dashboard that a monitor brings along unless it was asked not to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks.sdk.service.dashboards import Dashboard

from databricks_monitoring.dashboard.definition import MonitorDashboard, monitor_dashboard
from databricks_monitoring.monitor_definition import monitor_definition
from databricks_monitoring.names import TableName

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.dashboards import Dashboards
    from databricks_monitoring.local_workspace.monitors.stored_monitor import StoredMonitor

DEFAULT_ASSETS = "/Shared/lakehouse_monitoring"
"""Folder of dashboards whose monitor names none."""


def dashboard_of(monitor: StoredMonitor) -> MonitorDashboard:
    """Return what the dashboard of `monitor` shows: its first granularity, all models together."""
    definition = monitor_definition(monitor.config, prediction_proba_column=monitor.prediction_proba_column)
    baseline = monitor.config.baseline_table_name
    return MonitorDashboard(
        title=f"{monitor.table.name} monitoring",
        monitored_table=monitor.table,
        profile_table=monitor.profile_table,
        drift_table=monitor.drift_table,
        granularity=definition.granularities[0] if definition.granularities else None,
        problem_type=definition.problem_type,
        timestamp_column=definition.timestamp_column,
        prediction_column=definition.prediction_column,
        label_column=definition.label_column,
        model_id_column=definition.model_id_column,
        has_baseline=baseline is not None,
        baseline_table=TableName.parse(baseline.lower()) if baseline else None,
        has_slices=bool(definition.slicing_exprs),
    )


def folder_of(monitor: StoredMonitor) -> str:
    """Return the workspace folder of the monitor's dashboard."""
    return f"{(monitor.config.assets_dir or DEFAULT_ASSETS).rstrip('/')}/{monitor.table.name}"


def create_or_update(dashboards: Dashboards, monitor: StoredMonitor, warehouse_id: str | None) -> str:
    """Write the monitor's dashboard, new or again, publish it and return its id."""
    spec = dashboard_of(monitor)
    parent = dashboards.make_folder(folder_of(monitor))
    wanted = Dashboard(
        display_name=spec.title,
        parent_path=parent,
        serialized_dashboard=monitor_dashboard(spec),
        warehouse_id=warehouse_id,
    )
    existing = dashboards.find(parent, spec.title)
    written = (
        dashboards.create(wanted)
        if existing is None
        else dashboards.update(str(existing.dashboard_id), wanted)
    )
    dashboards.publish(str(written.dashboard_id), embed_credentials=True)
    return str(written.dashboard_id)
