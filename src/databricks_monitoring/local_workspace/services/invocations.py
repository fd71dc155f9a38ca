"""Requests to models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response

from databricks_monitoring.local_workspace.model_server.settings import MAX_REQUEST_BYTES

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.endpoints.served_endpoint import Invocation
    from databricks_monitoring.local_workspace.workspace import Workspace


async def _body(request: Request) -> bytes | None:
    """Return the body, or None if it is larger than an endpoint takes; the rest is read and dropped.

    An answer while the client still sends would reach it as a broken connection.
    """
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size <= MAX_REQUEST_BYTES:
            parts.append(part)
        else:
            parts.clear()
    return b"".join(parts) if size <= MAX_REQUEST_BYTES else None


def _response(answer: Invocation) -> Response:
    return Response(answer.body, answer.status, answer.headers, media_type="application/json")


def router(workspace: Workspace) -> APIRouter:
    """Return the routes of invocations."""
    routes = APIRouter(prefix="/serving-endpoints/{name}")
    endpoints = workspace.endpoints

    @routes.post("/invocations")
    async def invoke(name: str, request: Request) -> Response:
        """Answer a request by one of the served entities, drawn by traffic percentage.

        Where MLflow's scoring server writes NaN bare, answers text or shows a stack trace, this answers null
        and a JSON error without one. A request without a content type is answered 415.
        """
        content_type = request.headers.get("content-type", "")
        return _response(await endpoints.invoke(name, await _body(request), content_type))

    @routes.post("/served-models/{served}/invocations")
    async def invoke_entity(name: str, served: str, request: Request) -> Response:
        """Answer a request by one served entity, whatever its traffic percentage."""
        content_type = request.headers.get("content-type", "")
        body = await _body(request)
        return _response(await endpoints.invoke(name, body, content_type, served_entity=served))

    return routes
