"""Small documents in SQLite: everything the workspace remembers that is not a table, a file or a model.

A document is the JSON body of an SDK dataclass (or a dict like it), found by kind and key. Each write is
durable when the call returns, so a killed server finds it again.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Document = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""


class Store:
    """Documents by kind and key, shared by the threads of one process."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.executescript(_SCHEMA)
        self._depth = 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make the writes inside take effect together, or not at all; may be nested."""
        with self._lock:
            if self._depth == 0:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._connection.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._connection.execute("COMMIT")

    def get(self, kind: str, key: str) -> Document | None:
        """Return a document, or None."""
        with self._lock:
            row = self._connection.execute(
                "SELECT body FROM documents WHERE kind = ? AND key = ?", (kind, key)
            ).fetchone()
        return json.loads(row[0]) if row else None

    def put(self, kind: str, key: str, body: Document) -> None:
        """Write a document, replacing the one that was there."""
        with self._lock:
            self._connection.execute(
                "INSERT INTO documents VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body",
                (kind, key, json.dumps(body)),
            )

    def add(self, kind: str, key: str, body: Document) -> bool:
        """Write a document unless the key is taken; say whether it was written."""
        with self._lock:
            cursor = self._connection.execute(
                "INSERT OR IGNORE INTO documents VALUES (?, ?, ?)", (kind, key, json.dumps(body))
            )
            return cursor.rowcount == 1

    def list(self, kind: str, prefix: str = "") -> list[tuple[str, Document]]:
        """Return `(key, document)` pairs whose key begins with `prefix`, in order of key."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT key, body FROM documents WHERE kind = ? AND substr(key, 1, ?) = ? ORDER BY key",
                (kind, len(prefix), prefix),
            ).fetchall()
        return [(key, json.loads(body)) for key, body in rows]

    def delete(self, kind: str, key: str) -> bool:
        """Delete a document; say whether it existed."""
        with self._lock:
            return (
                self._connection.execute(
                    "DELETE FROM documents WHERE kind = ? AND key = ?", (kind, key)
                ).rowcount
                == 1
            )

    def next_number(self, name: str) -> int:
        """Return 1, 2, 3 ... for a named counter."""
        with self._lock:
            row = self._connection.execute(
                "INSERT INTO counters VALUES (?, 1) "
                "ON CONFLICT DO UPDATE SET value = value + 1 RETURNING value",
                (name,),
            ).fetchone()
        return int(row[0])

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._connection.close()
