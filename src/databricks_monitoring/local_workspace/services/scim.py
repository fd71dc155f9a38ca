"""Who the caller is (`w.current_user`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from databricks.sdk.service.iam import ComplexValue, Name, User, UserSchema
from fastapi import APIRouter, Response

from databricks_monitoring.local_workspace.user import USER_NAME, WORKSPACE_ID

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.workspace import Workspace


def router(_workspace: Workspace) -> APIRouter:
    """Return the routes of the current user."""
    routes = APIRouter()

    @routes.get("/api/2.0/preview/scim/v2/Me")
    def me(response: Response) -> dict[str, Any]:
        """Return the only user. Deviation: other users, groups and service principals are not served."""
        response.headers["X-Databricks-Org-Id"] = WORKSPACE_ID
        return User(
            id="1",
            user_name=USER_NAME,
            display_name="Local user",
            active=True,
            name=Name(given_name="Local", family_name="user"),
            emails=[ComplexValue(value=USER_NAME, type="work", primary=True)],
            groups=[
                ComplexValue(display="admins", type="direct"),
                ComplexValue(display="users", type="direct"),
            ],
            schemas=[UserSchema.URN_IETF_PARAMS_SCIM_SCHEMAS_CORE_2_0_USER],
        ).as_dict()

    return routes
