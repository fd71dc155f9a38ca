"""Which module runs which statement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks.sdk.errors.base import DatabricksError
from sqlglot import exp

from databricks_monitoring.local_workspace.sql import commands, ddl, describe, dialect, grants, merge, writes
from databricks_monitoring.local_workspace.sql.errors import failure, unsupported
from databricks_monitoring.local_workspace.sql.parameters import bind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from databricks.sdk.service.sql import StatementParameterListItem

    from databricks_monitoring.local_workspace.sql.execution import Execution
    from databricks_monitoring.local_workspace.sql.result import Outcome

_RUN: dict[type[exp.Expr], Callable[..., Outcome]] = {
    exp.Insert: writes.insert,
    exp.Update: writes.update,
    exp.Delete: writes.delete,
    exp.TruncateTable: writes.truncate,
    exp.Merge: merge.merge,
    exp.Create: ddl.create,
    exp.Drop: ddl.drop,
    exp.Alter: ddl.alter,
    exp.Comment: ddl.comment,
    exp.Describe: describe.describe,
    exp.Command: commands.run,
    exp.Grant: grants.change,
    exp.Revoke: grants.change,
}


def run(statement: str, parameters: Sequence[StatementParameterListItem], execution: Execution) -> Outcome:
    """Run a statement of any kind.

    Raises
    ------
    SqlError
        Also for what the workspace's own objects refuse, such as a schema that exists.
    """
    try:
        if (special := commands.special(statement)) is not None:
            return special(execution)
        tree = bind(dialect.parse(statement), parameters)
        execution.check()
        if isinstance(tree, exp.Query):
            return execution.query(tree)
        if isinstance(tree, exp.Values):
            return execution.query(writes.query_of(tree))
        change = _RUN.get(type(tree))
        if change is None:
            raise unsupported(f"the statement {type(tree).__name__.upper()}")
        return change(tree, execution)
    except DatabricksError as error:
        raise _refused(error) from error


_STATES = {
    "ALREADY_EXISTS": ("OBJECT_ALREADY_EXISTS", "42710"),
    "RESOURCE_ALREADY_EXISTS": ("OBJECT_ALREADY_EXISTS", "42710"),
    "CATALOG_DOES_NOT_EXIST": ("NO_SUCH_CATALOG_EXCEPTION", "42704"),
    "SCHEMA_DOES_NOT_EXIST": ("SCHEMA_NOT_FOUND", "42704"),
    "TABLE_DOES_NOT_EXIST": ("TABLE_OR_VIEW_NOT_FOUND", "42P01"),
    "CATALOG_NOT_EMPTY": ("CATALOG_NOT_EMPTY", "2BP01"),
    "SCHEMA_NOT_EMPTY": ("SCHEMA_NOT_EMPTY", "2BP01"),
    "PERMISSION_DENIED": ("INSUFFICIENT_PERMISSIONS", "42501"),
}


def _refused(error: DatabricksError) -> Exception:
    code = error.error_code or type(error).__name__
    condition, state = _STATES.get(code, ("INVALID_STATEMENT", "42000"))
    if type(error).__name__ in {"AlreadyExists", "ResourceAlreadyExists"}:
        condition, state = "OBJECT_ALREADY_EXISTS", "42710"
    return failure(condition, str(error), state)
