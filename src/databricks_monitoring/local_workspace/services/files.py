"""Files of volumes, model versions and artifacts (`w.files`).

Deviation: no URLs into cloud storage are given out, because there is none; clients then fall back to these
routes, which take files of any size in one request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks.sdk.errors import BadRequest, NotFound
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse

from databricks_monitoring.local_workspace.files.file_paths import FilePaths
from databricks_monitoring.local_workspace.files.uploads import Uploads
from databricks_monitoring.local_workspace.rest.request_fields import Json  # noqa: TC001 - FastAPI reads it

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.workspace import Workspace

_NO_CONTENT = 204


def router(workspace: Workspace) -> APIRouter:
    """Return the routes of the Files API."""
    routes = APIRouter(prefix="/api/2.0/fs")
    paths = FilePaths(workspace)
    uploads = Uploads(workspace.root / "uploads")

    @routes.api_route("/files/{path:path}", methods=["GET", "HEAD"], response_class=FileResponse)
    def download(path: str) -> FileResponse:
        """Return a file, or its size and age to HEAD; ranges are answered."""
        found = paths.find(path)
        if not found.disk.is_file():
            raise NotFound(f"The file being accessed is not found: {found.path}.")
        return FileResponse(found.disk, media_type="application/octet-stream")

    # async because the body is written to disk as it arrives, whatever its size.
    @routes.put("/files/{path:path}")
    async def upload(request: Request, path: str, *, overwrite: bool = False) -> Response:
        """Write a file, whole or not at all, making its folders."""
        found = await run_in_threadpool(paths.find, path, to_write=True)
        await uploads.receive(request.stream(), found.disk, shown=found.path, overwrite=overwrite)
        return Response(status_code=_NO_CONTENT)

    @routes.post("/files/{path:path}")
    def initiate_upload(path: str, action: str) -> Json:
        """Begin an upload of more than 50 MB. Deviation: no parts follow, clients send it in one request."""
        found = paths.find(path, to_write=True)
        if action != "initiate-upload":
            raise BadRequest(
                f"action: found {action!r}, expected 'initiate-upload'; there are no parts to complete."
            )
        return {"resumable_upload": {"session_token": found.path}}

    @routes.delete("/files/{path:path}")
    def delete(path: str) -> Response:
        """Delete a file."""
        found = paths.find(path, to_write=True)
        if not found.disk.is_file():
            raise NotFound(f"The file being accessed is not found: {found.path}.")
        found.disk.unlink()
        return Response(status_code=_NO_CONTENT)

    @routes.post("/create-download-url")
    def create_download_url() -> Json:
        """Answer that there is no cloud storage to download from; clients then read through the workspace."""
        raise NotFound("A local workspace has no cloud storage; read the file through /api/2.0/fs/files.")

    @routes.post("/create-resumable-upload-url")
    def create_resumable_upload_url() -> Json:
        """Answer that there is no cloud storage to upload to; clients then write through the workspace."""
        raise NotFound("A local workspace has no cloud storage; write the file through /api/2.0/fs/files.")

    return routes
