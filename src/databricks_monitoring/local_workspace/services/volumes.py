"""Volumes (`w.volumes`); their files are read and written through the Files API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks.sdk.errors import NotImplemented as NotServed
from databricks.sdk.service.catalog import ListVolumesResponseContent, VolumeType
from fastapi import APIRouter

from databricks_monitoring.local_workspace.rest.paging import page
from databricks_monitoring.local_workspace.rest.request_fields import Json, changes, table_name, text
from databricks_monitoring.names import SchemaName, TableName

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.workspace import Workspace


def router(workspace: Workspace) -> APIRouter:
    """Return the routes of volumes."""
    routes = APIRouter(prefix="/api/2.1/unity-catalog/volumes")
    tables = workspace.tables

    @routes.get("")
    def list_volumes(
        catalog_name: str, schema_name: str, max_results: int | None = None, page_token: str | None = None
    ) -> Json:
        """Return the volumes of a schema by name, in pages."""
        schema = SchemaName(catalog_name, schema_name)
        tables.get_schema(schema)
        shown, token = page(tables.volumes.list(schema), max_results, page_token)
        return ListVolumesResponseContent(volumes=list(shown), next_page_token=token).as_dict()

    @routes.post("")
    def create_volume(body: Json) -> Json:
        """Create a managed volume. Deviation: external volumes are refused."""
        if body.get("volume_type") != VolumeType.MANAGED.value or body.get("storage_location"):
            raise NotServed(
                "External volumes are not available in a local workspace; use volume_type MANAGED."
            )
        name = TableName(text(body, "catalog_name"), text(body, "schema_name"), text(body, "name"))
        tables.get_schema(name.parent)
        return tables.volumes.create(name, comment=body.get("comment")).as_dict()

    @routes.get("/{full_name}")
    def read_volume(full_name: str) -> Json:
        """Return a volume."""
        return tables.volumes.get(table_name(full_name)).as_dict()

    @routes.patch("/{full_name}")
    def update_volume(full_name: str, body: Json) -> Json:
        """Change comment or owner of a volume. Deviation: renaming is refused."""
        return tables.volumes.update(table_name(full_name), changes(body, ("comment", "owner"))).as_dict()

    @routes.delete("/{full_name}")
    def delete_volume(full_name: str) -> Json:
        """Delete a volume and its files."""
        tables.volumes.drop(table_name(full_name))
        return {}

    return routes
