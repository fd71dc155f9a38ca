"""DuckDB brings the rows of a Delta snapshot: it reads, projects, casts, filters and evaluates SQL."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import duckdb

from databricks_monitoring.errors import InvalidValueError, UnsupportedColumnError
from databricks_monitoring.metrics.columns import Column, ColumnClass, columns_of
from databricks_monitoring.metrics.engines import delta_scan
from databricks_monitoring.metrics.engines.base import Rows, column_from_arrow, whole_numbers
from databricks_monitoring.metrics.slices import Slicing, row_expression, text_sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType

    import pyarrow as pa
    from deltalake import DeltaTable

    from databricks_monitoring.metrics.windows import Calendar

_MICROS = '"@micros"'
_ROWS = '"@rows"'
_MICROS_OF = {
    "timestamp": "epoch_us({0})",
    "timestamp_ntz": "epoch_us({0})",
    "date": "epoch_us(CAST({0} AS TIMESTAMP))",
    "string": "epoch_us(TRY_CAST({0} AS TIMESTAMPTZ))",
}
_SECONDS = ("tinyint", "smallint", "int", "bigint", "float", "double")


def connect() -> duckdb.DuckDBPyConnection:
    """Return a connection that reads and writes timestamps in UTC."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    # A table is never meant to be a Python variable that happens to have its name.
    connection.execute("SET python_enable_replacements = false")
    return connection


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


@dataclass(frozen=True)
class Fingerprint:
    """What tells whether the rows of a window changed: how many there are, and the sum of their hashes."""

    rows: int
    hashes: int


class DuckDBEngine:
    """Reads one Delta snapshot.

    Parameters
    ----------
    table
        The snapshot; later commits to the table are not seen.
    timestamp_column
        Time of a row; None for a table without windows.
    since
        Rows before this moment (microseconds) are not read.
    """

    def __init__(self, table: DeltaTable, *, timestamp_column: str | None, since: int | None = None) -> None:
        self._table = table
        self.columns = columns_of(table)
        self.version = table.version()
        self._micros = micros_sql(self.columns[timestamp_column]) if timestamp_column else None
        self._since = since
        self._connection = connect()
        self._connection.execute(f"CREATE VIEW {_ROWS} AS {self._source()}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def _source(self, files: Sequence[str] | None = None) -> str:
        scanned = delta_scan.scan(self._table, files=files)
        return f"SELECT *, {self._micros or 'NULL'} AS {_MICROS} FROM ({scanned})"  # noqa: S608

    def _where(self, span: tuple[int, int] | None) -> str:
        conditions = [] if self._since is None else [f"{_MICROS} >= {self._since}"]
        if span is not None:
            conditions += [f"{_MICROS} >= {span[0]}", f"{_MICROS} < {span[1]}"]
        return f" WHERE {' AND '.join(conditions)}" if conditions else ""

    def types(self, expressions: Iterable[str]) -> list[str]:
        """Return DuckDB's type of each expression over a row."""
        listed = list(expressions)
        if not listed:
            return []
        described = self._connection.sql(
            f"DESCRIBE SELECT {', '.join(listed)} FROM {_ROWS}"  # noqa: S608
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
        try:
            types = self.types(compiled)
        except duckdb.Error as error:
            raise InvalidValueError(
                "slicing_exprs", texts, f"expressions that can be evaluated: {error}"
            ) from error
        return [Slicing(*parts) for parts in zip(texts, compiled, types, strict=True)]

    def distinct_counts(self, expressions: Iterable[str]) -> list[int]:
        """Return about how many distinct values each expression has."""
        counted = ", ".join(f"approx_count_distinct({expression})" for expression in expressions)
        [row] = self._connection.sql(f"SELECT {counted} FROM {_ROWS}").fetchall()  # noqa: S608
        return [int(value) for value in row]

    def values(self, expression: str) -> list[str]:
        """Return the distinct non-null values of an expression as text, ascending."""
        rows = self._connection.sql(
            f"SELECT DISTINCT CAST(v AS VARCHAR) AS v FROM (SELECT {expression} AS v FROM {_ROWS}) "  # noqa: S608
            "WHERE v IS NOT NULL ORDER BY v"
        ).fetchall()
        return [str(row[0]) for row in rows]

    def count(self) -> int:
        """Return the number of rows of the snapshot."""
        return self._number(f"SELECT count(*) FROM {_ROWS}")  # noqa: S608

    def unreadable_times(self) -> int:
        """Return the number of rows whose time is NULL or cannot be read."""
        if self._micros is None:
            return 0
        return self._number(f"SELECT count(*) FROM {_ROWS} WHERE {_MICROS} IS NULL")  # noqa: S608

    def _number(self, query: str) -> int:
        [(number,)] = self._connection.sql(query).fetchall()
        return int(number)

    def window_counts(self, calendar: Calendar) -> dict[int, int]:
        """Return the number of rows of every window that has rows, by the window's start, ascending."""
        where = self._where(None) or f" WHERE {_MICROS} IS NOT NULL"
        rows = self._connection.sql(
            f"SELECT {calendar.start_sql(_MICROS)} AS s, count(*) FROM {_ROWS}{where} GROUP BY s ORDER BY s"  # noqa: S608
        ).fetchall()
        return {int(start): int(count) for start, count in rows}

    def fingerprints(self, calendar: Calendar, files: Sequence[str]) -> dict[int, Fingerprint]:
        """Return the fingerprint of the rows that some data files hold of each window.

        Two sets of files hold the same rows of a window exactly if their fingerprints agree (up to a
        collision of sums of 64-bit hashes), in whatever order and files the rows lie.
        """
        if not files:
            return {}
        names = ", ".join(delta_scan.quoted(name) for name in self.columns)
        where = self._where(None) or f" WHERE {_MICROS} IS NOT NULL"
        rows = self._connection.sql(
            f"SELECT {calendar.start_sql(_MICROS)} AS s, count(*), sum(CAST(hash({names}) AS HUGEINT)) "  # noqa: S608
            f"FROM ({self._source(files)}){where} GROUP BY s"
        ).fetchall()
        return {int(start): Fingerprint(int(count), int(hashes)) for start, count, hashes in rows}

    def new_rows(
        self, calendar: Calendar, removed: Sequence[str], added: Sequence[str], before: int
    ) -> dict[int, int]:
        """Return how many rows added files hold that removed ones do not, by the start of their window.

        Parameters
        ----------
        removed, added
            Data files.
        before
            Only windows that start before this moment, in microseconds.
        """
        names = ", ".join(delta_scan.quoted(name) for name in self.columns)
        start = calendar.start_sql(_MICROS)
        where = (self._where(None) or f" WHERE {_MICROS} IS NOT NULL") + f" AND {start} < {before}"
        either = " EXCEPT ALL ".join(
            f"SELECT {start} AS s, hash({names}) AS h FROM ({self._source(files)}){where}"  # noqa: S608
            for files in (added, removed)
        )
        rows = self._connection.sql(f"SELECT s, count(*) FROM ({either}) GROUP BY s").fetchall()  # noqa: S608
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
        table = self._arrow(f"SELECT {', '.join([_MICROS, *picked])} FROM {_ROWS}{self._where(span)}")  # noqa: S608
        micros = whole_numbers(table.column(0)) if self._micros else None
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as threads:
            read = dict(zip(asked, threads.map(column_from_arrow, table.columns[1:]), strict=True))
        return Rows(table.num_rows, micros, {name: read[sql] for name, sql in projections.items()})

    def window_start(self, calendar: Calendar) -> str:
        """Return the SQL of the start of a row's window."""
        return calendar.start_sql(_MICROS)

    def aggregate(
        self, expressions: Sequence[str], keys: Sequence[str], span: tuple[int, int] | None = None
    ) -> list[tuple[object, ...]]:
        """Return aggregates per distinct combination of key expressions: the keys, then the aggregates."""
        grouped = f" GROUP BY {', '.join(str(at + 1) for at in range(len(keys)))}" if keys else ""
        return self._connection.sql(
            f"SELECT {', '.join([*keys, *expressions])} FROM {_ROWS}{self._where(span)}{grouped}"  # noqa: S608
        ).fetchall()

    def _arrow(self, query: str) -> pa.Table:
        return self._connection.sql(query).to_arrow_table()
