"""Choices."""

from __future__ import annotations

from sqlglot import exp

from databricks_monitoring.local_workspace.sql.functions.rules import (
    Moment,
    call,
    is_null,
    paren,
    rule,
    string,
    when,
)


@rule("coalesce", "ifnull", "nvl", least=1, most=None)
def coalesce(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the first value that is not NULL."""
    return exp.Coalesce(this=arguments[0], expressions=arguments[1:])


@rule("nullif", least=2)
def nullif(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return NULL if both are equal, else the first."""
    return exp.Nullif(this=arguments[0], expression=arguments[1])


@rule("if", "iff", least=3)
def either(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the second value if the first is true, else the third."""
    return when(*arguments)


@rule("nvl2", least=3)
def nvl2(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the second value if the first is not NULL, else the third."""
    return when(is_null(arguments[0]), arguments[2], arguments[1])


@rule("decode", least=2, most=None)
def decode(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the value beside the first equal key, where NULL equals NULL; two arguments decode bytes."""
    if len(arguments) == 2:  # noqa: PLR2004 - bytes and a character set
        return call("decode", arguments[0])
    subject, *rest = arguments
    pairs = list(zip(rest[::2], rest[1::2], strict=False))
    default = rest[-1] if len(rest) % 2 else None
    ifs = [
        exp.If(this=exp.NullSafeEQ(this=paren(subject.copy()), expression=paren(key)), true=value)
        for key, value in pairs
    ]
    return exp.Case(ifs=ifs, default=default)


@rule("equal_null", least=2)
def equal_null(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Say whether two values are equal, where NULL equals NULL."""
    return exp.Paren(this=exp.NullSafeEQ(this=paren(arguments[0]), expression=paren(arguments[1])))


@rule("raise_error")
def raise_error(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Fail with a message."""
    message = exp.DPipe(this=string("[USER_RAISED_EXCEPTION] "), expression=exp.Paren(this=arguments[0]))
    return call("error", exp.DPipe(this=message, expression=string(" SQLSTATE: P0001")))


@rule("assert_true", least=1, most=2)
def assert_true(arguments: list[exp.Expr], moment: Moment) -> exp.Expr:
    """Return NULL if a condition holds, else fail."""
    message = arguments[1] if len(arguments) > 1 else string("The condition is not true.")
    return when(arguments[0], exp.Null(), raise_error([message], moment))
