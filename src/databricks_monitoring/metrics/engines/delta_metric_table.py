"""A metric table on this machine's disk: replaced window by window, one commit each time."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import pyarrow as pa
from deltalake import (
    CommitProperties,
    DeltaTable,
    Field,
    Schema,
    Transaction,
    WriterProperties,
    write_deltalake,
)
from deltalake.exceptions import CommitFailedError, DeltaError

from databricks_monitoring.errors import RefreshInProgressError
from databricks_monitoring.metrics.engines import delta_scan
from databricks_monitoring.metrics.engines.duckdb import connect
from databricks_monitoring.metrics.metric_table import (
    STATE_KEY,
    USER_METADATA,
    metadata_of,
    missing_columns,
    state_in,
)
from databricks_monitoring.metrics.windows import moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from databricks_monitoring.metrics.metric_table import State
    from databricks_monitoring.metrics.rows_to_replace import RowsToReplace

_RECENT = 5

_ROW_GROUP = 8_192
"""Rows that are held until they are written and skipped or read together: profile rows have 8 kB each."""


def _time(micros: int) -> str:
    # A plain TIMESTAMP literal has nanoseconds, which do not compare with file statistics in microseconds.
    return f"arrow_cast('{moment(micros).isoformat()}', 'Timestamp(Microsecond, Some(\"UTC\"))')"


class DeltaMetricTable:
    """One metric table, created empty when it is missing.

    Parameters
    ----------
    path
        Folder of the Delta table.
    schema
        Columns that will be written.
    core
        Names of those that every monitor of this kind writes.

    Raises
    ------
    MetricTableMismatchError
        If a table exists there whose columns do not fit; it is left as it is.
    """

    def __init__(self, path: Path, schema: pa.Schema, core: set[str]) -> None:
        self.path = path
        if DeltaTable.is_deltatable(str(path)):
            self.delta = DeltaTable(str(path))
            self._fit(schema, core)
        else:
            path.mkdir(parents=True, exist_ok=True)
            self.delta = DeltaTable.create(str(path), schema)
        self.schema = pa.schema(self.delta.schema().to_arrow())

    def _fit(self, schema: pa.Schema, core: set[str]) -> None:
        missing = missing_columns(pa.schema(self.delta.schema().to_arrow()), schema, core, self.path.name)
        if missing:
            # Options of the monitor changed: older rows have NULL in the new columns.
            fields = Schema.from_arrow(pa.schema([schema.field(name) for name in missing])).fields
            self.delta.alter.add_columns([Field(f.name, f.type, nullable=True) for f in fields])
            self.delta = DeltaTable(str(self.path))

    @property
    def name(self) -> str:
        """The table's folder."""
        return str(self.path)

    @property
    def identity(self) -> str:
        """The table's own id, new for every table created."""
        return str(self.delta.metadata().id)

    @property
    def version(self) -> int:
        """The latest version."""
        return int(self.delta.version())

    def state(self) -> tuple[State, int] | None:
        """Return what the latest refresh processed and the version it wrote; None if there was none."""
        # Nearly always the last commit; only maintenance such as OPTIMIZE comes in between.
        for commit in chain.from_iterable(self.delta.history(limit) for limit in (_RECENT, None)):
            found = state_in(commit)
            if found is not None:
                return found, int(commit["version"])
        return None

    def window_counts(self) -> dict[str | None, dict[int, int]]:
        """Return the number of rows of every profiled window, by granularity and start, ascending."""
        with connect() as connection:
            rows = connection.sql(
                'SELECT granularity, epoch_us("window"."start") AS s, count(*) '  # noqa: S608 - our own query
                f"FROM ({delta_scan.scan(self.delta)}) WHERE log_type = 'INPUT' GROUP BY ALL ORDER BY s"
            ).fetchall()
        counts: dict[str | None, dict[int, int]] = {}
        for granularity, start, count in rows:
            counts.setdefault(granularity, {})[int(start)] = int(count)
        return counts

    def replace(
        self,
        rows: Iterable[pa.RecordBatch],
        replaced: RowsToReplace | None,
        state: State,
    ) -> int:
        """Put rows in the place of others, in one commit, and return how many.

        Parameters
        ----------
        rows
            Batches of rows in the table's schema.
        replaced
            The rows that go, every new row among them; None for all.
        state
            What this refresh processed.

        Raises
        ------
        RefreshInProgressError
            If the table was changed since this object read it; then it stays as the other writer left it.
        """
        written = 0
        failure: list[Exception] = []

        def batches() -> Iterator[pa.RecordBatch]:
            nonlocal written
            try:
                for part in rows:
                    written += part.num_rows
                    yield part
            except Exception as error:
                failure.append(error)
                raise

        try:
            write_deltalake(
                self.delta,
                pa.RecordBatchReader.from_batches(self.schema, batches()),
                mode="overwrite",
                predicate=None if replaced is None else replaced.condition("window['start']", _time),
                commit_properties=self._properties(state),
                writer_properties=WriterProperties(compression="SNAPPY", max_row_group_size=_ROW_GROUP),
            )
        except CommitFailedError as error:
            raise self._changed_meanwhile(error) from error
        except DeltaError:
            if failure:
                # Rows are made while they are written, and the writer keeps only the text of what went wrong.
                raise failure[0] from None
            raise
        self.delta = DeltaTable(str(self.path))
        return written

    def record(self, state: State) -> None:
        """Commit what was processed, without a change of rows."""
        try:
            self.delta.create_write_transaction(
                [], "append", self.delta.schema(), commit_properties=self._properties(state)
            )
        except CommitFailedError as error:
            raise self._changed_meanwhile(error) from error
        self.delta = DeltaTable(str(self.path))

    def _properties(self, state: State) -> CommitProperties:
        # Of two commits of one application that were made on the same version Delta refuses the second, even
        # where they replace different rows, or all rows of a table that had none.
        commits = self.delta.transaction_version(STATE_KEY) or 0
        return CommitProperties(
            custom_metadata={USER_METADATA: metadata_of(state)},
            app_transactions=[Transaction(STATE_KEY, commits + 1)],
        )

    def _changed_meanwhile(self, error: CommitFailedError) -> RefreshInProgressError:
        why = str(error).splitlines()[0]
        return RefreshInProgressError(self.path.name, f"it was changed while this refresh computed ({why})")
