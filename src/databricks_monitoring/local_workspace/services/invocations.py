"""Requests to models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute

# FastAPI reads the annotation of what a route returns.
from databricks_monitoring.local_workspace.endpoints.served_endpoint import Invocation  # noqa: TC001
from databricks_monitoring.local_workspace.model_server.settings import MAX_REQUEST_BYTES

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from databricks_monitoring.local_workspace.workspace import Workspace


class InvocationRoute(APIRoute):
    """A route that writes an `Invocation` straight to the connection.

    Thousands of small requests a second are to pass here. FastAPI's way of reading parameters and of making
    a response from what a function returns would take longer than all the rest that the workspace does.
    """

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request whose path matches."""
        if scope["method"] not in (self.methods or ()):
            # Refused in the words that all routes have for it.
            await super().handle(scope, receive, send)
            return
        answer: Invocation = await self.endpoint(request=Request(scope, receive), **scope["path_params"])
        headers = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
        headers.append((b"content-type", b"application/json"))
        headers.append((b"content-length", b"%d" % len(answer.body)))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})


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


def router(workspace: Workspace) -> APIRouter:
    """Return the routes of invocations."""
    routes = APIRouter(prefix="/serving-endpoints/{name}", route_class=InvocationRoute)
    endpoints = workspace.endpoints

    @routes.post("/invocations", response_model=None)
    async def invoke(name: str, request: Request) -> Invocation:
        """Answer a request by one of the served entities, drawn by traffic percentage.

        Where MLflow's scoring server writes NaN bare, answers text or shows a stack trace, this answers null
        and a JSON error without one. A request without a content type is answered 415.
        """
        content_type = request.headers.get("content-type", "")
        return await endpoints.invoke(name, await _body(request), content_type)

    @routes.post("/served-models/{served}/invocations", response_model=None)
    async def invoke_entity(name: str, served: str, request: Request) -> Invocation:
        """Answer a request by one served entity, whatever its traffic percentage."""
        content_type = request.headers.get("content-type", "")
        return await endpoints.invoke(name, await _body(request), content_type, served_entity=served)

    return routes
