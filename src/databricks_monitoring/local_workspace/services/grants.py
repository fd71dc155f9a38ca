"""Privileges on Unity Catalog objects (`w.grants`): kept and given back, never enforced.

Deviation: a local workspace has one user, who owns everything, so no privilege is ever checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks.sdk.errors import InvalidParameterValue
from databricks.sdk.service.catalog import (
    EffectivePermissionsList,
    EffectivePrivilege,
    EffectivePrivilegeAssignment,
    GetPermissionsResponse,
    Privilege,
    PrivilegeAssignment,
    SecurableType,
    UpdatePermissionsResponse,
)
from fastapi import APIRouter

from databricks_monitoring.errors import nearest
from databricks_monitoring.local_workspace.catalog.securables import GRANT
from databricks_monitoring.local_workspace.rest.request_fields import Json, schema_name, table_name, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from databricks_monitoring.local_workspace.workspace import Workspace

Grants = dict[str, list[str]]
"""Principal to its privileges, sorted."""


def router(workspace: Workspace) -> APIRouter:
    """Return the routes of privileges."""
    routes = APIRouter(prefix="/api/2.1/unity-catalog")
    store = workspace.store
    require = _existence_checks(workspace)

    def key(securable_type: str, full_name: str) -> str:
        if securable_type.lower() not in require:
            known = ", ".join(require)
            raise InvalidParameterValue(
                f"Unknown securable type {securable_type!r}; expected one of {known}."
            )
        return f"{securable_type.lower()}/{require[securable_type.lower()](full_name)}"

    def held(where: str) -> Grants:
        return (store.get(GRANT, where) or {}).get("grants", {})  # type: ignore[no-any-return]  # written below

    @routes.get("/permissions/{securable_type}/{full_name}")
    def get_permissions(securable_type: str, full_name: str, principal: str | None = None) -> Json:
        """Return the privileges granted on an object itself."""
        assignments = _assignments(held(key(securable_type, full_name)), principal)
        return GetPermissionsResponse(privilege_assignments=assignments).as_dict()

    @routes.patch("/permissions/{securable_type}/{full_name}")
    def update_permissions(securable_type: str, full_name: str, body: Json) -> Json:
        """Grant and revoke privileges. Deviation: principals need not exist, and nothing is enforced."""
        where = key(securable_type, full_name)
        with store.transaction():
            grants = held(where)
            for change in body.get("changes") or []:
                _apply(grants, change)
            store.put(GRANT, where, {"grants": grants})
        return UpdatePermissionsResponse(privilege_assignments=_assignments(grants, None)).as_dict()

    @routes.get("/effective-permissions/{securable_type}/{full_name}")
    def get_effective(securable_type: str, full_name: str, principal: str | None = None) -> Json:
        """Return the privileges on an object with those inherited from its schema and catalog."""
        privileges: dict[str, list[EffectivePrivilege]] = {}
        for where in _with_parents(key(securable_type, full_name)):
            kind, _, name = where.partition("/")
            inherited = where != key(securable_type, full_name)
            for assignment in _assignments(held(where), principal):
                privileges.setdefault(str(assignment.principal), []).extend(
                    EffectivePrivilege(
                        privilege=privilege,
                        inherited_from_name=name if inherited else None,
                        inherited_from_type=SecurableType(kind.upper()) if inherited else None,
                    )
                    for privilege in assignment.privileges or []
                )
        return EffectivePermissionsList(
            privilege_assignments=[
                EffectivePrivilegeAssignment(who, what) for who, what in privileges.items()
            ]
        ).as_dict()

    return routes


def _existence_checks(workspace: Workspace) -> dict[str, Callable[[str], str]]:
    """Return, by kind of object, the function that returns its stored name or raises `NotFound`."""
    tables = workspace.tables
    return {
        "catalog": lambda name: str(tables.get_catalog(name).full_name),
        "schema": lambda name: str(tables.get_schema(schema_name(name)).full_name),
        "table": lambda name: str(tables.get(table_name(name)).full_name),
        "volume": lambda name: str(tables.volumes.get(table_name(name)).full_name),
        # Registered models are functions to Unity Catalog's permissions.
        "function": lambda name: workspace.models.get(name).name,
        "metastore": str,
    }


def _with_parents(where: str) -> list[str]:
    kind, _, name = where.partition("/")
    catalog, _, rest = name.partition(".")
    parents = []
    if kind not in ("catalog", "metastore"):
        parents.append(f"catalog/{catalog}")
        if kind != "schema":
            parents.append(f"schema/{catalog}.{rest.partition('.')[0]}")
    return [*parents, where]


def _apply(grants: Grants, change: Json) -> None:
    principal = text(change, "principal")
    wanted = set(grants.get(principal, [])) | set(_privileges(change, "add"))
    wanted -= set(_privileges(change, "remove"))
    if wanted:
        grants[principal] = sorted(wanted)
    else:
        grants.pop(principal, None)


def _privileges(change: Json, field: str) -> list[str]:
    names = [str(name) for name in change.get(field) or []]
    for name in names:
        if name not in Privilege.__members__:
            guess = nearest(name, Privilege.__members__)
            hint = f" Did you mean {guess}?" if guess else ""
            raise InvalidParameterValue(f"{field}: privilege {name!r} is not known.{hint}")
    return names


def _assignments(grants: Grants, principal: str | None) -> list[PrivilegeAssignment]:
    return [
        PrivilegeAssignment(principal=who, privileges=[Privilege(name) for name in names])
        for who, names in grants.items()
        if principal in (None, who)
    ]
