"""Numbers."""

from __future__ import annotations

from sqlglot import exp

from databricks_monitoring.local_workspace.sql.functions.rules import (
    Moment,
    call,
    cast,
    is_null,
    number,
    paren,
    renamed,
    rule,
    same,
)

same("abs exp cbrt sin cos tan asin acos atan sinh cosh tanh degrees radians log2 log10 bit_count")
same("power atan2", 2)
same("pi", 0)
renamed("pow", "power", 2)
renamed("sqrt", "spark_sqrt")
renamed("ln", "spark_ln")
renamed("ceil", "spark_ceil")
renamed("ceiling", "spark_ceil")
renamed("floor", "spark_floor")
renamed("isnan", "spark_isnan")
renamed("nanvl", "spark_nanvl", 2)
renamed("pmod", "spark_pmod", 2)
renamed("try_divide", "spark_try_divide", 2)
renamed("try_mod", "spark_try_mod", 2)
renamed("round", "round", 1, 2)
renamed("bround", "round_even", 2)
renamed("shiftleft", "left_shift", 2)
same("greatest least", 2, None)


@rule("log", least=1, most=2)
def log(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the natural logarithm, or the one to a base given first."""
    return call("spark_ln" if len(arguments) == 1 else "spark_log", *arguments)


@rule("sign", "signum")
def sign(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return -1.0, 0.0 or 1.0."""
    return cast(call("sign", *arguments), "DOUBLE")


@rule("mod", least=2)
def mod(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the remainder, with the sign of the dividend."""
    return exp.Paren(this=exp.Mod(this=paren(arguments[0]), expression=paren(arguments[1])))


@rule("rand", "random", least=0, most=1)
def rand(_arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return a number in [0, 1); a seed changes nothing, as the order of rows is not fixed."""
    return call("random")


def _checked(operator: type[exp.Binary]) -> None:
    name = {exp.Add: "try_add", exp.Sub: "try_subtract", exp.Mul: "try_multiply"}[operator]

    @rule(name, least=2)
    def build(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
        return call("try", operator(this=paren(arguments[0]), expression=paren(arguments[1])))


for _operator in (exp.Add, exp.Sub, exp.Mul):
    _checked(_operator)


@rule("zeroifnull")
def zeroifnull(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return 0 for NULL."""
    return exp.Coalesce(this=arguments[0], expressions=[number(0)])


@rule("nullifzero")
def nullifzero(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return NULL for 0."""
    return exp.Nullif(this=arguments[0], expression=number(0))


@rule("isnull")
def isnull(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Say whether a value is NULL."""
    return exp.Paren(this=is_null(arguments[0]))


@rule("isnotnull")
def isnotnull(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Say whether a value is not NULL."""
    return exp.Paren(this=exp.Not(this=exp.Paren(this=is_null(arguments[0]))))
