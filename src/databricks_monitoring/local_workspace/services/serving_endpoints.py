"""Model serving endpoints: their configs, states, logs, metrics and permissions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from databricks.sdk.errors import InvalidParameterValue
from databricks.sdk.errors import NotImplemented as Unimplemented
from databricks.sdk.service.serving import (
    AiGatewayConfig,
    EmailNotifications,
    EndpointCoreConfigInput,
    EndpointTag,
)
from fastapi import APIRouter
from fastapi.responses import JSONResponse, PlainTextResponse

from databricks_monitoring.local_workspace.endpoints.deployment import BUILD_LOG, MODEL_LOG
from databricks_monitoring.local_workspace.endpoints.reports import log_tail, request_schema
from databricks_monitoring.local_workspace.endpoints.reports import metrics as metrics_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from databricks_monitoring.local_workspace.endpoints.endpoints import Endpoints
    from databricks_monitoring.local_workspace.workspace import Workspace

_Parsed = TypeVar("_Parsed")


def _parse(parse: Callable[[dict[str, Any]], _Parsed], body: object, where: str) -> _Parsed:
    """Read a body with the SDK's own dataclass; what does not have its shape is the caller's mistake."""
    if not isinstance(body, dict):
        raise InvalidParameterValue(f"{where}: expected a JSON object.")
    try:
        return parse(body)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvalidParameterValue(f"{where}: {error}") from error


def _tags(body: object, where: str) -> list[EndpointTag]:
    if not isinstance(body, list):
        raise InvalidParameterValue(f"{where}: expected a list of tags.")
    tags = [_parse(EndpointTag.from_dict, tag, where) for tag in body]
    for tag in tags:
        # The SDK's dataclasses take whatever JSON has.
        if not isinstance(tag.key, str) or not isinstance(tag.value, str | None):
            raise InvalidParameterValue(
                f"{where}: key and value are texts; found {tag.key!r}: {tag.value!r}."
            )
    return tags


def _refuse(body: dict[str, Any]) -> None:
    if body.get("route_optimized"):
        raise InvalidParameterValue(
            "route_optimized is not available: a local workspace has one address and no OAuth."
        )
    if body.get("telemetry_config"):
        raise Unimplemented(
            "telemetry_config is not available in a local workspace. "
            "Use ai_gateway.inference_table_config to log requests."
        )
    if body.get("rate_limits"):
        raise InvalidParameterValue("rate_limits has ended. Use ai_gateway.rate_limits instead.")


def router(workspace: Workspace) -> APIRouter:
    """Return the routes of serving endpoints."""
    routes = APIRouter(prefix="/api/2.0/serving-endpoints")
    _life_routes(routes, workspace.endpoints)
    _change_routes(routes, workspace.endpoints)
    _report_routes(routes, workspace)
    return routes


def _life_routes(routes: APIRouter, endpoints: Endpoints) -> None:
    @routes.post("")
    def create(body: dict[str, Any]) -> dict[str, Any]:
        """Create an endpoint and begin to deploy it.

        Only custom models from the workspace's registry are served, on CPU. Guardrails, fallbacks, usage
        tracking, telemetry, route optimization and token limits are refused by name. Notifications are kept,
        not sent.
        """
        _refuse(body)
        if not isinstance(body.get("description"), str | None):
            raise InvalidParameterValue(f"description: expected a text, found {body['description']!r}.")
        gateway = body.get("ai_gateway")
        notifications = body.get("email_notifications")
        return endpoints.create(
            str(body.get("name") or ""),
            _parse(EndpointCoreConfigInput.from_dict, body.get("config"), "config"),
            ai_gateway=_parse(AiGatewayConfig.from_dict, gateway, "ai_gateway") if gateway else None,
            tags=_tags(body.get("tags") or [], "tags"),
            email_notifications=_parse(EmailNotifications.from_dict, notifications, "email_notifications")
            if notifications
            else None,
            description=body.get("description"),
        ).as_dict()

    @routes.post("/pt")
    @routes.put("/pt/{name}/config")
    def provisioned_throughput() -> dict[str, Any]:
        """Refuse provisioned throughput by name: a local workspace serves no foundation models."""
        raise InvalidParameterValue(
            "Provisioned throughput is not available: a local workspace serves custom models."
        )

    @routes.get("")
    def list_all() -> dict[str, Any]:
        """List every endpoint, by name."""
        return {"endpoints": [endpoint.as_dict() for endpoint in endpoints.list()]}

    @routes.get("/{name}")
    def get(name: str) -> dict[str, Any]:
        """Return an endpoint with its configs and the state of every served entity."""
        return endpoints.get(name).as_dict()

    @routes.delete("/{name}")
    def delete(name: str) -> dict[str, Any]:
        """Delete an endpoint; its inference table stays."""
        endpoints.delete(name)
        return {}


def _change_routes(routes: APIRouter, endpoints: Endpoints) -> None:
    @routes.put("/{name}/config")
    def update_config(name: str, body: dict[str, Any]) -> dict[str, Any]:
        """Replace served entities and traffic; the old config serves until the new one is ready."""
        config = _parse(EndpointCoreConfigInput.from_dict, body, "config")
        return endpoints.update_config(name, config).as_dict()

    @routes.put("/{name}/ai-gateway")
    def put_ai_gateway(name: str, body: dict[str, Any]) -> dict[str, Any]:
        """Replace the AI Gateway block: inference table and rate limits; what is left out is cleared.

        Rate limits by user group or service principal are refused: there is one user.
        """
        config = _parse(AiGatewayConfig.from_dict, body, "ai_gateway")
        return endpoints.put_ai_gateway(name, config).as_dict()

    @routes.put("/{name}/rate-limits")
    def put_rate_limits(name: str) -> dict[str, Any]:
        """Refuse rate limits beside the AI Gateway block by name: they have ended."""
        endpoints.get(name)
        raise InvalidParameterValue("rate_limits has ended. Use ai_gateway.rate_limits instead.")

    @routes.patch("/{name}/tags")
    def patch_tags(name: str, body: dict[str, Any]) -> dict[str, Any]:
        """Add, replace and delete tags."""
        added = _tags(body.get("add_tags") or [], "add_tags")
        tags = endpoints.patch_tags(name, added, [str(key) for key in body.get("delete_tags") or []])
        return {"tags": [tag.as_dict() for tag in tags]}

    @routes.patch("/{name}/notifications")
    def update_notifications(name: str, body: dict[str, Any]) -> dict[str, Any]:
        """Replace who is told of updates; kept and echoed, no mail is sent."""
        found = body.get("email_notifications") or {}
        notifications = _parse(EmailNotifications.from_dict, found, "email_notifications")
        endpoints.update_notifications(name, notifications)
        return {"email_notifications": notifications.as_dict()}

    @routes.patch("/{name}/telemetry-config")
    def patch_telemetry(name: str, body: dict[str, Any]) -> dict[str, Any]:
        """Refuse telemetry tables by name; an empty body has nothing to remove."""
        endpoints.get(name)
        _refuse(body)
        return {}


def _report_routes(routes: APIRouter, workspace: Workspace) -> None:
    endpoints = workspace.endpoints

    @routes.get("/{name}/metrics")
    def metrics(name: str) -> PlainTextResponse:
        """Return metrics in Prometheus text, counted since the workspace started."""
        return PlainTextResponse(metrics_text(endpoints.served(name)))

    @routes.get("/{name}/openapi")
    def open_api(name: str) -> JSONResponse:
        """Return the request and answer schema, from the signature of the first served entity."""
        return JSONResponse(request_schema(endpoints.served(name), endpoints.models, workspace.url))

    @routes.get("/{name}/served-models/{served}/build-logs")
    def build_logs(name: str, served: str) -> dict[str, str]:
        """Return when the model was loaded, failed or restarted; no container is built locally."""
        return {"logs": log_tail(endpoints.log_path(name, served) / BUILD_LOG)}

    @routes.get("/{name}/served-models/{served}/logs")
    def logs(name: str, served: str) -> dict[str, str]:
        """Return the end of what the model printed."""
        return {"logs": log_tail(endpoints.log_path(name, served) / MODEL_LOG)}
