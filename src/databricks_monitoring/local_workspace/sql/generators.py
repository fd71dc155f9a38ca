"""Functions that make rows of arrays and maps: `explode` and its kin, in a select list or in a LATERAL VIEW.

Each becomes a lateral subquery that unnests, which DuckDB runs as one streaming operator.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from databricks_monitoring.local_workspace.sql.errors import failure, unsupported
from databricks_monitoring.local_workspace.sql.functions.aggregates import AGGREGATES
from databricks_monitoring.local_workspace.sql.functions.rules import call, cast, function, number, variable


@dataclass(frozen=True)
class _Kind:
    positions: bool
    outer: bool
    structs: bool = False


_KINDS = {
    "explode": _Kind(positions=False, outer=False),
    "explode_outer": _Kind(positions=False, outer=True),
    "posexplode": _Kind(positions=True, outer=False),
    "posexplode_outer": _Kind(positions=True, outer=True),
    "inline": _Kind(positions=False, outer=False, structs=True),
    "inline_outer": _Kind(positions=False, outer=True, structs=True),
}

_MAPS = frozenset(
    {
        "map",
        "map_from_arrays",
        "map_from_entries",
        "map_concat",
        "map_filter",
        "transform_values",
        "transform_keys",
    }
)


def rewrite(tree: exp.Expr) -> None:
    """Turn every generator in a query into a lateral join, in place; done before functions are translated."""
    for select in list(tree.find_all(exp.Select)):
        _lateral_views(select)
        _select_list(select)
    for table in list(tree.find_all(exp.Table)):
        if _kind(table.this) is not None:
            table.replace(_subquery(table.this, table.args.get("alias"), outer=False))
    for found in tree.find_all(exp.Anonymous):
        if found.name.lower() in _KINDS:
            raise failure(
                "UNSUPPORTED_GENERATOR.NESTED_IN_EXPRESSIONS",
                f"The generator `{found.name}` is not supported inside of an expression.",
                "42K0E",
            )


def _kind(node: exp.Expr | None) -> _Kind | None:
    return _KINDS.get(node.name.lower()) if isinstance(node, exp.Anonymous) else None


def _lateral_views(select: exp.Select) -> None:
    joins = [
        _join(lateral.this, lateral.args.get("alias"), outer=bool(lateral.args.get("outer")))
        for lateral in select.args.get("laterals") or []
    ]
    select.set("laterals", None)
    for join in select.args.get("joins") or []:
        if isinstance(join.this, exp.Lateral) and _kind(join.this.this) is not None:
            lateral = join.this
            join.set(
                "this",
                _join(lateral.this, lateral.args.get("alias"), outer=bool(lateral.args.get("outer"))).this,
            )
            join.set("kind", "CROSS")
            join.set("side", None)
            join.set("on", None)
    if joins:
        select.set("joins", [*(select.args.get("joins") or []), *joins])


def _select_list(select: exp.Select) -> None:
    found = [
        place
        for place, each in enumerate(select.expressions)
        if _kind(each.unalias() if not isinstance(each, exp.Aliases) else each.this)
    ]
    if not found:
        return
    if len(found) > 1:
        raise failure(
            "UNSUPPORTED_GENERATOR.MULTI_GENERATOR",
            "Only one generator is allowed in a select list.",
            "42K0E",
        )
    if select.args.get("group") or any(
        each.name.lower() in AGGREGATES
        for each in select.find_all(exp.Anonymous)
        if each.parent_select is select
    ):
        raise unsupported("a generator beside aggregates; put the aggregates into a subquery")
    place = found[0]
    projection = select.expressions[place]
    generator = projection.this if isinstance(projection, exp.Alias | exp.Aliases) else projection
    names = (
        [each.name for each in projection.expressions]
        if isinstance(projection, exp.Aliases)
        else ([projection.alias] if isinstance(projection, exp.Alias) else [])
    )
    alias = "__generated"
    columns = exp.TableAlias(
        this=exp.to_identifier(alias, quoted=True),
        columns=[exp.to_identifier(name, quoted=True) for name in names],
    )
    source = _subquery(generator, columns, outer=False)
    select.expressions[place].replace(
        exp.Column(this=exp.Star(), table=exp.to_identifier(alias, quoted=True))
    )
    if select.args.get("from_"):
        rows = exp.Subquery(this=source.this)
        join = exp.Join(this=exp.Lateral(this=rows, alias=source.args["alias"]), kind="CROSS")
        select.set("joins", [*(select.args.get("joins") or []), join])
    else:
        select.set("from_", exp.From(this=source))


def _join(generator: exp.Expr, alias: exp.TableAlias | None, *, outer: bool) -> exp.Join:
    source = _subquery(generator, alias, outer=outer)
    rows = exp.Subquery(this=source.this)
    return exp.Join(this=exp.Lateral(this=rows, alias=source.args.get("alias")), kind="CROSS")


def _subquery(generator: exp.Expr, alias: exp.TableAlias | None, *, outer: bool) -> exp.Subquery:
    kind = _kind(generator)
    if kind is None:
        raise unsupported(f"LATERAL VIEW of {generator.name or generator.sql()}")
    if len(generator.expressions) != 1:
        raise failure(
            "WRONG_NUM_ARGS.WITHOUT_SUGGESTION",
            f"The `{generator.name}` requires 1 parameters, not {len(generator.expressions)}.",
            "42605",
        )
    names = [each.name for each in alias.columns] if alias else []
    value = generator.expressions[0]
    is_map = not kind.structs and (_is_map(value) or len(names) == _columns(kind, is_map=True))
    defaults = [] if kind.structs else _default_names(kind, is_map=is_map)
    if names and defaults and len(names) != len(defaults):
        raise failure(
            "NUM_TABLE_VALUE_ALIASES_MISMATCH",
            f"The generator has the columns {', '.join(defaults)}; {len(names)} names were given.",
            "42826",
        )
    table = exp.TableAlias(
        this=exp.to_identifier(alias.name if alias and alias.name else "__lateral", quoted=True),
        columns=[exp.to_identifier(each, quoted=True) for each in names or defaults],
    )
    unnested = _unnested(value, kind, is_map=is_map, outer=outer or kind.outer)
    return exp.Subquery(this=exp.Select(expressions=[unnested]), alias=table)


def _default_names(kind: _Kind, *, is_map: bool) -> list[str]:
    return (["pos"] if kind.positions else []) + (["key", "value"] if is_map else ["col"])


def _columns(kind: _Kind, *, is_map: bool) -> int:
    return len(_default_names(kind, is_map=is_map))


def _is_map(value: exp.Expr) -> bool:
    return isinstance(value, exp.Anonymous) and value.name.lower() in _MAPS


def _unnested(value: exp.Expr, kind: _Kind, *, is_map: bool, outer: bool) -> exp.Expr:
    """Return one UNNEST that names its value once, so that the value is computed once."""
    items = call("map_entries", value) if is_map else value
    if kind.positions:
        parts: dict[str, exp.Expr] = {"col": variable("item")}
        if is_map:
            parts = {
                name: call("struct_extract_at", variable("item"), number(n))
                for n, name in ((1, "key"), (2, "value"))
            }
        place = cast(exp.Sub(this=variable("place"), expression=number(1)), "INTEGER")
        fields = [
            exp.PropertyEQ(this=exp.to_identifier(name, quoted=True), expression=part)
            for name, part in {"pos": place, **parts}.items()
        ]
        items = call("list_transform", items, function(["item", "place"], call("struct_pack", *fields)))
    if outer:
        nothing = exp.Array(expressions=[exp.Null()])
        present = exp.Nullif(this=items, expression=exp.Array(expressions=[]))
        items = exp.Coalesce(this=present, expressions=[nothing])
    if kind.positions or is_map or kind.structs:
        depth = exp.PropertyEQ(this=exp.to_identifier("max_depth", quoted=True), expression=number(2))
        return call("unnest", items, depth)
    return call("unnest", items)


def is_generator(projection: exp.Expr) -> bool:
    """Whether an item of a select list makes rows."""
    return _kind(projection) is not None
