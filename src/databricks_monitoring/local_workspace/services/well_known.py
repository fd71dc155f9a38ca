"""Discovery documents that clients read before they know who they are; they need no token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter

from databricks_monitoring.local_workspace.user import WORKSPACE_ID

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.workspace import Workspace


def router(workspace: Workspace) -> APIRouter:
    """Return the routes of discovery."""
    routes = APIRouter()
    oidc = f"{workspace.url}/oidc"

    @routes.get("/.well-known/databricks-config")
    def databricks_config() -> dict[str, str]:
        """Return the workspace's id and where tokens would be issued; the SDK asks when it connects."""
        return {"oidc_endpoint": oidc, "workspace_id": WORKSPACE_ID, "host_type": "workspace"}

    @routes.get("/oidc/.well-known/oauth-authorization-server")
    def oauth_authorization_server() -> dict[str, object]:
        """Return where OAuth would happen. Deviation: no OAuth flow is served; sign in with the token."""
        return {
            "issuer": oidc,
            "authorization_endpoint": f"{oidc}/v1/authorize",
            "token_endpoint": f"{oidc}/v1/token",
            "response_types_supported": ["code"],
            "grant_types_supported": [],
            "scopes_supported": ["all-apis"],
        }

    return routes
