"""The one DuckDB database that all statements of a workspace run in, each on a connection of its own."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import duckdb
import psutil

from databricks_monitoring.local_workspace.sql import macros

if TYPE_CHECKING:
    from pathlib import Path

_MEMORY_SHARE = 0.4
"""Part of the machine's memory that statements may use before they write to disk; models need the rest."""


class Database:
    """An in-memory database that can read the workspace's tables and volumes and no other file."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._lock = threading.Lock()
        self._database: duckdb.DuckDBPyConnection | None = None

    def connection(self) -> duckdb.DuckDBPyConnection:
        """Return a new connection; its temporary views and its interrupts are its own."""
        with self._lock:
            if self._database is None:
                self._database = self._open()
            connection = self._database.cursor()
        connection.execute("SET TimeZone = 'UTC'")
        return connection

    def _open(self) -> duckdb.DuckDBPyConnection:
        spill = self._root / "sql" / "spill"
        spill.mkdir(parents=True, exist_ok=True)
        database = duckdb.connect(
            ":memory:",
            config={
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "memory_limit": f"{int(psutil.virtual_memory().total * _MEMORY_SHARE / 2**20)}MiB",
                "temp_directory": str(spill),
            },
        )
        macros.install(database)
        readable = [str(self._root / name) + "/" for name in ("tables", "volumes", "sql")]
        database.execute("SET allowed_directories = ?", [readable])
        database.execute("SET enable_external_access = false")
        return database

    def close(self) -> None:
        """Forget the database."""
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None
