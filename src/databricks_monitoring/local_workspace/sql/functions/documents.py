"""JSON in text columns."""

from __future__ import annotations

import json
import re
from itertools import count
from typing import TYPE_CHECKING, Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from databricks_monitoring.local_workspace.sql import types
from databricks_monitoring.local_workspace.sql.dialect import DatabricksNames
from databricks_monitoring.local_workspace.sql.errors import failure, unsupported
from databricks_monitoring.local_workspace.sql.functions.casts import converted
from databricks_monitoring.local_workspace.sql.functions.rules import (
    Moment,
    call,
    cast,
    function,
    is_null,
    number,
    renamed,
    rule,
    string,
    text_of,
    variable,
    when,
)
from databricks_monitoring.metrics.engines.delta_scan import duckdb_type

if TYPE_CHECKING:
    from collections.abc import Iterator

    from databricks_monitoring.local_workspace.sql.types import DeltaType

renamed("to_json", "spark_to_json")
renamed("json_array_length", "spark_json_length")


@rule("json_object_keys")
def json_object_keys(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the keys of the outermost object."""
    return call("json_keys", call("spark_valid_json", arguments[0]))


_PATH_STEP = re.compile(r"\.(?P<key>[^.\[\]'\"*]+)|\[(?P<index>\d+)\]|\[['\"](?P<quoted>[^'\"]+)['\"]\]")


@rule("get_json_object", least=2)
def get_json_object(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return what a path leads to as text; NULL for malformed JSON."""
    path = text_of(arguments[1], "The path of get_json_object").strip()
    if not path.startswith("$"):
        return cast(exp.Null(), "VARCHAR")
    steps: list[str | int] = []
    place = 1
    while place < len(path):
        step = _PATH_STEP.match(path, place)
        if step is None:
            raise unsupported(f"the JSON path {path!r}: only keys and positions, no wildcards")
        index = step.group("index")
        steps.append(int(index) if index else step.group("key") or step.group("quoted"))
        place = step.end()
    return _at(arguments[0], steps)


def _at(document: exp.Expr, steps: list[str | int]) -> exp.Expr:
    path = "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{json.dumps(step)}" for step in steps)
    return call("spark_json_text", document, string(path))


def path(node: exp.JSONExtract) -> exp.Expr:
    """Return the translation of `document:a.b[0]`."""
    steps: list[str | int] = []
    for part in node.expression.expressions:
        if (isinstance(part, exp.JSONPathKey) and isinstance(part.this, str)) or (
            isinstance(part, exp.JSONPathSubscript) and isinstance(part.this, int)
        ):
            steps.append(part.this)
        elif not isinstance(part, exp.JSONPathRoot):
            raise unsupported("wildcards in a JSON path")
    return _at(node.this, steps)


def schema_type(text: str) -> DeltaType:
    """Return the type that the schema argument of `from_json` or `read_files` describes.

    Raises
    ------
    SqlError
        If the text is neither a type nor a list of columns.
    """
    for candidate in (text, f"STRUCT<{text}>"):
        try:
            tree = sqlglot.parse_one(f"CAST(NULL AS {candidate})", read=DatabricksNames)
        except SqlglotError:
            continue
        if isinstance(tree, exp.Cast) and tree.to.this != exp.DataType.Type.USERDEFINED:
            return types.from_sql(tree.to)
    raise failure(
        "PARSE_SYNTAX_ERROR", f"The schema {text!r} is neither a type nor a list of columns.", "42601"
    )


@rule("from_json", least=2, most=3)
def from_json(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return JSON text as a value of a schema.

    A value of another kind than the schema's is NULL, alone; malformed JSON is NULL, or a struct of NULLs.
    """
    if len(arguments) == 3:  # noqa: PLR2004
        raise unsupported("options of from_json")
    kind = schema_type(text_of(arguments[1], "The schema of from_json"))
    document = arguments[0]
    if isinstance(kind, dict) and kind["type"] == "struct":
        document = when(
            call("json_valid", document),
            document.copy(),
            when(is_null(document.copy()), exp.Null(), string("{}")),
        )
    else:
        document = call("spark_valid_json", document)
    return _read(document, kind, (f"v{place}" for place in count(1)))


def _read(document: exp.Expr, kind: DeltaType, names: Iterator[str]) -> exp.Expr:
    raw = call("json_transform", document, string(json.dumps(_shape(kind))))
    if isinstance(kind, str) or kind["type"] == "array" or _is_plain(kind):
        return _typed(raw, kind, names)
    # One element goes through `list_transform`, so that the text is read once.
    name = next(names)
    once = call(
        "list_transform", exp.Array(expressions=[raw]), function([name], _typed(variable(name), kind, names))
    )
    return exp.Bracket(this=once, expressions=[number(1)], offset=1)


def _shape(kind: DeltaType) -> Any:  # noqa: ANN401 - JSON of any depth
    """Return DuckDB's structure for a type: checked kinds stay JSON until `_typed` reads them."""
    if isinstance(kind, str):
        return "VARCHAR" if kind == "string" else "JSON"
    if kind["type"] == "array":
        return [_shape(kind["elementType"])]
    if kind["type"] == "map":
        return f"MAP(VARCHAR, {'VARCHAR' if kind['valueType'] == 'string' else 'JSON'})"
    return {field["name"]: _shape(field["type"]) for field in kind["fields"]}


def _is_plain(kind: DeltaType) -> bool:
    if isinstance(kind, str):
        return kind == "string"
    if kind["type"] == "array":
        return _is_plain(kind["elementType"])
    if kind["type"] == "map":
        return bool(kind["keyType"] == "string" and kind["valueType"] == "string")
    return all(_is_plain(field["type"]) for field in kind["fields"])


def _typed(value: exp.Expr, kind: DeltaType, names: Iterator[str]) -> exp.Expr:
    if _is_plain(kind):
        return value
    if isinstance(kind, str):
        return _scalar(value, kind)
    if kind["type"] == "array":
        name = next(names)
        return call(
            "list_transform", value, function([name], _typed(variable(name), kind["elementType"], names))
        )
    if kind["type"] == "map":
        if kind["keyType"] != "string":
            raise unsupported("from_json into a map whose keys are not texts")
        name = next(names)
        values = call(
            "list_transform",
            call("map_values", value),
            function([name], _from_json_value(variable(name), kind["valueType"], names)),
        )
        return call("map", call("map_keys", value.copy()), values)
    fields = [
        exp.PropertyEQ(
            this=exp.to_identifier(field["name"], quoted=True),
            expression=_typed(
                call("struct_extract", value.copy(), string(field["name"])), field["type"], names
            ),
        )
        for field in kind["fields"]
    ]
    return when(is_null(value), exp.Null(), call("struct_pack", *fields))


def _from_json_value(value: exp.Expr, kind: DeltaType, names: Iterator[str]) -> exp.Expr:
    return _scalar(value, kind) if isinstance(kind, str) else _read(value, kind, names)


def _scalar(value: exp.Expr, kind: str) -> exp.Expr:
    if kind in {"double", "float"}:
        return cast(call("spark_json_number", value), duckdb_type(kind))
    if kind in {"long", "integer", "short", "byte"}:
        return exp.TryCast(
            this=call("spark_json_integer", value), to=exp.DataType.build(duckdb_type(kind), dialect="duckdb")
        )
    if kind == "boolean":
        return call("spark_json_boolean", value)
    if kind.startswith("decimal"):
        return converted(call("spark_json_decimal", value), kind, safely=True)
    return converted(call("spark_json_string", value), kind, safely=True)
