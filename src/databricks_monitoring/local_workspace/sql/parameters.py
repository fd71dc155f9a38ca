"""Named parameters: text and a type come with the request, a typed literal takes the marker's place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from databricks_monitoring.local_workspace.sql.dialect import DatabricksNames
from databricks_monitoring.local_workspace.sql.errors import failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from databricks.sdk.service.sql import StatementParameterListItem


def bind(tree: exp.Expr, parameters: Sequence[StatementParameterListItem]) -> exp.Expr:
    """Return the statement with every `:name` replaced; in place where possible.

    Raises
    ------
    SqlError
        UNBOUND_SQL_PARAMETER if a marker has no value.
    """
    values = {parameter.name: parameter for parameter in parameters}
    markers = [node for node in tree.walk() if isinstance(node, exp.Placeholder)]
    for marker in markers:
        name = marker.name
        if name not in values:
            raise failure(
                "UNBOUND_SQL_PARAMETER",
                f"Found the unbound parameter: {name or '?'}. Provide a value for it in `parameters`"
                f"; given: {', '.join(sorted(values)) or 'none'}.",
                "42P02",
            )
        parameter = values[name]
        if isinstance(marker.parent, exp.Limit | exp.Offset) and (parameter.value or "").strip().isdigit():
            marker.replace(exp.Literal.number(str(parameter.value).strip()))
            continue
        marker.replace(_literal(parameter))
    return tree


def _literal(parameter: StatementParameterListItem) -> exp.Expr:
    kind = (parameter.type or "STRING").strip()
    if parameter.value is None:
        return exp.Cast(this=exp.Null(), to=_type("STRING" if kind.upper() == "VOID" else kind))
    text = exp.Literal.string(parameter.value)
    if kind.upper() == "STRING":
        return text
    if kind.upper() in {"INT", "INTEGER"} and parameter.value.strip().lstrip("-").isdigit():
        # LIMIT and VERSION AS OF want a plain number.
        value = exp.Literal.number(parameter.value.strip().lstrip("-"))
        return exp.Neg(this=value) if parameter.value.strip().startswith("-") else value
    return exp.Cast(this=text, to=_type(kind))


def _type(kind: str) -> exp.DataType:
    try:
        tree = sqlglot.parse_one(f"CAST(NULL AS {kind})", read=DatabricksNames)
    except SqlglotError as error:
        raise failure("INVALID_PARAMETER_VALUE", f"`{kind}` is no type of a parameter.", "22023") from error
    if not isinstance(tree, exp.Cast) or tree.to.args.get("nested"):
        raise failure(
            "INVALID_PARAMETER_VALUE", f"`{kind}` is no scalar type; parameters are scalars.", "22023"
        )
    return tree.to
