"""The tables that a query names, as views of one DuckDB connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc
from databricks.sdk.errors import NotFound
from databricks.sdk.errors.base import DatabricksError
from sqlglot import exp

from databricks_monitoring.local_workspace.sql import dialect, views
from databricks_monitoring.local_workspace.sql.errors import existing, failure, unsupported
from databricks_monitoring.metrics.engines.delta_scan import quoted, scan
from databricks_monitoring.names import SchemaName, TableName

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb
    import pyarrow as pa
    from deltalake import DeltaTable

    from databricks_monitoring.local_workspace.catalog.tables import Tables


class TableScope:
    """Resolves names of tables for one statement and makes each a temporary view of its connection.

    A table is read at one version however often the statement names it.
    """

    def __init__(
        self,
        tables: Tables,
        connection: duckdb.DuckDBPyConnection,
        translate: Callable[[exp.Expr], str],
        *,
        catalog: str,
        schema: str,
    ) -> None:
        self._tables = tables
        self._translate = translate
        self._connection = connection
        self._made: dict[str, DeltaTable | None] = {}
        self.catalog = catalog
        self.schema = schema

    def name(self, node: exp.Expr) -> TableName:
        """Return the full name that a table node stands for, in lower case."""
        if not isinstance(node, exp.Table) or not isinstance(node.this, exp.Identifier):
            raise failure("INVALID_IDENTIFIER", f"`{node.sql()}` is not the name of a table.", "42602")
        if isinstance(node.this, exp.Dot):
            raise failure("INVALID_IDENTIFIER", f"`{node.sql()}` has more than three levels.", "42602")
        catalog, schema = node.catalog or self.catalog, node.db or self.schema
        return TableName(catalog.lower(), schema.lower(), node.name.lower())

    def schema_name(self, node: exp.Expr) -> SchemaName:
        """Return the full name of a schema from a node with one or two levels."""
        parts = (
            [part.name for part in node.parts] if isinstance(node, exp.Table | exp.Column) else [node.name]
        )
        parts = [part for part in parts if part]
        if len(parts) > 2:  # noqa: PLR2004 - the levels of a schema's name
            raise failure("INVALID_IDENTIFIER", f"`{'.'.join(parts)}` is not the name of a schema.", "42602")
        catalog = parts[0] if len(parts) > 1 else self.catalog
        return SchemaName(catalog.lower(), parts[-1].lower())

    def open(self, name: TableName, version: int | None = None) -> DeltaTable:
        """Return the Delta table of a name.

        Raises
        ------
        SqlError
            TABLE_OR_VIEW_NOT_FOUND, naming what exists.
        """
        if name in self._tables.virtual:
            raise unsupported(f"writing or time travel of `{name}`")
        if not self._tables.exists(name):
            raise self.missing(name)
        try:
            return self._tables.open(name, version)
        except NotFound as error:
            raise self.missing(name) from error
        except Exception as error:
            if version is None:
                raise
            newest = self._tables.open(name).version()
            raise failure(
                "DELTA_VERSION_NOT_FOUND",
                f"Cannot time travel `{name}` to version {version}. Available versions: [0, {newest}].",
                "22003",
            ) from error

    def missing(self, name: TableName) -> Exception:
        """Return the error for a table that does not exist."""
        try:
            siblings = [table.name or "" for table in self._tables.list(name.parent)] + views.names(
                self._tables, name.parent
            )
        except DatabricksError:
            self.require_schema(name.parent)
            siblings = []
        return failure(
            "TABLE_OR_VIEW_NOT_FOUND",
            f"The table or view `{name.catalog}`.`{name.schema}`.`{name.name}` cannot be found. "
            f"Verify the spelling and correctness of the schema and catalog. Tables in `{name.parent}`: "
            f"{existing(siblings)}.",
            "42P01",
        )

    def require_schema(self, name: SchemaName) -> None:
        """Refuse a schema that does not exist.

        Raises
        ------
        SqlError
            NO_SUCH_CATALOG_EXCEPTION or SCHEMA_NOT_FOUND, naming what exists.
        """
        catalogs = [each.name or "" for each in self._tables.list_catalogs()]
        if name.catalog not in catalogs:
            raise failure(
                "NO_SUCH_CATALOG_EXCEPTION",
                f"Catalog `{name.catalog}` was not found. Catalogs: {existing(catalogs)}.",
                "42704",
            )
        schemas = [each.name or "" for each in self._tables.list_schemas(name.catalog)]
        if (
            name.schema not in [schema.rpartition(".")[2] for schema in schemas]
            and name.schema != "information_schema"
        ):
            raise failure(
                "SCHEMA_NOT_FOUND",
                f"The schema `{name.catalog}`.`{name.schema}` cannot be found. Schemas: {existing(schemas)}.",
                "42704",
            )

    def resolve(self, tree: exp.Expr) -> None:
        """Replace every table of a query by its view, in place."""
        named: set[tuple[str, str, str]] = set()
        for node in list(tree.find_all(exp.Table)):
            if isinstance(node.this, exp.Anonymous | exp.Func) or node.meta.get("resolved"):
                continue
            if not node.db and _is_common_table(node):
                continue
            name = self.name(node)
            named.add((name.catalog, name.schema, name.name))
            self._replace(node)
        for column in tree.find_all(exp.Column):
            # In `schema.table.column` the view is known by the name of the table alone.
            if (
                column.db
                and ((column.catalog or self.catalog).lower(), column.db.lower(), column.table.lower())
                in named
            ):
                column.set("db", None)
                column.set("catalog", None)

    def _replace(self, node: exp.Table) -> None:
        name = self.name(node)
        view = self.view(name, _version(node))
        if node.args.get("alias") is None:
            node.set("alias", exp.TableAlias(this=exp.to_identifier(node.name, quoted=True)))
        node.set("this", exp.to_identifier(view, quoted=True))
        node.set("db", None)
        node.set("catalog", None)
        node.set("version", None)

    def view(self, name: TableName, version: int | None = None) -> str:
        """Return the name of the view of a table, made when first asked for."""
        view = str(name) if version is None else f"{name}@v{version}"
        if view in self._made:
            return view
        if (virtual := self._virtual(name)) is not None:
            self._connection.register(view, virtual)
            self._made[view] = None
            return view
        if (definition := views.definition(self._tables, name)) is not None:
            self._connection.execute(f"CREATE TEMP VIEW {quoted(view)} AS {self._expanded(definition)}")
            self._made[view] = None
            return view
        table = self.open(name, version)
        self._connection.execute(f"CREATE TEMP VIEW {quoted(view)} AS {scan(table)}")
        self._made[view] = table
        return view

    def _virtual(self, name: TableName) -> pa.Table | None:
        found = self._tables.virtual.get(name)
        if found is not None:
            return found()
        shared = self._tables.virtual.get(TableName("system", name.schema, name.name))
        if name.schema != "information_schema" or shared is None:
            return None
        # Each catalog's own information schema is the part of the system's that speaks of it.
        self.require_schema(name.parent)
        rows = shared()
        return rows.filter(pc.equal(rows.column(0), name.catalog))

    def _expanded(self, definition: dict[str, Any]) -> str:
        """Return the query of a view, whose names belong where the view was made."""
        outer = (self.catalog, self.schema)
        self.catalog, self.schema = definition["catalog"], definition["schema"]
        try:
            query = self._translate(dialect.parse(definition["text"]))
        finally:
            self.catalog, self.schema = outer
        columns = ", ".join(quoted(column) for column in definition["columns"])
        return f"SELECT * FROM ({query}) AS view_of{f'({columns})' if columns else ''}"  # noqa: S608

    def snapshot(self, name: TableName) -> DeltaTable | None:
        """Return the version of a table that this statement reads, if it does."""
        return self._made.get(str(name))


def _version(node: exp.Table) -> int | None:
    version = node.args.get("version")
    if version is None:
        return None
    if version.name.upper() != "VERSION":
        raise unsupported("TIMESTAMP AS OF; use VERSION AS OF")
    value = version.expression
    if isinstance(value, exp.Cast):
        value = value.this
    if not isinstance(value, exp.Literal) or not value.name.isdigit():
        raise failure("INVALID_TIME_TRAVEL_SPEC", f"`{value.sql()}` is no version.", "42K0E")
    return int(value.name)


def _is_common_table(node: exp.Table) -> bool:
    """Whether a name without a schema is one of a WITH clause around it.

    Inside of its own definition the name means the table, unless an earlier definition has it too.
    """
    wanted = node.name.lower()
    inner: exp.Expr = node
    parent = node.parent
    while parent is not None:
        within = parent.args.get("with_")
        if within is not None and within is not inner:
            if any(each.alias.lower() == wanted for each in within.expressions):
                return True
        elif isinstance(parent, exp.With):
            recursive = bool(parent.args.get("recursive"))
            for each in parent.expressions:
                if each is inner and not recursive:
                    break
                if each.alias.lower() == wanted:
                    return True
        inner, parent = parent, parent.parent
    return False
