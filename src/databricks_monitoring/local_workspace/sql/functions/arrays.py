"""Arrays: 0-based with brackets and `get`, 1-based with `element_at` and positions."""

from __future__ import annotations

from sqlglot import exp

from databricks_monitoring.local_workspace.sql.errors import unsupported
from databricks_monitoring.local_workspace.sql.functions.rules import (
    Moment,
    call,
    cast,
    function,
    is_null,
    number,
    paren,
    renamed,
    rule,
    string,
    variable,
    when,
)

renamed("get", "spark_get", 2)
renamed("array_position", "spark_array_position", 2)
renamed("array_contains", "spark_array_contains", 2)
renamed("slice", "spark_slice", 3)
renamed("flatten", "flatten")
renamed("array_max", "list_max")
renamed("array_min", "list_min")
renamed("array_append", "list_append", 2)


@rule("array", least=0, most=None)
def array(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the arguments as an array."""
    return exp.Array(expressions=arguments)


@rule("size", "cardinality", "array_size")
def size(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the number of elements or entries; NULL for NULL."""
    return cast(call("cardinality", arguments[0]), "INTEGER")


def item(node: exp.Bracket) -> exp.Expr:
    """Return the translation of `value[key]`: 0-based for arrays, by key for maps."""
    if len(node.expressions) != 1:
        raise unsupported("slices in brackets")
    return call("spark_item", node.this, node.expressions[0])


@rule("element_at", "try_element_at", least=2)
def element_at(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return an element by 1-based position (negative from the end) or a map's value by key."""
    return exp.Bracket(this=paren(arguments[0]), expressions=[arguments[1]], offset=1)


@rule("array_prepend", least=2)
def array_prepend(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the array with an element before it."""
    return when(is_null(arguments[0]), exp.Null(), call("list_prepend", arguments[1], arguments[0].copy()))


@rule("array_repeat", least=2)
def array_repeat(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return a value so many times."""
    times = call("range", cast(arguments[1], "BIGINT"))
    return call("list_transform", times, function(["place"], arguments[0]))


@rule("array_distinct")
def array_distinct(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the elements without repetitions, in order of their first appearance."""
    return call("spark_array_distinct", arguments[0])


@rule("array_compact")
def array_compact(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the elements that are not NULL."""
    present = exp.Not(this=exp.Paren(this=is_null(variable("element"))))
    return call("list_filter", arguments[0], function(["element"], present))


@rule("array_remove", least=2)
def array_remove(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the elements that are not equal to a value; NULLs stay."""
    differs = call("coalesce", exp.NEQ(this=variable("element"), expression=paren(arguments[1])), exp.true())
    return call("list_filter", arguments[0], function(["element"], differs))


@rule("arrays_overlap", least=2)
def arrays_overlap(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Say whether two arrays have an element in common."""
    return call("list_has_any", *arguments)


@rule("array_sort")
def array_sort(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the elements in ascending order, NULLs last."""
    return call("list_sort", arguments[0], string("ASC"), string("NULLS LAST"))


@rule("sort_array", least=1, most=2)
def sort_array(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the elements in order: ascending with NULLs first, or descending with NULLs last."""
    if len(arguments) == 1 or (isinstance(arguments[1], exp.Boolean) and arguments[1].this):
        return call("list_sort", arguments[0], string("ASC"), string("NULLS FIRST"))
    if isinstance(arguments[1], exp.Boolean):
        return call("list_sort", arguments[0], string("DESC"), string("NULLS LAST"))
    raise unsupported("sort_array with an order that is not a literal")


@rule("sequence", least=2, most=3)
def sequence(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the values from a start to an end, both included, downwards if the end is smaller."""
    start, end = arguments[0], arguments[1]
    if len(arguments) == 3:  # noqa: PLR2004
        if isinstance(arguments[2], exp.Interval):
            return call("spark_sequence_step", start, end, arguments[2])
        return call("generate_series", start, end, arguments[2])
    return call("spark_sequence", start, end)


def _lambda(node: exp.Expr, what: str) -> tuple[list[str], exp.Expr]:
    if not isinstance(node, exp.Lambda):
        raise unsupported(f"{what} without a lambda")
    return [each.name for each in node.expressions], node.this


def _zero_based(names: list[str], body: exp.Expr) -> exp.Expr:
    """Return a lambda whose second variable counts from 0 as in Databricks; DuckDB counts from 1."""
    if len(names) > 1:
        for use in list(body.find_all(exp.Identifier)):
            if use.name.lower() == names[1].lower() and _is_variable(use):
                shifted = exp.Paren(this=exp.Sub(this=variable(names[1]), expression=number(1)))
                if use is body:
                    body = shifted
                else:
                    use.replace(shifted)
    return function(names, body)


def _is_variable(use: exp.Identifier) -> bool:
    parent = use.parent
    if isinstance(parent, exp.Dot):
        return parent.this is use
    return not isinstance(parent, exp.Column | exp.Alias | exp.PropertyEQ | exp.Lambda) or parent.this is use


@rule("transform", least=2)
def transform(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return every element through a function of it, and of its position from 0."""
    return call("list_transform", arguments[0], _zero_based(*_lambda(arguments[1], "transform")))


@rule("filter", least=2)
def filtered(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the elements for which a function is true."""
    return call("list_filter", arguments[0], _zero_based(*_lambda(arguments[1], "filter")))


@rule("exists", least=2)
def exists(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Say whether a function is true for an element; NULL if only unknown for some."""
    return call("spark_any", call("list_transform", arguments[0], function(*_lambda(arguments[1], "exists"))))


@rule("forall", least=2)
def forall(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Say whether a function is true for every element; NULL if unknown for some and false for none."""
    return call("spark_all", call("list_transform", arguments[0], function(*_lambda(arguments[1], "forall"))))


@rule("aggregate", "reduce", least=3, most=4)
def aggregate(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Fold an array from a start value, then pass the result through a last function."""
    names, body = _lambda(arguments[2], "aggregate")
    folded = call("list_reduce", arguments[0], function(names, body), arguments[1])
    if len(arguments) == 3:  # noqa: PLR2004
        return folded
    # One element goes through `list_transform`, so that the fold is computed once however often it is used.
    last = function(*_lambda(arguments[3], "aggregate"))
    finished = call("list_transform", exp.Array(expressions=[folded]), last)
    return exp.Bracket(this=finished, expressions=[number(1)], offset=1)


@rule("arrays_zip", least=1, most=None)
def arrays_zip(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return structs of the elements at the same place, NULL where an array is shorter."""
    zipped = call("list_zip", *arguments)
    fields = [
        exp.PropertyEQ(
            this=exp.to_identifier(_field_name(argument, place), quoted=True),
            expression=call("struct_extract_at", variable("zipped"), number(place + 1)),
        )
        for place, argument in enumerate(arguments)
    ]
    structs = call("list_transform", zipped, function(["zipped"], call("struct_pack", *fields)))
    missing: exp.Expr = is_null(arguments[0].copy())
    for argument in arguments[1:]:
        missing = exp.Or(this=missing, expression=is_null(argument.copy()))
    return when(missing, exp.Null(), structs)


def _field_name(argument: exp.Expr, place: int) -> str:
    if isinstance(argument, exp.Column):
        return str(argument.name)
    if isinstance(argument, exp.Dot):
        return str(argument.expression.name)
    return str(place)


@rule("zip_with", least=3)
def zip_with(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the elements at the same place of two arrays through a function."""
    names, body = _lambda(arguments[2], "zip_with")
    for use in list(body.find_all(exp.Identifier)):
        for place, name in enumerate(names):
            if use.name.lower() == name.lower() and _is_variable(use):
                picked = call("struct_extract_at", variable("zipped"), number(place + 1))
                if use is body:
                    body = picked
                else:
                    use.replace(picked)
                break
    return call("list_transform", call("list_zip", arguments[0], arguments[1]), function(["zipped"], body))
