"""AI/BI dashboards (`w.lakeview`).

Deviations from the real service: dashboards are not listed among workspace files; schedules, subscriptions,
migration and reverting to the published state are not served; credentials are those of the only user.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from databricks.sdk.service.dashboards import Dashboard, ListDashboardsResponse
from fastapi import APIRouter

from databricks_monitoring.local_workspace.dashboards import Dashboards
from databricks_monitoring.local_workspace.rest.paging import page

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.workspace import Workspace

Json = dict[str, Any]

_LISTED = ("dashboard_id", "display_name", "create_time", "lifecycle_state", "warehouse_id")
"""Fields that a listing shows."""


def router(workspace: Workspace) -> APIRouter:
    """Return the routes of dashboards."""
    routes = APIRouter(prefix="/api/2.0/lakeview/dashboards")
    dashboards = Dashboards(workspace.store, workspace.clock, workspace.root / "workspace_files")

    @routes.post("")
    def create(body: Json, dataset_catalog: str | None = None, dataset_schema: str | None = None) -> Json:
        """Create a draft dashboard in a folder that exists."""
        wanted = Dashboard.from_dict(body)
        created = dashboards.create(wanted, dataset_catalog=dataset_catalog, dataset_schema=dataset_schema)
        return created.as_dict()

    @routes.get("")
    def list_dashboards(
        page_size: int | None = None, page_token: str | None = None, *, show_trashed: bool = False
    ) -> Json:
        """Return dashboards by name, without their contents."""
        shown, token = page(dashboards.list(trashed=show_trashed), page_size, page_token)
        summaries = [
            Dashboard.from_dict({key: value for key, value in draft.as_dict().items() if key in _LISTED})
            for draft in shown
        ]
        return ListDashboardsResponse(dashboards=summaries, next_page_token=token).as_dict()

    @routes.get("/{dashboard_id}")
    def get(dashboard_id: str) -> Json:
        """Return a draft dashboard."""
        return dashboards.get(dashboard_id).as_dict()

    @routes.patch("/{dashboard_id}")
    def update(
        dashboard_id: str, body: Json, dataset_catalog: str | None = None, dataset_schema: str | None = None
    ) -> Json:
        """Change a draft dashboard; an etag in the body must be the current one."""
        wanted = Dashboard.from_dict(body)
        changed = dashboards.update(
            dashboard_id, wanted, dataset_catalog=dataset_catalog, dataset_schema=dataset_schema
        )
        return changed.as_dict()

    @routes.delete("/{dashboard_id}")
    def trash(dashboard_id: str) -> Json:
        """Move a dashboard to the trash."""
        dashboards.trash(dashboard_id)
        return {}

    @routes.post("/{dashboard_id}/published")
    def publish(dashboard_id: str, body: Json) -> Json:
        """Publish the draft as it is now."""
        published = dashboards.publish(
            dashboard_id,
            embed_credentials=body.get("embed_credentials", True),
            warehouse_id=body.get("warehouse_id"),
        )
        return published.as_dict()

    @routes.get("/{dashboard_id}/published")
    def get_published(dashboard_id: str) -> Json:
        """Return what was published of a dashboard."""
        return dashboards.get_published(dashboard_id).as_dict()

    @routes.delete("/{dashboard_id}/published")
    def unpublish(dashboard_id: str) -> Json:
        """Withdraw what was published."""
        dashboards.unpublish(dashboard_id)
        return {}

    return routes
