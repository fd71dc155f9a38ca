"""Statements that sqlglot keeps as text: SHOW, OPTIMIZE, REORG, VACUUM, catalogs, volumes and a few more."""

from __future__ import annotations

import fnmatch
import math
from typing import TYPE_CHECKING

import sqlglot
from deltalake.exceptions import DeltaError
from sqlglot import exp

from databricks_monitoring.local_workspace.sql import describe, grants, types, views
from databricks_monitoring.local_workspace.sql.commits import delta_failure, properties
from databricks_monitoring.local_workspace.sql.dialect import DatabricksNames
from databricks_monitoring.local_workspace.sql.errors import syntax_error, unsupported
from databricks_monitoring.local_workspace.sql.result import listing, nothing
from databricks_monitoring.names import quote

if TYPE_CHECKING:
    from collections.abc import Callable

    from databricks_monitoring.local_workspace.sql.execution import Execution
    from databricks_monitoring.local_workspace.sql.result import Outcome
    from databricks_monitoring.local_workspace.sql.types import DeltaType
    from databricks_monitoring.names import SchemaName, TableName


class Words:
    """The words of a statement, read from left to right."""

    def __init__(self, statement: str) -> None:
        # The tokenizer takes all that follows SHOW and its like for one text, unless they do not come first.
        tokens = sqlglot.tokenize(f"SELECT {statement}", read=DatabricksNames)[1:]
        self._tokens = [token for token in tokens if token.text != ";"]
        self._next = 0

    def take(self, *words: str) -> bool:
        """Step over `words` if they come next; say whether they did."""
        found = [token.text.upper() for token in self._tokens[self._next : self._next + len(words)]]
        if found != list(words):
            return False
        self._next += len(words)
        return True

    def peek(self) -> str:
        """Return the next word in upper case, empty at the end."""
        return self._tokens[self._next].text.upper() if self._next < len(self._tokens) else ""

    def text(self) -> str:
        """Return the next word as it is and step over it."""
        if self._next >= len(self._tokens):
            raise syntax_error("Unexpected end of the statement.")
        self._next += 1
        return str(self._tokens[self._next - 1].text)

    def name(self) -> exp.Table:
        """Return the dotted name that comes next."""
        parts = [self.text()]
        while self.take("."):
            parts.append(self.text())
        if len(parts) > 3:  # noqa: PLR2004 - the levels of a name
            raise syntax_error(f"`{'.'.join(parts)}` has more than three levels.")
        catalog, schema, name = [None] * (3 - len(parts)) + parts
        return exp.table_(str(name), db=schema, catalog=catalog, quoted=True)

    def end(self) -> None:
        """Refuse anything that is left."""
        if self._next < len(self._tokens):
            raise syntax_error(f"Unexpected `{self._tokens[self._next].text}`.")


def special(statement: str) -> Callable[[Execution], Outcome] | None:
    """Return how to run a statement that sqlglot does not know, or None for all others."""
    head = statement.lstrip().split(None, 2)
    first = head[0].upper().rstrip(";") if head else ""
    second = head[1].upper() if len(head) > 1 else ""
    known = first in {"SHOW", "OPTIMIZE", "REORG", "VACUUM"} or (
        (first in {"DESCRIBE", "DESC"} and second in {"DETAIL", "CATALOG"})
        or (first in {"CREATE", "DROP"} and second in {"CATALOG", "VOLUME"})
        or (first == "ALTER" and second == "TABLE" and "UNSET" in statement.upper())
    )
    if not known:
        return None

    def run_words(execution: Execution) -> Outcome:
        words = Words(statement)
        return _RUN[words.text().upper()](words, execution)

    return run_words


def run(tree: exp.Command, _: Execution) -> Outcome:
    """Refuse what is left of the statements that sqlglot keeps as text."""
    raise unsupported(f"{str(tree.this).upper()} statements")


def _describe(words: Words, execution: Execution) -> Outcome:
    if words.take("DETAIL"):
        words.take("TABLE")
        name = execution.scope.name(words.name())
        words.end()
        return describe.detail(name, execution)
    words.take("CATALOG")
    words.take("EXTENDED")
    found = execution.tables.get_catalog(words.text().lower())
    pairs = [("Catalog Name", found.name), ("Comment", found.comment or ""), ("Owner", found.owner)]
    return listing({"info_name": "string", "info_value": "string"}, pairs)


def _create(words: Words, execution: Execution) -> Outcome:
    volume = words.text().upper() == "VOLUME"
    if_not_exists = words.take("IF", "NOT", "EXISTS")
    node = words.name()
    comment = words.text() if words.take("COMMENT") else None
    words.end()
    if volume:
        name = execution.scope.name(node)
        existing = [each.name for each in execution.tables.volumes.list(name.parent)]
        if not (if_not_exists and name.name in existing):
            execution.tables.volumes.create(name, comment=comment)
        return nothing()
    execution.tables.create_catalog(node.name, comment=comment, if_not_exists=if_not_exists)
    return nothing()


def _drop(words: Words, execution: Execution) -> Outcome:
    volume = words.text().upper() == "VOLUME"
    if_exists = words.take("IF", "EXISTS")
    node = words.name()
    cascade = words.take("CASCADE")
    words.take("RESTRICT")
    words.end()
    tables = execution.tables
    if volume:
        name = execution.scope.name(node)
        if not if_exists or name.name in [each.name for each in tables.volumes.list(name.parent)]:
            tables.volumes.drop(name)
    elif not if_exists or node.name.lower() in [each.name for each in tables.list_catalogs()]:
        tables.drop_catalog(node.name, cascade=cascade)
    return nothing()


def _alter(words: Words, execution: Execution) -> Outcome:
    words.take("TABLE")
    name = execution.scope.name(words.name())
    if not words.take("UNSET", "TBLPROPERTIES"):
        raise unsupported("this ALTER TABLE")
    raise unsupported(f"UNSET TBLPROPERTIES of `{name}`; set the property to another value")


def _optimize(words: Words, execution: Execution) -> Outcome:
    name = execution.scope.name(words.name())
    if words.peek() == "WHERE":
        raise unsupported("OPTIMIZE ... WHERE")
    execution.scope.open(name)
    order: list[str] = []
    if words.take("ZORDER", "BY"):
        words.take("(")
        while not words.take(")"):
            order.append(words.text())
            words.take(",")
    words.end()
    with execution.tables.writing(name):
        table = execution.scope.open(name)
        try:
            commit = properties(execution.moment)
            metrics = (
                table.optimize.z_order(order, commit_properties=commit)
                if order
                else table.optimize.compact(commit_properties=commit)
            )
        except (DeltaError, ValueError) as error:
            raise delta_failure(error) from error
    return _rewritten(name, metrics["numFilesAdded"], metrics["numFilesRemoved"], execution)


def _rewritten(name: TableName, added: int, removed: int, execution: Execution) -> Outcome:
    counts = types.struct_of([("numFilesAdded", "long"), ("numFilesRemoved", "long")])
    path = execution.tables.get(name).storage_location
    numbers = {"numFilesAdded": added, "numFilesRemoved": removed}
    return listing({"path": "string", "metrics": counts}, [(path, numbers)])


def _reorg(words: Words, execution: Execution) -> Outcome:
    """Rewrite the files that hold deleted rows: none does here, where DELETE rewrites them at once."""
    words.take("TABLE")
    name = execution.scope.name(words.name())
    if not words.take("APPLY", "(", "PURGE", ")"):
        raise unsupported("REORG TABLE but for APPLY (PURGE)")
    words.end()
    table = execution.scope.open(name)
    if "deletionVectors" in (table.protocol().writer_features or []):
        raise unsupported(f"REORG TABLE of `{name}`, which may have deletion vectors")
    return _rewritten(name, 0, 0, execution)


def _vacuum(words: Words, execution: Execution) -> Outcome:
    name = execution.scope.name(words.name())
    # Files that no commit knows, left by writers that died, are only found by looking at all.
    full = not words.take("LITE")
    words.take("FULL")
    hours = None
    if words.take("RETAIN"):
        hours = _hours(words.text())
        words.take("HOURS")
    dry_run = words.take("DRY", "RUN")
    words.end()
    execution.scope.open(name)
    with execution.tables.writing(name):
        table = execution.scope.open(name)
        try:
            files = table.vacuum(retention_hours=hours, dry_run=dry_run, full=full)
        except (DeltaError, ValueError) as error:
            raise delta_failure(error) from error
    location = execution.tables.get(name).storage_location
    return listing({"path": "string"}, [(file,) for file in files] if dry_run else [(location,)])


def _hours(text: str) -> int:
    try:
        return math.ceil(float(text))
    except ValueError:
        raise syntax_error(f"Expected a number of hours after RETAIN, found `{text}`.") from None


def _show(words: Words, execution: Execution) -> Outcome:
    if words.take("CREATE", "TABLE"):
        return _show_create(execution.scope.name(words.name()), execution)
    if words.peek() in {"GRANT", "GRANTS"}:
        words.text()
        return grants.show(words, execution)
    what = words.text().upper()
    if what in _SHOWN:
        return _SHOWN[what](words, execution)
    raise unsupported(f"SHOW {what}")


def _pattern(words: Words) -> str | None:
    words.take("LIKE")
    return words.text() if words.peek() else None


def _like(names: list[str], pattern: str | None) -> list[str]:
    """Return the names that match one of the alternatives of a pattern such as `a*|b*`."""
    if pattern is None:
        return sorted(names)
    wanted = pattern.lower().replace("%", "*").split("|")
    return sorted(name for name in names if any(fnmatch.fnmatchcase(name, each) for each in wanted))


def _show_catalogs(words: Words, execution: Execution) -> Outcome:
    names = [each.name or "" for each in execution.tables.list_catalogs()]
    return listing({"catalog": "string"}, [(name,) for name in _like(names, _pattern(words))])


def _show_schemas(words: Words, execution: Execution) -> Outcome:
    catalog = execution.scope.catalog
    if words.take("IN") or words.take("FROM"):
        catalog = words.text().lower()
    names = [each.name or "" for each in execution.tables.list_schemas(catalog)]
    return listing({"databaseName": "string"}, [(name,) for name in _like(names, _pattern(words))])


def _schema(words: Words, execution: Execution) -> SchemaName:
    scope = execution.scope
    schema = scope.schema_name(exp.table_(scope.schema, db=scope.catalog))
    if words.take("IN") or words.take("FROM"):
        schema = scope.schema_name(words.name())
    scope.require_schema(schema)
    return schema


_LISTED: dict[str, DeltaType] = {"database": "string", "tableName": "string", "isTemporary": "boolean"}


def _show_tables(words: Words, execution: Execution) -> Outcome:
    schema = _schema(words, execution)
    names = [each.name or "" for each in execution.tables.list(schema)] + views.names(
        execution.tables, schema
    )
    return listing(_LISTED, [(schema.schema, name, False) for name in _like(names, _pattern(words))])


def _show_views(words: Words, execution: Execution) -> Outcome:
    schema = _schema(words, execution)
    names = _like(views.names(execution.tables, schema), _pattern(words))
    columns: dict[str, DeltaType] = {"namespace": "string", "viewName": "string", "isTemporary": "boolean"}
    return listing(columns, [(schema.schema, name, False) for name in names])


def _show_columns(words: Words, execution: Execution) -> Outcome:
    if not (words.take("IN") or words.take("FROM")):
        raise syntax_error("Expected IN and a table.")
    name = execution.scope.name(words.name())
    words.end()
    if not execution.tables.exists(name):
        raise execution.scope.missing(name)
    return listing(
        {"col_name": "string"}, [(column.name,) for column in execution.tables.get(name).columns or []]
    )


def _show_properties(words: Words, execution: Execution) -> Outcome:
    name = execution.scope.name(words.name())
    execution.scope.open(name)
    found = execution.tables.get(name).properties or {}
    if words.take("("):
        key = words.text()
        while words.take("."):
            key += "." + words.text()
        value = found.get(key, f"Table {name} does not have property: {key}")
        return listing({"key": "string", "value": "string"}, [(key, value)])
    words.end()
    return listing({"key": "string", "value": "string"}, sorted(found.items()))


def _show_create(name: TableName, execution: Execution) -> Outcome:
    if view := views.definition(execution.tables, name):
        return listing({"createtab_stmt": "string"}, [(f"CREATE VIEW {name} AS {view['text']}",)])
    if not execution.tables.exists(name):
        raise execution.scope.missing(name)
    info = execution.tables.get(name)
    columns = []
    for column in info.columns or []:
        needed = "" if column.nullable else " NOT NULL"
        note = f" COMMENT {_text(column.comment)}" if column.comment else ""
        columns.append(f"  {quote(str(column.name))} {str(column.type_text).upper()}{needed}{note}")
    lines = [f"CREATE TABLE {name} (", ",\n".join(columns) + ")", "USING delta"]
    if info.comment:
        lines.append(f"COMMENT {_text(info.comment)}")
    if info.properties:
        shown = ",\n".join(
            f"  {_text(key)} = {_text(value)}" for key, value in sorted(info.properties.items())
        )
        lines.append(f"TBLPROPERTIES (\n{shown})")
    return listing({"createtab_stmt": "string"}, [("\n".join(lines),)])


def _text(value: str) -> str:
    return str(exp.Literal.string(value).sql(dialect="databricks"))


_SHOWN: dict[str, Callable[[Words, Execution], Outcome]] = {
    "CATALOGS": _show_catalogs,
    "SCHEMAS": _show_schemas,
    "DATABASES": _show_schemas,
    "TABLES": _show_tables,
    "VIEWS": _show_views,
    "COLUMNS": _show_columns,
    "TBLPROPERTIES": _show_properties,
}

_RUN: dict[str, Callable[[Words, Execution], Outcome]] = {
    "SHOW": _show,
    "OPTIMIZE": _optimize,
    "REORG": _reorg,
    "VACUUM": _vacuum,
    "DESCRIBE": _describe,
    "DESC": _describe,
    "CREATE": _create,
    "DROP": _drop,
    "ALTER": _alter,
}
