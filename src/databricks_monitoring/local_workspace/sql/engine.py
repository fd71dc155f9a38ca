"""Databricks SQL over the tables of a local workspace."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pyarrow as pa

from databricks_monitoring.local_workspace.sql.database import Database
from databricks_monitoring.local_workspace.sql.errors import SqlError
from databricks_monitoring.local_workspace.sql.execution import Execution
from databricks_monitoring.local_workspace.sql.functions.rules import Moment
from databricks_monitoring.local_workspace.sql.result import SqlResult
from databricks_monitoring.local_workspace.user import USER_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from databricks.sdk.service.sql import StatementParameterListItem

    from databricks_monitoring.local_workspace.catalog.tables import Tables
    from databricks_monitoring.local_workspace.clock import WorkspaceClock

DEFAULT_CATALOG = "main"
DEFAULT_SCHEMA = "default"

__all__ = ["SqlEngine", "SqlError", "SqlResult"]


class SqlEngine:
    """Runs statements: reads in DuckDB, writes through Delta commits; safe to use from many threads.

    Attributes
    ----------
    closing
        Called before the database closes: whoever runs statements in threads of its own ends them there.
    """

    def __init__(self, tables: Tables, clock: WorkspaceClock, *, root: Path) -> None:
        self._tables = tables
        self._clock = clock
        self._database = Database(root)
        self.closing: list[Callable[[], None]] = []

    def run(
        self,
        statement: str,
        *,
        catalog: str | None = None,
        schema: str | None = None,
        parameters: Sequence[StatementParameterListItem] = (),
        row_limit: int | None = None,
    ) -> SqlResult:
        """Run one statement and return its whole result.

        Parameters
        ----------
        catalog, schema
            Where names with fewer levels belong; `main` and `default` unless given.
        parameters
            Values of the `:name` markers.
        row_limit
            Return no more than so many rows.

        Raises
        ------
        SqlError
            If the statement fails; then every table is as it was.
        """
        execution = self.execution(catalog=catalog, schema=schema)
        try:
            outcome = execution.run(statement, parameters)
            batches = list(_limited(outcome.batches, row_limit))
        finally:
            execution.close()
        return SqlResult(outcome.names, outcome.kinds, pa.Table.from_batches(batches, schema=outcome.schema))

    def execution(self, *, catalog: str | None = None, schema: str | None = None) -> Execution:
        """Return a statement yet to run, which other threads may interrupt; close it after reading."""
        moment = Moment(
            now=self._clock.now(),
            user=USER_NAME,
            catalog=(catalog or DEFAULT_CATALOG).lower(),
            schema=(schema or DEFAULT_SCHEMA).lower(),
        )
        return Execution(self._tables, self._database, moment)

    def close(self) -> None:
        """Stop what still runs and close the database."""
        for close in self.closing:
            close()
        self._database.close()


def _limited(batches: Iterable[pa.RecordBatch], limit: int | None) -> Iterator[pa.RecordBatch]:
    if limit is None:
        yield from batches
        return
    left = limit
    for batch in itertools.chain(batches):
        if left <= 0:
            return
        yield batch.slice(0, left)
        left -= batch.num_rows
