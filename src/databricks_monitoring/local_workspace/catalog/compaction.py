"""Compaction: tables that are written in many small commits keep few files.

A table is looked after if its property `delta.autoOptimize.autoCompact` is true, as on Databricks, or if an
endpoint logs to it. Small files are written together once there are many of them, in a commit that changes no
row: readers, change feeds and refreshes see nothing of it. The files that were replaced stay for as long as
the table's `delta.deletedFileRetentionDuration` says, for whoever still reads them.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

import pyarrow as pa
from databricks.sdk.errors.base import DatabricksError
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.catalog.tables import Tables
    from databricks_monitoring.names import TableName

logger = logging.getLogger(__name__)

AUTO_COMPACT = "delta.autoOptimize.autoCompact"
"""Property of tables that are to be compacted."""

MANY_FILES = 50
"""So many small files are compacted; Databricks waits for as many."""

_SMALL_BYTES = 16 * 1024 * 1024
_FULL_BYTES = 2 * _SMALL_BYTES
_SECONDS_BETWEEN_LOOKS = 5.0
_SECONDS_BETWEEN_VACUUMS = 3600.0


class Compaction:
    """Looks after the tables of a workspace in a thread of its own.

    The right to write the table is held meanwhile: a statement that changes it waits, answers are only
    committed a little later, reading goes on.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._seen: dict[TableName, int] = {}
        self._vacuumed: dict[TableName, float] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._again_and_again, name="compaction", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def close(self) -> None:
        """End after the table that is being compacted."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> list[TableName]:
        """Compact what needs it; return the tables that did."""
        return [name for name in self._tables.names() if not self._closing.is_set() and self._look_at(name)]

    def _again_and_again(self) -> None:
        while not self._closing.wait(_SECONDS_BETWEEN_LOOKS):
            self.look()

    def _look_at(self, name: TableName) -> bool:
        try:
            written = (self._tables.location(name) / "_delta_log").stat().st_mtime_ns
            if self._seen.get(name) == written:
                return False
            self._seen[name] = written
            if not self._is_looked_after(name):
                return False
            return self._compact(name)
        except (DeltaError, DatabricksError, OSError, ValueError) as error:
            # Dropped meanwhile, written by another process, a full disk: the files stay as they are.
            logger.warning("%s could not be compacted: %s", name, error)
            return False

    def _is_looked_after(self, name: TableName) -> bool:
        properties = self._tables.get(name).properties or {}
        return properties.get(AUTO_COMPACT, str(name in self._tables.before_read)).lower() == "true"

    def _compact(self, name: TableName) -> bool:
        if _small_files(DeltaTable(self._tables.location(name))) < MANY_FILES:
            return False
        with self._tables.writing(name):
            began = time.monotonic()
            table = DeltaTable(self._tables.location(name))
            done = table.optimize.compact(target_size=_FULL_BYTES)
            logger.info(
                "%s: %d files became %d in %.2f s",
                name,
                done["numFilesRemoved"],
                done["numFilesAdded"],
                time.monotonic() - began,
            )
            if began - self._vacuumed.get(name, -_SECONDS_BETWEEN_VACUUMS) >= _SECONDS_BETWEEN_VACUUMS:
                self._vacuumed[name] = began
                table.vacuum(dry_run=False)
        return True


def _small_files(table: DeltaTable) -> int:
    sizes = pa.table(table.get_add_actions(flatten=True)).column("size_bytes").to_pylist()
    return sum(size < _SMALL_BYTES for size in sizes)
