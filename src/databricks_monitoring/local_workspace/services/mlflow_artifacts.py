"""Artifacts of runs and logged models: listings, and signed URLs to write and read each file.

Deviations from the real service: URLs lead to the workspace itself instead of cloud storage, whole files are
written in one request of any size, and listings have one page.
"""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING, Annotated, Any

from databricks.sdk.errors import InvalidParameterValue, NotFound, ResourceDoesNotExist
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse

from databricks_monitoring.local_workspace.tracking.artifacts import SIGNED_PREFIX

if TYPE_CHECKING:
    from pathlib import Path

    from databricks_monitoring.local_workspace.workspace import Workspace

Json = dict[str, Any]

_SIGNED_URL_TYPE = "GCP_SIGNED_URL"
"""The kind whose protocol is plain: one PUT writes a file, GET with ranges reads it."""


def router(workspace: Workspace) -> APIRouter:  # noqa: C901 - one nested function a route
    """Return the routes of artifacts."""
    routes = APIRouter()
    artifacts, server = workspace.artifacts, workspace.mlflow

    def run_root(run_id: str) -> str:
        return _found(lambda: server.store.get_run(run_id).info.artifact_uri)

    def model_root(model_id: str) -> str:
        return _found(lambda: server.store.get_logged_model(model_id).artifact_location)

    def signed(method: str, uri: str, path: str) -> Json:
        url = artifacts.signed_url(method, artifacts.relative(uri, path))
        return {"signed_uri": url, "type": _SIGNED_URL_TYPE, "headers": []}

    def run_credentials(method: str, body: Json) -> Json:
        run_id = _text(body, "run_id")
        uri = run_root(run_id)
        infos = [
            {"run_id": run_id, "path": path} | signed(method, uri, path) for path in _paths(body, "path")
        ]
        return {"credential_infos": infos}

    def model_credentials(method: str, model_id: str, body: Json) -> Json:
        uri = model_root(model_id)
        infos = [signed(method, uri, path) | {"path": path} for path in _paths(body, "paths")]
        return {"credentials": [{"model_id": model_id, "credential_info": info} for info in infos]}

    @routes.post("/api/2.0/mlflow/artifacts/credentials-for-read")
    def credentials_for_read(body: Json) -> Json:
        """Return signed URLs to read files of a run."""
        return run_credentials("GET", body)

    @routes.post("/api/2.0/mlflow/artifacts/credentials-for-write")
    def credentials_for_write(body: Json) -> Json:
        """Return signed URLs to write files of a run."""
        return run_credentials("PUT", body)

    @routes.post("/api/2.0/mlflow/logged-models/{model_id}/artifacts/credentials-for-download")
    def credentials_for_download(model_id: str, body: Json) -> Json:
        """Return signed URLs to read files of a logged model."""
        return model_credentials("GET", model_id, body)

    @routes.post("/api/2.0/mlflow/logged-models/{model_id}/artifacts/credentials-for-upload")
    def credentials_for_upload(model_id: str, body: Json) -> Json:
        """Return signed URLs to write files of a logged model."""
        return model_credentials("PUT", model_id, body)

    @routes.get("/api/2.0/mlflow/artifacts/list")
    def list_artifacts(run_id: str = "", run_uuid: str = "", path: str = "") -> Json:
        """Return files and folders of a run, one level."""
        uri = run_root(run_id or run_uuid)
        return {"root_uri": uri, "files": _listing(artifacts.path(artifacts.relative(uri)), path)}

    @routes.get("/api/2.0/mlflow/logged-models/{model_id}/artifacts/directories")
    def list_logged_model_artifacts(model_id: str, artifact_directory_path: str = "") -> Json:
        """Return files and folders of a logged model, one level."""
        uri = model_root(model_id)
        folder = artifacts.path(artifacts.relative(uri))
        artifacts.path(artifacts.relative(uri, artifact_directory_path))
        return {"root_uri": uri, "files": _listing(folder, artifact_directory_path)}

    @routes.get(SIGNED_PREFIX + "{path:path}", response_class=FileResponse)
    def read(
        path: str, expires: Annotated[str, Query()] = "0", signature: Annotated[str, Query()] = ""
    ) -> FileResponse:
        """Return a file to the holder of a signed URL; ranges are answered."""
        file = artifacts.verified("GET", path, expires, signature)
        if not file.is_file():
            raise NotFound(f"There is no artifact {path!r}.")
        return FileResponse(file, media_type="application/octet-stream")

    # async because the body is streamed to the file as it arrives, whatever its size.
    @routes.put(SIGNED_PREFIX + "{path:path}")
    async def write(
        request: Request,
        path: str,
        expires: Annotated[str, Query()] = "0",
        signature: Annotated[str, Query()] = "",
    ) -> Response:
        """Write a file for the holder of a signed URL, whole or not at all."""
        file = artifacts.verified("PUT", path, expires, signature)
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f".{file.name}.{uuid.uuid4().hex}.part")
        try:
            with part.open("xb") as out:
                async for chunk in request.stream():
                    out.write(chunk)
            os.replace(part, file)  # noqa: PTH105 - atomic, and it says so
        finally:
            part.unlink(missing_ok=True)
        return Response(status_code=200)

    return routes


def _found(lookup: Any) -> str:  # noqa: ANN401 - MLflow's entities have no types
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 - importing MLflow takes seconds

    try:
        return str(lookup())
    except MlflowException as error:
        raise ResourceDoesNotExist(error.message) from error


def _text(body: Json, field: str) -> str:
    value = body.get(field)
    if not isinstance(value, str) or not value:
        raise InvalidParameterValue(f"{field}: found {value!r}, expected a name.")
    return value


def _paths(body: Json, field: str) -> list[str]:
    paths = body.get(field) or []
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise InvalidParameterValue(f"{field}: found {paths!r}, expected a list of paths.")
    return paths


def _listing(root: Path, path: str) -> list[Json]:
    if ".." in path.split("/"):
        raise InvalidParameterValue(f"path: found {path!r}, expected a path without `..`.")
    at = root / path.strip("/")
    shown = sorted(at.iterdir()) if at.is_dir() else [at] if at.is_file() else []
    return [_info(root, entry) for entry in shown if not entry.name.endswith(".part")]


def _info(root: Path, entry: Path) -> Json:
    info: Json = {"path": entry.relative_to(root).as_posix(), "is_dir": entry.is_dir()}
    return info if entry.is_dir() else info | {"file_size": entry.stat().st_size}
