"""DuckDB brings the rows of a relation: it reads, projects, casts, filters and evaluates SQL."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING

import duckdb

from databricks_monitoring.errors import InvalidValueError, UnsupportedColumnError
from databricks_monitoring.metrics.columns import Column, ColumnClass
from databricks_monitoring.metrics.engines import delta_scan
from databricks_monitoring.metrics.engines.base import Rows, column_from_arrow, whole_numbers
from databricks_monitoring.metrics.slices import Slicing, row_expression, text_sql
from databricks_monitoring.metrics.windows import NO_TIME_FROM

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pyarrow as pa

    from databricks_monitoring.metrics.windows import Calendar

MICROS = '"@micros"'
"""Column with the time of a row in microseconds since the epoch, NULL where it is none."""

_ROWS = '"@rows"'

Relation = Callable[[duckdb.DuckDBPyConnection], str]
"""Makes rows known to a connection and returns a SELECT over them."""

_MICROS_OF = {
    "timestamp": "epoch_us({0})",
    "timestamp_ntz": "epoch_us({0})",
    "date": "epoch_us(CAST({0} AS TIMESTAMP))",
    "string": "epoch_us(TRY_CAST({0} AS TIMESTAMPTZ))",
}
_SECONDS = ("tinyint", "smallint", "int", "bigint", "float", "double")


def connect() -> duckdb.DuckDBPyConnection:
    """Return a connection that reads and writes timestamps in UTC, and has views of its own only."""
    connection = _database().cursor()
    # A table is never meant to be a Python variable that happens to have its name.
    connection.execute("SET TimeZone = 'UTC'; SET python_enable_replacements = false")
    return connection


_DATABASES: dict[int, duckdb.DuckDBPyConnection] = {}
"""The empty database of each process, which takes as long to make as a small refresh to read."""

_MAKING = threading.Lock()


def _database() -> duckdb.DuckDBPyConnection:
    with _MAKING:
        if os.getpid() not in _DATABASES:
            made = duckdb.connect()
            # Data files never change, and are asked for their contents again and again.
            made.execute("SET GLOBAL parquet_metadata_cache = true")
            _DATABASES[os.getpid()] = made
        return _DATABASES[os.getpid()]


def _in_child() -> None:
    """Never let a parent's database go: that would wait for threads that a forked process does not have."""
    _MAKING.release()
    for made in _DATABASES.values():
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(made))


os.register_at_fork(before=_MAKING.acquire, after_in_parent=_MAKING.release, after_in_child=_in_child)


def micros_sql(column: Column) -> str:
    """Return a column as microseconds since the epoch, NULL where it cannot be read as a time.

    Notes
    -----
    The conversions are those of Spark's `to_timestamp`: numbers are seconds, dates midnight UTC.

    Raises
    ------
    UnsupportedColumnError
        If the column's type has no conversion to a timestamp.
    """
    name = delta_scan.quoted(column.name)
    if column.data_type in _MICROS_OF:
        return _MICROS_OF[column.data_type].format(name)
    if column.data_type in _SECONDS or column.data_type.startswith("decimal"):
        return f"TRY_CAST(CAST({name} AS DOUBLE) * 1000000 AS BIGINT)"
    accepted = "TIMESTAMP, TIMESTAMP_NTZ, DATE, STRING or a number of seconds"
    raise UnsupportedColumnError(
        f"Timestamp column {column.name!r} is {column.data_type}; expected {accepted}."
    )


def value_sql(column: Column, *, as_text: bool = False) -> str:
    """Return the projection from which a column's statistics are computed.

    Numbers come as BIGINT or DOUBLE, times as microseconds, binary values as their number of bytes, complex
    values as whether they are there; with `as_text` everything comes as text.
    """
    name = delta_scan.quoted(column.name)
    if as_text:
        return text_sql(
            name, "TIMESTAMP WITH TIME ZONE" if column.sql_type == "TIMESTAMPTZ" else column.sql_type
        )
    if column.column_class is ColumnClass.NUMERIC:
        return f"CAST({name} AS {'BIGINT' if column.is_integer else 'DOUBLE'})"
    if column.column_class is ColumnClass.TEMPORAL:
        return micros_sql(column)
    if column.column_class is ColumnClass.BINARY:
        return f"CAST(octet_length({name}) AS BIGINT)"
    if column.column_class is ColumnClass.COMPLEX:
        return f"CASE WHEN {name} IS NULL THEN NULL ELSE CAST(1 AS BIGINT) END"
    return f"CAST({name} AS VARCHAR)"


def arrow_relation(rows: pa.Table, columns: Mapping[str, Column]) -> Relation:
    """Return the rows of an Arrow table, which another engine brought, as a relation with these columns."""

    def relation(connection: duckdb.DuckDBPyConnection) -> str:
        connection.register("@arrow", rows)
        picked = [
            f"CAST({delta_scan.quoted(name)} AS {column.sql_type}) AS {delta_scan.quoted(name)}"
            for name, column in columns.items()
        ]
        # A table without columns still has rows.
        return f'SELECT {", ".join(picked) or "NULL"} FROM "@arrow"'  # noqa: S608 - our own names

    return relation


def no_rows(columns: Mapping[str, Column]) -> Relation:
    """Return a relation with these columns and no rows."""
    picked = [
        f"CAST(NULL AS {column.sql_type}) AS {delta_scan.quoted(name)}" for name, column in columns.items()
    ]
    return lambda _: f"SELECT {', '.join(picked) or 'NULL'} WHERE false"


class DuckDBEngine:
    """Reads the rows of one relation, which it opens when first asked.

    Parameters
    ----------
    relation
        Makes the rows known to a connection and returns a SELECT that has exactly `columns`.
    columns
        The columns by name, in order.
    version
        Version of the table that the rows are of; None for one without versions.
    timestamp_column
        Time of a row; None for a table without windows.
    since
        Rows before this moment (microseconds) are not read.
    """

    def __init__(
        self,
        relation: Relation,
        columns: Mapping[str, Column],
        *,
        version: int | None,
        timestamp_column: str | None,
        since: int | None = None,
    ) -> None:
        self.columns = columns
        self.version = version
        self._relation = relation
        self._micros = micros_sql(columns[timestamp_column]) if timestamp_column else None
        self._timestamp = timestamp_column
        self._since = since
        self._window_counts: dict[tuple[Calendar, tuple[int, int] | None], Mapping[int, int]] = {}

    @cached_property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The connection."""
        return connect()

    @cached_property
    def _rows(self) -> str:
        """The name of the view of all rows, which takes a look at every data file to make."""
        rows = self.with_micros(self._relation(self.connection))
        self.connection.execute(f"CREATE TEMP VIEW {_ROWS} AS {rows}")
        return _ROWS

    def _rows_of(self, span: tuple[int, int] | None) -> str:
        """Return what to select from for the rows of a time span: all of these, and perhaps others."""
        del span
        return self._rows

    def close(self) -> None:
        """Release the connection, if there ever was one."""
        if "connection" in self.__dict__:
            self.connection.close()

    def with_micros(self, select: str) -> str:
        """Return a SELECT over rows of this table with the time of each besides."""
        return f"SELECT *, {self._micros or 'NULL'} AS {MICROS} FROM ({select})"  # noqa: S608

    def _where(self, span: tuple[int, int] | None) -> str:
        conditions = [] if self._since is None else [self._time(">=", self._since)]
        if span is not None:
            conditions += [self._time(">=", span[0]), self._time("<", span[1])]
        elif self._micros is not None:
            conditions.append(self._time("<", NO_TIME_FROM))
        return f" WHERE {' AND '.join(conditions)}" if conditions else ""

    def _time(self, operator: str, micros: int) -> str:
        """Return a condition on the time of a row."""
        if self._timestamp is None or self.columns[self._timestamp].data_type != "timestamp":
            return f"{MICROS} {operator} {micros}"
        # Of the column itself DuckDB asks the files' statistics, and reads no value of rows outside.
        return f"{delta_scan.quoted(self._timestamp)} {operator} make_timestamptz({micros})"

    @property
    def timed(self) -> str:
        """The condition of the rows that belong to a window."""
        return self._where(None)

    def types(self, expressions: Iterable[str]) -> list[str]:
        """Return DuckDB's type of each expression over a row."""
        listed = list(expressions)
        if not listed:
            return []
        described = self.connection.sql(
            f"DESCRIBE SELECT {', '.join(listed)} FROM {self._rows}"  # noqa: S608
        ).fetchall()
        return [str(row[1]) for row in described]

    def slicings(self, expressions: Iterable[str]) -> list[Slicing]:
        """Return slicing expressions over this table.

        Raises
        ------
        InvalidValueError, ColumnNotFoundError
            If one is not an expression over a row of this table.
        """
        texts = list(expressions)
        compiled = [row_expression(text, self.columns, f"slicing_exprs: {text!r}") for text in texts]
        found = []
        for text, sql in zip(texts, compiled, strict=True):
            try:
                found += [Slicing(text, sql, kind) for kind in self.types([sql])]
            except duckdb.Error as error:
                expected = f"an expression that can be evaluated: {error}"
                raise InvalidValueError("slicing_exprs", text, expected) from error
        return found

    def values(self, expression: str) -> list[str]:
        """Return the distinct non-null values of an expression as text, ascending."""
        rows = self.connection.sql(
            f"SELECT DISTINCT CAST(v AS VARCHAR) AS v FROM (SELECT {expression} AS v FROM {self._rows}) "  # noqa: S608
            "WHERE v IS NOT NULL ORDER BY v"
        ).fetchall()
        return [str(row[0]) for row in rows]

    def count(self) -> int:
        """Return the number of rows."""
        return self._number(f"SELECT count(*) FROM {self._rows}")  # noqa: S608

    def unreadable_times(self) -> int:
        """Return the number of rows whose time is NULL, cannot be read or is none of a calendar's."""
        if self._micros is None:
            return 0
        none = f"{MICROS} IS NULL OR {MICROS} >= {NO_TIME_FROM}"
        return self._number(f"SELECT count(*) FROM {self._rows} WHERE {none}")  # noqa: S608

    def _number(self, query: str) -> int:
        [(number,)] = self.connection.sql(query).fetchall()
        return int(number)

    def window_counts(self, calendar: Calendar, span: tuple[int, int] | None = None) -> Mapping[int, int]:
        """Return the number of rows of every window that has rows, by the window's start, ascending.

        Parameters
        ----------
        span
            Half-open, in microseconds: windows outside may be left out.
        """
        known = self._window_counts
        asked = None if (calendar, None) in known else span
        if (calendar, asked) not in known:
            finer = next((each for each, of in known if of == asked and each.divides(calendar)), None)
            known[calendar, asked] = (
                self._count_rows(calendar, asked)
                if finer is None
                else _counted_together(calendar, known[finer, asked])
            )
        return known[calendar, asked]

    def _count_rows(self, calendar: Calendar, span: tuple[int, int] | None) -> dict[int, int]:
        rows = self.connection.sql(
            f"SELECT {calendar.start_sql(MICROS)} AS s, count(*) FROM {self._rows_of(span)}"  # noqa: S608
            f"{self._where(span)} GROUP BY 1 ORDER BY 1"
        ).fetchall()
        return {int(start): int(count) for start, count in rows}

    def read(self, projections: Mapping[str, str], span: tuple[int, int] | None = None) -> Rows:
        """Return projections of the rows of a time span, or of all rows.

        Parameters
        ----------
        projections
            SQL expressions by the name to return them under; of type VARCHAR, BIGINT, DOUBLE or BOOLEAN.
        span
            Half-open, in microseconds.
        """
        # What is asked for under several names travels once.
        asked = list(dict.fromkeys(projections.values()))
        picked = [f'{sql} AS "{position}"' for position, sql in enumerate(asked)]
        rows = f"{self._rows_of(span)}{self._where(span)}"
        table = self._arrow(f"SELECT {', '.join([MICROS, *picked])} FROM {rows}")  # noqa: S608
        count, waiting = table.num_rows, dict(enumerate(table.columns))
        del table
        times = waiting.pop(0)
        micros = whole_numbers(times) if self._micros else None
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as threads:
            # Each is let go as soon as its array is made, which is often a copy.
            made = threads.map(lambda at: column_from_arrow(waiting.pop(at)), range(1, len(asked) + 1))
            read = dict(zip(asked, made, strict=True))
        return Rows(count, micros, {name: read[sql] for name, sql in projections.items()})

    def window_start(self, calendar: Calendar) -> str:
        """Return the SQL of the start of a row's window."""
        return calendar.start_sql(MICROS)

    def aggregate(
        self, expressions: Sequence[str], keys: Sequence[str], span: tuple[int, int] | None = None
    ) -> list[tuple[object, ...]]:
        """Return aggregates per distinct combination of key expressions: the keys, then the aggregates."""
        picked = [f'{sql} AS "{position}"' for position, sql in enumerate([*keys, *expressions])]
        grouped = f" GROUP BY {', '.join(str(at + 1) for at in range(len(keys)))}" if keys else ""
        rows = f"{self._rows_of(span)}{self._where(span)}{grouped}"
        found = self._arrow(f"SELECT {', '.join(picked)} FROM {rows}")  # noqa: S608
        return list(zip(*(column.to_pylist() for column in found.columns), strict=True))

    def _arrow(self, query: str) -> pa.Table:
        return self.connection.sql(query).to_arrow_table()


def _counted_together(calendar: Calendar, counts: Mapping[int, int]) -> dict[int, int]:
    """Return the rows of windows from those of smaller windows, which are ascending."""
    found: dict[int, int] = {}
    for start, count in counts.items():
        window = calendar.start_of(start)
        found[window] = found.get(window, 0) + count
    return found
