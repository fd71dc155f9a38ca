"""Types under their four names: Databricks, Delta, DuckDB and Arrow."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from databricks.sdk.service.sql import ColumnInfo, ColumnInfoTypeName
from sqlglot import exp

from databricks_monitoring.local_workspace.sql.errors import unsupported
from databricks_monitoring.metrics.columns import spark_type

if TYPE_CHECKING:
    from duckdb.sqltypes import DuckDBPyType

DeltaType = str | dict[str, Any]

_SIMPLE: dict[exp.DType, str] = {
    exp.DataType.Type.TEXT: "string",
    exp.DataType.Type.VARCHAR: "string",
    exp.DataType.Type.CHAR: "string",
    exp.DataType.Type.BIGINT: "long",
    exp.DataType.Type.INT: "integer",
    exp.DataType.Type.SMALLINT: "short",
    exp.DataType.Type.TINYINT: "byte",
    exp.DataType.Type.FLOAT: "float",
    exp.DataType.Type.DOUBLE: "double",
    exp.DataType.Type.BOOLEAN: "boolean",
    exp.DataType.Type.BINARY: "binary",
    exp.DataType.Type.VARBINARY: "binary",
    exp.DataType.Type.DATE: "date",
    exp.DataType.Type.TIMESTAMP: "timestamp",
    exp.DataType.Type.TIMESTAMPTZ: "timestamp",
    exp.DataType.Type.TIMESTAMPLTZ: "timestamp",
    exp.DataType.Type.TIMESTAMPNTZ: "timestamp_ntz",
}

_ARROW = {
    "string": pa.string(),
    "long": pa.int64(),
    "integer": pa.int32(),
    "short": pa.int16(),
    "byte": pa.int8(),
    "float": pa.float32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "binary": pa.binary(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
    "timestamp_ntz": pa.timestamp("us"),
}

_NAMES = {
    "string": ColumnInfoTypeName.STRING,
    "long": ColumnInfoTypeName.LONG,
    "integer": ColumnInfoTypeName.INT,
    "short": ColumnInfoTypeName.SHORT,
    "byte": ColumnInfoTypeName.BYTE,
    "float": ColumnInfoTypeName.FLOAT,
    "double": ColumnInfoTypeName.DOUBLE,
    "boolean": ColumnInfoTypeName.BOOLEAN,
    "binary": ColumnInfoTypeName.BINARY,
    "date": ColumnInfoTypeName.DATE,
    "timestamp": ColumnInfoTypeName.TIMESTAMP,
    "timestamp_ntz": ColumnInfoTypeName.TIMESTAMP,
    "interval": ColumnInfoTypeName.INTERVAL,
    "void": ColumnInfoTypeName.NULL,
}

_FROM_DUCKDB = {
    "varchar": "string",
    "bigint": "long",
    "integer": "integer",
    "smallint": "short",
    "tinyint": "byte",
    "float": "float",
    "double": "double",
    "boolean": "boolean",
    "blob": "binary",
    "date": "date",
    "timestamp with time zone": "timestamp",
    "timestamp": "timestamp_ntz",
    "timestamp_s": "timestamp_ntz",
    "timestamp_ms": "timestamp_ntz",
    "timestamp_ns": "timestamp_ntz",
    "interval": "interval",
    "json": "string",
    "uuid": "string",
    "enum": "string",
    "time": "string",
    "hugeint": "long",
    "uhugeint": "long",
    "ubigint": "long",
    "uinteger": "long",
    "usmallint": "integer",
    "utinyint": "short",
    '"null"': "void",
    "null": "void",
    "sqlnull": "void",
}


def from_sql(kind: exp.Expr | None) -> DeltaType:
    """Return the Delta type of a type written in a statement.

    Raises
    ------
    SqlError
        For types no Delta table here can hold (VARIANT, INTERVAL, geography ...).
    """
    if isinstance(kind, exp.DataType):
        if kind.this in _SIMPLE:
            return _SIMPLE[kind.this]
        if kind.this == exp.DataType.Type.DECIMAL:
            sizes = [int(param.this.name) for param in kind.expressions] or [10, 0]
            return f"decimal({sizes[0]},{sizes[1] if len(sizes) > 1 else 0})"
        if kind.this in {exp.DataType.Type.ARRAY, exp.DataType.Type.LIST}:
            return array_of(from_sql(kind.expressions[0]))
        if kind.this == exp.DataType.Type.MAP:
            return map_of(from_sql(kind.expressions[0]), from_sql(kind.expressions[1]))
        if kind.this == exp.DataType.Type.STRUCT:
            return struct_of([(field.name, from_sql(field.args["kind"])) for field in kind.expressions])
    raise unsupported(f"the type {kind.sql('databricks') if kind else 'of a column without one'}")


def array_of(element: DeltaType) -> DeltaType:
    """Return the Delta type of an array."""
    return {"type": "array", "elementType": element, "containsNull": True}


def map_of(key: DeltaType, value: DeltaType) -> DeltaType:
    """Return the Delta type of a map."""
    return {"type": "map", "keyType": key, "valueType": value, "valueContainsNull": True}


def struct_of(fields: list[tuple[str, DeltaType]]) -> DeltaType:
    """Return the Delta type of a struct of nullable fields."""
    return {
        "type": "struct",
        "fields": [{"name": name, "type": kind, "nullable": True, "metadata": {}} for name, kind in fields],
    }


def from_duckdb(kind: DuckDBPyType) -> DeltaType:
    """Return the Delta type of a DuckDB type's values; `interval` and `void` are none of Delta's."""
    name = kind.id
    if name in {"list", "array", "map", "struct", "tuple"}:
        inner = [(field, from_duckdb(child)) for field, child in _children(kind)]
        if name == "map":
            return map_of(inner[0][1], inner[1][1])
        if name in {"list", "array"}:
            return array_of(inner[0][1])
        return struct_of([(field or f"col{place}", child) for place, (field, child) in enumerate(inner, 1)])
    if name == "decimal":
        sizes = dict(kind.children)
        return f"decimal({sizes['precision']},{sizes['scale']})"
    if name in _FROM_DUCKDB:
        return _FROM_DUCKDB[name]
    raise unsupported(f"results of the type {kind}")


def _children(kind: DuckDBPyType) -> list[tuple[str, DuckDBPyType]]:
    """Return the parts of a nested type; a fixed-size array has its length among them."""
    found: list[tuple[str, Any]] = kind.children
    return [(name, child) for name, child in found if not isinstance(child, int | list)]


def to_arrow(kind: DeltaType) -> pa.DataType:
    """Return the Arrow type of a Delta type."""
    if isinstance(kind, str):
        if kind.startswith("decimal"):
            precision, scale = kind[8:-1].split(",")
            return pa.decimal128(int(precision), int(scale))
        return _ARROW[kind]
    if kind["type"] == "array":
        return pa.list_(to_arrow(kind["elementType"]))
    if kind["type"] == "map":
        return pa.map_(to_arrow(kind["keyType"]), to_arrow(kind["valueType"]))
    return pa.struct([pa.field(field["name"], to_arrow(field["type"])) for field in kind["fields"]])


def column_info(name: str, position: int, kind: DeltaType) -> ColumnInfo:
    """Return the manifest entry of a result column."""
    info = ColumnInfo(name=name, position=position, type_text=_manifest_text(kind))
    if isinstance(kind, dict):
        info.type_name = ColumnInfoTypeName(kind["type"].upper())
    elif kind.startswith("decimal"):
        info.type_name = ColumnInfoTypeName.DECIMAL
        info.type_precision, info.type_scale = (int(size) for size in kind[8:-1].split(","))
    else:
        info.type_name = _NAMES[kind]
    return info


def _manifest_text(kind: DeltaType) -> str:
    if isinstance(kind, str):
        return spark_type(kind).upper()
    if kind["type"] == "array":
        return f"ARRAY<{_manifest_text(kind['elementType'])}>"
    if kind["type"] == "map":
        return f"MAP<{_manifest_text(kind['keyType'])}, {_manifest_text(kind['valueType'])}>"
    fields = ", ".join(f"{field['name']}: {_manifest_text(field['type'])}" for field in kind["fields"])
    return f"STRUCT<{fields}>"


def from_delta_schema(schema_json: str) -> dict[str, DeltaType]:
    """Return the types of a Delta schema's columns, in order."""
    return {field["name"]: field["type"] for field in json.loads(schema_json)["fields"]}


def result_arrow(kind: DeltaType) -> pa.DataType:
    """Return the Arrow type of a result column; results may be intervals or nothing but NULL."""
    if kind == "interval":
        return pa.month_day_nano_interval()
    if kind == "void":
        return pa.null()
    return to_arrow(kind)


def delta_fields(schema_json: str) -> list[dict[str, Any]]:
    """Return the fields of a Delta schema, in order."""
    fields: list[dict[str, Any]] = json.loads(schema_json)["fields"]
    return fields
