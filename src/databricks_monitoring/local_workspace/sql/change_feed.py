"""`table_changes`: the change data feed of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deltalake.exceptions import DeltaError
from sqlglot import exp

from databricks_monitoring.local_workspace.sql.errors import failure, unsupported
from databricks_monitoring.local_workspace.sql.functions.rules import text_of
from databricks_monitoring.local_workspace.sql.table_functions import replace

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.sql.execution import Execution


def resolve(node: exp.Table, function: exp.Anonymous, execution: Execution) -> None:
    """Replace `table_changes(name, from [, to])` by the changes, each with its kind, version and time."""
    if not 2 <= len(function.expressions) <= 3:  # noqa: PLR2004
        raise failure(
            "WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "The `table_changes` requires 2 to 3 parameters.", "42605"
        )
    named = exp.to_table(text_of(function.expressions[0], "The table of table_changes"), dialect="databricks")
    name = execution.scope.name(named)
    versions = [_version(each) for each in function.expressions[1:]]
    table = execution.scope.open(name)
    last = versions[1] if len(versions) > 1 else table.version()
    try:
        changes = table.load_cdf(starting_version=versions[0], ending_version=last).read_all()
    except (DeltaError, ValueError) as error:
        raise failure(
            "DELTA_MISSING_CHANGE_DATA", f"The changes of `{name}` cannot be read: {error}", "KD002"
        ) from error
    view = f"{name}@changes{versions[0]}-{last}"
    execution.connection.register(view, changes)
    source = exp.Select(
        expressions=[exp.Star()], from_=exp.From(this=exp.Table(this=exp.to_identifier(view, quoted=True)))
    )
    source.args["from_"].this.meta["resolved"] = True
    replace(node, exp.Subquery(this=source), name.name)


def _version(node: exp.Expr) -> int:
    if isinstance(node, exp.Literal) and not node.is_string and node.name.isdigit():
        return int(node.name)
    raise unsupported("table_changes with anything but versions")
