"""Aggregates and window functions.

A rule may put `finish` into its result's `meta`: a function applied outside of FILTER, WITHIN GROUP and OVER.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from databricks_monitoring.local_workspace.sql.errors import failure
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
    same,
    string,
    variable,
    when,
)

if TYPE_CHECKING:
    from collections.abc import Callable

FINISH = "finish"

same("sum avg min max any_value mode stddev_samp stddev_pop var_samp var_pop bool_and bool_or count_if")
same("corr covar_pop covar_samp", 2)
same("row_number rank dense_rank percent_rank cume_dist", 0)
same("ntile", 1)
same("lag lead", 1, 3)
same("nth_value", 2)
same("grouping", 1, None)
renamed("mean", "avg")
renamed("std", "stddev_samp")
renamed("stddev", "stddev_samp")
renamed("variance", "var_samp")
renamed("kurtosis", "kurtosis_pop")
renamed("every", "bool_and")
renamed("some", "bool_or")
renamed("any", "bool_or")
renamed("max_by", "arg_max_null", 2)
renamed("min_by", "arg_min_null", 2)
renamed("approx_count_distinct", "approx_count_distinct", 1, 2)
AGGREGATES = frozenset(
    {
        "sum",
        "avg",
        "mean",
        "min",
        "max",
        "any_value",
        "mode",
        "std",
        "stddev",
        "stddev_samp",
        "stddev_pop",
        "variance",
        "var_samp",
        "var_pop",
        "kurtosis",
        "bool_and",
        "bool_or",
        "every",
        "some",
        "any",
        "count",
        "count_if",
        "corr",
        "covar_pop",
        "covar_samp",
        "max_by",
        "min_by",
        "approx_count_distinct",
        "first",
        "last",
        "first_value",
        "last_value",
        "collect_list",
        "collect_set",
        "array_agg",
        "median",
        "percentile",
        "percentile_approx",
        "approx_percentile",
        "percentile_cont",
        "percentile_disc",
        "try_sum",
        "try_avg",
    }
)


DUCKDB_AGGREGATES = frozenset(
    {
        "sum",
        "avg",
        "min",
        "max",
        "any_value",
        "mode",
        "stddev_samp",
        "stddev_pop",
        "var_samp",
        "var_pop",
        "bool_and",
        "bool_or",
        "count_if",
        "corr",
        "covar_pop",
        "covar_samp",
        "kurtosis_pop",
        "arg_max_null",
        "arg_min_null",
        "approx_count_distinct",
        "count",
        "first",
        "last",
        "list",
        "quantile_cont",
        "quantile_disc",
        "string_agg",
        "row_number",
        "rank",
        "dense_rank",
        "percent_rank",
        "cume_dist",
        "ntile",
        "lag",
        "lead",
        "nth_value",
    }
)


def string_agg(node: exp.GroupConcat) -> exp.Expr:
    """Return the translation of LISTAGG and STRING_AGG, which may have an order of their own."""
    separator = node.args.get("separator") or string("")
    value = node.this
    if isinstance(value, exp.Order):
        order = exp.Order(this=separator, expressions=value.expressions)
        return call("string_agg", value.this, order)
    return call("string_agg", value, separator)


@rule("approx_count_distinct", least=1, most=2)
def approx_count_distinct(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return about how many values are distinct; the wanted error is not a parameter here."""
    return call("approx_count_distinct", arguments[0])


@rule("count", least=1, most=None)
def count(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Count rows without a NULL in any of the arguments, or distinct combinations of them."""
    first = arguments[0]
    if isinstance(first, exp.Distinct):
        return call("count", exp.Distinct(expressions=[_combined(first.expressions)]))
    return call("count", _combined(arguments))


def _combined(values: list[exp.Expr]) -> exp.Expr:
    if len(values) == 1:
        return values[0]
    absent = is_null(values[0])
    missing: exp.Expr = absent
    for value in values[1:]:
        missing = exp.Or(this=missing, expression=is_null(value.copy()))
    return when(missing, exp.Null(), call("row", *(value.copy() for value in values)))


def _first_or_last(name: str, duckdb: str) -> None:
    @rule(name, least=1, most=2)
    def build(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
        ignoring = len(arguments) == 2 and isinstance(arguments[1], exp.Boolean) and arguments[1].this  # noqa: PLR2004
        aggregate = call(duckdb, arguments[0])
        if not ignoring:
            return aggregate
        present = exp.Not(this=exp.Paren(this=is_null(arguments[0].copy())))
        return exp.Filter(this=aggregate, expression=exp.Where(this=present))


for _name, _plain in {
    "first": "first",
    "last": "last",
    "first_value": "first",
    "last_value": "last",
}.items():
    _first_or_last(_name, _plain)


def _finished(aggregate: exp.Expr, finish: Callable[[exp.Expr], exp.Expr]) -> exp.Expr:
    aggregate.meta[FINISH] = finish
    return aggregate


def _without_nulls(values: exp.Expr) -> exp.Expr:
    element = variable("element")
    kept = call("list_filter", values, function(["element"], exp.Not(this=exp.Paren(this=is_null(element)))))
    return exp.Coalesce(this=kept, expressions=[exp.Array(expressions=[])])


@rule("collect_list", "array_agg")
def collect_list(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the values that are not NULL; an empty array if there are none."""
    return _finished(call("list", *arguments), _without_nulls)


@rule("collect_set")
def collect_set(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the distinct values that are not NULL, in no particular order."""
    return _finished(call("list", exp.Distinct(expressions=arguments)), _without_nulls)


@rule("try_sum")
def try_sum(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the sum, or NULL if it does not fit."""
    return _finished(call("sum", *arguments), lambda total: call("try", total))


renamed("try_avg", "avg")


@rule("median")
def median(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the median, between two values if their number is even."""
    return call("quantile_cont", call("spark_double", arguments[0]), number(0.5))


def _shares(argument: exp.Expr) -> exp.Expr:
    shares = argument.expressions if isinstance(argument, exp.Array) else [argument]
    for share in shares:
        value = share.this if isinstance(share, exp.Cast) else share
        if isinstance(value, exp.Anonymous) and value.expressions:
            value = value.expressions[0]
        if not isinstance(value, exp.Literal) or not 0 <= float(value.this) <= 1:
            raise failure(
                "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE",
                "The percentage must be a literal between 0.0 and 1.0.",
                "42K09",
            )
    return argument


@rule("percentile", least=2)
def percentile(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return exact percentiles, interpolated between neighbours."""
    return call("quantile_cont", call("spark_double", arguments[0]), _shares(arguments[1]))


@rule("percentile_approx", "approx_percentile", least=2, most=3)
def percentile_approx(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the smallest value that the given share of values does not exceed; always exact."""
    return call("quantile_disc", arguments[0], _shares(arguments[1]))


def within_group(node: exp.WithinGroup) -> exp.Expr:
    """Return the translation of PERCENTILE_CONT or PERCENTILE_DISC (share) WITHIN GROUP (ORDER BY value)."""
    aggregate, order = node.this, node.expression
    name = aggregate.name.lower()
    if name not in {"percentile_cont", "percentile_disc"} or len(order.expressions) != 1:
        raise failure("INVALID_WITHIN_GROUP", f"WITHIN GROUP does not go with `{name}`.", "42K0K")
    ordered = order.expressions[0]
    share = _shares(aggregate.expressions[0])
    if ordered.args.get("desc"):
        share = exp.Sub(this=number(1), expression=paren(share))
    if name == "percentile_disc":
        return call("quantile_disc", ordered.this, share)
    return call("quantile_cont", call("spark_double", ordered.this), share)


@rule("percentile_cont", "percentile_disc")
def percentile_cont(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Stand for the share until WITHIN GROUP gives the values."""
    return exp.Anonymous(this="percentile_cont", expressions=arguments)


@rule("count_if")
def count_if(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Count the rows where a condition is true."""
    # DuckDB answers NULL where there is no row.
    return _finished(
        call("count_if", *arguments), lambda total: cast(call("coalesce", total, number(0)), "BIGINT")
    )


def cast_count(aggregate: exp.Expr) -> exp.Expr:
    """Return a count as BIGINT once it is complete."""
    return _finished(aggregate, lambda total: cast(total, "BIGINT"))


def _ranked(name: str) -> None:
    @rule(name, least=0)
    def build(_arguments: list[exp.Expr], _: Moment) -> exp.Expr:
        return _finished(call(name), lambda value: cast(value, "INTEGER"))


for _name in ("row_number", "rank", "dense_rank"):
    _ranked(_name)


@rule("ntile")
def ntile(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the number of the bucket of a row."""
    return _finished(call("ntile", *arguments), lambda value: cast(value, "INTEGER"))
