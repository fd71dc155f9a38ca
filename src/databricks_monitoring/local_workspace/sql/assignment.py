"""Values on their way into a table's columns: cast to the column's type, or the statement fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
from sqlglot import exp

from databricks_monitoring.local_workspace.sql import types
from databricks_monitoring.local_workspace.sql.errors import existing, failure, unsupported
from databricks_monitoring.local_workspace.sql.functions.casts import converted
from databricks_monitoring.local_workspace.sql.functions.rules import call, cast, is_null, string, when
from databricks_monitoring.metrics.engines.delta_scan import duckdb_type

if TYPE_CHECKING:
    from deltalake import DeltaTable

    from databricks_monitoring.local_workspace.sql.types import DeltaType
    from databricks_monitoring.names import TableName


@dataclass(frozen=True)
class Column:
    """A column of a table that is written to."""

    name: str
    kind: DeltaType
    nullable: bool


@dataclass(frozen=True)
class Target:
    """A table that is written to."""

    name: TableName
    table: DeltaTable
    columns: list[Column]

    @classmethod
    def of(cls, name: TableName, table: DeltaTable) -> Target:
        """Return the columns of a table's newest version."""
        fields = types.delta_fields(table.schema().to_json())
        return cls(name, table, [Column(field["name"], field["type"], field["nullable"]) for field in fields])

    def column(self, name: str) -> Column:
        """Return a column by name, whatever its case.

        Raises
        ------
        SqlError
            UNRESOLVED_COLUMN, naming those there are.
        """
        for column in self.columns:
            if column.name.lower() == name.lower():
                return column
        raise failure(
            "UNRESOLVED_COLUMN.WITH_SUGGESTION",
            f"A column with name `{name}` cannot be resolved in `{self.name}`. "
            f"Its columns: {existing(column.name for column in self.columns)}.",
            "42703",
        )

    def written(self, node: exp.Expr, alias: str) -> Column:
        """Return the column on the left of an assignment, qualified by the table's alias or not at all."""
        if isinstance(node, exp.Column) and node.table.lower() not in {"", alias.lower(), self.name.name}:
            raise unsupported(f"assignment to the field `{node.sql('databricks')}` of a struct")
        if not isinstance(node, exp.Column | exp.Identifier):
            raise unsupported(f"assignment to `{node.sql('databricks')}`")
        return self.column(node.name)

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of the table's rows."""
        return pa.schema(
            [
                pa.field(column.name, types.to_arrow(column.kind), nullable=column.nullable)
                for column in self.columns
            ]
        )

    def assigned(self, column: Column, value: exp.Expr) -> exp.Expr:
        """Return a translated value as the column's type; NULL fails in a column that forbids it."""
        fitting = converted(value, column.kind)
        if column.nullable:
            return fitting
        message = (
            "[DELTA_NOT_NULL_CONSTRAINT_VIOLATED] NOT NULL constraint violated for column: "
            f"{column.name}. SQLSTATE: 23502"
        )
        return when(is_null(fitting), call("error", string(message)), fitting.copy())

    def missing(self, column: Column) -> exp.Expr:
        """Return the value of a column that a statement leaves out."""
        return self.assigned(column, cast(exp.Null(), duckdb_type(column.kind)))
