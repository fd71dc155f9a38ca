"""The engine of many machines: Spark brings each window's rows to a worker, where the same code computes.

Spark groups, ships and writes; it computes no statistic. So any session with Spark Connect's API will do: a
cluster, a job on Databricks, Sail.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa
import sqlglot
from pyspark.sql import functions as F  # noqa: N812 - as everybody calls it
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema
from sqlglot import expressions as exp

from databricks_monitoring.errors import MetricError
from databricks_monitoring.metrics.columns import ColumnClass
from databricks_monitoring.metrics.drift.profiles import START
from databricks_monitoring.metrics.drift.rows import columns_read
from databricks_monitoring.metrics.engines import spark_worker
from databricks_monitoring.metrics.engines.protocol import Profiling, Written
from databricks_monitoring.metrics.engines.spark_source import SparkSource
from databricks_monitoring.metrics.engines.spark_table import table_of
from databricks_monitoring.metrics.engines.spark_worker import ProfilePart, present
from databricks_monitoring.metrics.metric_table import USER_METADATA, metadata_of, missing_columns
from databricks_monitoring.metrics.profile.uncastable import uncastable_sql
from databricks_monitoring.metrics.quality.table_row import probabilities_of
from databricks_monitoring.metrics.windows import Calendar, moment
from databricks_monitoring.names import TABLE_ROW, quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pyspark.sql import Column as SparkColumn
    from pyspark.sql import DataFrame, SparkSession

    from databricks_monitoring.metrics.columns import Column
    from databricks_monitoring.metrics.engines.protocol import Drifting
    from databricks_monitoring.metrics.engines.spark_table import SparkTable
    from databricks_monitoring.metrics.metric_table import State
    from databricks_monitoring.metrics.rows_to_replace import RowsToReplace

COLUMNS_AT_ONCE = 8
"""Columns of a window that one worker profiles."""

_SIZE = "@size"
_TIME_ZONE = "spark.sql.session.timeZone"
_WINDOW_START = "unix_micros(`window`.`start`)"

Made = Callable[[tuple[pa.Scalar, ...], pa.Table], pa.Table]
"""What a worker makes of a group's key and rows."""


@dataclass(frozen=True)
class SparkTables:
    """The tables of a monitor, as `spark_table.table_of` reads their names.

    Attributes
    ----------
    primary, baseline
        What is read; no baseline is None.
    profile, drift
        What is written; created empty if missing.
    """

    primary: str
    baseline: str | None
    profile: str
    drift: str


class SparkMetricTable:
    """A metric table that a session writes, created empty when it is missing.

    Parameters
    ----------
    table
        Where it is.
    schema
        Columns that will be written.
    core
        Names of those that every monitor of this kind writes.

    Raises
    ------
    MetricTableMismatchError
        If the table exists with columns that do not fit; it is left as it is.
    """

    def __init__(self, table: SparkTable, schema: pa.Schema, core: set[str]) -> None:
        self._table = table
        if not table.exists():
            table.write(self.rows_by(table.spark.range(0), schema), mode="error", options={})
        missing = missing_columns(self._found(), schema, core, table.name)
        if missing:
            # Options of the monitor changed: older rows have NULL in the new columns.
            added = pa.schema([schema.field(name) for name in missing])
            empty = self.rows_by(table.spark.range(0), added)
            table.write(empty, mode="append", options={"mergeSchema": "true"})
        self.schema = self._found()

    def _found(self) -> pa.Schema:
        return to_arrow_schema(self._table.read().schema, timezone="UTC")

    @staticmethod
    def rows_by(groups: DataFrame, schema: pa.Schema) -> DataFrame:
        """Return no rows, with these columns.

        They come as all others do: Sail compares what is in a table with what replaces it to the metadata.
        """

        def nothing(key: tuple[pa.Scalar, ...], rows: pa.Table) -> pa.Table:
            del key, rows
            return pa.Table.from_pylist([], schema=schema)

        return groups.groupBy("id").applyInArrow(nothing, from_arrow_schema(schema))

    @property
    def name(self) -> str:
        """The table's name."""
        return self._table.name

    @property
    def identity(self) -> str:
        """The table's own id."""
        return self._table.identity

    @property
    def version(self) -> int | None:
        """The latest version."""
        return self._table.version()

    def state(self) -> tuple[State, int] | None:
        """Return what the latest refresh processed and the version it wrote; None if that is not known."""
        return self._table.state()

    def read(self) -> DataFrame:
        """Return all rows."""
        return self._table.read()

    def window_counts(self) -> dict[str | None, dict[int, int]]:
        """Return the number of rows of every profiled window, by granularity and start, ascending."""
        rows = self.read().where("log_type = 'INPUT'")
        placed = rows.select("granularity", F.expr(_WINDOW_START).alias("start"))
        found: dict[str | None, dict[int, int]] = {}
        counted = placed.groupBy("granularity", "start").count().collect()
        for row in sorted(counted, key=lambda row: int(row["start"])):
            found.setdefault(row["granularity"], {})[int(row["start"])] = int(row["count"])
        return found

    def replace(self, rows: DataFrame, replaced: RowsToReplace | None, state: State) -> None:
        """Put rows in the place of others, in one commit that says what was processed."""
        options = {USER_METADATA: metadata_of(state)}
        if replaced is not None and self._table.replaces_in_place:
            options["replaceWhere"] = condition(replaced)
        elif replaced is not None:
            kept = self.read().where(f"NOT coalesce({condition(replaced)}, false)")
            if self.version is not None:
                rows = kept.unionByName(rows)
            elif not kept.isEmpty():
                raise MetricError(
                    f"The metric table {self.name} holds rows of other windows, which files without versions "
                    "cannot keep while they are replaced. Give a Delta table, or an empty folder."
                )
        self._table.write(rows, mode="overwrite", options=options)

    def record(self, state: State) -> None:
        """Commit what was processed, without a change of rows."""
        options = {USER_METADATA: metadata_of(state)}
        if self._table.replaces_in_place:
            nothing = self.rows_by(self._table.spark.range(0), self.schema)
            self._table.write(nothing, mode="append", options=options)
        elif self.version is not None:
            # Sail makes no commit of nothing, so its rows are written again.
            self._table.write(self.read(), mode="overwrite", options=options)


def condition(replaced: RowsToReplace) -> str:
    """Return the condition of replaced rows in Spark's SQL."""
    return replaced.condition("`window`.`start`", lambda micros: f"TIMESTAMP '{moment(micros).isoformat()}'")


class SparkEngine:
    """Computes in the workers of a Spark session, over tables that it reads and writes.

    Parameters
    ----------
    spark
        The session. While the engine is open its time zone is UTC.
    tables
        What the tables are called.
    columns_at_once
        Columns of a window that one worker profiles.
    """

    def __init__(
        self, spark: SparkSession, tables: SparkTables, *, columns_at_once: int = COLUMNS_AT_ONCE
    ) -> None:
        self._spark = spark
        self._tables = tables
        self._columns_at_once = columns_at_once
        self._opened: list[SparkSource] = []
        self._time_zone = spark.conf.get(_TIME_ZONE)
        spark.conf.set(_TIME_ZONE, "UTC")

    def primary(self, timestamp_column: str | None, since: int | None) -> SparkSource:
        """Return the monitored table as it is now, without rows before `since` (microseconds)."""
        return self._open(self._tables.primary, timestamp_column, since)

    def baseline(self) -> SparkSource | None:
        """Return the baseline as it is now, if the monitor has one."""
        return self._open(self._tables.baseline, None, None) if self._tables.baseline else None

    def _open(self, name: str, timestamp_column: str | None, since: int | None) -> SparkSource:
        table = table_of(self._spark, name)
        if not table.exists():
            raise MetricError(f"This Spark session finds no table {table.name}.")
        opened = SparkSource(table, timestamp_column, since)
        self._opened.append(opened)
        return opened

    def profile_table(self, schema: pa.Schema, core: set[str]) -> SparkMetricTable:
        """Return the profile table."""
        return SparkMetricTable(table_of(self._spark, self._tables.profile), schema, core)

    def drift_table(self, schema: pa.Schema, core: set[str]) -> SparkMetricTable:
        """Return the drift table."""
        return SparkMetricTable(table_of(self._spark, self._tables.drift), schema, core)

    def close(self) -> None:
        """Give the session its time zone back, and release what is held on this machine."""
        for opened in self._opened:
            opened.close()
        self._spark.conf.set(_TIME_ZONE, str(self._time_zone))

    def write_profile(
        self,
        table: SparkMetricTable,
        wanted: Sequence[Profiling[SparkSource]],
        replaced: RowsToReplace | None,
        state: State,
        ahead: Drifting | None = None,
    ) -> Written:
        """Put profile rows in the place of others, in one commit."""
        del ahead  # The rows are the workers'.
        groups = [group for each in wanted for group in self._groups(each, table.schema)]
        frames = [group.made(spark_worker.profile_rows, table.schema) for group in groups]
        table.replace(self._together(frames, table.schema), replaced, state)
        rows, lacking = self._written(table, replaced)
        return Written(rows, sum(map(_rows_read, wanted)), self._unprofiled(groups, lacking))

    def _groups(self, wanted: Profiling[SparkSource], schema: pa.Schema) -> Iterator[_Group]:
        for granularity, starts in wanted.windows.items():
            if not starts:
                continue
            if granularity is None:
                start = starts[0]
                rows = wanted.source.rows
                if wanted.source.count() == 0:
                    # Without a row there is no group, but an empty table has a profile too.
                    rows = self._spark.range(1)
                rows = rows.withColumn(START, F.lit(start or 0).cast("bigint"))
                empty, has_window = wanted.source.count() == 0, start is not None
            else:
                timed = [start for start in starts if start is not None]
                calendar = Calendar(granularity, wanted.definition.week_anchor)
                if not wanted.source.window_counts(calendar).keys() & set(timed):
                    continue
                rows, empty, has_window = wanted.source.of_windows(calendar, timed), False, True
            for part in self._parts(wanted, granularity, schema, has_window=has_window):
                yield _Group(rows, part, empty=empty)

    def _parts(
        self,
        wanted: Profiling[SparkSource],
        granularity: str | None,
        schema: pa.Schema,
        *,
        has_window: bool,
    ) -> Iterator[ProfilePart]:
        columns = list(wanted.columns)
        size = self._columns_at_once
        base = ProfilePart(
            definition=wanted.definition,
            granularity=granularity,
            has_window=has_window,
            log_type=wanted.log_type,
            version=wanted.source.version,
            columns=columns,
            shipped={},
            slicings=wanted.slicings,
            aggregates=[],
            schema=wanted.schema,
            probabilities={},
            metric_schema=schema,
            of_table=False,
        )
        for at in range(0, len(columns), size):
            part = columns[at : at + size]
            yield self._with_needs(replace(base, columns=part), wanted)
        yield self._of_table(base, wanted)

    def _with_needs(self, part: ProfilePart, wanted: Profiling[SparkSource]) -> ProfilePart:
        """Return a part with its custom metrics and the columns that it takes."""
        names = {TABLE_ROW} if part.of_table else {column.name for column in part.columns}
        aggregates = [one for one in wanted.aggregates if one.column_name in names]
        needed = {part.definition.model_id_column or ""}
        for sql in (*(one.sql for one in aggregates), *(one.sql for one in part.slicings)):
            needed |= _columns_in(sql)
        needed |= {name for sql in part.probabilities.values() for name in _columns_in(sql)}
        if part.of_table:
            needed |= {part.definition.prediction_column or "", part.definition.label_column or ""}
        shipped: dict[str, Column] = {}
        for column in wanted.source.columns.values():
            profiled = column.name in {one.name for one in part.columns}
            if column.name in needed or (profiled and not _only_presence(column, part)):
                shipped[column.name] = column
            elif profiled:
                shipped[column.name] = present(column)
        profiled_as = [
            shipped[column.name]
            if not part.of_table or column.column_class is ColumnClass.TEMPORAL
            else replace(shipped[column.name], column_class=ColumnClass.COMPLEX)
            for column in part.columns
        ]
        return replace(part, columns=profiled_as, aggregates=aggregates, shipped=shipped)

    def _of_table(self, base: ProfilePart, wanted: Profiling[SparkSource]) -> ProfilePart:
        probabilities = probabilities_of(wanted.definition, wanted.source, wanted.source.columns)
        # What a value does not cast to is for its column's own rows to say.
        schema = None if base.schema is None else replace(base.schema, baseline={})
        part = replace(base, of_table=True, probabilities=probabilities, schema=schema)
        return self._with_needs(part, wanted)

    def _together(self, frames: Sequence[DataFrame], schema: pa.Schema) -> DataFrame:
        if not frames:
            return SparkMetricTable.rows_by(self._spark.range(0), schema)
        first, *others = frames
        for other in others:
            first = first.unionByName(other)
        return first

    def _written(
        self, table: SparkMetricTable, replaced: RowsToReplace | None
    ) -> tuple[int, dict[str, set[str]]]:
        """Return how many rows were written, and which columns lack some, by log type."""
        rows = table.read() if replaced is None else table.read().where(condition(replaced))
        counted = rows.groupBy("log_type", "column_name").count().collect()
        of_table = {row["log_type"]: row["count"] for row in counted if row["column_name"] == TABLE_ROW}
        complete = {
            (row["log_type"], row["column_name"])
            for row in counted
            if row["count"] == of_table[row["log_type"]]
        }
        lacking = {log_type: {name for kind, name in complete if kind == log_type} for log_type in of_table}
        return sum(int(row["count"]) for row in counted), lacking

    def _unprofiled(self, groups: Sequence[_Group], complete: Mapping[str, set[str]]) -> dict[str, str]:
        """Return the columns that could not be profiled, and why, asking the workers again about those."""
        found: dict[str, str] = {}
        schema = pa.schema([("column_name", pa.string()), ("reason", pa.string())])
        for group in groups:
            part = group.part
            names = complete.get(part.log_type, set())
            if part.of_table or all(column.name in names for column in part.columns):
                continue
            for row in group.made(spark_worker.unprofiled_columns, schema).distinct().collect():
                name = f"baseline.{row['column_name']}" if part.log_type == "BASELINE" else row["column_name"]
                found.setdefault(str(name), str(row["reason"]))
        return found

    def write_drift(
        self,
        table: SparkMetricTable,
        profile: SparkMetricTable,
        wanted: Drifting,
        replaced: RowsToReplace | None,
        state: State,
    ) -> int:
        """Put drift rows in the place of others, in one commit, and return how many."""
        compared = self._compared(profile, wanted)
        if compared is None:
            rows = SparkMetricTable.rows_by(self._spark.range(0), table.schema)
        else:
            names = {f"@{at}": name for at, name in enumerate(compared.columns)}
            size, target, *_ = names
            sent = compared.toDF(*names)
            rows = sent.groupBy(quote(size), quote(target)).applyInArrow(
                _drift(wanted, profile.schema, table.schema, names), from_arrow_schema(table.schema)
            )
        table.replace(rows, replaced, state)
        written = table.read() if replaced is None else table.read().where(condition(replaced))
        return int(written.count())

    def _compared(self, profile: SparkMetricTable, wanted: Drifting) -> DataFrame | None:
        """Return the profile rows that each window's drift is computed from; None without windows."""
        needed = [
            (granularity or "", start, target)
            for granularity, targets in wanted.windows.items()
            for target in targets
            for start in {target, wanted.before.get(granularity, {}).get(target, target)}
        ]
        if not needed:
            return None
        names = [quote(name) for name in columns_read(wanted.definition, sorted(wanted.custom.used))]
        places = self._spark.createDataFrame(needed, f"`{_SIZE}` string, `{START}` bigint, `@target` bigint")
        rows = profile.read()
        of_windows = (
            rows.where("log_type = 'INPUT'")
            .withColumn(_SIZE, F.coalesce(F.col("granularity"), F.lit("")))
            .withColumn(START, F.expr(_WINDOW_START))
            .join(places, [_SIZE, START])
        )
        targets = places.select(quote(_SIZE), quote("@target")).distinct()
        of_baseline = (
            rows.where("log_type = 'BASELINE'")
            .withColumn(START, F.lit(None).cast("bigint"))
            .crossJoin(targets)
        )
        keys = [quote(_SIZE), quote("@target"), quote(START)]
        return of_windows.select(*keys, *names).unionByName(of_baseline.select(*keys, *names))


@dataclass(frozen=True)
class _Group:
    """Rows by window, and what is made of them."""

    rows: DataFrame
    part: ProfilePart
    empty: bool

    def made(self, by: Callable[[ProfilePart, int, pa.Table], pa.Table], schema: pa.Schema) -> DataFrame:
        """Return what workers make of each window."""
        part, empty = self.part, self.empty
        # Sessions take a name with a dot for a path when they hand rows to workers.
        names = {f"@{at}": name for at, name in enumerate(part.shipped)}

        def made(key: tuple[pa.Scalar, ...], rows: pa.Table) -> pa.Table:
            return by(part, key[0].as_py(), rows.slice(0, 0) if empty else _renamed(rows, names))

        sent = zip(names, part.shipped.values(), strict=True)
        picked = [] if empty else [_shipped(column).alias(name) for name, column in sent]
        chosen = self.rows.select(F.col(quote(START)), *picked)
        return chosen.groupBy(quote(START)).applyInArrow(made, from_arrow_schema(schema))


def _renamed(rows: pa.Table, names: Mapping[str, str]) -> pa.Table:
    return rows.rename_columns([names.get(name, name) for name in rows.column_names])


def _shipped(column: Column) -> SparkColumn:
    named = F.col(quote(column.name))
    if column.sql_type == "BOOLEAN" and column.column_class is ColumnClass.COMPLEX:
        return F.when(named.isNotNull(), F.lit(True))  # noqa: FBT003 - a value
    return named


def _only_presence(column: Column, part: ProfilePart) -> bool:
    """Whether of a profiled column only matters whether there is a value."""
    if part.of_table:
        # Times may be beyond what can be read, which takes them from the `:table` row as well.
        return column.column_class is not ColumnClass.TEMPORAL
    compared = part.schema.baseline.get(column.name) if part.schema else None
    cast = compared is not None and uncastable_sql(column, compared) is not None
    text = column.name in part.definition.class_columns
    return column.column_class is ColumnClass.COMPLEX and not (cast or text)


def _columns_in(sql: str) -> set[str]:
    tree = sqlglot.parse_one(sql, dialect="duckdb")
    return {column.parts[0].name for column in tree.find_all(exp.Column)}


def _rows_read(wanted: Profiling[SparkSource]) -> int:
    found = 0
    for granularity, starts in wanted.windows.items():
        if granularity is None:
            found += wanted.source.count() if starts else 0
            continue
        counts = wanted.source.window_counts(Calendar(granularity, wanted.definition.week_anchor))
        found += sum(counts.get(start, 0) for start in starts if start is not None)
    return found


def _drift(
    wanted: Drifting, profile_schema: pa.Schema, drift_schema: pa.Schema, names: Mapping[str, str]
) -> Made:
    definition = wanted.definition

    def made(key: tuple[pa.Scalar, ...], rows: pa.Table) -> pa.Table:
        size, start = key[0].as_py() or None, key[1].as_py()
        return spark_worker.drift_rows(
            definition, profile_schema, drift_schema, (size, start), _renamed(rows, names)
        )

    return made
