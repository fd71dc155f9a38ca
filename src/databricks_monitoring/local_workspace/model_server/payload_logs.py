"""Every payload log of the workspace, and the thread that commits them."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from typing import TYPE_CHECKING

from databricks_monitoring.local_workspace.model_server.durability import Sync, sync_paths
from databricks_monitoring.local_workspace.model_server.payload_log import PayloadLog
from databricks_monitoring.names import TableName

if TYPE_CHECKING:
    from pathlib import Path

    from databricks_monitoring.local_workspace.catalog.tables import Tables
    from databricks_monitoring.local_workspace.model_server.payload_record import PayloadRecord

logger = logging.getLogger(__name__)

_ABOUT = "log.json"


class PayloadLogs:
    """The logs under one folder.

    Whoever reads an inference table through `Tables.open` sees every request answered before: reading it
    commits first.

    Parameters
    ----------
    commit_seconds
        Shortest time between two commits to one table.
    sync
        When to wait for the disk; None for what the environment says.
    """

    def __init__(
        self, folder: Path, tables: Tables, *, commit_seconds: float, sync: Sync | None = None
    ) -> None:
        self._folder = folder
        self._tables = tables
        self._sync = sync or Sync.from_environment()
        self._commit_seconds = commit_seconds
        self._logs: dict[str, PayloadLog] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._commit_again_and_again, name="payload-logs", daemon=True)

    def start(self) -> None:
        """Find the logs of before, commit what they hold, and begin."""
        for about in sorted(self._folder.glob(f"*/{_ABOUT}")):
            try:
                table = TableName.parse(json.loads(about.read_text())["table"])
            except (ValueError, KeyError):
                # A machine lost its power. Its endpoint, if it still logs, writes the file again.
                logger.exception("%s cannot be read; what its endpoint had answered is left there", about)
                continue
            self._opened(about.parent.name, table)
        for log in self._logs.values():
            if log.has_uncommitted():
                self._commit(log)
        self._thread.start()

    def open(self, endpoint_id: str, table: TableName) -> PayloadLog:
        """Return the log of an endpoint for a table, the same after a restart."""
        name = f"{endpoint_id}-{hashlib.sha256(str(table).encode()).hexdigest()[:12]}"
        with self._lock:
            if name not in self._logs:
                self._describe(self._folder / name, {"table": str(table), "endpoint_id": endpoint_id})
                self._opened(name, table)
            return self._logs[name]

    def _describe(self, folder: Path, about: dict[str, str]) -> None:
        """Write whose log a folder is, whole or not at all: a restart finds the log by it."""
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f"{_ABOUT}.part"
        part.write_text(json.dumps(about))
        if self._sync is not Sync.NEVER:
            sync_paths([part])
        part.replace(folder / _ABOUT)

    def _opened(self, name: str, table: TableName) -> None:
        self._logs[name] = PayloadLog(
            self._folder / name,
            table,
            f"payload-log-{name}",
            self._tables.location(table),
            sync=self._sync,
        )
        self._tables.before_read[table] = lambda: self.flush(table)

    async def append(self, log: PayloadLog, record: PayloadRecord) -> None:
        """Record a request that is about to be answered.

        Raises
        ------
        OSError
            If it cannot be recorded; then it must not be answered.
        """
        await log.shared.add(record.line())
        if not self._wake.is_set():
            self._wake.set()

    def flush(self, table: TableName | None = None) -> None:
        """Commit everything answered so far, of one table or of all.

        What cannot be committed stays in its segments; the log counts the failure and tells why.
        """
        with self._lock:
            logs = [log for log in self._logs.values() if table is None or log.table == table]
        for log in logs:
            if log.has_uncommitted():
                self._commit(log)

    def close(self) -> None:
        """Commit what is left and end the thread."""
        self._closed = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        self.flush()

    def _commit(self, log: PayloadLog) -> bool:
        # A statement that writes to the table reads it while it holds the table, so the table comes first.
        with self._tables.writing(log.table), log.committing:
            try:
                return log.commit()
            except BaseException as error:  # what delta-rs raises when it panics is no Exception
                log.commit_failed(error)
                logger.exception("a commit to %s failed in a way nobody expects", log.table)
                return False

    def _commit_again_and_again(self) -> None:
        while not self._closed:
            self._wake.wait()
            self._wake.clear()
            began = time.monotonic()
            with self._lock:
                waiting = [log for log in self._logs.values() if log.has_uncommitted()]
            due = [log for log in waiting if log.retry_at <= began]
            if not all([*(self._commit(log) for log in due), len(due) == len(waiting)]):
                self._wake.set()
            self._sleep(self._commit_seconds - (time.monotonic() - began))

    def _sleep(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._closed and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))
