"""The monitored tables of a schema, found by their metric tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks.sdk.errors import NotFound

from databricks_monitoring.errors import MonitorNotFoundError
from databricks_monitoring.monitoring.metric_rows import Layout
from databricks_monitoring.names import DRIFT_METRICS_SUFFIX, SchemaName, TableName
from databricks_monitoring.unity_catalog import find_table

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.service.dataquality import DataProfilingConfig

    from databricks_monitoring.clients import SqlClient

_TABLE = "table"


def find_monitored_tables(
    sql: SqlClient,
    schema: SchemaName,
    *,
    output_schema: SchemaName | None = None,
    monitor: str | None = None,
) -> list[Layout]:
    """Return the monitored tables of `schema` that have metrics anywhere in its catalog.

    Parameters
    ----------
    schema : SchemaName
        Where the monitored tables live. Their metric tables usually live in another schema.
    output_schema : SchemaName, optional
        Only metrics in this schema.
    monitor : str, optional
        Only this monitored table; a full name, or a name within `schema`.

    Raises
    ------
    MonitorNotFoundError
        If there is none; names the tables that have metrics.
    """
    rows = sql.execute(
        "SELECT table_schema, table_name FROM system.information_schema.tables "
        "WHERE table_catalog = :catalog",
        {"catalog": schema.catalog},
    )
    tables = {(str(row["table_schema"]), str(row["table_name"])) for row in rows}
    wanted = TableName.parse(monitor, within=schema) if monitor else None
    found = []
    for holder, name in sorted(tables):
        base = name.removesuffix(DRIFT_METRICS_SUFFIX)
        monitored = schema.table(base)
        of_interest = (
            base != name
            and (schema.schema, base) in tables
            and output_schema in {None, SchemaName(schema.catalog, holder)}
            and wanted in {None, monitored}
        )
        if of_interest:
            found.append(_layout(sql.client, monitored, SchemaName(schema.catalog, holder)))
    if not found:
        with_metrics = {
            name.removesuffix(DRIFT_METRICS_SUFFIX)
            for _, name in tables
            if name.endswith(DRIFT_METRICS_SUFFIX)
        }
        raise MonitorNotFoundError(
            str(wanted or f"any table of {schema}"),
            with_metrics,
            where=f"catalog {schema.catalog}",
            hint="Metrics exist for the tables named here; create a monitor with setup_monitoring.",
        )
    return found


def _layout(client: WorkspaceClient, table: TableName, output_schema: SchemaName) -> Layout:
    """Return the layout that the monitor's definition gives; the usual names if the monitor is gone."""
    config = _profiling_config(client, table)
    if config is None:
        return Layout(table, output_schema)
    url = f"{client.config.host}/sql/dashboardsv3/{config.dashboard_id}" if config.dashboard_id else None
    log = config.inference_log
    if log is None:
        time = config.time_series.timestamp_column if config.time_series else "timestamp"
        return Layout(table, output_schema, time, label_column=None, model_id_column=None, dashboard_url=url)
    return Layout(
        table,
        output_schema,
        log.timestamp_column,
        log.prediction_column,
        log.label_column,
        log.model_id_column,
        url,
    )


def _profiling_config(client: WorkspaceClient, table: TableName) -> DataProfilingConfig | None:
    info = find_table(client, table)
    if info is None or info.table_id is None:
        return None
    try:
        return client.data_quality.get_monitor(_TABLE, info.table_id).data_profiling_config
    except NotFound:
        return None
