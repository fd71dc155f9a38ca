"""Schemas (`w.schemas`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks.sdk.errors import NotImplemented as NotServed
from databricks.sdk.service.catalog import ListSchemasResponse
from fastapi import APIRouter

from databricks_monitoring.local_workspace.rest.paging import page
from databricks_monitoring.local_workspace.rest.request_fields import (
    Json,
    changes,
    properties,
    schema_name,
    text,
)
from databricks_monitoring.names import SchemaName

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.workspace import Workspace


def router(workspace: Workspace) -> APIRouter:
    """Return the routes of schemas."""
    routes = APIRouter(prefix="/api/2.1/unity-catalog/schemas")
    tables = workspace.tables

    @routes.get("")
    def list_schemas(
        catalog_name: str, max_results: int | None = None, page_token: str | None = None
    ) -> Json:
        """Return the schemas of a catalog by name, in pages."""
        shown, token = page(tables.list_schemas(catalog_name), max_results, page_token)
        return ListSchemasResponse(schemas=list(shown), next_page_token=token).as_dict()

    @routes.post("")
    def create_schema(body: Json) -> Json:
        """Create a schema in a catalog that exists. Deviation: `storage_root` is refused."""
        if body.get("storage_root") is not None:
            raise NotServed("storage_root: a local workspace keeps schemas in its own folder; leave it out.")
        name = SchemaName(text(body, "catalog_name"), text(body, "name"))
        return tables.create_schema(name, comment=body.get("comment"), properties=properties(body)).as_dict()

    @routes.get("/{full_name}")
    def get_schema(full_name: str) -> Json:
        """Return a schema."""
        return tables.get_schema(schema_name(full_name)).as_dict()

    @routes.patch("/{full_name}")
    def update_schema(full_name: str, body: Json) -> Json:
        """Change comment, owner or properties of a schema. Deviation: other fields are refused."""
        allowed = ("comment", "owner", "properties")
        return tables.update_schema(schema_name(full_name), changes(body, allowed)).as_dict()

    @routes.delete("/{full_name}")
    def delete_schema(full_name: str, *, force: bool = False) -> Json:
        """Delete a schema, with all it holds if `force`."""
        tables.drop_schema(schema_name(full_name), cascade=force)
        return {}

    return routes
