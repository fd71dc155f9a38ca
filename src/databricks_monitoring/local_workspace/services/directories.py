"""Folders of volumes, model versions and artifacts (`w.files`)."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from databricks.sdk.errors import BadRequest, NotFound, PermissionDenied
from databricks.sdk.service.files import DirectoryEntry, ListDirectoryResponse
from fastapi import APIRouter, Response

from databricks_monitoring.local_workspace.files.file_paths import FilePaths
from databricks_monitoring.local_workspace.files.uploads import make_folder
from databricks_monitoring.local_workspace.rest.paging import page
from databricks_monitoring.local_workspace.rest.request_fields import Json  # noqa: TC001 - FastAPI reads it

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.files.file_paths import FilePath
    from databricks_monitoring.local_workspace.workspace import Workspace

_NO_CONTENT = 204
_PAGE = 1000


def router(workspace: Workspace) -> APIRouter:
    """Return the routes of folders."""
    routes = APIRouter(prefix="/api/2.0/fs")
    paths = FilePaths(workspace)

    @routes.head("/directories/{path:path}")
    def get_directory_metadata(path: str) -> Response:
        """Say whether a folder exists."""
        _require_folder(paths.find(path))
        return Response()

    @routes.get("/directories/{path:path}")
    def list_directory_contents(
        path: str, page_size: int | None = None, page_token: str | None = None
    ) -> Json:
        """Return the files and folders of a folder by name, one level, in pages."""
        found = paths.find(path)
        _require_folder(found)
        shown, token = page(sorted(found.disk.iterdir()), page_size, page_token, default_size=_PAGE)
        entries = [
            DirectoryEntry(
                path=f"{found.path}/{entry.name}",
                name=entry.name,
                is_directory=entry.is_dir(),
                file_size=None if entry.is_dir() else entry.stat().st_size,
                last_modified=int(entry.stat().st_mtime * 1000),
            )
            for entry in shown
        ]
        return {"contents": []} | ListDirectoryResponse(contents=entries, next_page_token=token).as_dict()

    @routes.put("/directories/{path:path}")
    def create_directory(path: str) -> Response:
        """Make a folder and its parents; nothing happens if it exists."""
        found = paths.find(path, to_write=True)
        make_folder(found.disk, shown=found.path)
        return Response(status_code=_NO_CONTENT)

    @routes.delete("/directories/{path:path}")
    def delete_directory(path: str) -> Response:
        """Delete an empty folder."""
        found = paths.find(path, to_write=True)
        _require_folder(found)
        if found.is_root:
            raise PermissionDenied(f"{found.path} goes with the object it belongs to; delete that instead.")
        if any(found.disk.iterdir()):
            raise BadRequest(
                f"The folder is not empty: {found.path}.", error_code="FILES_API_DIRECTORY_IS_NOT_EMPTY"
            )
        shutil.rmtree(found.disk)
        return Response(status_code=_NO_CONTENT)

    return routes


def _require_folder(found: FilePath) -> None:
    # A model version that has no files yet has no folder either.
    if not found.disk.is_dir():
        raise NotFound(f"The directory being accessed is not found: {found.path}.")
