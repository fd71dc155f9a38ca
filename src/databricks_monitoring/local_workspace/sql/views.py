"""Views: queries kept under a name, run with the catalog and schema they were made in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot import exp

from databricks_monitoring.local_workspace.sql import dialect
from databricks_monitoring.local_workspace.sql.errors import failure, unsupported
from databricks_monitoring.local_workspace.sql.result import nothing

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.catalog.tables import Tables
    from databricks_monitoring.local_workspace.sql.execution import Execution
    from databricks_monitoring.local_workspace.sql.result import Outcome
    from databricks_monitoring.local_workspace.storage import Store
    from databricks_monitoring.names import SchemaName, TableName

_KIND = "view"


def _store(tables: Tables) -> Store:
    return tables._store  # noqa: SLF001 - views are kept beside the tables they read


def exists(tables: Tables, name: TableName) -> bool:
    """Whether there is a view of this name."""
    return _store(tables).get(_KIND, str(name)) is not None


def definition(tables: Tables, name: TableName) -> dict[str, Any] | None:
    """Return `text`, `catalog`, `schema`, `columns` and `comment` of a view, or None."""
    return _store(tables).get(_KIND, str(name))


def names(tables: Tables, schema: SchemaName) -> list[str]:
    """Return the names of a schema's views."""
    return [key.rpartition(".")[2] for key, _ in _store(tables).list(_KIND, f"{schema}.")]


def drop(tables: Tables, name: TableName) -> None:
    """Forget a view."""
    _store(tables).delete(_KIND, str(name))


def drop_all(tables: Tables, schema: SchemaName) -> None:
    """Forget every view of a schema."""
    for name in names(tables, schema):
        drop(tables, schema.table(name))


def create(tree: exp.Create, execution: Execution) -> Outcome:
    """Create or replace a view after checking that its query can be run."""
    properties = tree.args.get("properties")
    comment = None
    for each in properties.expressions if properties else []:
        if not isinstance(each, exp.SchemaCommentProperty):
            raise unsupported(f"{each.sql('databricks')} in CREATE VIEW")
        comment = each.this.name
    node = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    columns = [each.name for each in tree.this.expressions] if isinstance(tree.this, exp.Schema) else []
    name = execution.scope.name(node)
    execution.scope.require_schema(name.parent)
    if execution.tables.exists(name):
        raise failure(
            "EXPECT_VIEW_NOT_TABLE", f"`{name}` is a table; CREATE VIEW needs a name of its own.", "42809"
        )
    if exists(execution.tables, name) and not tree.args.get("replace"):
        if tree.args.get("exists"):
            return nothing()
        raise failure(
            "TABLE_OR_VIEW_ALREADY_EXISTS",
            f"The view `{name}` already exists. Use CREATE OR REPLACE VIEW.",
            "42P07",
        )
    text = dialect.text(tree.expression)
    outcome = execution.query(tree.expression)
    if columns and len(columns) != len(outcome.names):
        raise failure(
            "CREATE_VIEW_COLUMN_ARITY_MISMATCH",
            f"The view names {len(columns)} columns, its query has {len(outcome.names)}.",
            "21S01",
        )
    body = {
        "text": text,
        "catalog": execution.scope.catalog,
        "schema": execution.scope.schema,
        "columns": columns,
        "comment": comment,
        "created_at": int(execution.moment.now.timestamp() * 1000),
    }
    _store(execution.tables).put(_KIND, str(name), body)
    return nothing()
