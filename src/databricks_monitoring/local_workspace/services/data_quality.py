"""Data quality monitoring: monitors and refreshes by the ids of tables (`w.data_quality`).

Deviations from the real service: a schedule is checked and stored, but nothing runs by it; notifications are
stored, but not sent; refreshes of different monitors run one after the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from databricks.sdk.errors import InvalidParameterValue
from databricks.sdk.errors import NotImplemented as Unimplemented
from databricks.sdk.service.dataquality import (
    AggregationGranularity,
    CancelRefreshResponse,
    ListRefreshResponse,
    Monitor,
    RefreshTrigger,
)
from fastapi import APIRouter

from databricks_monitoring.local_workspace.rest.paging import page
from databricks_monitoring.local_workspace.rest.update_mask import masked

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.monitors.monitors import Monitors
    from databricks_monitoring.local_workspace.workspace import Workspace

Json = dict[str, Any]

_UNIMPLEMENTED = "This API is not implemented by the service."


def router(workspace: Workspace) -> APIRouter:
    """Return the routes of data quality monitoring."""
    routes = APIRouter(prefix="/api/data-quality/v1/monitors")
    _monitor_routes(routes, workspace.monitors)
    _refresh_routes(routes, workspace.monitors)
    return routes


def _monitor_routes(routes: APIRouter, monitors: Monitors) -> None:

    @routes.post("")
    def create_monitor(body: Json) -> Json:
        """Create a monitor; it starts its first refresh by itself."""
        monitor = _parse(body)
        if monitor.data_profiling_config is None:
            raise InvalidParameterValue("data_profiling_config is required for object_type 'table'.")
        return monitors.create(str(monitor.object_id), monitor.data_profiling_config).as_monitor().as_dict()

    @routes.get("")
    def list_monitor() -> Json:
        """Refuse, as the real service does: listing monitors is not implemented."""
        raise Unimplemented(_UNIMPLEMENTED)

    @routes.get("/{object_type}/{object_id}")
    def get_monitor(object_type: str, object_id: str) -> Json:
        """Return a monitor with its status and metric tables."""
        _require_table(object_type)
        return monitors.get(object_id).as_monitor().as_dict()

    @routes.patch("/{object_type}/{object_id}")
    def update_monitor(object_type: str, object_id: str, body: Json, update_mask: str = "") -> Json:
        """Change the fields that `update_mask` names; the version counts up, no refresh starts."""
        _require_table(object_type)
        current = monitors.get(object_id)
        wanted = _parse(masked(current.as_monitor().as_dict(), body, update_mask)).data_profiling_config
        if wanted is None:
            raise InvalidParameterValue(
                "data_profiling_config cannot be removed; delete the monitor instead."
            )
        updated = monitors.update(object_id, wanted, prediction_proba_column=current.prediction_proba_column)
        return updated.as_monitor().as_dict()

    @routes.delete("/{object_type}/{object_id}")
    def delete_monitor(object_type: str, object_id: str) -> Json:
        """Delete a monitor and its refreshes; metric tables and dashboard stay."""
        _require_table(object_type)
        monitors.delete(object_id)
        return {}


def _refresh_routes(routes: APIRouter, monitors: Monitors) -> None:
    @routes.post("/{object_type}/{object_id}/refreshes")
    def create_refresh(object_type: str, object_id: str) -> Json:
        """Queue a refresh."""
        _require_table(object_type)
        return monitors.create_refresh(object_id, RefreshTrigger.MONITOR_REFRESH_TRIGGER_MANUAL).as_dict()

    @routes.get("/{object_type}/{object_id}/refreshes")
    def list_refresh(
        object_type: str, object_id: str, page_size: int | None = None, page_token: str | None = None
    ) -> Json:
        """Return refreshes, newest first, in pages."""
        _require_table(object_type)
        shown, token = page(monitors.list_refresh(object_id), page_size, page_token)
        return ListRefreshResponse(next_page_token=token, refreshes=list(shown)).as_dict()

    @routes.get("/{object_type}/{object_id}/refreshes/{refresh_id}")
    def get_refresh(object_type: str, object_id: str, refresh_id: int) -> Json:
        """Return one refresh with its state and message."""
        _require_table(object_type)
        return monitors.get_refresh(object_id, refresh_id).as_dict()

    @routes.post("/{object_type}/{object_id}/refreshes/{refresh_id}/cancel")
    def cancel_refresh(object_type: str, object_id: str, refresh_id: int) -> Json:
        """Cancel a refresh that waits or runs."""
        _require_table(object_type)
        return CancelRefreshResponse(refresh=monitors.cancel_refresh(object_id, refresh_id)).as_dict()

    @routes.delete("/{object_type}/{object_id}/refreshes/{refresh_id}")
    def delete_refresh(object_type: str, object_id: str, refresh_id: int) -> Json:
        """Refuse, as the real service does: deleting a refresh is not implemented."""
        raise Unimplemented(f"{_UNIMPLEMENTED} Refresh {refresh_id} of {object_type} {object_id} stays.")

    @routes.patch("/{object_type}/{object_id}/refreshes/{refresh_id}")
    def update_refresh(object_type: str, object_id: str, refresh_id: int) -> Json:
        """Refuse, as the real service does: changing a refresh is not implemented."""
        raise Unimplemented(f"{_UNIMPLEMENTED} Refresh {refresh_id} of {object_type} {object_id} stays.")


def _require_table(object_type: str) -> None:
    if object_type == "schema":
        raise Unimplemented(
            "Anomaly detection of schemas is not available in a local workspace; monitor tables."
        )
    if object_type != "table":
        raise InvalidParameterValue(f"object_type: found {object_type!r}, expected 'table' or 'schema'.")


def _parse(body: Json) -> Monitor:
    _require_table(str(body.get("object_type", "")))
    if body.get("anomaly_detection_config") is not None:
        raise InvalidParameterValue("anomaly_detection_config applies to schemas, not to tables.")
    config = body.get("data_profiling_config") or {}
    for part in ("time_series", "inference_log"):
        for granularity in (config.get(part) or {}).get("granularities") or []:
            if granularity not in AggregationGranularity.__members__:
                known = ", ".join(AggregationGranularity.__members__)
                raise InvalidParameterValue(
                    f"{part}.granularities: unknown {granularity!r}; expected one of {known}."
                )
    return Monitor.from_dict(body)
