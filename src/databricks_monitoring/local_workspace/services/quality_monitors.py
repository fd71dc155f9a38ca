"""The older monitor API, by the names of tables (`w.quality_monitors`).

This is the only place that knows both vocabularies.

Deviations from the real service: those of the current API, and data classification is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from databricks.sdk.errors import InvalidParameterValue
from databricks.sdk.errors import NotImplemented as Unimplemented
from databricks.sdk.service.catalog import (
    MonitorCronSchedulePauseStatus,
    MonitorInferenceLogProblemType,
    MonitorInfo,
    MonitorMetricType,
    MonitorRefreshInfo,
    MonitorRefreshListResponse,
    RegenerateDashboardResponse,
)
from databricks.sdk.service.dataquality import AggregationGranularity, DataProfilingConfig
from fastapi import APIRouter

from databricks_monitoring.local_workspace.monitors.stored_monitor import inputs_only

if TYPE_CHECKING:
    from collections.abc import Iterable

    from databricks.sdk.service.dataquality import Refresh

    from databricks_monitoring.local_workspace.monitors.monitors import Monitors
    from databricks_monitoring.local_workspace.monitors.stored_monitor import StoredMonitor
    from databricks_monitoring.local_workspace.workspace import Workspace

Json = dict[str, Any]

_PATH = "/api/2.1/unity-catalog/tables/{table_name}/monitor"
_LISTED_AT_MOST = 25

_GRANULARITY_OF = {
    granularity.value.removeprefix("AGGREGATION_GRANULARITY_").replace("_", " ").lower(): granularity.value
    for granularity in AggregationGranularity
}
"""`1 day` to `AGGREGATION_GRANULARITY_1_DAY`."""

_CURRENT_NAME = {
    "timestamp_col": "timestamp_column",
    "prediction_col": "prediction_column",
    "model_id_col": "model_id_column",
    "label_col": "label_column",
}
_LEGACY_NAME = {current: legacy for legacy, current in _CURRENT_NAME.items()}
_SHARED = ("baseline_table_name", "slicing_exprs", "assets_dir", "skip_builtin_dashboard", "warehouse_id")


def router(workspace: Workspace) -> APIRouter:
    """Return the routes of the older monitor API."""
    routes = APIRouter()
    _monitor_routes(routes, workspace.monitors)
    _refresh_routes(routes, workspace.monitors)
    return routes


def _monitor_routes(routes: APIRouter, monitors: Monitors) -> None:
    @routes.post(_PATH)
    def create(table_name: str, body: Json) -> Json:
        """Create a monitor; it starts its first refresh by itself."""
        assets_dir = str(body.get("assets_dir") or "")
        if not assets_dir.startswith("/"):
            raise InvalidParameterValue(
                f"assets_dir: found {assets_dir!r}, expected an absolute workspace path."
            )
        table_id = monitors.table_id(table_name)
        config, proba = _current(body, monitors.schema_id(str(body.get("output_schema_name") or "")))
        return _info(monitors.create(table_id, config, prediction_proba_column=proba))

    @routes.get(_PATH)
    def get(table_name: str) -> Json:
        """Return a monitor; like the real one without `warehouse_id` and `skip_builtin_dashboard`."""
        return _info(monitors.get(monitors.table_id(table_name)))

    @routes.put(_PATH)
    def update(table_name: str, body: Json) -> Json:
        """Replace the configuration: what the body leaves out is reset. Starts no refresh."""
        table_id = monitors.table_id(table_name)
        kept = monitors.get(table_id).config
        body = body | {
            "assets_dir": kept.assets_dir,
            "skip_builtin_dashboard": kept.skip_builtin_dashboard,
            "warehouse_id": kept.warehouse_id,
        }
        config, proba = _current(body, monitors.schema_id(str(body.get("output_schema_name") or "")))
        updated = monitors.update(
            table_id, config, prediction_proba_column=proba, dashboard_id=body.get("dashboard_id")
        )
        return _info(updated)

    @routes.delete(_PATH)
    def delete(table_name: str) -> Json:
        """Delete a monitor and its refreshes; metric tables and dashboard stay."""
        monitors.delete(monitors.table_id(table_name))
        return {}

    @routes.post("/api/2.1/quality-monitoring/tables/{table_name}/monitor/dashboard")
    def regenerate_dashboard(table_name: str, body: Json) -> Json:
        """Create the monitor's dashboard anew in `{assets_dir}/{table}`."""
        monitor = monitors.regenerate_dashboard(monitors.table_id(table_name), body.get("warehouse_id"))
        folder = f"{monitor.config.assets_dir}/{monitor.table.name}"
        return RegenerateDashboardResponse(dashboard_id=monitor.dashboard_id, parent_folder=folder).as_dict()


def _refresh_routes(routes: APIRouter, monitors: Monitors) -> None:
    @routes.post(_PATH + "/refreshes")
    def run_refresh(table_name: str) -> Json:
        """Queue a refresh."""
        return _refresh_info(monitors.create_refresh(monitors.table_id(table_name))).as_dict()

    @routes.get(_PATH + "/refreshes")
    def list_refreshes(table_name: str) -> Json:
        """Return the newest 25 refreshes, newest first."""
        newest = monitors.list_refresh(monitors.table_id(table_name))[:_LISTED_AT_MOST]
        return MonitorRefreshListResponse([_refresh_info(refresh) for refresh in newest]).as_dict()

    @routes.get(_PATH + "/refreshes/{refresh_id}")
    def get_refresh(table_name: str, refresh_id: int) -> Json:
        """Return one refresh with its state and message."""
        return _refresh_info(monitors.get_refresh(monitors.table_id(table_name), refresh_id)).as_dict()

    @routes.post(_PATH + "/refreshes/{refresh_id}/cancel")
    def cancel_refresh(table_name: str, refresh_id: int) -> Json:
        """Cancel a refresh that waits or runs."""
        monitors.cancel_refresh(monitors.table_id(table_name), refresh_id)
        return {}


def _current(body: Json, output_schema_id: str) -> tuple[DataProfilingConfig, str | None]:
    """Return the configuration in the current API's words, and the column that only the older one has."""
    if (body.get("data_classification_config") or {}).get("enabled"):
        raise Unimplemented("Data classification is not available in a local workspace; leave it out.")
    config: Json = {"output_schema_id": output_schema_id}
    config |= {field: body[field] for field in _SHARED if body.get(field) is not None}
    for part in ("inference_log", "time_series"):
        if body.get(part) is not None:
            config[part] = _current_analysis(body[part], part)
    if body.get("snapshot") is not None:
        config["snapshot"] = {}
    if body.get("custom_metrics"):
        config["custom_metrics"] = [_current_metric(metric) for metric in body["custom_metrics"]]
    if body.get("schedule") is not None:
        config["schedule"] = _prefixed(body["schedule"], "pause_status", "CRON_SCHEDULE_PAUSE_STATUS_")
    if body.get("notifications") is not None:
        on_failure = body["notifications"].get("on_failure")
        config["notification_settings"] = {"on_failure": on_failure} if on_failure else {}
    proba = (body.get("inference_log") or {}).get("prediction_proba_col")
    return DataProfilingConfig.from_dict(config), proba


def _current_analysis(part: Json, name: str) -> Json:
    unknown = [text for text in part.get("granularities") or [] if text not in _GRANULARITY_OF]
    if unknown:
        known = ", ".join(_GRANULARITY_OF)
        raise InvalidParameterValue(f"{name}.granularities: unknown {unknown[0]!r}; expected one of {known}.")
    renamed = {
        _CURRENT_NAME.get(key, key): value for key, value in part.items() if key != "prediction_proba_col"
    }
    renamed["granularities"] = [_GRANULARITY_OF[text] for text in part.get("granularities") or []]
    return _prefixed(renamed, "problem_type", "INFERENCE_")


def _current_metric(metric: Json) -> Json:
    return _prefixed(metric, "type", "DATA_PROFILING_")


def _prefixed(part: Json, field: str, prefix: str) -> Json:
    return part | {field: prefix + part[field]} if part.get(field) else part


def _stripped(part: Json, field: str, prefix: str, known: Iterable[str]) -> Json:
    value = str(part.get(field) or "").removeprefix(prefix)
    return part | {field: value} if value in known else part


def _info(monitor: StoredMonitor) -> Json:
    config = inputs_only(monitor.config).as_dict()
    body: Json = {
        "output_schema_name": str(monitor.output_schema),
        "table_name": str(monitor.table),
        "status": monitor.status.value.replace("DATA_PROFILING_STATUS_", "MONITOR_STATUS_"),
        "profile_metrics_table_name": str(monitor.profile_table),
        "drift_metrics_table_name": str(monitor.drift_table),
        "monitor_version": monitor.version,
        "dashboard_id": monitor.dashboard_id,
        "latest_monitor_failure_msg": monitor.failure,
        "notifications": config.get("notification_settings"),
        "snapshot": config.get("snapshot"),
    }
    body |= {field: config.get(field) for field in ("assets_dir", "baseline_table_name", "slicing_exprs")}
    for part in ("inference_log", "time_series"):
        if part in config:
            body[part] = _legacy_analysis(config[part])
    if "inference_log" in body and monitor.prediction_proba_column:
        body["inference_log"]["prediction_proba_col"] = monitor.prediction_proba_column
    if "custom_metrics" in config:
        known = {kind.value for kind in MonitorMetricType}
        body["custom_metrics"] = [
            _stripped(metric, "type", "DATA_PROFILING_", known) for metric in config["custom_metrics"]
        ]
    if "schedule" in config:
        known = {status.value for status in MonitorCronSchedulePauseStatus}
        schedule = _stripped(config["schedule"], "pause_status", "CRON_SCHEDULE_PAUSE_STATUS_", known)
        body["schedule"] = {"pause_status": "UNPAUSED"} | schedule
    return MonitorInfo.from_dict({key: value for key, value in body.items() if value is not None}).as_dict()


def _legacy_analysis(part: Json) -> Json:
    renamed = {_LEGACY_NAME.get(key, key): value for key, value in part.items()}
    text_of = {value: text for text, value in _GRANULARITY_OF.items()}
    renamed["granularities"] = [text_of[value] for value in part["granularities"]]
    known = {problem.value for problem in MonitorInferenceLogProblemType}
    return _stripped(renamed, "problem_type", "INFERENCE_", known)


def _refresh_info(refresh: Refresh) -> MonitorRefreshInfo:
    body = refresh.as_dict()
    body["state"] = body["state"].removeprefix("MONITOR_REFRESH_STATE_")
    body["trigger"] = body.get("trigger", "").removeprefix("MONITOR_REFRESH_TRIGGER_")
    return MonitorRefreshInfo.from_dict(body)
