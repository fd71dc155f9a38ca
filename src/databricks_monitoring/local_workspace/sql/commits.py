"""Delta commits of whole statements: rows stream from DuckDB into files, one commit makes them visible."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from deltalake import CommitProperties, write_deltalake
from deltalake.exceptions import DeltaError

from databricks_monitoring.local_workspace.sql.errors import SqlError, failure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from deltalake import DeltaTable

    from databricks_monitoring.local_workspace.sql.functions.rules import Moment

WORKSPACE_TIME = "workspaceTime"
"""Key in a commit's metadata: the time by the workspace's clock, in milliseconds since the epoch."""


class Stream:
    """Record batches on their way into delta-rs, which hides what went wrong inside of them."""

    def __init__(self, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
        self.rows = 0
        self._schema = schema
        self._batches = batches
        self._error: Exception | None = None

    def reader(self) -> pa.RecordBatchReader:
        """Return the batches for delta-rs, counted."""
        return pa.RecordBatchReader.from_batches(self._schema, self._counted())

    def _counted(self) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self._batches:
                self.rows += batch.num_rows
                yield pa.RecordBatch.from_arrays(batch.columns, schema=self._schema)
        except Exception as error:
            self._error = error
            raise

    def failure(self, error: Exception) -> Exception:
        """Return why writing failed: what went wrong in the batches, if something did."""
        return self._error or delta_failure(error)


def delta_failure(error: Exception) -> SqlError:
    """Return the failure of a Delta commit in the words of Databricks."""
    text = " ".join(str(error).split())
    if "concurrent" in text.lower() or type(error).__name__ == "CommitFailedError":
        return failure("DELTA_CONCURRENT_WRITE", text, "2D521")
    return failure("DELTA_WRITE_FAILED", text, "58030")


def properties(moment: Moment, **more: str) -> CommitProperties:
    """Return the metadata of a statement's commit."""
    at = {WORKSPACE_TIME: str(int(moment.now.timestamp() * 1000))}
    return CommitProperties(custom_metadata={**at, **more})


def write(
    location: str | DeltaTable,
    stream: Stream,
    moment: Moment,
    *,
    mode: str,
    **options: Any,  # noqa: ANN401 - those of write_deltalake
) -> int:
    """Write a stream in one commit and return the number of rows.

    Raises
    ------
    SqlError
        If the rows cannot be computed or written; then there is no commit.
    """
    try:
        settings: Any = {"mode": mode, "commit_properties": properties(moment), **options}
        write_deltalake(location, stream.reader(), **settings)
    except (DeltaError, pa.ArrowException, OSError, ValueError, SqlError) as error:
        raise stream.failure(error) from error
    return stream.rows
