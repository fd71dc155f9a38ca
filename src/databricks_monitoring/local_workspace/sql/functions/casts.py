"""Conversions between types, which fail or give NULL where Databricks does and round where it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from databricks_monitoring.local_workspace.sql import types
from databricks_monitoring.local_workspace.sql.functions.rules import Moment, call, cast, rule, string, when
from databricks_monitoring.metrics.engines.delta_scan import duckdb_type

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.sql.types import DeltaType

_MACROS = {
    "byte": "tinyint",
    "short": "smallint",
    "integer": "int",
    "long": "bigint",
    "double": "double",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
    "timestamp_ntz": "timestamp_ntz",
}


def converted(value: exp.Expr, kind: DeltaType, *, safely: bool = False) -> exp.Expr:
    """Return `value` as a Delta type; `safely` gives NULL where the plain cast fails."""
    prefix = "spark_try_" if safely else "spark_"
    if isinstance(kind, str):
        if kind in _MACROS:
            return call(prefix + _MACROS[kind], value)
        if kind == "float":
            return _plain(call(prefix + "double", value), "FLOAT", safely=safely)
        if kind == "string":
            return call("spark_string", value)
        if kind == "binary":
            return call("spark_binary", value)
    return _plain(value, duckdb_type(kind), safely=safely)


def _plain(value: exp.Expr, kind: str, *, safely: bool) -> exp.Expr:
    node = exp.TryCast if safely else exp.Cast
    return node(this=value, to=exp.DataType.build(kind, dialect="duckdb"))


def of(node: exp.Cast) -> exp.Expr:
    """Return the translation of CAST, TRY_CAST or `::`."""
    kind = node.to
    safely = isinstance(node, exp.TryCast)
    value = node.this
    if kind.this == exp.DataType.Type.INTERVAL:
        return cast(value, "INTERVAL")
    if isinstance(value, exp.Null):
        return cast(value, duckdb_type(types.from_sql(kind)))
    return converted(value, types.from_sql(kind), safely=safely)


def _named(name: str, kind: DeltaType) -> None:
    @rule(name)
    def build(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
        return converted(arguments[0], kind)


for _name, _kind in {
    "string": "string",
    "int": "integer",
    "bigint": "long",
    "smallint": "short",
    "tinyint": "byte",
    "double": "double",
    "float": "float",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
    "binary": "binary",
}.items():
    _named(_name, _kind)


_TYPE_NAMES = {
    "VARCHAR": "string",
    "INTEGER": "int",
    "BLOB": "binary",
    "TIMESTAMP WITH TIME ZONE": "timestamp",
    "TIMESTAMP": "timestamp_ntz",
    "FLOAT": "float",
    "HUGEINT": "bigint",
    '"NULL"': "void",
}


@rule("typeof")
def typeof(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the name of a value's type; only of simple types."""
    name = call("typeof", arguments[0])
    ifs = [
        exp.If(this=exp.EQ(this=name.copy(), expression=string(theirs)), true=string(ours))
        for theirs, ours in _TYPE_NAMES.items()
    ]
    nested = exp.RegexpLike(this=name.copy(), expression=string(r"[\[(]"))
    refusal = call(
        "error",
        string(
            "[UNSUPPORTED_FEATURE.LOCAL_WORKSPACE] The local workspace does not support typeof "
            "of nested types. SQLSTATE: 0A000"
        ),
    )
    return exp.Case(ifs=ifs, default=when(nested, refusal, call("lower", name)))
