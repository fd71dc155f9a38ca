"""Monitors: created or brought up to date, refreshed, read, deleted."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from databricks.sdk.errors import AlreadyExists, NotFound, ResourceAlreadyExists
from databricks.sdk.service.dataquality import (
    DataProfilingConfig,
    DataProfilingStatus,
    Monitor,
)

from databricks_monitoring import clients
from databricks_monitoring.config import MonitorConfig
from databricks_monitoring.errors import InvalidValueError, MonitorError, MonitorNotFoundError
from databricks_monitoring.monitoring.metric_query import MonitorMetrics, read_metrics
from databricks_monitoring.monitoring.monitor_translation import (
    changed_fields,
    columns_needed,
    profiling_config,
)
from databricks_monitoring.monitoring.refreshes import RefreshInfo, refresh
from databricks_monitoring.names import PROFILE_METRICS_SUFFIX, TABLE_ROW, SchemaName, TableName
from databricks_monitoring.parsing import parse
from databricks_monitoring.polling import poll
from databricks_monitoring.serving.inference_table import is_inference_table, payload_of, unpack
from databricks_monitoring.serving.label_delay import keep_delay
from databricks_monitoring.unity_catalog import ensure_schema, find_table, require_columns, require_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from databricks.sdk import WorkspaceClient
    from databricks.sdk.service.catalog import TableInfo

logger = logging.getLogger(__name__)

ASSETS_ROOT = "/Workspace/Shared/lakehouse_monitoring"

_TABLE = "table"
_BROKEN = (DataProfilingStatus.DATA_PROFILING_STATUS_ERROR, DataProfilingStatus.DATA_PROFILING_STATUS_FAILED)


def assets_dir(table: TableName) -> str:
    """Return the workspace folder of a monitored table's dashboard."""
    return f"{ASSETS_ROOT}/{table.catalog}_{table.schema}_{table.name}"


class LakehouseMonitor:
    """Monitors of the tables of one schema.

    Parameters
    ----------
    catalog, schema : str
        Complete the names of tables given with fewer levels.
    client : WorkspaceClient, optional
        The workspace; else the one that the environment names.
    progress : callable, optional
        Told in words how waiting goes.
    """

    def __init__(
        self,
        catalog: str,
        schema: str,
        client: WorkspaceClient | None = None,
        *,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        self.schema = SchemaName.of(catalog, schema)
        self.client = client or clients.connect()
        self._progress = progress
        self._sql = clients.SqlClient(self.client)

    def create_monitor(  # noqa: PLR0917 - the documented signature
        self,
        inference_table: str,
        output_schema: str,
        profile_type: str = "InferenceLog",
        granularities: Sequence[str] = ("1 day",),
        baseline_table: str | None = None,
        problem_type: str | None = None,
        prediction_col: str = "prediction",
        timestamp_col: str = "timestamp",
        model_id_col: str = "model_id",
        label_col: str | None = "label",
        slicing_exprs: Sequence[str] = (),
        custom_metrics: Sequence[Mapping[str, object]] = (),
        schedule: str | None = None,
        *,
        timezone: str = "UTC",
        label_delay: str | None = None,
        skip_builtin_dashboard: bool = False,
        timeout: float = 900,
    ) -> str:
        """Make a table be monitored as the arguments say, and return the monitor's name.

        Creates the monitor, or updates what differs, or does nothing; waits until it is active. Creation
        starts a first refresh by itself, an update does not. The name is the table's full name.

        Parameters
        ----------
        output_schema : str
            Schema of the two metric tables; created if it does not exist.
        schedule : str, optional
            Cron expression, Unix or Quartz.
        label_delay : str, optional
            How long labels take, such as `3 days`; quality is judged in windows that ended this long ago.
        timeout : float
            Seconds.

        Raises
        ------
        TableNotFoundError, ColumnNotFoundError
            If the table, the baseline or a named column does not exist; before anything is created.
        ConfigError
            If an argument is wrong.
        MonitorError
            If the service reports that the monitor cannot work, or it is not active in time.
        """
        body: dict[str, object] = {
            "inference_table": inference_table,
            "output_schema": output_schema,
            "profile_type": profile_type,
            "granularities": _listed(granularities),
            "baseline_table": baseline_table,
            "problem_type": problem_type,
            "prediction_col": prediction_col,
            "timestamp_col": timestamp_col,
            "model_id_col": model_id_col,
            "label_col": label_col,
            "slicing_exprs": _listed(slicing_exprs),
            "custom_metrics": _listed(custom_metrics),
            "schedule": schedule,
            "timezone": timezone,
            "label_delay": label_delay,
        }
        config = parse(MonitorConfig, body, "create_monitor")
        return self.ensure(config, skip_builtin_dashboard=skip_builtin_dashboard, timeout=timeout)

    def ensure(
        self, config: MonitorConfig, *, skip_builtin_dashboard: bool = False, timeout: float = 900
    ) -> str:
        """Make a table be monitored as `config` says; the typed form of `create_monitor`, which see."""
        table = self._name(config.inference_table)
        info = require_table(self.client, table)
        require_columns(info, columns_needed(config))
        baseline = self._name(config.baseline_table) if config.baseline_table else None
        if baseline is not None:
            require_table(self.client, baseline)
        output_schema = SchemaName.parse(config.output_schema, default_catalog=self.schema.catalog)
        ensure_schema(self.client, output_schema)
        wanted = profiling_config(
            config,
            output_schema_id=self.client.schemas.get(str(output_schema)).schema_id or "",
            baseline_table=str(baseline) if baseline else None,
            assets_dir=assets_dir(table),
            skip_builtin_dashboard=skip_builtin_dashboard,
            warehouse_id=None if skip_builtin_dashboard else self._sql.warehouse_id,
        )
        keep_delay(self._sql, info, table, config.label_delay)
        self._create_or_update(table, info, wanted)
        self._wait_active(table, info, timeout)
        return str(table)

    def refresh_monitor(
        self,
        monitor_name: str,
        wait: bool = True,  # noqa: FBT001, FBT002 - a documented argument
        timeout: float = 3600,
        *,
        unpack_payloads: bool = True,
    ) -> RefreshInfo:
        """Refresh a monitor's metrics with everything that is known now, and return how that went.

        Where the monitored table is an inference table, what its endpoint has logged since the last time is
        first unpacked into rows: metrics of rows that are still payloads would be missing.

        A refresh that waits to start is joined. One that already runs may have missed the newest rows, so it
        is waited for and followed by another.

        Parameters
        ----------
        monitor_name : str
            Full name of the monitored table, or its name in this schema.
        timeout : float
            Seconds for all of it.
        unpack_payloads : bool
            Whether to unpack first; not needed by callers that have just done it.

        Raises
        ------
        MonitorNotFoundError
            Naming the monitors that exist.
        RefreshFailedError
            With the service's own message.
        RefreshTimeoutError
            If it did not end in time; it goes on without us.
        """
        table = self._name(monitor_name)
        object_id = self._object_id(table)
        if unpack_payloads:
            self._unpack(table)
        return refresh(
            self.client,
            table,
            object_id,
            wait=wait,
            timeout=timeout,
            progress=self._progress,
        )

    def get_monitor_metrics(
        self,
        monitor_name: str,
        *,
        columns: Sequence[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        slice_key: str | None = None,
        slice_value: str | None = None,
        quantiles: bool = False,
    ) -> MonitorMetrics:
        """Return the rows of a monitor's two metric tables.

        Parameters
        ----------
        columns : sequence of str, optional
            Only rows about these columns (`:table` for the table as a whole).
        start, end : datetime, optional
            Only windows that begin at `start` or later and end at `end` or earlier; without the baseline.
        slice_key, slice_value : str, optional
            Only this slice.
        quantiles : bool
            Include the profile's column `quantiles`, a thousand numbers in every row.

        Raises
        ------
        MonitorNotFoundError
            Naming the monitors that exist.
        ColumnNotFoundError
            If the monitored table has no such column.
        TableNotFoundError
            If no refresh has succeeded yet.
        """
        table = self._name(monitor_name)
        config = self._config(table)
        if isinstance(columns, str):
            raise InvalidValueError("columns", columns, "a list of columns")
        require_columns(require_table(self.client, table), set(columns or ()) - {TABLE_ROW})
        profile, drift = metric_tables(config, table)
        return read_metrics(
            self._sql,
            profile,
            drift,
            columns=columns,
            start=start,
            end=end,
            slice_key=slice_key,
            slice_value=slice_value,
            quantiles=quantiles,
        )

    def delete_monitor(self, monitor_name: str) -> bool:
        """Delete a monitor and say whether it existed. Metric tables and dashboard stay."""
        info = find_table(self.client, self._name(monitor_name))
        if info is None:
            return False
        try:
            self.client.data_quality.delete_monitor(_TABLE, info.table_id or "")
        except NotFound:
            return False
        return True

    def list_monitors(self) -> list[str]:
        """Return the names of the monitors of this schema's tables.

        The service has no list; every table of the schema that has metric tables in the catalog, or that was
        made by this package, is asked for.
        """
        rows = self._sql.execute(
            "SELECT table_name FROM system.information_schema.tables "
            "WHERE table_catalog = :catalog AND endswith(table_name, :suffix)",
            {"catalog": self.schema.catalog, "suffix": PROFILE_METRICS_SUFFIX},
        )
        with_metrics = {str(row["table_name"]).removesuffix(PROFILE_METRICS_SUFFIX) for row in rows}
        found = []
        for info in self.client.tables.list(self.schema.catalog, self.schema.schema, omit_columns=True):
            ours = any(key.startswith("databricks_monitoring.") for key in info.properties or {})
            if (ours or info.name in with_metrics) and self._find(info) is not None:
                found.append(str(self.schema.table(info.name or "")))
        return sorted(found)

    def get_config(self, monitor_name: str) -> DataProfilingConfig:
        """Return a monitor as the service describes it.

        Raises
        ------
        MonitorNotFoundError
            Naming the monitors that exist.
        """
        return self._config(self._name(monitor_name))

    def _unpack(self, table: TableName) -> None:
        info = find_table(self.client, table)
        if info is None or not is_inference_table(info):
            return
        # An endpoint that has never logged anything has no payload table yet.
        if find_table(self.client, payload_of(info)) is not None:
            unpacked = unpack(self._sql, table)
            if self._progress:
                self._progress(f"{unpacked.rows_added} rows added to {table}")

    def _name(self, text: str) -> TableName:
        return TableName.parse(text, within=self.schema)

    def _object_id(self, table: TableName) -> str:
        info = require_table(self.client, table)
        if self._find(info) is None:
            raise self._missing(table)
        return info.table_id or ""

    def _config(self, table: TableName) -> DataProfilingConfig:
        found = self._find(require_table(self.client, table))
        if found is None or found.data_profiling_config is None:
            raise self._missing(table)
        return found.data_profiling_config

    def _missing(self, table: TableName) -> MonitorNotFoundError:
        return MonitorNotFoundError(
            str(table),
            self.list_monitors(),
            where=f"schema {self.schema}",
            hint="Create it with create_monitor or setup_monitoring.",
        )

    def _find(self, info: TableInfo) -> Monitor | None:
        try:
            return self.client.data_quality.get_monitor(_TABLE, info.table_id or "")
        except NotFound:
            return None

    def _create_or_update(self, table: TableName, info: TableInfo, wanted: DataProfilingConfig) -> None:
        body = Monitor(object_type=_TABLE, object_id=info.table_id or "", data_profiling_config=wanted)
        current = self._find(info)
        if current is None:
            try:
                self.client.data_quality.create_monitor(body)
            except (AlreadyExists, ResourceAlreadyExists):
                current = self._find(info)
            else:
                logger.info("created the monitor of %s", table)
                return
        config = current.data_profiling_config if current else None
        mask = changed_fields(config, wanted) if config else "data_profiling_config"
        if mask:
            self.client.data_quality.update_monitor(_TABLE, info.table_id or "", body, mask)
            logger.info("updated the monitor of %s: %s", table, mask)

    def _wait_active(self, table: TableName, info: TableInfo, timeout: float) -> None:
        def ask() -> DataProfilingConfig | None:
            monitor = self.client.data_quality.get_monitor(_TABLE, info.table_id or "")
            config = monitor.data_profiling_config
            if config is None or config.status in _BROKEN:
                reason = config.latest_monitor_failure_message if config else None
                raise MonitorError(f"The monitor of {table} does not work: {reason or 'no reason given'}")
            return config if config.status is DataProfilingStatus.DATA_PROFILING_STATUS_ACTIVE else None

        words = f"the monitor of {table} is not active yet"
        if poll(ask, deadline=time.monotonic() + timeout, words=words, progress=self._progress) is None:
            raise MonitorError(f"The monitor of {table} is not active after {timeout:g} s.")


def _listed(given: object) -> object:
    """Return a sequence as a list; what is none stays, for the check of its type to name."""
    return list(given) if isinstance(given, tuple | list) else given


def metric_tables(config: DataProfilingConfig, table: TableName) -> tuple[TableName, TableName]:
    """Return the profile and the drift metric table that the service names for a monitored table.

    Raises
    ------
    MonitorError
        If the service does not name them, which an inactive monitor's does not.
    """
    if not config.profile_metrics_table_name or not config.drift_metrics_table_name:
        raise MonitorError(f"The monitor of {table} has no metric tables yet; refresh it first.")
    return (
        TableName.parse(config.profile_metrics_table_name),
        TableName.parse(config.drift_metrics_table_name),
    )
