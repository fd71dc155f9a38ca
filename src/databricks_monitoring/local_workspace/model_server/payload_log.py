"""What an endpoint answered, on its way into the inference table.

Each record is written to a segment file with one `write` before the answer is sent, so the operating system
has it even if the workspace is killed the moment after. Segments are then committed to the table in order,
each commit naming the number of its last segment as a Delta application transaction: after a crash between a
commit and the removal of its segments, the table itself says which segments it has.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import TYPE_CHECKING

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import DeltaError

from databricks_monitoring.local_workspace.model_server.payload_record import payload_table, records_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from databricks_monitoring.local_workspace.model_server.payload_record import PayloadRecord
    from databricks_monitoring.names import TableName

logger = logging.getLogger(__name__)

_SUFFIX = ".jsonl"
_SECONDS_AFTER_FAILURE = 5.0
_BYTES_PER_COMMIT = 64 * 1024 * 1024


class PayloadLog:
    """The segments of one endpoint for one inference table.

    Parameters
    ----------
    folder
        Where the segments are.
    application
        Id of the log in the table's transactions.
    location
        Folder of the Delta table.
    next_number
        Gives each segment a number above all before it, also after a restart.

    Attributes
    ----------
    lost
        Records that could not be written to a segment.
    failed_commits, error
        Commits that failed, and why the last one did; `error` is empty after one that succeeded.
    retry_at
        When to try again after a failure, by the monotonic clock.
    """

    def __init__(
        self, folder: Path, table: TableName, application: str, location: Path, next_number: Callable[[], int]
    ) -> None:
        self.table = table
        self.lost = 0
        self.failed_commits = 0
        self.error = ""
        self.retry_at = 0.0
        self.committing = threading.Lock()
        self._folder = folder
        self._application = application
        self._location = location
        self._next_number = next_number
        self._writing = threading.Lock()
        self._segment: int | None = None
        self._size = 0
        folder.mkdir(parents=True, exist_ok=True)

    def append(self, record: PayloadRecord) -> None:
        """Put a record where a killed workspace finds it again; a failure is counted, not raised."""
        line = record.line()
        with self._writing:
            try:
                if self._segment is None:
                    self._open()
                self._write(line)
            except OSError as error:
                self.lost += 1
                self.error = f"A request could not be recorded: {error}"
                logger.exception("a record for %s could not be written", self.table)

    def _open(self) -> None:
        path = self._folder / f"{self._next_number():012d}{_SUFFIX}"
        self._segment = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self._size = 0

    def _write(self, line: bytes) -> None:
        if self._segment is None:
            return
        written = os.write(self._segment, line)
        if written < len(line):
            # A full disk takes a part; what follows must not be glued to it.
            os.ftruncate(self._segment, self._size)
            raise OSError(f"only {written} of {len(line)} bytes were written")
        self._size += written

    def roll(self) -> list[Path]:
        """End the current segment; return all that hold what was answered so far, oldest first."""
        with self._writing:
            if self._segment is not None:
                os.close(self._segment)
                self._segment = None
            # Listed while nobody can open another: that one is still being written.
            return sorted(self._folder.glob(f"*{_SUFFIX}"))

    def has_uncommitted(self) -> bool:
        """Say whether there is anything to commit."""
        return self._segment is not None or any(self._folder.glob(f"*{_SUFFIX}"))

    def commit(self) -> bool:
        """Commit every record answered so far; say whether the table has them now.

        Segments stay until the table has them. The caller holds `committing`.
        """
        segments = self.roll()
        try:
            while segments:
                together = _first_within(segments, _BYTES_PER_COMMIT)
                self._commit(together)
                segments = segments[len(together) :]
        except (DeltaError, OSError, ValueError, pa.ArrowException) as error:
            message = f"{type(error).__name__}: {error}"
            if message != self.error:
                # Once for each trouble: it is tried again every few seconds.
                logger.warning("answers could not be committed to %s: %s", self.table, message)
            self.failed_commits += 1
            self.error = message
            self.retry_at = time.monotonic() + _SECONDS_AFTER_FAILURE
            return False
        self.error = ""
        self.retry_at = 0.0
        return True

    def _commit(self, segments: list[Path]) -> None:
        table = DeltaTable(self._location)
        committed = table.transaction_version(self._application) or 0
        new = [path for path in segments if int(path.stem) > committed]
        records = [record for path in new for record in records_of(path.read_bytes())]
        if records:
            last = int(new[-1].stem)
            properties = CommitProperties(app_transactions=[Transaction(self._application, last)])
            write_deltalake(table, payload_table(records), mode="append", commit_properties=properties)
        for path in segments:
            path.unlink()


def _first_within(segments: list[Path], at_most: int) -> list[Path]:
    taken: list[Path] = []
    size = 0
    for path in segments:
        size += path.stat().st_size
        if taken and size > at_most:
            break
        taken.append(path)
    return taken
