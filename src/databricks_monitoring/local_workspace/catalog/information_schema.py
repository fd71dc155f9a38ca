"""`system.information_schema`: what the workspace holds, as tables computed when they are read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from databricks_monitoring.names import SchemaName, TableName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from databricks.sdk.service.catalog import CatalogInfo, SchemaInfo, TableInfo

    from databricks_monitoring.local_workspace.catalog.tables import Tables

SCHEMA = SchemaName("system", "information_schema")

_TIMESTAMP = pa.timestamp("us", "UTC")
_HISTORY = [
    ("comment", pa.string()),
    ("created", _TIMESTAMP),
    ("created_by", pa.string()),
    ("last_altered", _TIMESTAMP),
    ("last_altered_by", pa.string()),
]
_CATALOGS = pa.schema([("catalog_name", pa.string()), ("catalog_owner", pa.string()), *_HISTORY])
_SCHEMATA = pa.schema(
    [("catalog_name", pa.string()), ("schema_name", pa.string()), ("schema_owner", pa.string()), *_HISTORY]
)
_TABLES = pa.schema(
    [
        ("table_catalog", pa.string()),
        ("table_schema", pa.string()),
        ("table_name", pa.string()),
        ("table_type", pa.string()),
        ("is_insertable_into", pa.string()),
        ("commit_action", pa.string()),
        ("table_owner", pa.string()),
        *_HISTORY,
        ("data_source_format", pa.string()),
        ("storage_path", pa.string()),
    ]
)
_COLUMNS = pa.schema(
    [
        ("table_catalog", pa.string()),
        ("table_schema", pa.string()),
        ("table_name", pa.string()),
        ("column_name", pa.string()),
        ("ordinal_position", pa.int32()),
        ("is_nullable", pa.string()),
        ("full_data_type", pa.string()),
        ("data_type", pa.string()),
        ("numeric_precision", pa.int32()),
        ("numeric_scale", pa.int32()),
        ("comment", pa.string()),
    ]
)

Row = dict[str, object]


def information_schema(tables: Tables) -> dict[TableName, Callable[[], pa.Table]]:
    """Return the tables of `system.information_schema`, each with the function that answers it."""

    def catalogs() -> pa.Table:
        rows = [
            {"catalog_name": info.name, "catalog_owner": info.owner} | _history(info)
            for info in tables.list_catalogs()
        ]
        return pa.Table.from_pylist(rows, schema=_CATALOGS)

    def schemata() -> pa.Table:
        rows = [
            {"catalog_name": info.catalog_name, "schema_name": info.name, "schema_owner": info.owner}
            | _history(info)
            for info in _every_schema(tables)
        ]
        return pa.Table.from_pylist(rows, schema=_SCHEMATA)

    def all_tables() -> pa.Table:
        return pa.Table.from_pylist([_table_row(info) for info in _every_table(tables)], schema=_TABLES)

    def columns() -> pa.Table:
        rows = [row for info in _every_table(tables) for row in _column_rows(info)]
        return pa.Table.from_pylist(rows, schema=_COLUMNS)

    answers = {"catalogs": catalogs, "schemata": schemata, "tables": all_tables, "columns": columns}
    return {SCHEMA.table(name): answer for name, answer in answers.items()}


def virtual_schema(name: TableName) -> pa.Schema | None:
    """Return the columns of a table of this schema without computing it; None for other tables."""
    schemas = {"catalogs": _CATALOGS, "schemata": _SCHEMATA, "tables": _TABLES, "columns": _COLUMNS}
    return schemas.get(name.name) if name.parent == SCHEMA else None


def _every_schema(tables: Tables) -> Iterator[SchemaInfo]:
    for catalog in tables.list_catalogs():
        yield from tables.list_schemas(str(catalog.name))


def _every_table(tables: Tables) -> Iterator[TableInfo]:
    for schema in _every_schema(tables):
        yield from tables.list(SchemaName(str(schema.catalog_name), str(schema.name)))


def _history(info: CatalogInfo | SchemaInfo | TableInfo) -> Row:
    return {
        "comment": info.comment,
        "created": _moment(info.created_at),
        "created_by": info.created_by,
        "last_altered": _moment(info.updated_at),
        "last_altered_by": info.updated_by,
    }


def _moment(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)


def _table_row(info: TableInfo) -> Row:
    written = info.data_source_format is not None
    return _history(info) | {
        "table_catalog": info.catalog_name,
        "table_schema": info.schema_name,
        "table_name": info.name,
        "table_type": info.table_type.value if info.table_type else None,
        "is_insertable_into": "YES" if written else "NO",
        "commit_action": "PRESERVE",
        "table_owner": info.owner,
        "data_source_format": info.data_source_format.value if info.data_source_format else None,
        "storage_path": info.storage_location,
    }


def _column_rows(info: TableInfo) -> Iterator[Row]:
    for column in info.columns or []:
        kind = column.type_name.value if column.type_name else None
        yield {
            "table_catalog": info.catalog_name,
            "table_schema": info.schema_name,
            "table_name": info.name,
            "column_name": column.name,
            "ordinal_position": None if column.position is None else column.position + 1,
            "is_nullable": "YES" if column.nullable else "NO",
            "full_data_type": column.type_text,
            "data_type": kind,
            "numeric_precision": column.type_precision if kind == "DECIMAL" else None,
            "numeric_scale": column.type_scale if kind == "DECIMAL" else None,
            "comment": column.comment,
        }
