"""Slicing expressions: Databricks SQL over one row, read as a tree and rendered for DuckDB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import expressions as exp

from databricks_monitoring.errors import ColumnNotFoundError, InvalidValueError
from databricks_monitoring.metrics.dialect import duckdb_sql, with_known_aggregates

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Slicing:
    """One slicing expression.

    Attributes
    ----------
    key
        The user's text, unchanged; the column `slice_key`.
    sql
        The same in DuckDB's SQL, identifiers quoted.
    sql_type
        DuckDB's type of its value.
    """

    key: str
    sql: str
    sql_type: str

    @property
    def text_sql(self) -> str:
        """The value as text; the column `slice_value`."""
        return text_sql(self.sql, self.sql_type)

    @property
    def is_predicate(self) -> bool:
        """Whether the value is a Boolean, so that its slices are two groups to compare."""
        return self.sql_type == "BOOLEAN"


def text_sql(sql: str, sql_type: str) -> str:
    """Return the text of a value; timestamps without an offset, as Spark writes them in UTC."""
    if sql_type == "TIMESTAMP WITH TIME ZONE":
        return f"CAST(make_timestamp(epoch_us({sql})) AS VARCHAR)"
    return f"CAST({sql} AS VARCHAR)"


def row_expression(text: str, columns: Iterable[str], where: str) -> str:
    r"""Return a Databricks SQL expression over one row in DuckDB's SQL.

    Raises
    ------
    InvalidValueError
        If it is not an expression, or looks at more than one row.
    ColumnNotFoundError
        If it names a column that does not exist.

    Examples
    --------
    >>> row_expression("`Age` < 25 AND city = 'Bern'", ["age", "city"], "slicing_exprs")
    '"age" < 25 AND "city" = \'Bern\''
    """
    try:
        parsed = sqlglot.parse_one(text, dialect="databricks", into=exp.Condition)
    except sqlglot.errors.SqlglotError as error:
        raise InvalidValueError(where, text, "a SQL expression over the columns of a row") from error
    tree = with_known_aggregates(parsed)
    if tree.find(exp.AggFunc, exp.Query, exp.Window, exp.Star):
        raise InvalidValueError(where, text, "an expression over one row: no aggregate, window or subquery")
    resolve_columns(tree, columns, where)
    return duckdb_sql(tree, where)


def resolve_columns(tree: exp.Expr, columns: Iterable[str], where: str) -> None:
    """Give every column of a tree the table's own spelling, in quotes.

    Raises
    ------
    ColumnNotFoundError
        If a column does not exist.
    """
    names = list(columns)
    by_fold = {name.casefold(): name for name in names}
    for column in tree.find_all(exp.Column):
        root = column.parts[0]
        if root.name.casefold() not in by_fold:
            raise ColumnNotFoundError(root.name, names, where=where)
        for part in column.parts:
            part.set("quoted", True)  # noqa: FBT003 - the value of a node's argument
        root.set("this", by_fold[root.name.casefold()])
