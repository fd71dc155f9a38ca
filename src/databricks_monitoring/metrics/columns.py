"""The columns of a monitored table and what each of them can be asked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import Any

from databricks_monitoring.metrics.engines import delta_scan


class ColumnClass(Enum):
    """Which statistics apply to a column."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    TEMPORAL = "temporal"
    BINARY = "binary"
    COMPLEX = "complex"


_INTEGERS = {"byte": "tinyint", "short": "smallint", "integer": "int", "long": "bigint"}
_FLOATS = ("float", "double")
_DIGITS_OF_A_DOUBLE = 15
_CATEGORICAL = ("string", "boolean")
_TEMPORAL = ("date", "timestamp", "timestamp_ntz")


@dataclass(frozen=True)
class Column:
    """A column of a monitored table.

    Attributes
    ----------
    name
        As the table spells it.
    data_type
        Spark SQL's simple name: `bigint`, `double`, `array<string>`.
    sql_type
        DuckDB's name.
    column_class
        What can be computed.
    """

    name: str
    data_type: str
    sql_type: str
    column_class: ColumnClass

    @property
    def is_integer(self) -> bool:
        """Whether every value is a whole number of at most 64 bits."""
        return self.data_type in _INTEGERS.values()

    @property
    def has_more_digits_than_a_double(self) -> bool:
        """Whether different values may be the same double: a decimal with more than 15 digits."""
        name, _, digits = self.data_type.partition("(")
        return name == "decimal" and int(digits.partition(",")[0]) > _DIGITS_OF_A_DOUBLE

    @property
    def is_text(self) -> bool:
        """Whether values have lengths."""
        return self.data_type == "string"


def columns_of(schema: str) -> dict[str, Column]:
    """Return the columns of a table by name, in order.

    Parameters
    ----------
    schema
        The JSON of its StructType, as the Delta protocol and Spark write it.

    Raises
    ------
    MetricError
        If a column is of a type that DuckDB cannot read.
    """
    fields = json.loads(schema)["fields"]
    return {
        field["name"]: Column(
            name=field["name"],
            data_type=spark_type(field["type"]),
            sql_type=delta_scan.duckdb_type(field["type"]),
            column_class=_class_of(field["type"]),
        )
        for field in fields
    }


def spark_type(delta_type: str | dict[str, Any]) -> str:
    """Return Spark SQL's simple name for a type of the Delta protocol.

    Examples
    --------
    >>> spark_type({"type": "array", "elementType": "long", "containsNull": True})
    'array<bigint>'
    """
    if isinstance(delta_type, str):
        return _INTEGERS.get(delta_type, delta_type)
    if delta_type["type"] == "array":
        return f"array<{spark_type(delta_type['elementType'])}>"
    if delta_type["type"] == "map":
        return f"map<{spark_type(delta_type['keyType'])},{spark_type(delta_type['valueType'])}>"
    inner = ",".join(f"{field['name']}:{spark_type(field['type'])}" for field in delta_type["fields"])
    return f"struct<{inner}>"


def _class_of(delta_type: str | dict[str, Any]) -> ColumnClass:
    if not isinstance(delta_type, str):
        return ColumnClass.COMPLEX
    if delta_type in _INTEGERS or delta_type in _FLOATS or delta_type.startswith("decimal"):
        return ColumnClass.NUMERIC
    if delta_type in _CATEGORICAL:
        return ColumnClass.CATEGORICAL
    if delta_type in _TEMPORAL:
        return ColumnClass.TEMPORAL
    return ColumnClass.BINARY if delta_type == "binary" else ColumnClass.COMPLEX
