"""Permissions of serving endpoints: kept and echoed, by endpoint id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from databricks.sdk.errors import InvalidParameterValue
from databricks.sdk.service.serving import (
    ServingEndpointAccessControlRequest,
    ServingEndpointAccessControlResponse,
    ServingEndpointPermission,
    ServingEndpointPermissionLevel,
    ServingEndpointPermissions,
)
from fastapi import APIRouter

from databricks_monitoring.local_workspace.user import USER_NAME

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.workspace import Workspace

_KIND = "serving_permissions"
_LEVELS = {
    "CAN_VIEW": "Can view the endpoint.",
    "CAN_QUERY": "Can view and query the endpoint.",
    "CAN_MANAGE": "Can view, query, change and delete the endpoint and its permissions.",
}
_PRINCIPALS = ("user_name", "group_name", "service_principal_name")

_Entry = tuple[str, str]


def _entries(body: dict[str, Any]) -> dict[_Entry, str]:
    """Return the level of each (kind of principal, name)."""
    entries: dict[_Entry, str] = {}
    for given in body.get("access_control_list") or []:
        level = given.get("permission_level") if isinstance(given, dict) else None
        if level not in _LEVELS:
            raise InvalidParameterValue(f"permission_level {level!r}: expected one of {list(_LEVELS)}.")
        request = ServingEndpointAccessControlRequest.from_dict(given)
        named = [(kind, getattr(request, kind)) for kind in _PRINCIPALS if getattr(request, kind)]
        if len(named) != 1:
            raise InvalidParameterValue(f"An entry names exactly one of {list(_PRINCIPALS)}.")
        entries[named[0]] = level
    return entries


def _shown(endpoint_id: str, entries: dict[_Entry, str]) -> dict[str, Any]:
    rows = [
        ServingEndpointAccessControlResponse(
            **{kind: name},
            all_permissions=[
                ServingEndpointPermission(
                    inherited=False, permission_level=ServingEndpointPermissionLevel(level)
                )
            ],
        )
        for (kind, name), level in entries.items()
    ]
    return ServingEndpointPermissions(
        access_control_list=rows,
        object_id=f"/serving-endpoints/{endpoint_id}",
        object_type="serving-endpoint",
    ).as_dict()


def router(workspace: Workspace) -> APIRouter:
    """Return the routes of endpoint permissions."""
    routes = APIRouter(prefix="/api/2.0/permissions/serving-endpoints/{endpoint_id}")
    endpoints, store = workspace.endpoints, workspace.store

    def kept(endpoint_id: str) -> dict[_Entry, str]:
        endpoints.name_of(endpoint_id)
        body = store.get(_KIND, endpoint_id) or {"entries": [["user_name", USER_NAME, "CAN_MANAGE"]]}
        return {(kind, name): level for kind, name, level in body["entries"]}

    def keep(endpoint_id: str, entries: dict[_Entry, str]) -> dict[str, Any]:
        # The creator's right to manage cannot be taken away.
        entries = entries | {("user_name", USER_NAME): "CAN_MANAGE"}
        store.put(_KIND, endpoint_id, {"entries": [[*who, level] for who, level in entries.items()]})
        return _shown(endpoint_id, entries)

    @routes.get("")
    def get(endpoint_id: str) -> dict[str, Any]:
        """Return who may do what with an endpoint."""
        return _shown(endpoint_id, kept(endpoint_id))

    @routes.put("")
    def replace(endpoint_id: str, body: dict[str, Any]) -> dict[str, Any]:
        """Replace the permissions; they are kept and echoed, and bind nobody: there is one user."""
        kept(endpoint_id)
        return keep(endpoint_id, _entries(body))

    @routes.patch("")
    def change(endpoint_id: str, body: dict[str, Any]) -> dict[str, Any]:
        """Add or replace single permissions; kept and echoed, as above."""
        return keep(endpoint_id, kept(endpoint_id) | _entries(body))

    @routes.get("/permissionLevels")
    def levels(endpoint_id: str) -> dict[str, Any]:
        """Return the levels there are."""
        endpoints.name_of(endpoint_id)
        return {
            "permission_levels": [
                {"permission_level": level, "description": text} for level, text in _LEVELS.items()
            ]
        }

    return routes
