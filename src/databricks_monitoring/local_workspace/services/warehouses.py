"""SQL warehouses: one, which is always there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from databricks.sdk.errors import NotFound, PermissionDenied
from databricks.sdk.errors import NotImplemented as NotServed
from databricks.sdk.service.sql import (
    EndpointHealth,
    EndpointInfo,
    EndpointInfoWarehouseType,
    GetWarehouseResponse,
    ListWarehousesResponse,
    OdbcParams,
    State,
    Status,
)
from fastapi import APIRouter

from databricks_monitoring.local_workspace.user import USER_NAME

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.workspace import Workspace

Json = dict[str, Any]

WAREHOUSE_ID = "local"
"""Id of the one warehouse."""


def router(workspace: Workspace) -> APIRouter:
    """Return the routes of warehouses."""
    routes = APIRouter(prefix="/api/2.0/sql/warehouses")

    def shown(warehouse_id: str) -> Json:
        if warehouse_id != WAREHOUSE_ID:
            raise NotFound(
                f"The warehouse {warehouse_id} was not found. This workspace has one: {WAREHOUSE_ID}."
            )
        return _info(workspace).as_dict()

    @routes.get("")
    def list_warehouses() -> Json:
        """Return the one warehouse."""
        return ListWarehousesResponse(warehouses=[_info(workspace)]).as_dict()

    @routes.get("/{warehouse_id}")
    def get(warehouse_id: str) -> Json:
        """Return the warehouse."""
        return GetWarehouseResponse.from_dict(shown(warehouse_id)).as_dict()

    @routes.post("/{warehouse_id}/start")
    def start(warehouse_id: str) -> Json:
        """Start the warehouse, which runs already."""
        shown(warehouse_id)
        return {}

    @routes.post("/{warehouse_id}/stop")
    def stop(warehouse_id: str) -> Json:
        """Refuse to stop the warehouse. Deviation: a local one costs nothing and always runs."""
        shown(warehouse_id)
        raise NotServed("The warehouse of a local workspace runs as long as the workspace does.")

    @routes.post("/{warehouse_id}/edit")
    def edit(warehouse_id: str) -> Json:
        """Refuse to change the warehouse. Deviation: a local one has no size, scaling or idle time."""
        shown(warehouse_id)
        raise NotServed("The warehouse of a local workspace has nothing to change.")

    @routes.post("")
    def create() -> Json:
        """Refuse another warehouse. Deviation: a local workspace has exactly one."""
        raise NotServed(f"A local workspace has one warehouse, {WAREHOUSE_ID}; no other can be created.")

    @routes.delete("/{warehouse_id}")
    def delete(warehouse_id: str) -> Json:
        """Refuse to delete the warehouse."""
        shown(warehouse_id)
        raise PermissionDenied("The warehouse of a local workspace cannot be deleted.")

    return routes


def _info(workspace: Workspace) -> EndpointInfo:
    url = urlsplit(workspace.url)
    return EndpointInfo(
        id=WAREHOUSE_ID,
        name="Local warehouse",
        cluster_size="2X-Small",
        auto_stop_mins=0,
        creator_name=USER_NAME,
        enable_serverless_compute=False,
        warehouse_type=EndpointInfoWarehouseType.PRO,
        health=EndpointHealth(status=Status.HEALTHY),
        min_num_clusters=1,
        max_num_clusters=1,
        num_clusters=1,
        state=State.RUNNING,
        odbc_params=OdbcParams(
            hostname=url.hostname,
            path=f"/sql/1.0/warehouses/{WAREHOUSE_ID}",
            port=url.port,
            protocol=url.scheme,
        ),
    )
