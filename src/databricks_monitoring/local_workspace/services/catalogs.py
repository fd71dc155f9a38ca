"""Catalogs (`w.catalogs`) and the metastore they are in (`w.metastores`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks.sdk.errors import NotImplemented as NotServed
from databricks.sdk.service.catalog import (
    GetMetastoreSummaryResponse,
    ListCatalogsResponse,
    MetastoreAssignment,
)
from fastapi import APIRouter

from databricks_monitoring.local_workspace.catalog.securables import metastore_id
from databricks_monitoring.local_workspace.rest.paging import page
from databricks_monitoring.local_workspace.rest.request_fields import Json, changes, properties, text
from databricks_monitoring.local_workspace.user import USER_NAME, WORKSPACE_ID

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.workspace import Workspace

_REFUSED = ("connection_name", "provider_name", "share_name", "storage_root")


def router(workspace: Workspace) -> APIRouter:
    """Return the routes of catalogs and of the metastore."""
    routes = APIRouter(prefix="/api/2.1/unity-catalog")
    tables = workspace.tables
    metastore = metastore_id(workspace.store)

    @routes.get("/catalogs")
    def list_catalogs(max_results: int | None = None, page_token: str | None = None) -> Json:
        """Return catalogs by name, in pages."""
        shown, token = page(tables.list_catalogs(), max_results, page_token)
        return ListCatalogsResponse(catalogs=list(shown), next_page_token=token).as_dict()

    @routes.post("/catalogs")
    def create_catalog(body: Json) -> Json:
        """Create a catalog with a schema `default`. Deviation: managed ones only."""
        if refused := [field for field in _REFUSED if body.get(field) is not None]:
            raise NotServed(
                f"{refused[0]}: a local workspace keeps catalogs in its own folder; leave it out."
            )
        name = text(body, "name")
        return tables.create_catalog(name, comment=body.get("comment"), properties=properties(body)).as_dict()

    @routes.get("/catalogs/{name}")
    def get_catalog(name: str) -> Json:
        """Return a catalog."""
        return tables.get_catalog(name).as_dict()

    @routes.patch("/catalogs/{name}")
    def update_catalog(name: str, body: Json) -> Json:
        """Change comment, owner or properties of a catalog. Deviation: other fields are refused."""
        return tables.update_catalog(name, changes(body, ("comment", "owner", "properties"))).as_dict()

    @routes.delete("/catalogs/{name}")
    def delete_catalog(name: str, *, force: bool = False) -> Json:
        """Delete a catalog, with all it holds if `force`."""
        tables.drop_catalog(name, cascade=force)
        return {}

    @routes.get("/current-metastore-assignment")
    def current_metastore() -> Json:
        """Return which metastore the workspace uses."""
        return MetastoreAssignment(workspace_id=int(WORKSPACE_ID), metastore_id=metastore).as_dict()

    @routes.get("/metastore_summary")
    def metastore_summary() -> Json:
        """Return the metastore. Deviation: no cloud and no region, because there is none."""
        return GetMetastoreSummaryResponse(
            metastore_id=metastore,
            name="local",
            owner=USER_NAME,
            created_by=USER_NAME,
            created_at=min(catalog.created_at or 0 for catalog in tables.list_catalogs()),
            storage_root=(workspace.root / "tables").absolute().as_uri(),
            privilege_model_version="1.0",
        ).as_dict()

    return routes
