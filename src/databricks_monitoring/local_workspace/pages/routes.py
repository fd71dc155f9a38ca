"""Pages for people: what the workspace holds, and its dashboards drawn.

Deviations from the real service: filters, parameters other than their defaults, and widgets beyond counters,
tables, text and the usual charts are not drawn; a page is a snapshot of the moment it was loaded.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from databricks.sdk.errors import NotFound
from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from databricks_monitoring.local_workspace.dashboards import Dashboards
from databricks_monitoring.local_workspace.pages.assets import asset, static_files
from databricks_monitoring.local_workspace.pages.dashboard import dashboard_view
from databricks_monitoring.local_workspace.pages.home import home_view

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.workspace import Workspace

_HEADERS = {
    # Vega compiles its expressions, hence 'unsafe-eval'; everything comes from this server.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def router(workspace: Workspace) -> APIRouter:
    """Return the routes of the pages."""
    routes = APIRouter()
    dashboards = Dashboards(workspace.store, workspace.clock, workspace.root / "workspace_files")

    @routes.get("/", response_class=HTMLResponse)
    def home() -> HTMLResponse:
        """Show what the workspace holds: endpoints, monitors, dashboards, tables, its clock."""
        return _page("home.html", home=home_view(workspace, dashboards))

    @routes.get("/sql/dashboardsv3/{dashboard_id}", response_class=HTMLResponse)
    def draft(dashboard_id: str) -> HTMLResponse:
        """Draw a draft dashboard over the rows of this moment."""
        try:
            found = dashboards.get(dashboard_id)
        except NotFound as error:
            return _missing(str(error))
        content = str(found.serialized_dashboard)
        view = dashboard_view(workspace, str(found.display_name), content, published=False)
        return _page("dashboard.html", view=view)

    @routes.get("/dashboardsv3/{dashboard_id}/published", response_class=HTMLResponse)
    def published(dashboard_id: str) -> HTMLResponse:
        """Draw a published dashboard over the rows of this moment."""
        try:
            found = dashboards.get_published(dashboard_id)
            content = dashboards.published_content(dashboard_id)
        except NotFound as error:
            return _missing(str(error))
        view = dashboard_view(workspace, str(found.display_name), content, published=True)
        return _page("dashboard.html", view=view)

    @routes.get("/pages/assets/{name}")
    def page_asset(name: str) -> Response:
        """Return a style sheet or a script of the pages; open to everyone."""
        content, kind = asset(name, workspace.root / "pages")
        headers = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(content, media_type=kind, headers=headers)

    @routes.get("/favicon.ico")
    def icon() -> Response:
        """Return no icon, without an error in the browser's console."""
        return Response(status_code=204)

    return routes


@cache
def _templates() -> Environment:
    loader = PackageLoader("databricks_monitoring.local_workspace.pages")
    found = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    found.globals["asset"] = lambda name: f"/pages/assets/{static_files()[name]}"
    return found


def _page(template: str, status: int = 200, **values: object) -> HTMLResponse:
    text = _templates().get_template(template).render(**values)
    return HTMLResponse(text, status_code=status, headers=_HEADERS)


def _missing(message: str) -> HTMLResponse:
    return _page("missing.html", status=404, message=message)
