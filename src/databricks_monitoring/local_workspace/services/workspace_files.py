"""Workspace files, notebooks and folders (`w.workspace`).

Deviations: dashboards are listed by their own service only; libraries, repositories and archives (DBC) are
refused.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from databricks.sdk.errors import InvalidParameterValue
from databricks.sdk.errors import NotImplemented as NotServed
from databricks.sdk.service.workspace import ExportFormat, ImportFormat, Language, ListResponse, ObjectType
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from databricks_monitoring.local_workspace.files.uploads import Uploads
from databricks_monitoring.local_workspace.files.workspace_objects import WorkspaceObjects
from databricks_monitoring.local_workspace.rest.request_fields import Json, text

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.workspace import Workspace

_EXTENSIONS = {
    ".py": Language.PYTHON,
    ".sql": Language.SQL,
    ".scala": Language.SCALA,
    ".r": Language.R,
    ".ipynb": Language.PYTHON,
}
_FILE_TYPES = {Language.PYTHON: "py", Language.SQL: "sql", Language.SCALA: "scala", Language.R: "r"}
_NOTEBOOK_HEADER = b"Databricks notebook source"
_HEADER_AT = 40
"""The header is a comment on the first line, so it begins within this many bytes."""


def router(workspace: Workspace) -> APIRouter:  # noqa: C901 - one nested function a route
    """Return the routes of workspace files."""
    routes = APIRouter(prefix="/api/2.0")
    objects = WorkspaceObjects(
        workspace.root / "workspace_files", workspace.store, Uploads(workspace.root / "workspace_uploads")
    )

    @routes.get("/workspace/get-status")
    def get_status(path: str) -> Json:
        """Return what there is at a path."""
        return objects.get(path).as_dict()

    @routes.get("/workspace/list")
    def list_objects(path: str) -> Json:
        """Return what a folder holds, by name, one level."""
        return ListResponse(objects=objects.children(path)).as_dict()

    @routes.post("/workspace/mkdirs")
    def mkdirs(body: Json) -> Json:
        """Make a folder and its parents; nothing happens if it exists."""
        objects.make_folder(text(body, "path"))
        return {}

    @routes.post("/workspace/delete")
    def delete(body: Json) -> Json:
        """Delete an object; a folder that holds something only if `recursive`."""
        objects.delete(text(body, "path"), recursive=body.get("recursive") is True)
        return {}

    @routes.get("/workspace/export", response_model=None)
    def export(path: str, format: str = "SOURCE", *, direct_download: bool = False) -> Json | Response:  # noqa: A002 - the API's name
        """Return a file or notebook as it was imported. Deviation: formats are not converted."""
        found = objects.get(path)
        if found.object_type is ObjectType.DIRECTORY:
            raise NotServed(
                f"Path ({found.path}) is a folder; a local workspace exports files and notebooks."
            )
        if format not in {ExportFormat.SOURCE.value, ExportFormat.AUTO.value, ExportFormat.RAW.value}:
            raise NotServed(f"format: {format} is not available in a local workspace; use SOURCE or AUTO.")
        content = objects.disk(path).read_bytes()
        if direct_download:
            return Response(content, media_type="application/octet-stream")
        kind = _FILE_TYPES[found.language] if found.language else "file"
        return {"content": base64.b64encode(content).decode(), "file_type": kind}

    # async because the body is either JSON or a form with a file.
    @routes.post("/workspace/import")
    async def import_object(request: Request) -> Json:
        """Write a file or notebook. Deviation: formats DBC, HTML and R_MARKDOWN are refused."""
        fields, content = await _imported(request)
        path, language = _kind(text(fields, "path"), fields, content)
        overwrite = str(fields.get("overwrite", "")).lower() == "true"
        await run_in_threadpool(objects.write, path, content, language=language, overwrite=overwrite)
        return {}

    @routes.post("/workspace-files/import-file/{path:path}")
    async def import_file(request: Request, path: str, *, overwrite: bool = False) -> Json:
        """Write a file, or a notebook if its first line says so, making its folders."""
        content = await request.body()
        where, language = _kind("/" + path.lstrip("/"), {"format": "AUTO"}, content)
        await run_in_threadpool(
            objects.write, where, content, language=language, overwrite=overwrite, make_parents=True
        )
        return {}

    return routes


async def _imported(request: Request) -> tuple[Json, bytes]:
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        async with request.form() as form:
            content = form.get("content")
            if not isinstance(content, UploadFile):
                raise InvalidParameterValue("content: the form holds no file.")
            return {key: value for key, value in form.items() if isinstance(value, str)}, await content.read()
    try:
        body = await request.json()
    except ValueError as error:
        raise InvalidParameterValue(f"The body is not JSON: {error}.") from error
    if not isinstance(body, dict):
        raise InvalidParameterValue("The body is not a JSON object.")
    try:
        return body, base64.b64decode(body.get("content") or "", validate=True)
    except (binascii.Error, TypeError) as error:
        raise InvalidParameterValue(f"content: expected base64: {error}.") from error


def _kind(path: str, fields: Json, content: bytes) -> tuple[str, Language | None]:
    """Return where the object goes, and the language if it is a notebook."""
    wanted = str(fields.get("format") or ImportFormat.SOURCE.value)
    if wanted not in ImportFormat.__members__:
        raise InvalidParameterValue(
            f"format: found {wanted!r}, expected one of {', '.join(ImportFormat.__members__)}."
        )
    stem, extension, language = _by_extension(path)
    if wanted == ImportFormat.RAW.value:
        return path, None
    if wanted == ImportFormat.AUTO.value:
        is_notebook = extension == ".ipynb" or _NOTEBOOK_HEADER in content[:_HEADER_AT]
        return (stem, language) if is_notebook and language else (path, None)
    if wanted == ImportFormat.JUPYTER.value:
        return (stem if extension == ".ipynb" else path), Language.PYTHON
    if wanted != ImportFormat.SOURCE.value:
        raise NotServed(f"format: {wanted} is not available in a local workspace; use AUTO, SOURCE or RAW.")
    given = str(fields.get("language") or "")
    if given not in Language.__members__:
        known = ", ".join(Language.__members__)
        raise InvalidParameterValue(f"language: found {given!r}; format SOURCE needs one of {known}.")
    return path, Language(given)


def _by_extension(path: str) -> tuple[str, str, Language | None]:
    stem, dot, extension = path.rpartition(".")
    language = _EXTENSIONS.get(f".{extension.lower()}") if dot else None
    return (stem, f".{extension.lower()}", language) if language else (path, "", None)
