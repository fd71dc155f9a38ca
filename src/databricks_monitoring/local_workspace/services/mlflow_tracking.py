"""MLflow tracking: experiments, runs, metrics, datasets, logged models, traces.

Deviations from the real service: creation times of experiments and logged models are real time, not the
workspace's; the parent folder of an experiment's path need not exist; permissions are not kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from databricks.sdk.errors import InvalidParameterValue
from fastapi import APIRouter, Depends, HTTPException, Request, Response

from databricks_monitoring.local_workspace.user import WORKSPACE_ID

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.workspace import Workspace

_METHODS = ["GET", "POST", "PATCH", "PUT", "DELETE"]
_CREATE_EXPERIMENT = "/api/2.0/mlflow/experiments/create"
_NOT_FOUND = 404


async def _body(request: Request) -> bytes:
    return await request.body()


Body = Annotated[bytes, Depends(_body)]


def router(workspace: Workspace) -> APIRouter:
    """Return the routes that MLflow's own handlers answer."""
    routes = APIRouter()
    server = workspace.mlflow

    def answer(request: Request, body: bytes) -> Response:
        from werkzeug.exceptions import HTTPException as RoutingError  # noqa: PLC0415 - comes with MLflow's server
        from werkzeug.test import create_environ  # noqa: PLC0415
        from werkzeug.wrappers import Response as WsgiResponse  # noqa: PLC0415

        app = server.app
        path = request.url.path
        if path == _CREATE_EXPERIMENT:
            _check_experiment_name(body)
        environ = create_environ(
            path=path,
            query_string=request.url.query,
            method=request.method,
            headers=dict(request.headers),
            data=body,
        )
        try:
            app.url_map.bind_to_environ(environ).match()
        except RoutingError as error:
            raise HTTPException(error.code or _NOT_FOUND) from error
        found = WsgiResponse.from_app(app, environ, buffered=True)
        return Response(
            content=found.get_data(),
            status_code=found.status_code,
            media_type=found.content_type,
            headers={"X-Databricks-Org-Id": WORKSPACE_ID},
        )

    @routes.api_route("/api/2.0/mlflow/{path:path}", methods=_METHODS)
    def tracking(request: Request, body: Body) -> Response:
        """Let MLflow's handlers answer: experiments, runs, metrics, inputs, logged models."""
        return answer(request, body)

    @routes.api_route("/api/3.0/mlflow/{path:path}", methods=_METHODS)
    def tracking_v3(request: Request, body: Body) -> Response:
        """Let MLflow's handlers answer: traces, assessments, evaluation datasets, scorers."""
        return answer(request, body)

    @routes.api_route("/ajax-api/{version}/mlflow/{path:path}", methods=_METHODS)
    def tracking_of_pages(request: Request, body: Body) -> Response:
        """Let MLflow's handlers answer a page of MLflow."""
        return answer(request, body)

    @routes.api_route("/graphql", methods=["GET", "POST"])
    def graphql(request: Request, body: Body) -> Response:
        """Let MLflow's handler answer a GraphQL query about experiments and runs."""
        return answer(request, body)

    return routes


def _check_experiment_name(body: bytes) -> None:
    import json  # noqa: PLC0415

    try:
        name = json.loads(body or b"{}").get("name", "")
    except ValueError as error:
        raise InvalidParameterValue(f"The body is not JSON: {error}") from error
    if not isinstance(name, str) or not name.startswith("/"):
        raise InvalidParameterValue(
            f"Experiment name: found {name!r}, expected an absolute path in the workspace such as "
            "'/Shared/my-experiment' or '/Users/<user>/my-experiment'."
        )
