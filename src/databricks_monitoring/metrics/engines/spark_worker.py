"""What runs in Spark's Python workers: one window of a few columns becomes metric rows.

A worker has DuckDB, NumPy, SciPy, Arrow and this package. The rows of a window come as an Arrow table; DuckDB
projects, casts and evaluates them there, and the same functions compute as on one machine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from threading import get_ident
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from databricks_monitoring.metrics.columns import ColumnClass
from databricks_monitoring.metrics.custom import Derived, DriftMetrics
from databricks_monitoring.metrics.drift.profiles import START
from databricks_monitoring.metrics.drift.rows import DriftRows
from databricks_monitoring.metrics.engines.delta_scan import quoted
from databricks_monitoring.metrics.engines.duckdb import (
    MICROS,
    DuckDBEngine,
    arrow_relation,
    connect,
    micros_sql,
    no_rows,
)
from databricks_monitoring.metrics.profile.rows import ProfileRows
from databricks_monitoring.metrics.windows import Calendar, Window, moment
from databricks_monitoring.names import TABLE_ROW

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import duckdb

    from databricks_monitoring.metrics.columns import Column
    from databricks_monitoring.metrics.custom import Aggregate
    from databricks_monitoring.metrics.definition import MonitorDefinition
    from databricks_monitoring.metrics.engines.duckdb import Relation
    from databricks_monitoring.metrics.schema_comparison import SchemaComparison
    from databricks_monitoring.metrics.slices import Slicing


@dataclass(frozen=True)
class ProfilePart:
    """What a worker makes of the rows of one window: the rows of some columns, or the `:table` rows.

    Attributes
    ----------
    definition
        The monitor's.
    granularity
        Of the windows; None for whole tables.
    has_window
        Whether rows have a window; those of a baseline have none.
    log_type, version
        What the rows say of the table they are made from.
    columns
        Columns to profile; for `:table` rows all, of which only presence counts.
    shipped
        Columns that the rows bring.
    slicings, aggregates, schema, probabilities
        See `ProfileRows`.
    metric_schema
        Columns of the profile table.
    of_table
        Whether `:table` rows are made, and no others.
    """

    definition: MonitorDefinition
    granularity: str | None
    has_window: bool
    log_type: str
    version: int | None
    columns: Sequence[Column]
    shipped: Mapping[str, Column]
    slicings: Sequence[Slicing]
    aggregates: Sequence[Aggregate]
    schema: SchemaComparison | None
    probabilities: Mapping[str, str]
    metric_schema: pa.Schema
    of_table: bool


def present(column: Column) -> Column:
    """Return a column of which only is known whether it has a value: true, or NULL."""
    return replace(column, sql_type="BOOLEAN", column_class=ColumnClass.COMPLEX)


def profile_rows(part: ProfilePart, start: int, rows: pa.Table) -> pa.Table:
    """Return the profile rows of one window.

    Parameters
    ----------
    start
        The window's, in microseconds; the moment of a snapshot.
    rows
        The window's rows.
    """
    made, _ = _profile(part, start, rows)
    table = pa.Table.from_batches(made, schema=part.metric_schema)
    of_table = pc.equal(table.column("column_name"), TABLE_ROW)
    return table.filter(of_table if part.of_table else pc.invert(of_table))


def unprofiled_columns(part: ProfilePart, start: int, rows: pa.Table) -> pa.Table:
    """Return the columns of one window that cannot be read, and why."""
    _, unprofiled = _profile(part, start, rows)
    return pa.table(
        {
            "column_name": pa.array(list(unprofiled), pa.string()),
            "reason": pa.array(list(unprofiled.values()), pa.string()),
        }
    )


def _profile(part: ProfilePart, start: int, rows: pa.Table) -> tuple[list[pa.RecordBatch], dict[str, str]]:
    relation = _one_thread(arrow_relation(rows, part.shipped) if rows.num_rows else no_rows(part.shipped))
    engine = DuckDBEngine(relation, part.shipped, version=part.version, timestamp_column=None)
    try:
        profile = ProfileRows(
            engine,
            part.definition,
            part.columns,
            part.slicings,
            part.log_type,
            _derived(part.definition, part.metric_schema, get_ident()),
            part.metric_schema,
            part.aggregates,
            part.schema,
            part.probabilities,
        )
        made = list(profile.of_table(_window(part, start), part.granularity))
    finally:
        engine.close()
    return made, profile.unprofiled


def _window(part: ProfilePart, start: int) -> dict[str, object] | None:
    if not part.has_window:
        return None
    if part.granularity is None:
        window = Window(moment(start), moment(start))
    else:
        window = Calendar(part.granularity, part.definition.week_anchor).window(start)
    return {"start": window.start, "end": window.end}


def _one_thread(relation: Relation) -> Relation:
    def single(connection: duckdb.DuckDBPyConnection) -> str:
        # Spark runs a worker for every core.
        connection.execute("SET threads = 1")
        return relation(connection)

    return single


@lru_cache(maxsize=64)
def _derived(definition: MonitorDefinition, schema: pa.Schema, thread: int) -> Derived:
    # Its connection serves one thread at a time, and some sessions' workers are threads.
    del thread
    return Derived(definition, schema)


@lru_cache(maxsize=64)
def _drift_metrics(definition: MonitorDefinition, schema: pa.Schema, thread: int) -> DriftMetrics:
    del thread
    return DriftMetrics(definition, schema)


def with_micros(column: Column, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Return batches of rows with the time of each in microseconds besides, for times that need reading."""
    with connect() as connection:
        for batch in batches:
            connection.register("@batch", pa.Table.from_batches([batch]))
            cast = f"SELECT CAST({quoted(column.name)} AS {column.sql_type}) AS {quoted(column.name)}"
            read = connection.sql(f'SELECT {micros_sql(column)} FROM ({cast} FROM "@batch")')  # noqa: S608 - our own names
            micros = read.to_arrow_table().column(0).combine_chunks()
            whole = micros.combine_chunks() if isinstance(micros, pa.ChunkedArray) else micros
            yield batch.append_column(MICROS.strip('"'), whole.cast(pa.int64()))
            connection.unregister("@batch")


def distinct_values(
    expression: str, columns: Mapping[str, Column], batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Return the distinct values of an expression in DuckDB's SQL in each batch of rows, as texts."""
    for batch in batches:
        rows = pa.Table.from_batches([batch])
        engine = DuckDBEngine(
            _one_thread(arrow_relation(rows, columns)), columns, version=None, timestamp_column=None
        )
        try:
            yield pa.record_batch({"value": pa.array(engine.values(expression), pa.string())})
        finally:
            engine.close()


def drift_rows(
    definition: MonitorDefinition,
    profile_schema: pa.Schema,
    drift_schema: pa.Schema,
    size: tuple[str | None, int],
    rows: pa.Table,
) -> pa.Table:
    """Return the drift rows of one window.

    Parameters
    ----------
    size
        The window's granularity and start.
    rows
        The profile rows of the window, of the one that it is compared with, and of the baseline.
    """
    granularity, start = size
    custom = _drift_metrics(definition, profile_schema, get_ident())
    of_baseline = rows.column(START).is_null()
    baseline, profiles = rows.filter(of_baseline), rows.filter(pc.invert(of_baseline))
    before = next((other for other in profiles.column(START).unique().to_pylist() if other != start), None)
    drift = DriftRows(definition, custom, drift_schema, baseline)
    return pa.Table.from_batches([drift.of_windows(granularity, {start: before}, profiles)])
