"""What a statement answers: columns and a stream of rows, or all rows at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import pyarrow as pa

from databricks_monitoring.local_workspace.sql import render, types

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from databricks.sdk.service.sql import ColumnInfo

    from databricks_monitoring.local_workspace.sql.types import DeltaType


@dataclass(frozen=True)
class Outcome:
    """The columns of a result and its batches, which can be read once."""

    names: list[str]
    kinds: list[DeltaType]
    batches: Iterator[pa.RecordBatch]

    @property
    def columns(self) -> list[ColumnInfo]:
        """The manifest's entries."""
        return column_infos(self.names, self.kinds)

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of every batch."""
        return arrow_schema(self.names, self.kinds)


@dataclass(frozen=True)
class SqlResult:
    """A result in memory.

    Attributes
    ----------
    table : pa.Table
        The rows in Arrow types; timestamps in microseconds, UTC.
    kinds : list
        The Delta type of every column.
    """

    names: list[str]
    kinds: list[DeltaType]
    table: pa.Table

    @cached_property
    def columns(self) -> list[ColumnInfo]:
        """The columns as in a result manifest."""
        return column_infos(self.names, self.kinds)

    def rows(self) -> list[list[str | None]]:
        """Return every value as the text that JSON_ARRAY results carry."""
        return render.rows(self.table, self.kinds)


def column_infos(names: Sequence[str], kinds: Sequence[DeltaType]) -> list[ColumnInfo]:
    """Return the manifest's entries of columns."""
    return [
        types.column_info(name, place, kind)
        for place, (name, kind) in enumerate(zip(names, kinds, strict=True))
    ]


def arrow_schema(names: Sequence[str], kinds: Sequence[DeltaType]) -> pa.Schema:
    """Return the Arrow schema of a result."""
    return pa.schema(
        [pa.field(name, types.result_arrow(kind)) for name, kind in zip(names, kinds, strict=True)]
    )


def nothing() -> Outcome:
    """Return the answer of a statement that has none."""
    return Outcome([], [], iter(()))


def counts(numbers: Mapping[str, int]) -> Outcome:
    """Return the one row that a changing statement answers."""
    return listing(dict.fromkeys(numbers, "long"), [tuple(numbers.values())])


def listing(columns: Mapping[str, DeltaType], rows: Sequence[Sequence[object]]) -> Outcome:
    """Return rows that were made here, not in DuckDB."""
    schema = arrow_schema(list(columns), list(columns.values()))
    arrays = [pa.array([row[place] for row in rows], type=field.type) for place, field in enumerate(schema)]
    batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
    return Outcome(list(columns), list(columns.values()), iter([batch]))
