"""Databricks expressions and queries as DuckDB's: generators, functions, operators, names of columns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import ErrorLevel, exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import UnsupportedError

from databricks_monitoring.local_workspace.sql import dialect, generators
from databricks_monitoring.local_workspace.sql.errors import failure, unsupported
from databricks_monitoring.local_workspace.sql.functions import arrays, casts, dates, documents
from databricks_monitoring.local_workspace.sql.functions.aggregates import (
    DUCKDB_AGGREGATES,
    FINISH,
    string_agg,
    within_group,
)
from databricks_monitoring.local_workspace.sql.functions.rules import (
    DUCKDB,
    apply,
    call,
    function,
    number,
    paren,
    string,
    unresolved,
    variable,
)
from databricks_monitoring.local_workspace.sql.macros import OVERLOADED

if TYPE_CHECKING:
    from collections.abc import Callable

    from databricks_monitoring.local_workspace.sql.functions.rules import Moment

_WRAPPERS = (exp.Filter, exp.Window, exp.IgnoreNulls, exp.RespectNulls)

_SAME_MEANING = (
    exp.And,
    exp.Or,
    exp.Xor,
    exp.Case,
    exp.If,
    exp.Exists,
    exp.Coalesce,
    exp.Array,
    exp.Nullif,
)

_COMPARISONS = (
    exp.EQ,
    exp.NEQ,
    exp.LT,
    exp.LTE,
    exp.GT,
    exp.GTE,
    exp.NullSafeEQ,
    exp.NullSafeNEQ,
    exp.In,
    exp.Between,
)

_FRACTION = re.compile(r"\s*[+-]?([0-9]*\.[0-9]+|[0-9]+(?=[eE]))([eE][+-]?[0-9]+)?\s*")

_NAMED_BY_PARSER: dict[type[exp.Expr], str] = {
    exp.CurrentTimestamp: "current_timestamp",
    exp.CurrentDate: "current_date",
    exp.CurrentUser: "current_user",
    exp.SessionUser: "session_user",
}


def to_duckdb(tree: exp.Expr, moment: Moment) -> exp.Expr:
    """Return a query or an expression with every operator and function in DuckDB's words; `tree` is used up.

    Tables have to be resolved before or after; they stay as they are.

    Raises
    ------
    SqlError
        For every function or operator that has no translation.
    """
    for hint in list(tree.find_all(exp.Hint)):
        # A hint speaks to Spark's planner and changes no answer.
        hint.pop()
    generators.rewrite(tree)
    root = tree
    # Children come after their parents in this order, so that reversed every rule sees translated arguments.
    for node in reversed(list(tree.walk(bfs=False))):
        parent, key, index = node.parent, node.arg_key, node.index
        replacement = _rewritten(node, moment)
        if not isinstance(node.parent, _WRAPPERS) or node.arg_key != "this":
            replacement = _finished(replacement)
        if replacement is node:
            continue
        if parent is None:
            root = replacement
            root.parent = None
        else:
            parent.set(str(key), replacement, index=index)
    _fix_types(root)
    return root


def _fix_types(root: exp.Expr) -> None:
    """Pass arguments through a lambda where DuckDB would not know their types when it picks a macro.

    It knows those of a lambda's variable, but not of aggregates, window functions and other columns' aliases.
    """
    for node in reversed(list(root.walk(bfs=False))):
        if not isinstance(node, exp.Anonymous) or node.name not in OVERLOADED or not _has_late_type(node):
            continue
        _spell_out_aliases(node)
        names = [f"a{place}" for place in range(len(node.expressions))]
        fields = [
            exp.PropertyEQ(this=exp.to_identifier(name, quoted=True), expression=argument)
            for name, argument in zip(names, node.expressions, strict=True)
        ]
        picked = [call("struct_extract", variable("late"), string(name)) for name in names]
        parent, key, index = node.parent, node.arg_key, node.index
        inner = function(["late"], call(node.name, *picked))
        items = exp.Array(expressions=[call("struct_pack", *fields)])
        fixed = exp.Bracket(this=call("list_transform", items, inner), expressions=[number(1)], offset=1)
        if parent is None:
            raise unsupported("an expression that is nothing but a cast of an aggregate")
        parent.set(str(key), fixed, index=index)


def _spell_out_aliases(node: exp.Anonymous) -> None:
    """Replace aliases of aggregates in the same select list by what they stand for; lambdas see none."""
    select = node.find_ancestor(exp.Select)
    aggregates = {
        each.alias.lower(): each.this
        for each in (select.expressions if select else [])
        if isinstance(each, exp.Alias) and _is_aggregate(each.this)
    }
    for column in list(node.find_all(exp.Column)):
        if not column.table and column.name.lower() in aggregates:
            column.replace(exp.Paren(this=aggregates[column.name.lower()].copy()))


def _is_aggregate(expression: exp.Expr) -> bool:
    calls = expression.find_all(exp.Anonymous)
    return expression.find(exp.Window) is not None or any(each.name in DUCKDB_AGGREGATES for each in calls)


def _has_late_type(node: exp.Anonymous) -> bool:
    select = node.find_ancestor(exp.Select)
    aliases = (
        {each.alias.lower() for each in select.expressions if isinstance(each, exp.Alias)}
        if select
        else set()
    )
    for argument in node.expressions:
        for each in argument.walk(prune=lambda inner: isinstance(inner, exp.Select)):
            if isinstance(each, exp.Window | exp.Filter):
                return True
            if isinstance(each, exp.Anonymous) and each.name in DUCKDB_AGGREGATES:
                return True
            if isinstance(each, exp.Column) and not each.table and each.name.lower() in aliases:
                return True
    return False


def render(tree: exp.Expr) -> str:
    """Return a translated tree as DuckDB SQL, every identifier quoted.

    Raises
    ------
    SqlError
        If DuckDB has no words for something in the tree; nothing is left out.
    """
    try:
        return str(
            tree.sql(
                dialect=_Written, identify=True, normalize_functions=False, unsupported_level=ErrorLevel.RAISE
            )
        )
    except UnsupportedError as error:
        raise unsupported(f"this query: {error}") from error


class _Written(DuckDB):
    """DuckDB, with nothing added to what the rules have decided."""

    class Generator(DuckDB.Generator):  # type: ignore[misc, valid-type] # made by a metaclass
        """The generator; window functions take IGNORE NULLS inside of their parentheses."""

        def ignorenulls_sql(self, expression: exp.IgnoreNulls) -> str:
            inner = self.sql(expression, "this")
            return f"{inner[:-1]} IGNORE NULLS)"


def _finished(node: exp.Expr) -> exp.Expr:
    finish: Callable[[exp.Expr], exp.Expr] | None = node.meta.pop(FINISH, None)
    return finish(node) if finish else node


def _rewritten(node: exp.Expr, moment: Moment) -> exp.Expr:  # noqa: C901, PLR0911, PLR0912 - one branch a kind of node
    if isinstance(node, exp.Anonymous):
        return node if node.meta.get(DUCKDB) else apply(node.name, node.expressions, moment)
    if isinstance(node, exp.WithinGroup):
        return within_group(node)
    if isinstance(node, _WRAPPERS):
        finish = node.this.meta.pop(FINISH, None)
        if finish:
            node.meta[FINISH] = finish
        return node
    if isinstance(node, exp.Cast):
        return casts.of(node)
    if isinstance(node, exp.Bracket):
        return arrays.item(node)
    if isinstance(node, exp.JSONExtract):
        return documents.path(node)
    if isinstance(node, exp.Div):
        return call("spark_divide", node.this, node.expression)
    if isinstance(node, exp.IntDiv):
        return casts.converted(exp.Paren(this=node.copy()), "long")
    if isinstance(node, exp.Add | exp.Sub) and isinstance(node.expression, exp.Interval):
        return dates.moved(node)
    if isinstance(node, _COMPARISONS):
        return _compared(node)
    if isinstance(node, exp.Like | exp.ILike):
        return _like(node)
    if isinstance(node, exp.RegexpLike):
        return call("regexp_matches", node.this, node.expression)
    if isinstance(node, exp.Any):
        return apply("bool_or", [node.this.this], moment)
    if isinstance(node, exp.Transform):
        return apply("transform", [node.this, node.expression], moment)
    if isinstance(node, exp.Extract):
        return dates.extract(node.this.name, node.expression, moment)
    if isinstance(node, exp.Trim):
        return _trim(node)
    if isinstance(node, exp.Substring):
        return apply(
            "substring",
            [
                part
                for part in (node.this, node.args.get("start"), node.args.get("length"))
                if part is not None
            ],
            moment,
        )
    if isinstance(node, exp.StrPosition):
        return apply("instr", [node.this, node.args["substr"]], moment)
    if isinstance(node, exp.Placeholder | exp.Parameter):
        raise unsupported(f"the parameter marker {node.sql()}")
    if type(node) in _NAMED_BY_PARSER:
        return apply(_NAMED_BY_PARSER[type(node)], [], moment)
    if isinstance(node, exp.HexString):
        return call("unhex", string(node.name))
    if isinstance(node, exp.GroupConcat):
        return string_agg(node)
    if isinstance(node, exp.Values):
        return _values(node)
    if isinstance(node, exp.Func) and not isinstance(node, _SAME_MEANING):
        raise unresolved(node.sql_name().lower())
    return node


def _values(node: exp.Values) -> exp.Expr:
    """Return VALUES with Databricks' names for columns that have none."""
    for column in zip(*(row.expressions or [row] for row in node.expressions), strict=False):
        texts = [isinstance(value, exp.Literal) and value.is_string for value in column]
        numbers = [isinstance(value, exp.Literal) and not value.is_string for value in column]
        if any(texts) and any(numbers):
            raise failure(
                "INVALID_INLINE_TABLE.INCOMPATIBLE_TYPES_IN_INLINE_TABLE",
                "A column of VALUES has texts and numbers; cast them to one type.",
                "42000",
            )
    alias = node.args.get("alias")
    if (alias is not None and alias.columns) or not isinstance(node.parent, exp.From | exp.Join):
        return node
    width = len(node.expressions[0].expressions) if isinstance(node.expressions[0], exp.Tuple) else 1
    columns = [exp.to_identifier(f"col{place}", quoted=True) for place in range(1, width + 1)]
    name = alias.this if alias is not None else exp.to_identifier("__values", quoted=True)
    node.set("alias", exp.TableAlias(this=name, columns=columns))
    return node


def _compared(node: exp.Expr) -> exp.Expr:
    """Return a comparison in which a text with a fraction is not rounded to an integer beside it."""
    sides = {"this": node.this, "expression": node.args.get("expression")}
    sides |= {f"{place}": each for place, each in enumerate(node.expressions)}
    if isinstance(node, exp.Between):
        bounds = (node.args["low"], node.args["high"])
        if any(isinstance(each, exp.Literal) and each.is_string for each in bounds):
            low = _compared(exp.GTE(this=node.this, expression=bounds[0]))
            high = _compared(exp.LTE(this=node.this.copy(), expression=bounds[1]))
            return exp.Paren(this=exp.And(this=low, expression=high))
        return node
    for side in sides.values():
        if isinstance(side, exp.Literal) and side.is_string and _FRACTION.fullmatch(side.name):
            other = node.args.get("expression") if side is node.this else node.this
            if isinstance(other, exp.Expr) and not isinstance(other, exp.Query):
                side.replace(call("spark_beside", other.copy(), side.copy()))
    return node


def _like(node: exp.Like | exp.ILike) -> exp.Expr:
    # In Databricks a backslash escapes unless ESCAPE says otherwise; DuckDB escapes only if told.
    if isinstance(node.parent, exp.Escape):
        return node
    pattern = node.expression
    if isinstance(pattern, exp.Literal) and "\\" not in pattern.name:
        return node
    if not isinstance(pattern, exp.Literal | exp.Column | exp.Anonymous | exp.Paren | exp.Cast):
        raise unsupported("LIKE ANY and LIKE ALL")
    return exp.Escape(this=node.copy(), expression=string("\\"))


def _trim(node: exp.Trim) -> exp.Expr:
    name = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get((node.args.get("position") or "").upper(), "trim")
    characters = node.args.get("expression")
    return call(name, node.this, *([characters] if characters is not None else []))


def name_columns(query: exp.Expr) -> None:
    """Give the unnamed columns of a query's result the names Databricks gives them, in place."""
    select = query
    while isinstance(select, exp.SetOperation | exp.Subquery):
        select = select.this
    if not isinstance(select, exp.Select):
        return
    for projection in list(select.expressions):
        if isinstance(projection, exp.Alias | exp.Aliases | exp.Star | exp.Column):
            continue
        if generators.is_generator(projection):
            continue
        # Grouping and ordering may repeat the expression, which the alias must not capture.
        projection.replace(exp.alias_(projection.copy(), column_name(projection), quoted=True))


def column_name(expression: exp.Expr) -> str:
    """Return the name of a column that is computed by `expression` and has no alias.

    Examples
    --------
    >>> column_name(dialect.parse("SELECT MAX(a + 1)").expressions[0])
    'max((a + 1))'
    """
    named = expression.this if isinstance(expression, exp.Cast) else expression
    if isinstance(named, exp.Column):
        return str(named.name)
    if isinstance(expression, exp.Dot):
        return str(expression.expression.name)
    if isinstance(expression, exp.JSONExtract):
        return str(expression.expression.expressions[-1].this)
    if isinstance(expression, exp.Boolean):
        return str(expression.this).lower()
    if isinstance(expression, exp.Literal | exp.Null):
        return expression.name or "NULL"
    shown = _shown(expression.copy())
    return str(shown.sql(dialect=dialect.DatabricksNames, normalize_functions=False))


def _shown(expression: exp.Expr) -> exp.Expr:
    """Return an expression as Spark prints it: functions small, texts bare, operators in parentheses."""
    for node in list(expression.walk(bfs=False)):
        if isinstance(node, exp.Anonymous):
            node.set("this", node.name.lower())
        elif isinstance(node, exp.Identifier):
            node.set("quoted", None)
        elif isinstance(node, exp.Literal) and node.is_string:
            node.replace(exp.to_identifier(node.name, quoted=False))
    for argument in expression.expressions if isinstance(expression, exp.Anonymous) else []:
        if isinstance(argument, exp.Star):
            argument.replace(number(1))
        elif isinstance(argument, exp.Binary):
            argument.replace(paren(argument.copy()))
    is_operator = isinstance(expression, exp.Binary) and not isinstance(expression, exp.Dot)
    return paren(expression) if is_operator else expression
