"""A table that Spark reads for a refresh: its windows, what changed in them, its rows by window."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import TYPE_CHECKING

import pyarrow as pa  # noqa: TC002 - Spark looks at the annotations of what it runs
from pyspark.errors import PySparkException
from pyspark.sql import functions as F  # noqa: N812 - as everybody calls it
from pyspark.sql.types import LongType, StringType, StructField, StructType

from databricks_monitoring.metrics.columns import columns_of
from databricks_monitoring.metrics.engines import spark_worker
from databricks_monitoring.metrics.engines.duckdb import DuckDBEngine, no_rows
from databricks_monitoring.metrics.plan import Change
from databricks_monitoring.metrics.windows import NO_TIME_FROM
from databricks_monitoring.names import quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pyspark.sql import Column as SparkColumn
    from pyspark.sql import DataFrame

    from databricks_monitoring.metrics.engines.spark_table import SparkTable
    from databricks_monitoring.metrics.slices import Slicing
    from databricks_monitoring.metrics.windows import Calendar

logger = logging.getLogger(__name__)

MICROS = "@micros"
"""Column with the time of a row in microseconds since the epoch, NULL where it is none."""

START = "@start"
"""Column with the start of a row's window in microseconds."""

_SIGN = "@sign"
_HASH = "@hash"
_NATIVE_MICROS = {
    "timestamp": "unix_micros({0})",
    "timestamp_ntz": "unix_micros(CAST({0} AS TIMESTAMP))",
    "date": "CAST(unix_date({0}) AS BIGINT) * 86400000000",
}
_ADDED = ("insert", "update_postimage")
_CHANGES = ("_change_type", "_commit_version", "_commit_timestamp")
_CHANGE_FEED = "delta.enableChangeDataFeed"


class SparkSource:
    """One version of a table that a session reads.

    Parameters
    ----------
    table
        The table; the version that it has now is read throughout.
    timestamp_column
        Time of a row; None for a table without windows.
    since
        Rows before this moment (microseconds) belong to no window.
    """

    def __init__(self, table: SparkTable, timestamp_column: str | None, since: int | None) -> None:
        self._table = table
        self.version = table.version()
        self._frame = table.read(self.version)
        self.columns = columns_of(self._frame.schema.json())
        self._since = since
        # Says what this table's expressions are, without a row of it.
        self._shape = DuckDBEngine(
            no_rows(self.columns), self.columns, version=self.version, timestamp_column=timestamp_column
        )
        self._time = self.columns[timestamp_column] if timestamp_column else None
        self._counts: dict[str, dict[int, int]] = {}

    def close(self) -> None:
        """Release what is held on this machine."""
        self._shape.close()

    @property
    def name(self) -> str:
        """The table's name."""
        return self._table.name

    @property
    def identity(self) -> str:
        """The table's own id."""
        return self._table.identity

    @property
    def properties(self) -> Mapping[str, str]:
        """The table's properties."""
        return self._table.properties

    def slicings(self, expressions: Sequence[str]) -> list[Slicing]:
        """Return slicing expressions over this table."""
        return self._shape.slicings(expressions)

    @cached_property
    def rows(self) -> DataFrame:
        """All rows, those that belong to windows with their time besides."""
        return self._timed(self._frame)

    def _timed(self, frame: DataFrame) -> DataFrame:
        if self._time is None:
            return frame
        native = _NATIVE_MICROS.get(self._time.data_type)
        if native is not None:
            return frame.withColumn(MICROS, F.expr(native.format(quote(self._time.name))))
        # Texts and numbers are read as times by DuckDB, by one rule on every engine.
        time, names = self._time, frame.columns

        def added(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            return spark_worker.with_micros(time, (batch.rename_columns(names) for batch in batches))

        fields = [*frame.schema.fields, StructField(MICROS, LongType())]
        return _by_position(frame).mapInArrow(added, StructType(fields))

    def _in_windows(self, frame: DataFrame) -> DataFrame:
        micros = F.col(quote(MICROS))
        # NULL is not before any moment.
        timed = frame.where(micros < NO_TIME_FROM)
        return timed if self._since is None else timed.where(micros >= self._since)

    def of_windows(self, calendar: Calendar, starts: Sequence[int]) -> DataFrame:
        """Return the rows of windows, with the start of each one's."""
        frame = self._in_windows(self.rows)
        counts = self.window_counts(calendar)
        if set(starts) >= counts.keys():
            return frame.withColumn(START, F.expr(calendar.spark_sql(quote(MICROS))))
        first, last = min(starts), calendar.end_of(max(starts))
        if self._time is not None and self._time.data_type == "timestamp":
            # Said of the column itself, files without such rows are not opened.
            time = F.col(quote(self._time.name))
            frame = frame.where((time >= _moment(first)) & (time < _moment(last)))
        frame = frame.withColumn(START, F.expr(calendar.spark_sql(quote(MICROS))))
        return frame.where(F.col(quote(START)).isin([start for start in starts if start in counts]))

    @cached_property
    def _row_count(self) -> int:
        return int(self._frame.count())

    def count(self) -> int:
        """Return the number of rows."""
        return self._row_count

    @cached_property
    def _unreadable(self) -> int:
        micros = F.col(quote(MICROS))
        none = micros.isNull() | (micros >= NO_TIME_FROM)
        return int(self.rows.where(none).count()) if self._time else 0

    def unreadable_times(self) -> int:
        """Return the number of rows whose time is NULL, cannot be read or is none of a calendar's."""
        return self._unreadable

    def window_counts(self, calendar: Calendar, span: tuple[int, int] | None = None) -> Mapping[int, int]:
        """Return the number of rows of every window that has rows, by the window's start, ascending."""
        del span  # All are counted in one go, and once.
        known = self._counts.get(calendar.granularity)
        if known is not None:
            return known
        start = F.expr(calendar.spark_sql(quote(MICROS))).alias(START)
        rows = self._in_windows(self.rows).select(start).groupBy(quote(START)).count().collect()
        found = {int(row[START]): int(row["count"]) for row in rows}
        self._counts[calendar.granularity] = dict(sorted(found.items()))
        return self._counts[calendar.granularity]

    def values(self, expression: str) -> list[str]:
        """Return the distinct non-null values of an expression in DuckDB's SQL as text, ascending."""
        columns = self.columns

        def distinct(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            named = (batch.rename_columns(list(columns)) for batch in batches)
            return spark_worker.distinct_values(expression, columns, named)

        made = _by_position(self._frame).mapInArrow(
            distinct, StructType([StructField("value", StringType())])
        )
        return sorted(str(row["value"]) for row in made.distinct().collect())

    def change_since(
        self, version: int, calendars: Sequence[Calendar], *, late_before: int | None
    ) -> Change | None:
        """Return what differs from an earlier version; None if that can no longer be told.

        Notes
        -----
        The table's change feed says it where the table has one and the session can read it; else the rows of
        both versions are compared. Either way a window differs if the number or the sum of hashes of its rows
        does, so that rows that were rewritten as they were touch no window.
        """
        for signed in (self._from_feed, self._from_versions):
            try:
                rows = signed(version)
                if rows is not None:
                    return self._change(rows, calendars, late_before)
            except PySparkException as error:
                why = str(error).strip().splitlines()[0]
                logger.info(
                    "changes of %s since version %d (%s): %s", self.name, version, signed.__name__, why
                )
        return None

    def _from_feed(self, version: int) -> DataFrame | None:
        if self.properties.get(_CHANGE_FEED, "false").lower() != "true" or self.version is None:
            return None
        changes = self._table.read_changes(version + 1, self.version)
        if changes is None or "_change_type" not in changes.columns:
            # Some sessions pass over the option and read the table.
            return None
        sign = F.when(F.col("_change_type").isin(*_ADDED), 1).otherwise(-1)
        return self._signed(changes.drop(*_CHANGES), sign, changes)

    def _from_versions(self, version: int) -> DataFrame:
        before = self._table.read(version)
        names = [quote(name) for name in self.columns]
        missing = [name for name in self.columns if name not in before.columns]
        for name in missing:
            before = before.withColumn(name, F.lit(None).cast(self._frame.schema[name].dataType))
        old = self._signed(before.select(*names), F.lit(-1), before)
        return old.unionByName(self._signed(self._frame.select(*names), F.lit(1), self._frame))

    def _signed(self, rows: DataFrame, sign: SparkColumn, within: DataFrame) -> DataFrame:
        """Return time, sign and hash of rows."""
        names = [name for name in self.columns if name in rows.columns]
        kinds = {field.name: field.dataType.typeName() for field in within.schema.fields}
        hashed = [
            # Maps cannot be hashed, and their entries' order means nothing.
            F.array_sort(F.map_entries(F.col(quote(name)))) if kinds[name] == "map" else F.col(quote(name))
            for name in names
        ]
        timed = self._timed(within.withColumn(_SIGN, sign).withColumn(_HASH, F.xxhash64(*hashed)))
        return self._in_windows(timed).select(quote(MICROS), quote(_SIGN), quote(_HASH))

    def _change(self, signed: DataFrame, calendars: Sequence[Calendar], late_before: int | None) -> Change:
        windows, late_rows = {}, {}
        sign, hashed = F.col(quote(_SIGN)), F.col(quote(_HASH)).cast("decimal(38,0)")
        for calendar in calendars:
            placed = signed.withColumn(START, F.expr(calendar.spark_sql(quote(MICROS))))
            summed = placed.groupBy(quote(START)).agg(
                F.sum(sign).alias("rows"), F.sum(sign * hashed).alias("hashes")
            )
            differing = summed.where((F.col("rows") != 0) | (F.col("hashes") != 0)).collect()
            starts = sorted(int(row[START]) for row in differing)
            windows[calendar.granularity] = starts
            late = [start for start in starts if late_before is not None and start < late_before]
            if late:
                late_rows[calendar.granularity] = self._new_rows(placed, late)
        return Change(windows, late_rows)

    @staticmethod
    def _new_rows(placed: DataFrame, starts: Sequence[int]) -> dict[int, int]:
        """Return how many rows came, of those that did not go as they were, by the start of their window."""
        some = placed.where(F.col(quote(START)).isin(list(starts)))
        each = some.groupBy(quote(START), quote(_HASH)).agg(F.sum(F.col(quote(_SIGN))).alias("rows"))
        counted = each.where(F.col("rows") > 0).groupBy(quote(START)).agg(F.sum("rows").alias("rows"))
        return {int(row[START]): int(row["rows"]) for row in counted.collect()}


def _by_position(frame: DataFrame) -> DataFrame:
    """Return rows whose columns are called by their place: workers are not sent every name, such as `a.b`."""
    return frame.toDF(*(f"@{at}" for at in range(len(frame.columns))))


def _moment(micros: int) -> SparkColumn:
    return F.expr(f"timestamp_micros({int(micros)})")
