"""Functions in a FROM clause: `range`, `read_files`, `table_changes`, and names made of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp

from databricks_monitoring.local_workspace.sql.errors import failure
from databricks_monitoring.local_workspace.sql.functions.rules import call, text_of

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.sql.execution import Execution


def resolve_functions(tree: exp.Expr, execution: Execution) -> None:
    """Replace every table function of a query by what DuckDB can read, in place."""
    from databricks_monitoring.local_workspace.sql import change_feed, read_files  # noqa: PLC0415 - they import this

    for node in list(tree.find_all(exp.Table)):
        function = node.this
        if not isinstance(function, exp.Anonymous):
            continue
        name = function.name.lower()
        if name == "range":
            _range(node, function)
        elif name == "identifier":
            _named(node, function)
        elif name == "read_files":
            read_files.resolve(node, function, execution)
        elif name == "table_changes":
            change_feed.resolve(node, function, execution)
        elif not name.startswith(("explode", "posexplode", "inline")):
            raise failure(
                "UNRESOLVABLE_TABLE_VALUED_FUNCTION",
                f"Could not resolve `{name}` to a table-valued function.",
                "42883",
            )


def _range(node: exp.Table, function: exp.Anonymous) -> None:
    rows = exp.Select(
        expressions=[exp.alias_(call("unnest", call("range", *function.expressions[:3])), "id", quoted=True)]
    )
    replace(node, exp.Subquery(this=rows), "range")


def _named(node: exp.Table, function: exp.Anonymous) -> None:
    name = text_of(function.expressions[0], "The name in IDENTIFIER") if function.expressions else ""
    table = sqlglot.exp.to_table(name, dialect="databricks")
    if node.args.get("alias"):
        table.set("alias", node.args["alias"])
    node.replace(table)


def replace(node: exp.Table, source: exp.Subquery, name: str) -> None:
    """Put a subquery where a table function was, under the same alias."""
    alias = node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(name, quoted=True))
    source.set("alias", alias)
    node.replace(source)
