"""The table of rules and the pieces that rules are made of.

A rule gets the translated arguments of one call and returns the DuckDB expression that stands for it.
What has no rule is refused, so that no function is run under a name that happens to exist in DuckDB too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from databricks_monitoring.errors import nearest
from databricks_monitoring.local_workspace.sql.errors import SqlError, failure

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

Build = "Callable[[list[exp.Expr], Moment], exp.Expr]"


@dataclass(frozen=True)
class Moment:
    """What a statement knows beside its tables; one value for the whole statement."""

    now: datetime
    user: str
    catalog: str
    schema: str


@dataclass(frozen=True)
class Rule:
    """How to translate calls of one function."""

    name: str
    least: int
    most: int | None
    build: Callable[[list[exp.Expr], Moment], exp.Expr]

    def __call__(self, arguments: list[exp.Expr], moment: Moment) -> exp.Expr:
        """Return the translation of a call, or refuse its number of arguments."""
        if len(arguments) < self.least or (self.most is not None and len(arguments) > self.most):
            wanted = (
                str(self.least) if self.least == self.most else f"{self.least} to {self.most or 'any number'}"
            )
            raise failure(
                "WRONG_NUM_ARGS.WITHOUT_SUGGESTION",
                f"The `{self.name}` requires {wanted} parameters but the actual number is {len(arguments)}.",
                "42605",
            )
        return self.build(arguments, moment)


RULES: dict[str, Rule] = {}

DUCKDB = "duckdb"
"""Mark in the `meta` of a call that is DuckDB's already."""


def rule(
    *names: str, least: int = 1, most: int | None = -1
) -> Callable[
    [Callable[[list[exp.Expr], Moment], exp.Expr]],
    Callable[[list[exp.Expr], Moment], exp.Expr],
]:
    """Add the decorated builder under Databricks names; `most` is `least` unless given, None is no limit."""

    def add(
        build: Callable[[list[exp.Expr], Moment], exp.Expr],
    ) -> Callable[[list[exp.Expr], Moment], exp.Expr]:
        for name in names:
            RULES[name] = Rule(name, least, least if most == -1 else most, build)
        return build

    return add


def renamed(name: str, to: str, least: int = 1, most: int | None = -1) -> None:
    """Add a rule for a function that differs in nothing but its name."""
    rule(name, least=least, most=most)(lambda arguments, _: call(to, *arguments))


def same(names: str, least: int = 1, most: int | None = -1) -> None:
    """Add rules for functions that are the same in both dialects; names separated by blanks."""
    for name in names.split():
        renamed(name, name, least, most)


def call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    """Return a call of a DuckDB function or macro, marked as not to be translated again."""
    made = exp.Anonymous(this=name, expressions=list(arguments))
    made.meta[DUCKDB] = True
    return made


def string(value: str) -> exp.Literal:
    """Return a text literal."""
    return exp.Literal.string(value)


def number(value: float) -> exp.Expr:
    """Return a number literal."""
    return exp.Literal.number(value)


def cast(value: exp.Expr, kind: str) -> exp.Cast:
    """Return a cast to a DuckDB type."""
    return exp.Cast(this=value, to=exp.DataType.build(kind, dialect="duckdb"))


def paren(value: exp.Expr) -> exp.Expr:
    """Return an operator in parentheses, so that it may become an operand; anything else as it is."""
    return exp.Paren(this=value) if isinstance(value, exp.Binary | exp.Unary | exp.Case) else value


def when(condition: exp.Expr, then: exp.Expr, otherwise: exp.Expr | None = None) -> exp.Case:
    """Return CASE WHEN condition THEN then ELSE otherwise END."""
    return exp.Case(ifs=[exp.If(this=condition, true=then)], default=otherwise)


def is_null(value: exp.Expr) -> exp.Is:
    """Return `value IS NULL`."""
    return exp.Is(this=paren(value), expression=exp.Null())


def function(variables: list[str], body: exp.Expr) -> exp.Lambda:
    """Return a lambda."""
    return exp.Lambda(this=body, expressions=[exp.to_identifier(name, quoted=True) for name in variables])


def variable(name: str) -> exp.Identifier:
    """Return a use of a lambda's variable."""
    return exp.to_identifier(name, quoted=True)


def apply(name: str, arguments: list[exp.Expr], moment: Moment) -> exp.Expr:
    """Return the translation of a Databricks function called by name.

    Raises
    ------
    SqlError
        UNRESOLVED_ROUTINE for a name without a rule.
    """
    found = RULES.get(name.lower())
    if found is None:
        raise unresolved(name)
    return found(arguments, moment)


def unresolved(name: str) -> SqlError:
    """Return the refusal of a function by name."""
    guess = nearest(name, RULES)
    hint = f" Did you mean `{guess}`?" if guess else ""
    return failure(
        "UNRESOLVED_ROUTINE",
        f"Cannot resolve routine `{name}`: the local workspace has no translation for it.{hint}",
        "42883",
    )


def text_of(argument: exp.Expr, where: str) -> str:
    """Return the value of an argument that has to be a text literal."""
    if isinstance(argument, exp.Literal) and argument.is_string:
        return str(argument.this)
    raise failure("NON_FOLDABLE_ARGUMENT", f"{where} must be a text literal.", "42K08")
