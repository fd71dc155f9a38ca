"""Tables as Unity Catalog describes them (`w.tables`); rows are read and written through SQL."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from databricks.sdk.errors import NotFound
from databricks.sdk.errors import NotImplemented as NotServed
from databricks.sdk.service.catalog import (
    ListTablesResponse,
    ListTableSummariesResponse,
    TableExistsResponse,
    TableSummary,
)
from fastapi import APIRouter

from databricks_monitoring.local_workspace.rest.paging import page
from databricks_monitoring.local_workspace.rest.request_fields import Json, changes, table_name
from databricks_monitoring.names import SchemaName

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.workspace import Workspace

_SUMMARIES = 10_000


def router(workspace: Workspace) -> APIRouter:  # noqa: C901 - one nested function a route
    """Return the routes of tables."""
    routes = APIRouter(prefix="/api/2.1/unity-catalog")
    tables = workspace.tables

    @routes.get("/tables")
    def list_tables(
        catalog_name: str,
        schema_name: str,
        *,
        max_results: int | None = None,
        page_token: str | None = None,
        omit_columns: bool = False,
        omit_properties: bool = False,
    ) -> Json:
        """Return the tables of a schema by name, in pages."""
        shown, token = page(tables.list(SchemaName(catalog_name, schema_name)), max_results, page_token)
        for table in shown:
            table.columns = None if omit_columns else table.columns
            table.properties = None if omit_properties else table.properties
        return ListTablesResponse(tables=list(shown), next_page_token=token).as_dict()

    @routes.get("/table-summaries")
    def list_summaries(
        catalog_name: str,
        schema_name_pattern: str = "%",
        table_name_pattern: str = "%",
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> Json:
        """Return names and kinds of the tables of a catalog whose names match LIKE patterns, in pages."""
        schemas, names = _like(schema_name_pattern), _like(table_name_pattern)
        found = [
            TableSummary(full_name=table.full_name, table_type=table.table_type)
            for schema in tables.list_schemas(catalog_name)
            if schemas.fullmatch(str(schema.name))
            for table in tables.list(SchemaName(catalog_name, str(schema.name)))
            if names.fullmatch(str(table.name))
        ]
        shown, token = page(found, max_results, page_token, default_size=_SUMMARIES)
        return ListTableSummariesResponse(tables=list(shown), next_page_token=token).as_dict()

    @routes.post("/tables")
    def create_table(_body: Json) -> Json:
        """Refuse: the real service registers external tables only; create managed ones with SQL."""
        raise NotServed("External tables are not available in a local workspace; use CREATE TABLE in SQL.")

    @routes.get("/tables/{full_name}")
    def get_table(full_name: str) -> Json:
        """Return a table with its columns and properties."""
        return tables.get(table_name(full_name)).as_dict()

    @routes.get("/tables/{full_name}/exists")
    def exists(full_name: str) -> Json:
        """Say whether a table exists; a missing catalog or schema is an error, as in the real service."""
        name = table_name(full_name)
        found = tables.exists(name)
        if not found:
            tables.get_schema(name.parent)
        return TableExistsResponse(table_exists=found).as_dict()

    @routes.patch("/tables/{full_name}")
    def update_table(full_name: str, body: Json) -> Json:
        """Change the owner of a table."""
        return tables.update(table_name(full_name), changes(body, ("owner",))).as_dict()

    @routes.delete("/tables/{full_name}")
    def delete_table(full_name: str) -> Json:
        """Delete a table. Deviation: its data are deleted at once, not after a week."""
        name = table_name(full_name)
        if name in tables.virtual:
            raise NotFound(f"Table '{name}' is answered by the workspace itself and cannot be deleted.")
        tables.drop(name)
        return {}

    return routes


def _like(pattern: str) -> re.Pattern[str]:
    parts = (".*" if char == "%" else "." if char == "_" else re.escape(char) for char in pattern)
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL)
