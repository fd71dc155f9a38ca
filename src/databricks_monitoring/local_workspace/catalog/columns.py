"""Columns of Delta tables in Databricks' words."""

from __future__ import annotations

import json
import re
from typing import Any

from databricks.sdk.service.catalog import ColumnInfo, ColumnTypeName

from databricks_monitoring.metrics.columns import spark_type

DeltaType = str | dict[str, Any]
"""A type of the Delta protocol: a primitive's name, or the JSON object of an array, map or struct."""

_TYPE_NAMES = {"integer": ColumnTypeName.INT}
_DECIMAL = re.compile(r"decimal\((\d+), ?(-?\d+)\)")


def type_name(delta_type: DeltaType) -> ColumnTypeName:
    """Return the kind of a type, without its parameters."""
    word = delta_type if isinstance(delta_type, str) else str(delta_type["type"])
    return _TYPE_NAMES.get(word) or ColumnTypeName(word.partition("(")[0].upper())


def column_infos(delta_schema: str) -> list[ColumnInfo]:
    """Return the columns of a Delta schema given as JSON, in order."""
    return [_column(position, field) for position, field in enumerate(json.loads(delta_schema)["fields"])]


def _column(position: int, field: dict[str, Any]) -> ColumnInfo:
    delta_type: DeltaType = field["type"]
    decimal = _DECIMAL.fullmatch(delta_type) if isinstance(delta_type, str) else None
    return ColumnInfo(
        name=field["name"],
        position=position,
        nullable=field["nullable"],
        comment=field["metadata"].get("comment"),
        type_name=type_name(delta_type),
        type_text=spark_type(delta_type),
        type_json=json.dumps(field),
        type_precision=int(decimal[1]) if decimal else 0,
        type_scale=int(decimal[2]) if decimal else 0,
    )
