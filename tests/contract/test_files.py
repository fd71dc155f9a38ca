"""Files of volumes and of the workspace, through the SDK."""

from __future__ import annotations

import base64
import http.client
import io
import itertools
import logging
import random
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from databricks.sdk.errors import (
    AlreadyExists,
    BadRequest,
    InvalidParameterValue,
    NotFound,
    PermissionDenied,
    ResourceAlreadyExists,
    ResourceConflict,
    ResourceDoesNotExist,
)
from databricks.sdk.service.catalog import VolumeType
from databricks.sdk.service.workspace import ImportFormat, Language, ObjectType

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from databricks.sdk import WorkspaceClient

    from tests.conftest import RunningWorkspace

_numbers = itertools.count()


@pytest.fixture
def volume(client: WorkspaceClient) -> Iterator[str]:
    name = f"files_{next(_numbers)}"
    client.volumes.create("main", "default", name, VolumeType.MANAGED)
    yield f"/Volumes/main/default/{name}"
    client.volumes.delete(f"main.default.{name}")


@pytest.fixture
def folder(client: WorkspaceClient) -> Iterator[str]:
    path = f"/Shared/files_{next(_numbers)}"
    client.workspace.mkdirs(path)
    yield path
    client.workspace.delete(path, recursive=True)


def _content(client: WorkspaceClient, path: str) -> bytes:
    contents = client.files.download(path).contents
    assert contents is not None
    return contents.read()


def test_file_comes_back_as_it_went(client: WorkspaceClient, volume: str) -> None:
    content = bytes(range(256)) * 100
    client.files.upload(f"{volume}/deep/er/name with spaces & ünïcode.bin", io.BytesIO(content))
    assert _content(client, f"{volume}/deep/er/name with spaces & ünïcode.bin") == content
    metadata = client.files.get_metadata(f"{volume}/deep/er/name with spaces & ünïcode.bin")
    assert metadata.content_length == len(content)
    assert metadata.content_type == "application/octet-stream"


def test_empty_file(client: WorkspaceClient, volume: str) -> None:
    client.files.upload(f"{volume}/empty", io.BytesIO(b""))
    assert _content(client, f"{volume}/empty") == b""


def test_overwrite_must_be_asked_for(client: WorkspaceClient, volume: str) -> None:
    client.files.upload(f"{volume}/f", io.BytesIO(b"one"))
    with pytest.raises(AlreadyExists, match="overwrite"):
        client.files.upload(f"{volume}/f", io.BytesIO(b"two"), overwrite=False)
    with pytest.raises(AlreadyExists):
        client.files.upload(f"{volume}/f", io.BytesIO(b"two"))
    assert _content(client, f"{volume}/f") == b"one"
    client.files.upload(f"{volume}/f", io.BytesIO(b"two"), overwrite=True)
    assert _content(client, f"{volume}/f") == b"two"


def test_large_file_goes_up_and_down(
    client: WorkspaceClient, volume: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # Beyond 50 MB the SDK asks for parts first; it warns that a workspace may not offer them.
    caplog.set_level(logging.ERROR)
    content = random.Random(0).randbytes(51 * 1024 * 1024)  # noqa: S311 - not a secret
    client.files.upload(f"{volume}/large", io.BytesIO(content))
    client.files.download_to(f"{volume}/large", str(tmp_path / "large"))
    assert (tmp_path / "large").read_bytes() == content


def test_folders_are_listed_in_pages(client: WorkspaceClient, volume: str) -> None:
    for name in ("c", "a", "b"):
        client.files.upload(f"{volume}/d/{name}", io.BytesIO(name.encode() * 3))
    client.files.create_directory(f"{volume}/d/sub")
    client.files.create_directory(f"{volume}/d/sub")
    entries = list(client.files.list_directory_contents(f"{volume}/d", page_size=2))
    assert [(entry.name, entry.is_directory, entry.file_size) for entry in entries] == [
        ("a", False, 3),
        ("b", False, 3),
        ("c", False, 3),
        ("sub", True, None),
    ]
    assert entries[0].path == f"{volume}/d/a"
    assert list(client.files.list_directory_contents(f"{volume}/d/sub")) == []
    client.files.get_directory_metadata(f"{volume}/d/sub")


def test_only_empty_folders_are_deleted(client: WorkspaceClient, volume: str) -> None:
    client.files.upload(f"{volume}/d/f", io.BytesIO(b"x"))
    with pytest.raises(BadRequest, match="not empty"):
        client.files.delete_directory(f"{volume}/d")
    client.files.delete(f"{volume}/d/f")
    client.files.delete_directory(f"{volume}/d")
    with pytest.raises(NotFound):
        client.files.get_directory_metadata(f"{volume}/d")
    with pytest.raises(PermissionDenied):
        client.files.delete_directory(volume)


def test_what_is_missing_is_not_found(client: WorkspaceClient, volume: str) -> None:
    with pytest.raises(NotFound):
        client.files.download(f"{volume}/none")
    with pytest.raises(NotFound):
        client.files.get_metadata(f"{volume}/none")
    with pytest.raises(NotFound):
        client.files.delete(f"{volume}/none")
    with pytest.raises(NotFound, match="Volume"):
        client.files.upload("/Volumes/main/default/no_such_volume/f", io.BytesIO(b""))
    with pytest.raises(NotFound, match="Registered model"):
        client.files.upload("/Models/main/default/no_such_model/1/f", io.BytesIO(b""))
    with pytest.raises(InvalidParameterValue, match="/Volumes/<catalog>"):
        client.files.upload("/elsewhere/f", io.BytesIO(b""))


def test_files_of_a_model_version_stay_once_it_is_ready(client: WorkspaceClient) -> None:
    model = f"main.default.files_{next(_numbers)}"
    registry = "/api/2.0/mlflow/unity-catalog"
    client.api_client.do("POST", f"{registry}/registered-models/create", body={"name": model})
    client.api_client.do("POST", f"{registry}/model-versions/create", body={"name": model, "source": "x"})
    folder = f"/Models/{model.replace('.', '/')}/1"
    with pytest.raises(NotFound):
        client.files.get_directory_metadata(folder)
    described = b"signature: {inputs: '[]', outputs: '[]'}\n"
    client.files.upload(f"{folder}/MLmodel", io.BytesIO(described), overwrite=True)
    client.files.upload(f"{folder}/data/model.bin", io.BytesIO(b"x"), overwrite=True)
    client.api_client.do("POST", f"{registry}/model-versions/finalize", body={"name": model, "version": "1"})
    with pytest.raises(PermissionDenied, match="READY"):
        client.files.upload(f"{folder}/MLmodel", io.BytesIO(b"other"), overwrite=True)
    assert _content(client, f"{folder}/MLmodel") == described
    names = [entry.name for entry in client.files.list_directory_contents(folder)]
    assert names == ["MLmodel", "data"]


def test_file_and_folder_do_not_share_a_name(client: WorkspaceClient, volume: str) -> None:
    client.files.upload(f"{volume}/f", io.BytesIO(b"x"))
    with pytest.raises(ResourceConflict):
        client.files.create_directory(f"{volume}/f")
    with pytest.raises(ResourceConflict):
        client.files.upload(f"{volume}/f/below", io.BytesIO(b"x"))
    client.files.create_directory(f"{volume}/d")
    with pytest.raises(ResourceConflict):
        client.files.upload(f"{volume}/d", io.BytesIO(b"x"), overwrite=True)


@pytest.mark.parametrize(
    "escape", ["../../../../workspace.json", "%2e%2e/%2e%2e/x", "a/%2e%2e/%2e%2e/x", "%00"]
)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_no_path_leads_out_of_its_volume(
    workspace_server: RunningWorkspace, volume: str, method: str, escape: str
) -> None:
    status, body = _raw(workspace_server, method, f"/api/2.0/fs/files{volume}/{escape}", b"x")
    assert status == 400, body
    assert b"INVALID_PARAMETER_VALUE" in body


def test_no_link_leads_out_of_its_volume(
    workspace_server: RunningWorkspace, client: WorkspaceClient, volume: str
) -> None:
    disk = workspace_server.root / "volumes" / volume.removeprefix("/Volumes/")
    (disk / "link").symlink_to(workspace_server.root)
    with pytest.raises(InvalidParameterValue, match="leads out"):
        client.files.download(f"{volume}/link/workspace.json")


def test_interrupted_upload_leaves_nothing(
    workspace_server: RunningWorkspace, client: WorkspaceClient, volume: str
) -> None:
    where = urlsplit(workspace_server.url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=10)
    connection.putrequest("PUT", f"/api/2.0/fs/files{volume}/half")
    connection.putheader("Authorization", f"Bearer {workspace_server.token}")
    connection.putheader("Content-Length", "1000000")
    connection.endheaders(b"only a part")
    connection.close()
    with pytest.raises(NotFound):
        client.files.download(f"{volume}/half")
    assert list(client.files.list_directory_contents(volume)) == []


def test_range_of_a_file(workspace_server: RunningWorkspace, client: WorkspaceClient, volume: str) -> None:
    client.files.upload(f"{volume}/f", io.BytesIO(b"0123456789"))
    status, body = _raw(
        workspace_server, "GET", f"/api/2.0/fs/files{volume}/f", headers={"Range": "bytes=2-4"}
    )
    assert (status, body) == (206, b"234")


def test_workspace_file_comes_back(client: WorkspaceClient, folder: str) -> None:
    client.workspace.upload(f"{folder}/f.txt", io.BytesIO(b"text"), format=ImportFormat.AUTO)
    found = client.workspace.get_status(f"/Workspace{folder}/f.txt")
    assert (found.object_type, found.path, found.size) == (ObjectType.FILE, f"{folder}/f.txt", 4)
    assert client.workspace.download(f"{folder}/f.txt").read() == b"text"
    assert base64.b64decode(client.workspace.export(f"{folder}/f.txt").content or "") == b"text"
    with pytest.raises(ResourceAlreadyExists):
        client.workspace.import_(
            f"{folder}/f.txt", content=base64.b64encode(b"new").decode(), format=ImportFormat.AUTO
        )
    client.workspace.upload(f"{folder}/f.txt", b"new", format=ImportFormat.AUTO, overwrite=True)
    assert client.workspace.download(f"{folder}/f.txt").read() == b"new"
    assert client.workspace.get_status(f"{folder}/f.txt").object_id == found.object_id


def test_notebooks_lose_their_extension(client: WorkspaceClient, folder: str) -> None:
    source = b"# Databricks notebook source\nprint(1)\n"
    client.workspace.upload(f"{folder}/auto.py", source, format=ImportFormat.AUTO)
    client.workspace.upload(f"{folder}/plain.py", b"print(1)\n", format=ImportFormat.AUTO)
    client.workspace.upload(f"{folder}/given", b"SELECT 1", language=Language.SQL)
    kinds = {item.path: (item.object_type, item.language) for item in client.workspace.list(folder)}
    assert kinds == {
        f"{folder}/auto": (ObjectType.NOTEBOOK, Language.PYTHON),
        f"{folder}/plain.py": (ObjectType.FILE, None),
        f"{folder}/given": (ObjectType.NOTEBOOK, Language.SQL),
    }
    assert client.workspace.download(f"{folder}/auto").read() == source


def test_workspace_folders(client: WorkspaceClient, folder: str) -> None:
    client.workspace.mkdirs(f"{folder}/a/b")
    client.workspace.mkdirs(f"{folder}/a/b")
    with pytest.raises(BadRequest, match="not empty"):
        client.workspace.delete(f"{folder}/a")
    client.workspace.delete(f"{folder}/a", recursive=True)
    with pytest.raises(ResourceDoesNotExist, match="doesn't exist"):
        client.workspace.get_status(f"{folder}/a")
    with pytest.raises(ResourceDoesNotExist, match="parent folder"):
        client.workspace.upload(f"{folder}/none/f.txt", b"x", format=ImportFormat.AUTO)
    with pytest.raises(PermissionDenied):
        client.workspace.delete("/Shared", recursive=True)
    with pytest.raises(InvalidParameterValue):
        client.workspace.mkdirs(f"{folder}/../../../x")


def test_home_folders_exist(client: WorkspaceClient) -> None:
    home = f"/Users/{client.current_user.me().user_name}"
    assert client.workspace.get_status(home).object_type is ObjectType.DIRECTORY
    assert client.workspace.get_status("/Shared").object_type is ObjectType.DIRECTORY


def test_import_file_makes_folders(
    workspace_server: RunningWorkspace, client: WorkspaceClient, folder: str
) -> None:
    path = f"/api/2.0/workspace-files/import-file/Workspace{folder}/new/state.json"
    assert _raw(workspace_server, "POST", path, b"{}")[0] == 200
    assert client.workspace.download(f"{folder}/new/state.json").read() == b"{}"
    assert _raw(workspace_server, "POST", path, b"[]")[0] == 409
    assert _raw(workspace_server, "POST", f"{path}?overwrite=true", b"[]")[0] == 200
    assert client.workspace.download(f"{folder}/new/state.json").read() == b"[]"


def _raw(
    server: RunningWorkspace,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, bytes]:
    """Send a request as it is: clients of HTTP tidy paths before they send them."""
    where = urlsplit(server.url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=10)
    try:
        connection.request(method, path, body, {"Authorization": f"Bearer {server.token}"} | (headers or {}))
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
