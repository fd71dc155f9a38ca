"""Maps and structs."""

from __future__ import annotations

from sqlglot import exp

from databricks_monitoring.local_workspace.sql.errors import failure, unsupported
from databricks_monitoring.local_workspace.sql.functions.rules import (
    Moment,
    call,
    function,
    number,
    renamed,
    rule,
    same,
    text_of,
    variable,
)

same("map_keys map_values map_entries map_from_entries")
renamed("map_from_arrays", "map", 2)
renamed("map_contains_key", "map_contains", 2)
renamed("map_concat", "map_concat", 0, None)


@rule("map", least=0, most=None)
def mapped(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return keys and values, given in turn, as a map."""
    if len(arguments) % 2:
        raise failure(
            "WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "The `map` requires 2n (n > 0) parameters.", "42605"
        )
    return call("map", exp.Array(expressions=arguments[::2]), exp.Array(expressions=arguments[1::2]))


def _transformed(arguments: list[exp.Expr], what: str) -> tuple[exp.Expr, exp.Expr]:
    """Return a map's entries, and the body of a function of key and value as one of an entry."""
    if not isinstance(arguments[1], exp.Lambda):
        raise unsupported(f"{what} without a lambda")
    names = [each.name.lower() for each in arguments[1].expressions]
    body: exp.Expr = arguments[1].this
    for use in list(body.find_all(exp.Identifier)):
        if use.name.lower() in names and not isinstance(use.parent, exp.Column | exp.PropertyEQ):
            if isinstance(use.parent, exp.Dot) and use.parent.this is not use:
                continue
            place = names.index(use.name.lower()) + 1
            picked = call("struct_extract_at", variable("entry"), number(place))
            if use is body:
                body = picked
            else:
                use.replace(picked)
    return call("map_entries", arguments[0]), body


def _entry(place: int) -> exp.Expr:
    return call("struct_extract_at", variable("entry"), number(place))


def _rebuilt(entries: exp.Expr, key: exp.Expr, value: exp.Expr) -> exp.Expr:
    return call(
        "map",
        call("list_transform", entries, function(["entry"], key)),
        call("list_transform", entries.copy(), function(["entry"], value)),
    )


@rule("transform_values", least=2)
def transform_values(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return a map with every value through a function of key and value."""
    entries, body = _transformed(arguments, "transform_values")
    return _rebuilt(entries, _entry(1), body)


@rule("transform_keys", least=2)
def transform_keys(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return a map with every key through a function of key and value."""
    entries, body = _transformed(arguments, "transform_keys")
    return _rebuilt(entries, body, _entry(2))


@rule("map_filter", least=2)
def map_filter(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the entries of a map for which a function of key and value is true."""
    entries, body = _transformed(arguments, "map_filter")
    return call("map_from_entries", call("list_filter", entries, function(["entry"], body)))


@rule("named_struct", least=2, most=None)
def named_struct(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return a struct of names and values given in turn."""
    pairs = zip(arguments[::2], arguments[1::2], strict=True)
    return _struct([(text_of(name, "The name of a field"), value) for name, value in pairs])


@rule("struct", least=1, most=None)
def struct(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return a struct of values, named by their aliases, their columns, or col1, col2 ..."""
    fields: list[tuple[str, exp.Expr]] = []
    for place, argument in enumerate(arguments, start=1):
        if isinstance(argument, exp.Alias):
            fields.append((argument.alias, argument.this))
        elif isinstance(argument, exp.Column):
            fields.append((argument.name, argument))
        elif isinstance(argument, exp.Dot):
            fields.append((argument.expression.name, argument))
        else:
            fields.append((f"col{place}", argument))
    return _struct(fields)


def _struct(fields: list[tuple[str, exp.Expr]]) -> exp.Expr:
    return call(
        "struct_pack",
        *(
            exp.PropertyEQ(this=exp.to_identifier(name, quoted=True), expression=value)
            for name, value in fields
        ),
    )
