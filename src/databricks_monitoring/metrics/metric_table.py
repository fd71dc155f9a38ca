"""A metric table on disk: created with its exact columns, replaced window by window, one commit each time.

What a refresh has processed is written into the commit that holds its rows, so neither can exist without
the other.
"""

from __future__ import annotations

import json
from itertools import chain
from typing import TYPE_CHECKING

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Field, Schema, write_deltalake
from deltalake.exceptions import DeltaError

from databricks_monitoring.errors import MetricTableMismatchError
from databricks_monitoring.metrics import tables, windows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

STATE_KEY = "databricks_monitoring.refresh"
"""Key of the commit's metadata under which a refresh records what it processed."""

_RECENT = 5

BASELINE_ROWS = "log_type = 'BASELINE'"
"""Predicate of the profile rows of the baseline."""

State = dict[str, object]
"""What a refresh processed: versions and fingerprints by name."""


def span_rows(granularity: str | None, spans: Sequence[tuple[int, int]]) -> str:
    """Return the predicate of the rows whose windows start within time spans (microseconds)."""
    size = "granularity IS NULL" if granularity is None else f"granularity = '{granularity}'"
    from_to = "(window['start'] >= {0} AND window['start'] < {1})"
    starts = [from_to.format(_time(start), _time(end)) for start, end in spans]
    return f"({size} AND ({' OR '.join(starts)}))"


def rows_from(micros: int) -> str:
    """Return the predicate of all rows but those of windows of time that start before a moment."""
    return f"(granularity IS NULL OR window['start'] >= {_time(micros)})"


def _time(micros: int) -> str:
    # A plain TIMESTAMP literal has nanoseconds, which do not compare with file statistics in microseconds.
    text = windows.moment(micros).isoformat()
    return f"arrow_cast('{text}', 'Timestamp(Microsecond, Some(\"UTC\"))')"


class MetricTable:
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
        found = pa.schema(self.delta.schema().to_arrow())
        missing = [name for name in schema.names if name not in found.names]
        faults = [f"lacks {name}" for name in missing if name in core]
        types = [
            (name, tables.sql_type(found.field(name).type), tables.sql_type(schema.field(name).type))
            for name in schema.names
            if name in found.names
        ]
        faults += [f"{name} is {here}, not {wanted}" for name, here, wanted in types if here != wanted]
        strangers = sorted(set(found.names) - set(schema.names) - tables.OPTIONAL_NAMES)
        if faults:
            others = f" It also has {', '.join(strangers)}." if strangers else ""
            raise MetricTableMismatchError(
                f"The metric table {self.path.name} exists with other columns than this monitor writes: "
                f"{'; '.join(faults)}.{others} Drop it, or give the monitor another output schema."
            )
        if missing:
            # Options of the monitor changed: older rows have NULL in the new columns.
            fields = Schema.from_arrow(pa.schema([schema.field(name) for name in missing])).fields
            self.delta.alter.add_columns([Field(f.name, f.type, nullable=True) for f in fields])
            self.delta = DeltaTable(str(self.path))

    @property
    def identity(self) -> str:
        """The table's own id, new for every table created."""
        return str(self.delta.metadata().id)

    def state(self) -> tuple[State, int] | None:
        """Return what the latest refresh processed and the version it wrote; None if there was none."""
        # Nearly always the last commit; only maintenance such as OPTIMIZE comes in between.
        for commit in chain.from_iterable(self.delta.history(limit) for limit in (_RECENT, None)):
            if STATE_KEY in commit:
                return json.loads(commit[STATE_KEY]), int(commit["version"])
        return None

    def replace(self, rows: Iterable[Sequence[Mapping[str, object]]], where: str | None, state: State) -> int:
        """Put rows in the place of those that match a predicate, in one commit, and return how many.

        Parameters
        ----------
        rows
            Lists of rows, each a cell by column; what is not there is NULL.
        where
            Predicate that every new row satisfies; None to replace the whole table.
        state
            What this refresh processed.
        """
        written = 0
        failure: list[Exception] = []

        def batches() -> Iterator[pa.RecordBatch]:
            nonlocal written
            try:
                for part in rows:
                    written += len(part)
                    yield pa.RecordBatch.from_pylist(part, schema=self.schema)
            except Exception as error:
                failure.append(error)
                raise

        try:
            write_deltalake(
                self.delta,
                pa.RecordBatchReader.from_batches(self.schema, batches()),
                mode="overwrite",
                predicate=where,
                commit_properties=_properties(state),
            )
        except DeltaError:
            if failure:
                # Rows are made while they are written, and the writer keeps only the text of what went wrong.
                raise failure[0] from None
            raise
        self.delta = DeltaTable(str(self.path))
        return written

    def record(self, state: State) -> None:
        """Commit what was processed, without a change of rows."""
        self.delta.create_write_transaction(
            [], "append", self.delta.schema(), commit_properties=_properties(state)
        )
        self.delta = DeltaTable(str(self.path))


def _properties(state: State) -> CommitProperties:
    return CommitProperties(custom_metadata={STATE_KEY: json.dumps(state, sort_keys=True)})
