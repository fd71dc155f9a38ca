"""What an endpoint answered, on its way into the inference table.

Each record is written to a segment file before the answer is sent, so the operating system has it even if
the workspace is killed the moment after; what cannot be written is not answered. Segments are then committed
to the table in order, each commit naming the number of its last segment as a Delta application transaction:
after a crash between a commit and the removal of its segments, the table itself says which segments it has.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import DeltaError

from databricks_monitoring.local_workspace.model_server import segment
from databricks_monitoring.local_workspace.model_server.durability import Sync, sync_commits, sync_paths
from databricks_monitoring.local_workspace.model_server.payload_record import (
    PAYLOAD_SCHEMA,
    payload_table,
)
from databricks_monitoring.local_workspace.model_server.segment import Segment, content_of
from databricks_monitoring.local_workspace.model_server.shared_write import SharedWrite

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from databricks_monitoring.local_workspace.model_server.payload_record import PayloadRecord
    from databricks_monitoring.names import TableName

logger = logging.getLogger(__name__)

_COMMITTED = ".committed"
_DAMAGED = ".damaged"
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
_BYTES_PER_SEGMENT = 32 * 1024 * 1024
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
    sync
        When to wait for the disk.

    Attributes
    ----------
    refused
        Records that could not be written to a segment; their requests were not answered.
    damaged
        Records that were found damaged on the disk and kept aside.
    failed_commits
        Commits that failed, each of which is tried again.
    retry_at
        When to try again after a failure, by the monotonic clock.
    shared
        Appends what the requests of one turn of the event loop have to record.
    """

    def __init__(
        self, folder: Path, table: TableName, application: str, location: Path, *, sync: Sync = Sync.COMMIT
    ) -> None:
        self.table = table
        self.refused = 0
        self.damaged = 0
        self.failed_commits = 0
        self.retry_at = 0.0
        self.committing = threading.Lock()
        self._folder = folder
        self._application = application
        self._location = location
        self._sync = sync
        self._writing = threading.Lock()
        self._segment: Segment | None = None
        self._not_synced: list[Path] = []
        self._failures = 0
        self._append_error = ""
        self._commit_error = ""
        folder.mkdir(parents=True, exist_ok=True)
        self._last_number = self._highest_number()
        self.shared = SharedWrite(self.append_lines)

    @property
    def error(self) -> str:
        """What is wrong, in words: recording answers, or committing them; empty when all is well."""
        return self._append_error or self._commit_error

    def append(self, record: PayloadRecord) -> None:
        """Put a record where a killed workspace finds it again.

        Raises
        ------
        OSError
            If it cannot be written; then nothing of it is left, and its request must not be answered.
        """
        [error] = self.append_lines([record.line()])
        if error is not None:
            raise error

    def append_lines(self, lines: Sequence[bytes]) -> list[OSError | None]:
        """Put the lines of records where a killed workspace finds them again, all with one system call.

        Returns
        -------
        list[OSError | None]
            For each line why it could not be written; then nothing of it is left, and its request must not be
            answered.
        """
        with self._writing:
            if len(lines) > 1:
                with suppress(OSError):
                    self._write(b"".join(lines))
                    self._append_error = ""
                    return [None] * len(lines)
            # Where all do not fit, some may.
            return [self._append_one(line) for line in lines]

    def _append_one(self, line: bytes) -> OSError | None:
        try:
            self._write(line)
        except OSError as error:
            self.refused += 1
            if not self._append_error:
                # Once for each trouble: every request meets it until it is over.
                logger.exception("requests for %s cannot be recorded and are refused", self.table)
            self._append_error = f"Requests cannot be recorded and are answered 503: {error}"
            return error
        self._append_error = ""
        return None

    def _write(self, line: bytes) -> None:
        if self._segment is not None and self._segment.size + len(line) > _BYTES_PER_SEGMENT:
            self._end_segment()
        if self._segment is None:
            self._last_number += 1
            self._segment = Segment(self._folder / f"{self._last_number:012d}{segment.SUFFIX}")
            if self._sync is Sync.ANSWER:
                sync_paths([self._folder])
        try:
            self._segment.write(line, sync=self._sync is Sync.ANSWER)
        finally:
            if self._segment.broken:
                self._end_segment()

    def _end_segment(self) -> None:
        if self._segment is not None:
            self._segment.close()
            self._not_synced.append(self._segment.path)
            self._segment = None

    def roll(self) -> list[Path]:
        """End the current segment; return all that hold what was answered so far, oldest first."""
        with self._writing:
            self._end_segment()
            ended, self._not_synced = self._not_synced, []
            # Listed while nobody can open another: that one is still being written.
            found = sorted(self._folder.glob(f"*{segment.SUFFIX}"))
        if self._sync is not Sync.NEVER and ended:
            # A commit may fail for long; until it succeeds the segments are all there is.
            sync_paths([*ended, self._folder])
        return found

    def has_uncommitted(self) -> bool:
        """Say whether there is anything to commit."""
        return self._segment is not None or any(self._folder.glob(f"*{segment.SUFFIX}"))

    def commit(self) -> bool:
        """Commit every record answered so far; say whether the table has them now.

        Segments stay until the table has them. The caller holds `committing`.
        """
        try:
            segments = self.roll()
            while segments:
                together = _first_within(segments, _BYTES_PER_COMMIT)
                self._commit(together)
                segments = segments[len(together) :]
        except (DeltaError, OSError, ValueError, pa.ArrowException) as error:
            self.commit_failed(error)
            return False
        self._commit_error = ""
        self._failures = 0
        self.retry_at = 0.0
        return True

    def commit_failed(self, error: BaseException) -> None:
        """Note why a commit failed, and when to try again: later each time."""
        # What delta-rs says may go on with a backtrace.
        reason = str(error).partition("\n")[0]
        message = f"Answers are recorded but cannot be committed: {type(error).__name__}: {reason}"
        if message != self._commit_error:
            # Once for each trouble: it is tried again and again.
            logger.warning("%s: %s", self.table, message)
        self._commit_error = message
        self.failed_commits += 1
        self.retry_at = time.monotonic() + min(_FIRST_PAUSE * 2**self._failures, _LONGEST_PAUSE)
        self._failures = min(self._failures + 1, 16)

    def _commit(self, segments: list[Path]) -> None:
        table = DeltaTable(self._location)
        committed = table.transaction_version(self._application) or 0
        new = [path for path in segments if int(path.stem) > committed]
        texts = [text for path in new for text in self._texts(path)]
        if texts:
            before = table.version()
            last = int(new[-1].stem)
            properties = CommitProperties(app_transactions=[Transaction(self._application, last)])
            rows = _fitting(payload_table(texts), pa.schema(table.schema().to_arrow()))
            write_deltalake(table, rows, mode="append", commit_properties=properties)
            if self._sync is not Sync.NEVER:
                sync_commits(self._location, range(before + 1, table.version() + 1))
        self._remove(segments)

    def _texts(self, path: Path) -> list[bytes | memoryview]:
        """Return the records of a segment; what is damaged is kept aside."""
        content = content_of(path.read_bytes())
        if content.damaged:
            self._keep_aside(path.with_suffix(_DAMAGED), content.damaged)
        return content.whole

    def _keep_aside(self, path: Path, lines: list[bytes]) -> None:
        if path.exists():
            return
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        self.damaged += len(lines)
        logger.error("%d records for %s are damaged; they are kept in %s", len(lines), self.table, path)

    def _remove(self, segments: list[Path]) -> None:
        """Remove committed segments; the emptied last one keeps its number from being given again."""
        *others, last = segments
        for path in others:
            path.unlink()
        marker = last.with_suffix(_COMMITTED)
        last.rename(marker)
        os.truncate(marker, 0)
        for path in self._folder.glob(f"*{_COMMITTED}"):
            if path != marker:
                path.unlink()

    def _highest_number(self) -> int:
        """Return the highest number that a segment ever had, as far as folder and table know.

        A number that the table has as committed must not be given again: its records would be taken for
        written.
        """
        numbers = [int(path.stem) for path in self._folder.iterdir() if path.stem.isdigit()]
        try:
            numbers.append(DeltaTable(self._location).transaction_version(self._application) or 0)
        except (DeltaError, OSError, ValueError) as error:
            logger.warning("%s cannot be read yet: %s", self.table, error)
        return max(numbers, default=0)


def _fitting(rows: pa.Table, wanted: pa.Schema) -> pa.Table:
    """Return rows with the columns of the table as it is now; a column that was added to it is NULL.

    Raises
    ------
    ValueError
        If the table has lost a column.
    """
    if wanted.names == rows.column_names:
        return rows
    missing = [name for name in rows.column_names if name not in wanted.names]
    if missing:
        raise ValueError(
            f"the table has lost {', '.join(missing)}; found {', '.join(wanted.names)}, expected "
            f"{', '.join(PAYLOAD_SCHEMA.names)}. Add what is missing, or drop the table and enable the "
            "inference table again, which creates it"
        )
    return pa.table(
        {
            field.name: rows[field.name]
            if field.name in rows.column_names
            else pa.nulls(rows.num_rows, field.type)
            for field in wanted
        }
    )


def _first_within(segments: list[Path], at_most: int) -> list[Path]:
    taken: list[Path] = []
    size = 0
    for path in segments:
        size += path.stat().st_size
        if taken and size > at_most:
            break
        taken.append(path)
    return taken
