"""Types of the Delta protocol in Databricks' words."""

from __future__ import annotations

import json

import pytest
from databricks.sdk.service.catalog import ColumnTypeName

from databricks_monitoring.local_workspace.catalog.columns import (
    DeltaType,
    column_infos,
    type_name,
)
from databricks_monitoring.metrics.columns import spark_type


@pytest.mark.parametrize(
    ("delta_type", "text", "name"),
    [
        ("long", "bigint", ColumnTypeName.LONG),
        ("integer", "int", ColumnTypeName.INT),
        ("short", "smallint", ColumnTypeName.SHORT),
        ("byte", "tinyint", ColumnTypeName.BYTE),
        ("double", "double", ColumnTypeName.DOUBLE),
        ("float", "float", ColumnTypeName.FLOAT),
        ("boolean", "boolean", ColumnTypeName.BOOLEAN),
        ("string", "string", ColumnTypeName.STRING),
        ("binary", "binary", ColumnTypeName.BINARY),
        ("date", "date", ColumnTypeName.DATE),
        ("timestamp", "timestamp", ColumnTypeName.TIMESTAMP),
        ("timestamp_ntz", "timestamp_ntz", ColumnTypeName.TIMESTAMP_NTZ),
        ("variant", "variant", ColumnTypeName.VARIANT),
        ("decimal(38,18)", "decimal(38,18)", ColumnTypeName.DECIMAL),
        (
            {"type": "array", "elementType": "integer", "containsNull": True},
            "array<int>",
            ColumnTypeName.ARRAY,
        ),
        (
            {"type": "struct", "fields": [{"name": "a", "type": "long"}, {"name": "b", "type": "string"}]},
            "struct<a:bigint,b:string>",
            ColumnTypeName.STRUCT,
        ),
    ],
)
def test_types(delta_type: DeltaType, text: str, name: ColumnTypeName) -> None:
    assert (spark_type(delta_type), type_name(delta_type)) == (text, name)


def test_comments_and_precision_come_along() -> None:
    field = {"name": "p", "type": "decimal(5,2)", "nullable": True, "metadata": {"comment": "price"}}
    [column] = column_infos(json.dumps({"fields": [field]}))
    assert (column.comment, column.type_precision, column.type_scale) == ("price", 5, 2)
    assert json.loads(column.type_json or "") == field
