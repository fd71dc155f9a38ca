"""Statements that clients submitted: run beside requests, kept with their results until they are too old."""

from __future__ import annotations

import logging
import shutil
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from databricks.sdk.service.sql import (
    Disposition,
    Format,
    ServiceError,
    ServiceErrorCode,
    StatementState,
    StatementStatus,
)

from databricks_monitoring.local_workspace.sql.errors import CanceledError, SqlError, failure
from databricks_monitoring.local_workspace.statement_results import (
    INLINE_CHUNK_BYTES,
    INLINE_CHUNK_ROWS,
    LINKED_CHUNK_BYTES,
    LINKED_CHUNK_ROWS,
    StoredResult,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa
    from databricks.sdk.service.sql import StatementParameterListItem

    from databricks_monitoring.local_workspace.sql.engine import SqlEngine
    from databricks_monitoring.local_workspace.sql.execution import Execution
    from databricks_monitoring.local_workspace.sql.result import Outcome

logger = logging.getLogger(__name__)

INLINE_LIMIT_BYTES = 25 * 2**20
RESULT_SECONDS = 3600.0
"""How long the result of a statement can be fetched. Real time: a workspace's clock may leap over a month."""

STATEMENT_SECONDS = 12 * 3600.0
"""How long the state of a statement can be asked for."""

_INTERRUPT_SECONDS = 0.05
_AT_ONCE = 6
"""Statements that run at the same time; the others wait in PENDING."""


@dataclass(frozen=True)
class Submitted:
    """What a client asked for."""

    statement: str
    catalog: str | None
    schema: str | None
    parameters: Sequence[StatementParameterListItem]
    row_limit: int | None
    byte_limit: int | None
    disposition: Disposition
    format: Format


@dataclass
class Statement:
    """One submitted statement and what has become of it."""

    id: str
    submitted: Submitted
    state: StatementState = StatementState.PENDING
    error: SqlError | None = None
    result: StoredResult | None = None
    finished_at: float | None = None
    execution: Execution | None = None
    canceling: bool = False
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def status(self) -> StatementStatus:
        """The state with its error, as clients see it."""
        status = StatementStatus(state=self.state)
        if self.error is not None and self.state is StatementState.FAILED:
            status.error = ServiceError(
                error_code=ServiceErrorCode(self.error.error_code), message=self.error.message
            )
            status.sql_state = self.error.sql_state
        return status


class Statements:
    """Submitted statements by id, each in a thread of its own while it runs."""

    def __init__(self, engine: SqlEngine, root: Path) -> None:
        self._engine = engine
        self._folder = root / "statements"
        # What an earlier server left belongs to ids that nobody can ask for any more.
        shutil.rmtree(self._folder, ignore_errors=True)
        self._lock = threading.Lock()
        self._known: dict[str, Statement] = {}
        self._turn = threading.BoundedSemaphore(_AT_ONCE)

    def submit(self, submitted: Submitted) -> Statement:
        """Begin a statement and return it at once."""
        self._forget_old()
        statement = Statement(str(uuid.uuid4()), submitted)
        with self._lock:
            self._known[statement.id] = statement
        threading.Thread(
            target=self._run, args=(statement,), name=f"sql-{statement.id[:8]}", daemon=True
        ).start()
        return statement

    def get(self, statement_id: str) -> Statement | None:
        """Return a statement, or None if there is none of this id any more."""
        self._forget_old()
        with self._lock:
            return self._known.get(statement_id)

    def cancel(self, statement: Statement) -> None:
        """Stop a statement; one that has changed a table already, or ended, stays what it is."""
        with self._lock:
            statement.canceling = True
        threading.Thread(target=self._interrupt, args=(statement,), daemon=True).start()

    def _interrupt(self, statement: Statement) -> None:
        # DuckDB hears an interruption only while it runs a query; one between two queries is lost.
        ended = False
        while not ended:
            with self._lock:
                if statement.execution is not None:
                    statement.execution.interrupt()
            ended = statement.done.wait(_INTERRUPT_SECONDS)

    def close(self) -> None:
        """Stop everything that runs."""
        with self._lock:
            running = [statement for statement in self._known.values() if not statement.done.is_set()]
        for statement in running:
            self.cancel(statement)
        for statement in running:
            statement.done.wait(timeout=5)

    def _run(self, statement: Statement) -> None:
        with self._turn:
            try:
                statement.result = self._execute(statement)
                state = StatementState.SUCCEEDED
            except CanceledError:
                state = StatementState.CANCELED
            except SqlError as error:
                statement.error, state = error, StatementState.FAILED
            except Exception as error:
                logger.exception("the statement %s failed unexpectedly", statement.id)
                statement.error = failure(
                    "INTERNAL_ERROR", f"{type(error).__name__}: {error}", "XX000", "INTERNAL_ERROR"
                )
                state = StatementState.FAILED
            with self._lock:
                statement.execution = None
                statement.finished_at = time.monotonic()
                statement.state = state
            statement.done.set()

    def _execute(self, statement: Statement) -> StoredResult:
        submitted = statement.submitted
        execution = self._engine.execution(catalog=submitted.catalog, schema=submitted.schema)
        try:
            with self._lock:
                if statement.canceling:
                    raise CanceledError
                statement.execution = execution
                statement.state = StatementState.RUNNING
            outcome = execution.run(submitted.statement, submitted.parameters)
            return self._stored(statement, outcome)
        finally:
            with self._lock:
                statement.execution = None
            execution.close()

    def _stored(self, statement: Statement, outcome: Outcome) -> StoredResult:
        inline = statement.submitted.disposition is Disposition.INLINE
        result = StoredResult(self._folder / statement.id, outcome.schema, outcome.kinds, outcome.names)
        batches = _limited(outcome.batches, statement.submitted, result)
        if inline:
            batches = _small(batches)
        try:
            result.write(
                batches,
                rows=INLINE_CHUNK_ROWS if inline else LINKED_CHUNK_ROWS,
                size=INLINE_CHUNK_BYTES if inline else LINKED_CHUNK_BYTES,
            )
        except BaseException:
            result.delete()
            raise
        return result

    def _forget_old(self) -> None:
        now = time.monotonic()
        with self._lock:
            finished = [each for each in self._known.values() if each.finished_at is not None]
            for statement in finished:
                age = now - (statement.finished_at or now)
                if age > RESULT_SECONDS and statement.result is not None:
                    statement.result.delete()
                    statement.result = None
                    statement.state = StatementState.CLOSED
                if age > STATEMENT_SECONDS:
                    del self._known[statement.id]


def _limited(
    batches: Iterator[pa.RecordBatch], submitted: Submitted, result: StoredResult
) -> Iterator[pa.RecordBatch]:
    """Return the batches up to the row limit and the byte limit, noting whether rows were left out."""
    rows_left, bytes_left = submitted.row_limit, submitted.byte_limit
    for batch in batches:
        fitting = batch
        if rows_left is not None and fitting.num_rows > rows_left:
            fitting = fitting.slice(0, rows_left)
        if bytes_left is not None and fitting.nbytes > bytes_left:
            fitting = fitting.slice(0, int(fitting.num_rows * bytes_left / fitting.nbytes))
        if fitting.num_rows:
            yield fitting
        if fitting.num_rows < batch.num_rows:
            result.truncated = True
            return
        rows_left = None if rows_left is None else rows_left - fitting.num_rows
        bytes_left = None if bytes_left is None else bytes_left - fitting.nbytes


def _small(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Return the batches, failing where they exceed what an inline result may hold."""
    size = 0
    for batch in batches:
        size += batch.nbytes
        if size > INLINE_LIMIT_BYTES:
            raise failure(
                "INLINE_BYTE_LIMIT_EXCEEDED",
                "Inline byte limit exceeded. Statements executed with disposition=INLINE can have a result "
                f"of at most {INLINE_LIMIT_BYTES} bytes. Execute the statement with EXTERNAL_LINKS.",
                "54000",
            )
        yield batch
