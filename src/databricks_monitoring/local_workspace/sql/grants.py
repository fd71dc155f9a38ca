"""GRANT, REVOKE and SHOW GRANTS: recorded as the permissions API records them, and as little enforced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks.sdk.service.catalog import Privilege
from sqlglot import exp

from databricks_monitoring.local_workspace.catalog.securables import GRANT
from databricks_monitoring.local_workspace.sql.errors import failure, unsupported
from databricks_monitoring.local_workspace.sql.result import listing, nothing

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.sql.commands import Words
    from databricks_monitoring.local_workspace.sql.execution import Execution
    from databricks_monitoring.local_workspace.sql.result import Outcome

_LEGACY = {"USAGE", "CREATE"}


def change(tree: exp.Grant | exp.Revoke, execution: Execution) -> Outcome:
    """Grant or revoke privileges on a catalog, a schema or a table."""
    where = _key(str(tree.args.get("kind") or "TABLE").upper(), tree.args["securable"], execution)
    privileges = {_privilege(each.this.name) for each in tree.args["privileges"]}
    store = execution.tables._store  # noqa: SLF001 - grants are kept beside the tables
    with store.transaction():
        held: dict[str, list[str]] = (store.get(GRANT, where) or {}).get("grants", {})
        for principal in tree.args["principals"]:
            name = principal.this.name
            before = set(held.get(name, []))
            after = before | privileges if isinstance(tree, exp.Grant) else before - privileges
            held.pop(name, None)
            if after:
                held[name] = sorted(after)
        store.put(GRANT, where, {"grants": held})
    return nothing()


def _privilege(name: str) -> str:
    word = name.upper().replace(" ", "_")
    if word not in {privilege.value for privilege in Privilege} | _LEGACY:
        raise failure("INVALID_PRIVILEGE", f"`{name}` is no privilege.", "42852")
    return word


def _key(kind: str, node: exp.Expr, execution: Execution) -> str:
    if kind in {"SCHEMA", "DATABASE"}:
        schema = execution.scope.schema_name(node)
        execution.scope.require_schema(schema)
        return f"schema/{schema}"
    if kind == "CATALOG":
        return f"catalog/{execution.tables.get_catalog(node.name).name}"
    if kind == "TABLE":
        name = execution.scope.name(node)
        if not execution.tables.exists(name):
            raise execution.scope.missing(name)
        return f"table/{name}"
    raise unsupported(f"GRANT on a {kind}")


def show(words: Words, execution: Execution) -> Outcome:
    """Return the privileges granted on an object itself."""
    if not words.take("ON"):
        raise unsupported("SHOW GRANTS of a principal; name an object with ON")
    kind = words.text().upper() if words.peek() in {"TABLE", "SCHEMA", "DATABASE", "CATALOG"} else "TABLE"
    where = _key(kind, words.name(), execution)
    words.end()
    store = execution.tables._store  # noqa: SLF001 - grants are kept beside the tables
    held: dict[str, list[str]] = (store.get(GRANT, where) or {}).get("grants", {})
    kind_name, _, name = where.partition("/")
    rows = [
        (principal, privilege.replace("_", " "), kind_name.upper(), name)
        for principal, privileges in sorted(held.items())
        for privilege in privileges
    ]
    return listing(
        {"Principal": "string", "ActionType": "string", "ObjectType": "string", "ObjectKey": "string"}, rows
    )
