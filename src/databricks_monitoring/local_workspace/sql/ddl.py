"""CREATE, DROP, ALTER and COMMENT ON."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pyarrow as pa
from deltalake import DeltaTable, Field, Schema
from deltalake.exceptions import DeltaError
from sqlglot import exp

from databricks_monitoring.local_workspace.sql import commits, types
from databricks_monitoring.local_workspace.sql.assignment import Target
from databricks_monitoring.local_workspace.sql.errors import failure, unsupported
from databricks_monitoring.local_workspace.sql.result import counts, nothing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from databricks_monitoring.local_workspace.sql.execution import Execution
    from databricks_monitoring.local_workspace.sql.result import Outcome
    from databricks_monitoring.names import TableName


def create(tree: exp.Create, execution: Execution) -> Outcome:
    """Create a schema, a table or a view."""
    if tree.kind in {"SCHEMA", "DATABASE"}:
        comment, properties = _properties(tree, "SCHEMA")
        execution.tables.create_schema(
            execution.scope.schema_name(tree.this),
            comment=comment,
            properties=properties or None,
            if_not_exists=bool(tree.args.get("exists")),
        )
        return nothing()
    if tree.kind == "TABLE":
        return _create_table(tree, execution)
    if tree.kind == "VIEW":
        from databricks_monitoring.local_workspace.sql import views  # noqa: PLC0415 - views run queries, too

        return views.create(tree, execution)
    raise unsupported(f"CREATE {tree.kind}")


def _properties(tree: exp.Create, what: str) -> tuple[str | None, dict[str, str]]:
    comment: str | None = None
    properties: dict[str, str] = {}
    found = tree.args.get("properties")
    for each in found.expressions if found else []:
        if isinstance(each, exp.SchemaCommentProperty):
            comment = each.this.name
        elif isinstance(each, exp.FileFormatProperty):
            if each.this.name.lower() != "delta":
                raise unsupported(f"CREATE {what} USING {each.this.name}; tables are Delta tables")
        elif isinstance(each, exp.Property) and type(each) is exp.Property:
            properties[property_name(each)] = property_value(each)
        elif isinstance(each, exp.PartitionedByProperty):
            raise unsupported("PARTITIONED BY; use CLUSTER BY")
        elif not isinstance(each, exp.ClusterProperty | exp.Cluster):
            # Clustering is a hint about layout and changes no answer, so it needs no deed.
            raise unsupported(f"{each.sql('databricks')} in CREATE {what}")
    return comment, properties


def property_name(each: exp.Property) -> str:
    """Return the key of a table property, written as text or as `a.b`."""
    key = each.this
    if isinstance(key, exp.Column | exp.Dot):
        return ".".join(part.name for part in key.find_all(exp.Identifier, bfs=False))
    return str(key.name)


def property_value(each: exp.Property) -> str:
    """Return the value of a table property as text; `true` may stand without quotes."""
    value = each.args["value"]
    return str(value.this).lower() if isinstance(value, exp.Boolean) else str(value.name)


def _create_table(tree: exp.Create, execution: Execution) -> Outcome:
    if tree.args.get("clone"):
        raise unsupported("CLONE")
    node = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    name = execution.scope.name(node)
    execution.scope.require_schema(name.parent)
    comment, properties = _properties(tree, "TABLE")
    properties = _without_mapping(properties)
    if tree.expression is None and not isinstance(tree.this, exp.Schema):
        raise failure("INVALID_STATEMENT", "CREATE TABLE needs columns, or AS and a query.", "42000")
    with execution.tables.writing(name):
        exists = execution.tables.exists(name)
        if exists and tree.args.get("exists"):
            return nothing()
        if exists and not tree.args.get("replace"):
            raise failure(
                "TABLE_OR_VIEW_ALREADY_EXISTS",
                f"Cannot create table or view `{name.schema}`.`{name.name}` because it already exists. "
                "Choose a different name, drop or replace the existing object, or add IF NOT EXISTS.",
                "42P07",
            )
        if tree.expression is not None:
            if isinstance(tree.this, exp.Schema):
                raise unsupported(
                    "a list of columns before AS SELECT; name and cast the columns in the query"
                )
            return _create_as(name, tree.expression, comment, properties, execution)
        schema = columns_schema(tree.this.expressions)
        if exists:
            _replace(name, schema, comment, properties, execution)
        else:
            execution.tables.create(name, schema, properties=properties or None, comment=comment)
    return nothing()


def _create_as(
    name: TableName,
    query: exp.Expr,
    comment: str | None,
    properties: dict[str, str],
    execution: Execution,
) -> Outcome:
    outcome = execution.query(query)
    repeated = {column for column in outcome.names if outcome.names.count(column) > 1}
    if repeated:
        raise failure("COLUMN_ALREADY_EXISTS", f"The column {min(repeated)!r} already exists.", "42711")
    schema = pa.schema(
        [
            pa.field(column, types.to_arrow(_stored(kind)))
            for column, kind in zip(outcome.names, outcome.kinds, strict=True)
        ]
    )
    stream = commits.Stream(schema, _cast(outcome.batches, schema))
    exists = execution.tables.exists(name)
    location = execution.tables.location(name)
    try:
        rows = commits.write(
            str(location), stream, execution.moment, mode="overwrite", configuration=properties or None,
            description=comment, name=name.name, **({"schema_mode": "overwrite"} if exists else {}),
        )  # fmt: skip
    except BaseException:
        if not exists:
            shutil.rmtree(location, ignore_errors=True)
        raise
    if exists:
        _restate(name, comment, properties, execution)
    execution.tables.adopt(name)
    return counts({"num_affected_rows": rows, "num_inserted_rows": rows})


def _stored(kind: types.DeltaType) -> types.DeltaType:
    if kind == "void":
        raise failure("DELTA_NULL_TYPE", "A column of the query is NULL without a type; cast it.", "42K09")
    if kind == "interval":
        raise unsupported("tables with intervals")
    return kind


def _cast(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterable[pa.RecordBatch]:
    for batch in batches:
        yield batch.cast(schema) if not batch.schema.equals(schema) else batch


def _replace(
    name: TableName, schema: pa.Schema, comment: str | None, properties: dict[str, str], execution: Execution
) -> None:
    try:
        DeltaTable.create(
            str(execution.tables.location(name)),
            Schema.from_arrow(schema),
            mode="overwrite",
            name=name.name,
            description=comment,
            configuration=dict(properties) or None,
            raise_if_key_not_exists=False,
            commit_properties=commits.properties(execution.moment),
        )
    except DeltaError as error:
        raise commits.delta_failure(error) from error


def _without_mapping(properties: dict[str, str]) -> dict[str, str]:
    """Return properties without column mapping: files here hold every name as it is, so none is needed."""
    return {
        key: value for key, value in properties.items() if not key.lower().startswith("delta.columnmapping.")
    }


def _restate(name: TableName, comment: str | None, properties: dict[str, str], execution: Execution) -> None:
    """Give a replaced table the comment and properties of its new definition."""
    table = execution.tables.open(name)
    if comment is not None:
        table.alter.set_table_description(comment)
    if properties:
        execution.tables.set_properties(name, properties)


def columns_schema(definitions: list[exp.Expr]) -> pa.Schema:
    """Return the Arrow schema of column definitions, comments in the fields' metadata."""
    fields = [
        _field(each)
        for each in definitions
        if not isinstance(each, exp.PrimaryKey | exp.Constraint | exp.ForeignKey)
    ]
    names = [field.name.lower() for field in fields]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise failure("COLUMN_ALREADY_EXISTS", f"The column {min(repeated)!r} already exists.", "42711")
    return pa.schema(fields)


def _field(definition: exp.Expr) -> pa.Field:
    if not isinstance(definition, exp.ColumnDef) or definition.args.get("kind") is None:
        raise failure("PARSE_SYNTAX_ERROR", f"`{definition.sql('databricks')}` defines no column.", "42601")
    nullable, metadata = True, {}
    for constraint in definition.args.get("constraints") or []:
        kind = constraint.kind
        if isinstance(kind, exp.NotNullColumnConstraint):
            nullable = bool(kind.args.get("allow_null"))
        elif isinstance(kind, exp.CommentColumnConstraint):
            metadata["comment"] = kind.this.name
        elif not isinstance(kind, exp.PrimaryKeyColumnConstraint):
            raise unsupported(f"{kind.sql('databricks')} of the column `{definition.name}`")
    arrow = types.to_arrow(types.from_sql(definition.args["kind"]))
    return pa.field(definition.name, arrow, nullable=nullable, metadata=metadata or None)


def drop(tree: exp.Drop, execution: Execution) -> Outcome:
    """Drop a schema, a table or a view."""
    node = tree.args["tables"][0] if tree.args.get("tables") else tree.this
    if_exists = bool(tree.args.get("exists"))
    tables = execution.tables
    from databricks_monitoring.local_workspace.sql import views  # noqa: PLC0415 - views run queries, too

    if tree.kind in {"SCHEMA", "DATABASE"}:
        schema = execution.scope.schema_name(node)
        known = [each.full_name for each in tables.list_schemas(schema.catalog)]
        if if_exists and str(schema) not in known:
            return nothing()
        kept = views.names(tables, schema)
        if kept and not tree.args.get("cascade"):
            raise failure(
                "SCHEMA_NOT_EMPTY",
                f"The schema `{schema}` holds the views {', '.join(kept)}. Use CASCADE.",
                "2BP01",
            )
        tables.drop_schema(schema, cascade=bool(tree.args.get("cascade")))
        views.drop_all(tables, schema)
        return nothing()
    name = execution.scope.name(node)
    is_view = views.exists(tables, name)
    if tree.kind not in {"TABLE", "VIEW"}:
        raise unsupported(f"DROP {tree.kind}")
    if not is_view and not tables.exists(name):
        if if_exists:
            return nothing()
        raise execution.scope.missing(name)
    if is_view != (tree.kind == "VIEW"):
        found = "a view" if is_view else "a table"
        raise failure(
            "WRONG_COMMAND_FOR_OBJECT_TYPE", f"`{name}` is {found}; use DROP {found[2:].upper()}.", "42809"
        )
    if is_view:
        views.drop(tables, name)
    else:
        tables.drop(name)
    return nothing()


def alter(tree: exp.Alter, execution: Execution) -> Outcome:
    """Change a table's properties, comments or columns."""
    if tree.kind != "TABLE":
        raise unsupported(f"ALTER {tree.kind}")
    name = execution.scope.name(tree.this)
    execution.scope.open(name)
    with execution.tables.writing(name):
        for action in tree.args["actions"]:
            _change(action, name, execution)
    return nothing()


def _change(action: exp.Expr, name: TableName, execution: Execution) -> None:
    table = execution.tables.open(name)
    if (
        isinstance(action, exp.AlterSet)
        and action.expressions
        and isinstance(action.expressions[0], exp.Properties)
    ):
        properties = _without_mapping(
            {property_name(each): property_value(each) for each in action.expressions[0].expressions}
        )
        if properties:
            _delta(lambda: execution.tables.set_properties(name, properties))
    elif isinstance(action, exp.Schema | exp.ColumnDef):
        definitions = action.expressions if isinstance(action, exp.Schema) else [action]
        _add_columns(table, name, definitions)
    elif isinstance(action, exp.AlterColumn) and action.args.get("comment") is not None:
        column = Target.of(name, table).column(action.name)
        _delta(lambda: table.alter.set_column_metadata(column.name, {"comment": action.args["comment"].name}))
    elif isinstance(action, exp.AlterColumn) and action.args.get("drop") and action.args.get("allow_null"):
        _delta(lambda: table.alter.drop_column_not_null(Target.of(name, table).column(action.name).name))
    elif not isinstance(action, exp.ClusterProperty):
        raise unsupported(f"ALTER TABLE {action.sql('databricks')}")


def _add_columns(table: DeltaTable, name: TableName, definitions: list[exp.Expr]) -> None:
    schema = columns_schema(definitions)
    present = {column.name.lower() for column in Target.of(name, table).columns}
    for field in schema:
        if field.name.lower() in present:
            raise failure(
                "FIELD_ALREADY_EXISTS",
                f"Cannot add column, because `{field.name}` already exists in `{name}`.",
                "42710",
            )
        if not field.nullable:
            raise failure(
                "DELTA_ADD_COLUMN_NOT_NULL",
                f"Cannot add `{field.name}` NOT NULL: rows exist without it.",
                "42000",
            )
    fields = [
        Field.from_json(json.dumps(field))
        for field in json.loads(Schema.from_arrow(schema).to_json())["fields"]
    ]
    _delta(lambda: table.alter.add_columns(fields))


def _delta(change: object) -> None:
    try:
        change()  # type: ignore[operator]
    except (DeltaError, ValueError) as error:
        raise failure("DELTA_TABLE_CHANGE_REFUSED", " ".join(str(error).split()), "42000") from error


def comment(tree: exp.Comment, execution: Execution) -> Outcome:
    """Set the comment of a table or a column."""
    kind = str(tree.args["kind"]).upper()
    text = tree.expression.name
    if kind == "COLUMN":
        parts = [part.name for part in tree.this.parts]
        name = execution.scope.name(exp.to_table(".".join(parts[:-1]), dialect="databricks"))
        table = execution.scope.open(name)
        column = Target.of(name, table).column(parts[-1])
        with execution.tables.writing(name):
            _delta(
                lambda: execution.tables.open(name).alter.set_column_metadata(column.name, {"comment": text})
            )
        return nothing()
    if kind == "TABLE":
        name = execution.scope.name(tree.this)
        execution.scope.open(name)
        with execution.tables.writing(name):
            _delta(lambda: execution.tables.open(name).alter.set_table_description(text))
        return nothing()
    if kind == "SCHEMA":
        execution.tables.update_schema(execution.scope.schema_name(tree.this), {"comment": text})
        return nothing()
    raise unsupported(f"COMMENT ON {kind}")
