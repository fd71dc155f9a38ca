"""Monitors of tables and their refreshes, behind both monitor APIs."""

from __future__ import annotations

import logging
import queue
import threading
import uuid
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from databricks.sdk.errors import AlreadyExists, InvalidParameterValue, NotFound
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service.catalog import TableType
from databricks.sdk.service.dataquality import (
    DataProfilingStatus,
    Refresh,
    RefreshState,
    RefreshTrigger,
)

from databricks_monitoring.errors import InvalidNameError
from databricks_monitoring.local_workspace.catalog.securables import metastore_id
from databricks_monitoring.local_workspace.dashboards import Dashboards
from databricks_monitoring.local_workspace.monitors.builtin_dashboard import create_or_update
from databricks_monitoring.local_workspace.monitors.checks import check, check_baseline
from databricks_monitoring.local_workspace.monitors.refreshes.job import RefreshJob, RefreshOutcome
from databricks_monitoring.local_workspace.monitors.refreshes.worker import RefreshWorker, WorkerDiedError
from databricks_monitoring.local_workspace.monitors.stored_monitor import StoredMonitor, inputs_only
from databricks_monitoring.monitor_definition import monitor_definition
from databricks_monitoring.names import SchemaName, TableName

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from databricks.sdk.service.catalog import TableInfo
    from databricks.sdk.service.dataquality import DataProfilingConfig

    from databricks_monitoring.local_workspace.catalog.tables import Tables
    from databricks_monitoring.local_workspace.clock import WorkspaceClock
    from databricks_monitoring.local_workspace.storage import Store

logger = logging.getLogger(__name__)

_MONITOR, _REFRESH = "monitor", "monitor_refresh"
_ENDED = frozenset(
    {
        RefreshState.MONITOR_REFRESH_STATE_SUCCESS,
        RefreshState.MONITOR_REFRESH_STATE_FAILED,
        RefreshState.MONITOR_REFRESH_STATE_CANCELED,
    }
)


class Monitors:
    """Every monitor of the workspace, by the id of the table it watches.

    Refreshes are computed one after the other by one process; those that wait are PENDING.
    """

    def __init__(self, store: Store, clock: WorkspaceClock, tables: Tables, *, root: Path) -> None:
        self._store = store
        self._clock = clock
        self._tables = tables
        self._dashboards = Dashboards(store, clock, root / "workspace_files")
        self._lock = threading.RLock()
        self._worker = RefreshWorker()
        self._waiting: queue.SimpleQueue[tuple[str, int | None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._running: tuple[str, int] | None = None
        self._closing = False

    def start(self) -> None:
        """Continue where the last run of the workspace stopped."""
        with self._lock:
            for _, document in self._store.list(_REFRESH):
                refresh = Refresh.from_dict(document)
                if refresh.state is RefreshState.MONITOR_REFRESH_STATE_RUNNING:
                    self._end(refresh, RefreshOutcome(succeeded=False, message=_STOPPED))
                elif refresh.state is RefreshState.MONITOR_REFRESH_STATE_PENDING:
                    self._enqueue(refresh.object_id, refresh.refresh_id)
            for monitor in self.list():
                if monitor.status is DataProfilingStatus.DATA_PROFILING_STATUS_PENDING:
                    self._enqueue(monitor.table_id, None)
        if self.list():
            self._worker.warm()

    def close(self) -> None:
        """Give up the running refresh, which becomes FAILED; waiting ones wait for the next start."""
        with self._lock:
            self._closing = True
            thread = self._thread
        self._waiting.put(None)
        self._worker.close()
        if thread is not None:
            thread.join()

    def table_id(self, table_name: str) -> str:
        """Return the id of a table given by its full name."""
        try:
            name = TableName.parse(table_name.lower())
        except InvalidNameError as error:
            raise InvalidParameterValue(str(error)) from error
        return str(self._tables.get(name).table_id)

    def schema_id(self, schema_name: str) -> str:
        """Return the id of a schema given by its full name."""
        try:
            name = SchemaName.parse(schema_name.lower())
        except InvalidNameError as error:
            raise InvalidParameterValue(str(error)) from error
        return str(self._tables.get_schema(name).schema_id)

    def list(self) -> Sequence[StoredMonitor]:
        """Return every monitor, by table id."""
        return [StoredMonitor.read(document) for _, document in self._store.list(_MONITOR)]

    def create(
        self, table_id: str, config: DataProfilingConfig, *, prediction_proba_column: str | None = None
    ) -> StoredMonitor:
        """Store a monitor, PENDING; it becomes ACTIVE and starts its first refresh by itself."""
        table = self._table_by_id(table_id)
        name = _name(table)
        with self._lock:
            if self._store.get(_MONITOR, table_id) is not None:
                raise AlreadyExists(f"Data Monitor '{name}' already exists")
            monitor = StoredMonitor(
                table_id=table_id,
                table=name,
                output_schema=self._checked(table, config, prediction_proba_column),
                config=inputs_only(config),
                created_at=self._clock.now().isoformat(),
                prediction_proba_column=prediction_proba_column,
            )
            self._refuse_collision(monitor)
            self._put(monitor)
        self._enqueue(table_id, None)
        return monitor

    def get(self, table_id: str) -> StoredMonitor:
        """Return the monitor of a table.

        Raises
        ------
        NotFound
            In the words of the real service.
        """
        document = self._store.get(_MONITOR, table_id)
        if document is None:
            raise NotFound(
                f"Cannot find Monitor with ID: /metastores:{metastore_id(self._store)}/tables:{table_id}/"
            )
        return StoredMonitor.read(document)

    def update(
        self,
        table_id: str,
        config: DataProfilingConfig,
        *,
        prediction_proba_column: str | None = None,
        dashboard_id: str | None = None,
    ) -> StoredMonitor:
        """Replace a monitor's configuration; the version counts up if it differs. Starts no refresh."""
        with self._lock:
            current = self.get(table_id)
            wanted = replace(
                current,
                config=inputs_only(config),
                output_schema=self._checked(self._table_by_id(table_id), config, prediction_proba_column),
                prediction_proba_column=prediction_proba_column,
                dashboard_id=dashboard_id or current.dashboard_id,
            )
            if wanted == current:
                return current
            self._refuse_collision(wanted)
            if wanted != replace(current, dashboard_id=wanted.dashboard_id):
                wanted = replace(wanted, version=current.version + 1)
            self._put(wanted)
        return wanted

    def delete(self, table_id: str) -> None:
        """Forget a monitor and its refreshes; its metric tables and dashboard stay."""
        with self._lock:
            self.get(table_id)
            for refresh in self.list_refresh(table_id):
                if refresh.state not in _ENDED:
                    self.cancel_refresh(table_id, _id(refresh))
                self._store.delete(_REFRESH, _key(table_id, _id(refresh)))
            self._store.delete(_MONITOR, table_id)

    def regenerate_dashboard(self, table_id: str, warehouse_id: str | None = None) -> StoredMonitor:
        """Create the monitor's dashboard anew and return the monitor that names it."""
        monitor = self.get(table_id)
        created = create_or_update(self._dashboards, monitor, warehouse_id)
        with self._lock:
            monitor = replace(self.get(table_id), dashboard_id=created)
            self._put(monitor)
        return monitor

    def create_refresh(
        self, table_id: str, trigger: RefreshTrigger = RefreshTrigger.MONITOR_REFRESH_TRIGGER_MANUAL
    ) -> Refresh:
        """Queue a refresh and return it, PENDING."""
        with self._lock:
            self.get(table_id)
            refresh = Refresh(
                object_type="table",
                object_id=table_id,
                refresh_id=self._store.next_number(_REFRESH),
                start_time_ms=self._clock.now_ms(),
                state=RefreshState.MONITOR_REFRESH_STATE_PENDING,
                trigger=trigger,
            )
            self._put_refresh(refresh)
            self._enqueue(table_id, refresh.refresh_id)
        return refresh

    def get_refresh(self, table_id: str, refresh_id: int) -> Refresh:
        """Return one refresh of a monitor."""
        self.get(table_id)
        document = self._store.get(_REFRESH, _key(table_id, refresh_id))
        if document is None:
            known = ", ".join(str(refresh.refresh_id) for refresh in self.list_refresh(table_id)[:5])
            raise NotFound(
                f"Refresh {refresh_id} does not exist for this monitor. The newest: {known or 'none'}."
            )
        return Refresh.from_dict(document)

    def list_refresh(self, table_id: str) -> Sequence[Refresh]:
        """Return every refresh of a monitor, newest first."""
        self.get(table_id)
        documents = self._store.list(_REFRESH, prefix=table_id + "/")
        return [Refresh.from_dict(document) for _, document in reversed(documents)]

    def cancel_refresh(self, table_id: str, refresh_id: int) -> Refresh:
        """Cancel a refresh that waits or runs; one that ended stays as it is."""
        with self._lock:
            refresh = self.get_refresh(table_id, refresh_id)
            if refresh.state in _ENDED:
                return refresh
            canceled = replace(
                refresh,
                state=RefreshState.MONITOR_REFRESH_STATE_CANCELED,
                end_time_ms=self._clock.now_ms(),
                message="Canceled by the user.",
            )
            self._put_refresh(canceled)
            if self._running == (table_id, refresh_id):
                self._worker.stop()
        return canceled

    def _enqueue(self, table_id: str, refresh_id: int | None) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="monitors", daemon=True)
                self._thread.start()
        self._waiting.put((table_id, refresh_id))

    def _work(self) -> None:
        while (task := self._waiting.get()) is not None and not self._closing:
            table_id, refresh_id = task
            try:
                if refresh_id is None:
                    self._activate(table_id)
                else:
                    self._refresh(table_id, refresh_id)
            except NotFound:
                # Deleted while it waited.
                logger.info("monitor %s is gone", table_id)
            except Exception as error:
                # Recorded where the user looks; the queue must go on for every other monitor.
                logger.exception("monitor %s could not be worked on", table_id)
                self._give_up(table_id, refresh_id, f"{type(error).__name__}: {error}")

    def _give_up(self, table_id: str, refresh_id: int | None, reason: str) -> None:
        with self._lock:
            self._running = None
            if refresh_id is not None:
                outcome = RefreshOutcome(succeeded=False, message=reason)
                self._end(self.get_refresh(table_id, refresh_id), outcome)
                return
            status = DataProfilingStatus.DATA_PROFILING_STATUS_ERROR
            self._put(replace(self.get(table_id), status=status, failure=reason))

    def _activate(self, table_id: str) -> None:
        self._worker.warm()
        monitor = self.get(table_id)
        failure, dashboard_id = None, monitor.dashboard_id
        if monitor.config.skip_builtin_dashboard is not True and dashboard_id is None:
            try:
                dashboard_id = create_or_update(self._dashboards, monitor, monitor.config.warehouse_id)
            except DatabricksError as error:
                failure = f"The dashboard could not be created: {error}"
        with self._lock, self._store.transaction():
            monitor = replace(self.get(table_id), dashboard_id=dashboard_id, failure=failure)
            if failure is not None:
                self._put(replace(monitor, status=DataProfilingStatus.DATA_PROFILING_STATUS_ERROR))
                return
            self._put(replace(monitor, status=DataProfilingStatus.DATA_PROFILING_STATUS_ACTIVE))
            self.create_refresh(table_id)

    def _refresh(self, table_id: str, refresh_id: int) -> None:
        with self._lock:
            refresh = self.get_refresh(table_id, refresh_id)
            if refresh.state is not RefreshState.MONITOR_REFRESH_STATE_PENDING:
                return
            refresh = replace(refresh, state=RefreshState.MONITOR_REFRESH_STATE_RUNNING)
            self._put_refresh(refresh)
            monitor = self.get(table_id)
            self._running = (table_id, refresh_id)
        outcome = self._outcome(monitor)
        with self._lock:
            self._running = None
            if self.get_refresh(table_id, refresh_id).state is RefreshState.MONITOR_REFRESH_STATE_RUNNING:
                self._end(refresh, outcome)

    def _outcome(self, monitor: StoredMonitor) -> RefreshOutcome:
        try:
            outcome = self._worker.run(self._job(monitor))
            if outcome.succeeded:
                self._tables.adopt(monitor.profile_table)
                self._tables.adopt(monitor.drift_table)
        except WorkerDiedError as error:
            return RefreshOutcome(succeeded=False, message=_STOPPED if self._closing else str(error))
        except DatabricksError as error:
            return RefreshOutcome(succeeded=False, message=str(error))
        return outcome

    def _job(self, monitor: StoredMonitor) -> RefreshJob:
        table = self._tables.get(monitor.table)
        if table.table_id != monitor.table_id:
            raise NotFound(f"{monitor.table} is another table now: it was dropped and created again.")
        baseline = monitor.config.baseline_table_name
        if baseline is not None:
            self._tables.get(TableName.parse(baseline.lower()))
        self._tables.get_schema(monitor.output_schema)
        config = monitor.full_config
        return RefreshJob(
            definition=monitor_definition(config, prediction_proba_column=monitor.prediction_proba_column),
            primary=self._tables.location(monitor.table),
            baseline=self._tables.location(TableName.parse(baseline.lower())) if baseline else None,
            profile=self._tables.location(monitor.profile_table),
            drift=self._tables.location(monitor.drift_table),
            now=self._clock.now(),
            created_at=datetime.fromisoformat(monitor.created_at),
        )

    def _end(self, refresh: Refresh, outcome: RefreshOutcome) -> None:
        success, failed = (
            RefreshState.MONITOR_REFRESH_STATE_SUCCESS,
            RefreshState.MONITOR_REFRESH_STATE_FAILED,
        )
        self._put_refresh(
            replace(
                refresh,
                state=success if outcome.succeeded else failed,
                end_time_ms=self._clock.now_ms(),
                message=outcome.message,
            )
        )
        if not outcome.succeeded:
            logger.warning(
                "refresh %s of table %s failed: %s", refresh.refresh_id, refresh.object_id, outcome.message
            )

    def _checked(
        self, table: TableInfo, config: DataProfilingConfig, prediction_proba_column: str | None
    ) -> SchemaName:
        if table.table_type in {TableType.VIEW, TableType.METRIC_VIEW}:
            raise InvalidParameterValue(f"{table.full_name} is a view; only Delta tables are monitored here.")
        check(config, table, proba_column=prediction_proba_column)
        if config.baseline_table_name is not None:
            try:
                baseline = TableName.parse(config.baseline_table_name.lower())
            except InvalidNameError as error:
                raise InvalidParameterValue(f"baseline_table_name: {error}") from error
            check_baseline(table, self._tables.get(baseline))
        return self._schema_by_id(config.output_schema_id)

    def _refuse_collision(self, monitor: StoredMonitor) -> None:
        for other in self.list():
            if other.table_id != monitor.table_id and other.profile_table == monitor.profile_table:
                raise InvalidParameterValue(
                    f"Metric table {monitor.profile_table} already belongs to the monitor of "
                    f"{other.table}. Give {monitor.table} another output schema."
                )

    def _table_by_id(self, table_id: str) -> TableInfo:
        _require_uuid("object_id", table_id, "w.tables.get(full_name).table_id")
        for catalog in self._tables.list_catalogs():
            for schema in self._tables.list_schemas(str(catalog.name)):
                for table in self._tables.list(SchemaName(str(catalog.name), str(schema.name))):
                    if table.table_id == table_id:
                        return table
        raise NotFound(f"Table with ID {table_id} does not exist.")

    def _schema_by_id(self, schema_id: str) -> SchemaName:
        _require_uuid("output_schema_id", schema_id, "w.schemas.get(full_name).schema_id")
        for catalog in self._tables.list_catalogs():
            for schema in self._tables.list_schemas(str(catalog.name)):
                if schema.schema_id == schema_id:
                    return SchemaName(str(catalog.name), str(schema.name))
        raise NotFound(f"Schema with ID {schema_id} does not exist; output_schema_id needs one that does.")

    def _put(self, monitor: StoredMonitor) -> None:
        self._store.put(_MONITOR, monitor.table_id, monitor.document())

    def _put_refresh(self, refresh: Refresh) -> None:
        self._store.put(_REFRESH, _key(refresh.object_id, _id(refresh)), refresh.as_dict())


_STOPPED = "The workspace stopped while this refresh ran. Start another."


def _key(table_id: str, refresh_id: int) -> str:
    return f"{table_id}/{refresh_id:020d}"


def _id(refresh: Refresh) -> int:
    return int(refresh.refresh_id or 0)


def _name(table: TableInfo) -> TableName:
    return TableName(str(table.catalog_name), str(table.schema_name), str(table.name))


def _require_uuid(where: str, value: str | None, source: str) -> None:
    try:
        uuid.UUID(str(value))
    except ValueError as error:
        raise InvalidParameterValue(f"{where}: {value!r} is not a UUID; get it from {source}.") from error
