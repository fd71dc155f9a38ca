"""Databricks SQL expressions as DuckDB's, also where both use the same words for different things."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from databricks_monitoring.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Callable

_WHOLE_NUMBERS = (exp.DType.TINYINT, exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT)

_RENAMED = {
    "mean": "avg",
    "std": "stddev_samp",
    "every": "bool_and",
    "some": "bool_or",
    "try_avg": "avg",
    "try_sum": "sum",
}

_REFUSED = (
    exp.Rand,
    exp.Randn,
    exp.Uuid,
    exp.Shuffle,
    exp.Skewness,
    exp.CurrentDate,
    exp.CurrentTime,
    exp.CurrentTimestamp,
    exp.Localtimestamp,
    exp.CurrentUser,
    exp.SessionUser,
    exp.Explode,
    exp.Inline,
    exp.Stack,
    exp.Unnest,
)
_REFUSED_NAMES = ("hash", "xxhash64", "random", "monotonically_increasing_id", "input_file_name", "user")


def with_known_aggregates(tree: exp.Expr) -> exp.Expr:
    """Return a tree in which aggregates that the parser does not know have the names of those it does."""
    return tree.transform(_with_known_name)


def _with_known_name(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Anonymous) and node.name.lower() in _RENAMED:
        return exp.func(_RENAMED[node.name.lower()], *node.expressions)
    return node


def duckdb_sql(tree: exp.Expr, where: str) -> str:
    """Return an expression in DuckDB's SQL.

    Parameters
    ----------
    tree
        As sqlglot reads Databricks SQL.
    where
        What the expression is of, for messages.

    Raises
    ------
    InvalidValueError
        If it calls a function whose values would not be those of Databricks, or would differ from one refresh
        to the next, or that makes several rows of one.

    Notes
    -----
    Beyond what sqlglot translates: a division or remainder by zero is NULL (`conventions.DIVISION_BY_ZERO`);
    a cast to a whole number cuts the fraction off; `floor` and `ceil` give whole numbers; weeks have their
    first day where Spark has it; a percentile interpolates, an approximate one is an observed value; the
    logarithm of what has none is NULL.

    Examples
    --------
    >>> import sqlglot
    >>> duckdb_sql(sqlglot.parse_one("a / b", dialect="databricks"), "a metric")
    'a / NULLIF(b, 0)'
    """
    known = with_known_aggregates(tree)
    # What a function is called with comes first: its own translation may take copies of it.
    for node in reversed(list(known.dfs())):
        translated = _translated(node, where)
        if node is known:
            known = translated
        elif translated is not node:
            node.replace(translated)
    return known.sql(dialect="duckdb")


def _translated(node: exp.Expr, where: str) -> exp.Expr:
    if isinstance(node, _REFUSED) or (
        isinstance(node, exp.Anonymous) and node.name.lower() in _REFUSED_NAMES
    ):
        expected = "functions that have one value for a row, the same as on Databricks and at every refresh"
        raise InvalidValueError(where, node.sql(dialect="databricks"), expected)
    if isinstance(node, exp.Anonymous):
        return _by_name(node)
    for kind, rule in _RULES.items():
        if type(node) is kind:
            return rule(node)
    return node


def _call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _paren(value: exp.Expr) -> exp.Expr:
    return exp.Paren(this=value.copy()) if isinstance(value, exp.Binary | exp.Unary) else value.copy()


def _by_name(node: exp.Anonymous) -> exp.Expr:
    rule = _RULES_BY_NAME.get((node.name.lower(), len(node.expressions)))
    return rule(*node.expressions) if rule else node


def _cast_named(kind: str) -> Callable[[exp.Expr], exp.Expr]:
    return lambda value: _cut_off(exp.cast(value.copy(), kind, dialect="duckdb"))


def _is_null(value: exp.Expr) -> exp.Expr:
    return exp.Is(this=_paren(value), expression=exp.Null())


def _positive_remainder(value: exp.Expr, by: exp.Expr) -> exp.Expr:
    first = exp.Paren(this=exp.Mod(this=_paren(value), expression=_none_for_zero(by)))
    again = exp.Paren(this=exp.Add(this=first, expression=_paren(by)))
    return exp.Paren(this=exp.Mod(this=again, expression=_none_for_zero(by)))


def _none_for_zero(value: exp.Expr) -> exp.Expr:
    return exp.Nullif(this=value.copy(), expression=exp.Literal.number(0))


def _guarded(node: exp.Expr) -> exp.Expr:
    divisor = node.expression
    bare = divisor.this if isinstance(divisor, exp.Paren) else divisor
    if isinstance(bare, exp.Nullif) or (isinstance(bare, exp.Literal) and bare.name.strip("0.") != ""):
        return node
    node.set("expression", _none_for_zero(bare))
    return node


def _cut_off(node: exp.Expr) -> exp.Expr:
    """Return a cast that cuts a fraction off, where DuckDB's rounds."""
    if node.args["to"].this not in _WHOLE_NUMBERS:
        return node
    value = node.this
    kind = _call("typeof", value.copy())
    fractional = exp.or_(
        exp.In(this=kind, expressions=[exp.Literal.string("DOUBLE"), exp.Literal.string("FLOAT")]),
        exp.Like(this=kind.copy(), expression=exp.Literal.string("DECIMAL%")),
    )
    # Of no other type, but both branches have to be valid for all.
    cut = _call("trunc", exp.TryCast(this=value.copy(), to=exp.DataType.build("double"), safe=True))
    whole = type(node)(**(node.args | {"this": cut}))
    return exp.Case(ifs=[exp.If(this=fractional, true=whole)], default=node.copy())


def _whole(node: exp.Expr) -> exp.Expr:
    """Return a rounding to whole numbers as one of Databricks', which is no double."""
    if node.args.get("decimals") is not None:
        return node
    return exp.TryCast(this=node.copy(), to=exp.DataType.build("bigint"), safe=True)


def _logarithm(node: exp.Expr) -> exp.Expr:
    """Return a logarithm that is NULL where there is none."""
    place = "expression" if node.args.get("expression") is not None else "this"
    value = node.args[place]
    positive = exp.GT(this=_paren(value), expression=exp.Literal.number(0))
    node.set(place, exp.Case(ifs=[exp.If(this=positive, true=value.copy())]))
    return node


_RULES: dict[type[exp.Expr], Callable[[exp.Expr], exp.Expr]] = {
    exp.Div: _guarded,
    exp.Mod: _guarded,
    exp.IntDiv: _guarded,
    exp.Cast: _cut_off,
    exp.TryCast: _cut_off,
    exp.Floor: _whole,
    exp.Ceil: _whole,
    exp.Ln: _logarithm,
    exp.Log: _logarithm,
    exp.DayOfWeek: lambda node: exp.Paren(
        this=exp.Add(this=_call("dayofweek", node.this.copy()), expression=exp.Literal.number(1))
    ),
    exp.Nanvl: lambda node: exp.Case(
        ifs=[exp.If(this=exp.IsNan(this=node.this.copy()), true=node.expression.copy())],
        default=node.this.copy(),
    ),
    exp.Kurtosis: lambda node: _call("kurtosis_pop", node.this.copy()),
    exp.Quantile: lambda node: _call("quantile_cont", node.this.copy(), node.args["quantile"].copy()),
    exp.ApproxQuantile: lambda node: _call("quantile_disc", node.this.copy(), node.args["quantile"].copy()),
    exp.StrToUnix: lambda node: exp.cast(_call("floor", _call("epoch", node.this.copy())), "bigint"),
}

_RULES_BY_NAME: dict[tuple[str, int], Callable[..., exp.Expr]] = {
    # Functions that cast to the type they are named after; the parser knows the others.
    ("tinyint", 1): _cast_named("TINYINT"),
    ("smallint", 1): _cast_named("SMALLINT"),
    ("bigint", 1): _cast_named("BIGINT"),
    ("binary", 1): _cast_named("BLOB"),
    ("decimal", 1): _cast_named("DECIMAL(10, 0)"),
    ("isnull", 1): lambda value: exp.Paren(this=_is_null(value)),
    ("isnotnull", 1): lambda value: exp.Paren(this=exp.Not(this=_is_null(value))),
    ("zeroifnull", 1): lambda value: exp.Coalesce(this=value.copy(), expressions=[exp.Literal.number(0)]),
    ("weekday", 1): lambda day: exp.Paren(
        this=exp.Sub(this=_call("isodow", day.copy()), expression=exp.Literal.number(1))
    ),
    ("bround", 1): lambda value: _call("round_even", value.copy(), exp.Literal.number(0)),
    ("bround", 2): lambda value, places: _call("round_even", value.copy(), places.copy()),
    ("pmod", 2): _positive_remainder,
}
