"""Conditions that delta-rs can evaluate itself: columns against constants, joined by AND, OR and NOT.

Constants are computed by DuckDB, with all of Databricks' semantics; what is left is a comparison of a column
with a literal of the column's own type, which means the same everywhere.
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlglot import exp

from databricks_monitoring.local_workspace.sql.functions.rules import RULES
from databricks_monitoring.metrics.engines.delta_scan import literal, quoted

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.sql.assignment import Column, Target
    from databricks_monitoring.local_workspace.sql.execution import Execution

_COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_MIRRORED: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.LT: exp.GT,
    exp.LTE: exp.GTE,
    exp.GT: exp.LT,
    exp.GTE: exp.LTE,
}
_UNSTABLE = frozenset({"uuid", "rand", "random"})
_INTEGERS = {"long": 63, "integer": 31, "short": 15, "byte": 7}


def pushed_down(  # noqa: PLR0911 - one way a kind of node
    node: exp.Expr, target: Target, execution: Execution, alias: str
) -> str | None:
    """Return a condition in DataFusion's SQL, or None if it has more in it than can be sent."""
    if isinstance(node, exp.Paren):
        inner = pushed_down(node.this, target, execution, alias)
        return None if inner is None else f"({inner})"
    if isinstance(node, exp.And | exp.Or):
        left = pushed_down(node.this, target, execution, alias)
        right = pushed_down(node.expression, target, execution, alias)
        word = "AND" if isinstance(node, exp.And) else "OR"
        return None if left is None or right is None else f"({left} {word} {right})"
    if isinstance(node, exp.Not):
        inner = pushed_down(node.this, target, execution, alias)
        return None if inner is None else f"NOT ({inner})"
    if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
        column = _column(node.this, target, alias)
        return None if column is None else f"{quoted(column.name)} IS NULL"
    if isinstance(node, exp.In) and node.expressions:
        return _in(node, target, execution, alias)
    if type(node) in _COMPARISONS:
        return _comparison(node, target, execution, alias)
    return None


def _comparison(node: exp.Expr, target: Target, execution: Execution, alias: str) -> str | None:
    column, constant, kind = _column(node.this, target, alias), node.expression, type(node)
    if column is None:
        column, constant = _column(node.expression, target, alias), node.this
        kind = _MIRRORED.get(kind, kind)
    if column is None:
        return None
    value = constant_of(constant, column, execution)
    return None if value is None else f"{quoted(column.name)} {_COMPARISONS[kind]} {value}"


def _in(node: exp.In, target: Target, execution: Execution, alias: str) -> str | None:
    column = _column(node.this, target, alias)
    if column is None:
        return None
    values = [constant_of(each, column, execution) for each in node.expressions]
    if any(value is None for value in values):
        return None
    return f"{quoted(column.name)} IN ({', '.join(value for value in values if value)})"


def _column(node: exp.Expr, target: Target, alias: str) -> Column | None:
    if not isinstance(node, exp.Column) or isinstance(node.this, exp.Star):
        return None
    if node.table and node.table.lower() not in {alias.lower(), target.name.name}:
        return None
    return next((column for column in target.columns if column.name.lower() == node.name.lower()), None)


def constant_of(node: exp.Expr, column: Column, execution: Execution) -> str | None:
    """Return an expression without columns as a DataFusion literal of a column's type, or None."""
    if not isinstance(column.kind, str) or node.find(exp.Column, exp.Query, exp.Identifier):
        return None
    calls = [each.name.lower() for each in node.find_all(exp.Anonymous)]
    if any(name in _UNSTABLE or name not in RULES for name in calls):
        return None
    select = exp.Select(expressions=[exp.alias_(node.copy(), "constant", quoted=True)])
    rows = execution.relation(execution.translated(select)).to_arrow_table().to_pylist()
    return datafusion_literal(rows[0]["constant"], column.kind)


def datafusion_literal(value: object, kind: str) -> str | None:  # noqa: PLR0911 - one way a type
    """Return a value as a literal of a Delta type, or None where its own type is another."""
    if isinstance(value, bool):
        return str(value).lower() if kind == "boolean" else None
    if kind in _INTEGERS:
        return f"{value}" if isinstance(value, int) and abs(value) < 2 ** _INTEGERS[kind] else None
    if kind == "double" and isinstance(value, int | float | Decimal):
        number = float(value)
        return f"CAST({number!r} AS DOUBLE)" if math.isfinite(number) else None
    if kind == "string":
        return literal(value) if isinstance(value, str) else None
    if kind == "date" and isinstance(value, date) and not isinstance(value, datetime):
        return f"CAST('{value.isoformat()}' AS DATE)"
    if kind == "timestamp" and isinstance(value, datetime) and value.tzinfo is not None:
        at = value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        return f"arrow_cast('{at}', 'Timestamp(Microsecond, Some(\"UTC\"))')"
    return None
