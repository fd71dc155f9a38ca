"""One statement from its text to its outcome, on a DuckDB connection of its own."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from databricks_monitoring.local_workspace.sql import types
from databricks_monitoring.local_workspace.sql.errors import CanceledError, SqlError, from_duckdb, unsupported
from databricks_monitoring.local_workspace.sql.result import Outcome
from databricks_monitoring.local_workspace.sql.table_functions import resolve_functions
from databricks_monitoring.local_workspace.sql.tables_in_query import TableScope
from databricks_monitoring.local_workspace.sql.translate import name_columns, render, to_duckdb
from databricks_monitoring.metrics.engines.delta_scan import duckdb_type, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from databricks.sdk.service.sql import StatementParameterListItem
    from sqlglot import exp

    from databricks_monitoring.local_workspace.catalog.tables import Tables
    from databricks_monitoring.local_workspace.sql.database import Database
    from databricks_monitoring.local_workspace.sql.functions.rules import Moment
    from databricks_monitoring.local_workspace.sql.types import DeltaType

BATCH_ROWS = 16_384


class Execution:
    """A statement that runs: where its names belong, when it began, and how to stop it."""

    def __init__(self, tables: Tables, database: Database, moment: Moment) -> None:
        self.tables = tables
        self.moment = moment
        self.connection = database.connection()
        self.scope = TableScope(
            tables, self.connection, self.translated, catalog=moment.catalog, schema=moment.schema
        )
        self._canceled = threading.Event()

    def run(self, statement: str, parameters: Sequence[StatementParameterListItem]) -> Outcome:
        """Run the statement; what it changes is changed on return, what it answers is still to be read.

        Raises
        ------
        SqlError
            For every failure; then nothing has changed.
        """
        from databricks_monitoring.local_workspace.sql.statements import run  # noqa: PLC0415 - they run here

        try:
            return run(statement, parameters, self)
        except duckdb.Error as error:
            raise from_duckdb(error) from error
        except RecursionError as error:
            raise unsupported("a statement nested this deeply") from error

    def query(self, tree: exp.Expr) -> Outcome:
        """Return the outcome of a query."""
        name_columns(tree)
        relation = self.relation(self.translated(tree))
        kinds = [types.from_duckdb(kind) for kind in relation.types]
        names = [str(name) for name in relation.columns]
        return Outcome(names, kinds, self.batches(relation, names, kinds))

    def translated(self, tree: exp.Expr) -> str:
        """Return a query as DuckDB SQL; `tree` is used up."""
        resolve_functions(tree, self)
        self.scope.resolve(tree)
        return render(to_duckdb(tree, self.moment))

    def relation(self, sql: str) -> duckdb.DuckDBPyRelation:
        """Return a DuckDB query, bound but not run."""
        self.check()
        return self.connection.sql(sql)

    def batches(
        self, relation: duckdb.DuckDBPyRelation, names: Sequence[str], kinds: Sequence[DeltaType]
    ) -> Iterator[pa.RecordBatch]:
        """Return the rows of a query in the Arrow types of `kinds`, as they are computed."""
        casts = [
            quoted(column)
            if str(kind) == _result_type(wanted)
            else f"CAST({quoted(column)} AS {_result_type(wanted)}) AS {quoted(column)}"
            for column, kind, wanted in zip(relation.columns, relation.types, kinds, strict=True)
        ]
        if any(" AS " in cast for cast in casts):
            relation = relation.project(", ".join(casts))
        schema = pa.schema(
            [pa.field(name, types.result_arrow(kind)) for name, kind in zip(names, kinds, strict=True)]
        )
        try:
            reader = relation.to_arrow_reader(BATCH_ROWS)
        except duckdb.Error as error:
            raise from_duckdb(error) from error
        return self._read(reader, schema)

    def _read(self, reader: pa.RecordBatchReader, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        while True:
            self.check()
            try:
                batch = reader.read_next_batch()
            except StopIteration:
                return
            except duckdb.Error as error:
                raise from_duckdb(error) from error
            except (pa.ArrowException, OSError) as error:
                raise from_duckdb(duckdb.Error(str(error))) from error
            yield _as(batch, schema)

    def check(self) -> None:
        """Stop here if the statement was interrupted."""
        if self._canceled.is_set():
            raise CanceledError

    def interrupt(self) -> None:
        """Make the statement fail at its next step, wherever it is."""
        self._canceled.set()
        self.connection.interrupt()

    def close(self) -> None:
        """Give the connection back."""
        self.connection.close()


def _as(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    if batch.schema.equals(schema):
        return batch
    arrays = [
        column if column.type.equals(field.type) else column.cast(field.type)
        for column, field in zip(batch.columns, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _result_type(kind: DeltaType) -> str:
    """Return the DuckDB type in which a result column leaves DuckDB."""
    if kind == "interval":
        return "INTERVAL"
    if kind == "void":
        return '"NULL"'
    # DuckDB spells types without blanks after commas in decimals, with them elsewhere.
    return {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}.get(name := duckdb_type(kind), name)


__all__ = ["Execution", "Outcome", "SqlError"]
