"""The monitored tables of a schema, with what their monitors say about columns and metric tables."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from databricks_monitoring.errors import MonitorNotFoundError
from databricks_monitoring.monitoring.lakehouse_monitor import LakehouseMonitor, metric_tables
from databricks_monitoring.monitoring.metric_rows import Layout
from databricks_monitoring.monitoring.monitor_dashboard import DASHBOARD_PROPERTY, dashboard_url
from databricks_monitoring.names import SchemaName, TableName
from databricks_monitoring.serving.label_delay import delay_of
from databricks_monitoring.unity_catalog import require_table

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.service.dataquality import DataProfilingConfig


def find_layouts(client: WorkspaceClient, schema: SchemaName, *, monitor: str | None = None) -> list[Layout]:
    """Return the layouts of the monitored tables of a schema, in order of name.

    Parameters
    ----------
    schema : SchemaName
        Where the monitored tables live. Their metric tables usually live in another schema.
    monitor : str, optional
        Only this monitored table; a full name, or a name within `schema`.

    Raises
    ------
    MonitorNotFoundError
        If there is none; names those that exist.
    """
    monitors = LakehouseMonitor(schema.catalog, schema.schema, client)
    names = [str(TableName.parse(monitor, within=schema))] if monitor else monitors.list_monitors()
    if not names:
        raise MonitorNotFoundError("", [], where=f"schema {schema}", hint="Create one with setup_monitoring.")
    return [_layout(client, TableName.parse(name), monitors.get_config(name)) for name in names]


def _layout(client: WorkspaceClient, table: TableName, config: DataProfilingConfig) -> Layout:
    profile, _ = metric_tables(config, table)
    info = require_table(client, table)
    properties = info.properties or {}
    dashboard_id = properties.get(DASHBOARD_PROPERTY) or config.dashboard_id
    url = dashboard_url(client, dashboard_id) if dashboard_id else None
    baseline = TableName.parse(config.baseline_table_name) if config.baseline_table_name else None
    log = config.inference_log
    if log is not None:
        return Layout(
            table,
            profile.parent,
            log.timestamp_column,
            log.prediction_column,
            log.label_column,
            log.model_id_column,
            url,
            baseline,
            delay_of(info) or timedelta(0),
        )
    time = config.time_series.timestamp_column if config.time_series else None
    return Layout(
        table,
        profile.parent,
        time,
        prediction_column=None,
        label_column=None,
        model_id_column=None,
        dashboard_url=url,
        baseline=baseline,
    )
