"""Secrets and their scopes (`w.secrets`, `dbutils.secrets`)."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from databricks.sdk.errors import BadRequest, InvalidParameterValue
from databricks.sdk.service.workspace import AclPermission, ScopeBackendType
from fastapi import APIRouter

from databricks_monitoring.local_workspace.rest.request_fields import text
from databricks_monitoring.local_workspace.secret_scopes import decoded

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.secret_scopes import SecretScopes
    from databricks_monitoring.local_workspace.workspace import Workspace


def _value(body: dict[str, Any]) -> bytes:
    given = [name for name in ("string_value", "bytes_value") if body.get(name) is not None]
    if len(given) != 1:
        found = " and ".join(given) or "neither"
        raise BadRequest(
            f"Exactly one of string_value and bytes_value is needed, found {found}.",
            error_code="MALFORMED_REQUEST",
        )
    value = body[given[0]]
    if not isinstance(value, str):
        raise InvalidParameterValue(f"{given[0]}: expected a text.")
    return value.encode() if given[0] == "string_value" else decoded(value)


def _permission(found: object) -> AclPermission:
    levels = [level.value for level in AclPermission]
    if found not in levels:
        raise InvalidParameterValue(f"permission {found!r}: expected one of {levels}.")
    return AclPermission(found)


def router(workspace: Workspace) -> APIRouter:
    """Return the routes of secrets."""
    routes = APIRouter(prefix="/api/2.0/secrets")
    _scope_routes(routes, workspace.secrets)
    _secret_routes(routes, workspace.secrets)
    _acl_routes(routes, workspace.secrets)
    return routes


def _scope_routes(routes: APIRouter, secrets: SecretScopes) -> None:
    @routes.post("/scopes/create")
    def create_scope(body: dict[str, Any]) -> dict[str, Any]:
        """Create a scope.

        Deviation: scopes over an Azure Key Vault are refused by name; values are kept in a file of mode 0600
        under the root, not encrypted.
        """
        kind = body.get("scope_backend_type") or ScopeBackendType.DATABRICKS.value
        if kind != ScopeBackendType.DATABRICKS.value or body.get("backend_azure_keyvault"):
            raise InvalidParameterValue(
                f"scope_backend_type {kind} is not available: a local workspace reaches no key vault. "
                "Leave it out, and put the secrets."
            )
        manager = body.get("initial_manage_principal")
        secrets.create_scope(text(body, "scope"), None if manager is None else str(manager))
        return {}

    @routes.get("/scopes/list")
    def list_scopes() -> dict[str, Any]:
        """List the scopes, by name."""
        return {"scopes": [scope.as_dict() for scope in secrets.list_scopes()]}

    @routes.post("/scopes/delete")
    def delete_scope(body: dict[str, Any]) -> dict[str, Any]:
        """Delete a scope with its secrets."""
        secrets.delete_scope(text(body, "scope"))
        return {}


def _secret_routes(routes: APIRouter, secrets: SecretScopes) -> None:
    @routes.post("/put")
    def put(body: dict[str, Any]) -> dict[str, Any]:
        """Write a secret, as text or as base64; a model gets the value when its process is next started."""
        secrets.put(text(body, "scope"), text(body, "key"), _value(body))
        return {}

    @routes.get("/get")
    def get(scope: str, key: str) -> dict[str, Any]:
        """Return a secret's value in base64."""
        return {"key": key, "value": base64.b64encode(secrets.get(scope, key)).decode()}

    @routes.get("/list")
    def list_secrets(scope: str) -> dict[str, Any]:
        """List the keys of a scope, without values."""
        return {"secrets": [secret.as_dict() for secret in secrets.list_secrets(scope)]}

    @routes.post("/delete")
    def delete(body: dict[str, Any]) -> dict[str, Any]:
        """Delete a secret."""
        secrets.delete(text(body, "scope"), text(body, "key"))
        return {}


def _acl_routes(routes: APIRouter, secrets: SecretScopes) -> None:
    @routes.post("/acls/put")
    def put_acl(body: dict[str, Any]) -> dict[str, Any]:
        """Give a user or group a permission on a scope.

        Deviation: permissions are kept and echoed, and bind nobody: there is one user.
        """
        permission = _permission(body.get("permission"))
        secrets.put_acl(text(body, "scope"), text(body, "principal"), permission)
        return {}

    @routes.get("/acls/list")
    def list_acls(scope: str) -> dict[str, Any]:
        """List who may do what with a scope."""
        return {"items": [item.as_dict() for item in secrets.list_acls(scope)]}

    @routes.get("/acls/get")
    def get_acl(scope: str, principal: str) -> dict[str, Any]:
        """Return what a user or group may do with a scope."""
        return secrets.get_acl(scope, principal).as_dict()

    @routes.post("/acls/delete")
    def delete_acl(body: dict[str, Any]) -> dict[str, Any]:
        """Take a permission on a scope away."""
        secrets.delete_acl(text(body, "scope"), text(body, "principal"))
        return {}
