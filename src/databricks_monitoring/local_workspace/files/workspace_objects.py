"""Files, notebooks and folders of the workspace: `/Shared/...`, `/Users/<user>/...`."""

from __future__ import annotations

import posixpath
import shutil
from typing import TYPE_CHECKING

from databricks.sdk.errors import AlreadyExists as UploadExists
from databricks.sdk.errors import BadRequest, PermissionDenied, ResourceAlreadyExists, ResourceDoesNotExist
from databricks.sdk.service.workspace import Language, ObjectInfo, ObjectType

from databricks_monitoring.local_workspace.catalog.volumes import inside
from databricks_monitoring.local_workspace.files.uploads import Uploads, make_folder
from databricks_monitoring.local_workspace.user import USER_NAME

if TYPE_CHECKING:
    from pathlib import Path

    from databricks_monitoring.local_workspace.storage import Document, Store

_OBJECT = "workspace_object"
HOME = f"/Users/{USER_NAME}"
FIRST_FOLDERS = ("/Shared", HOME)


class WorkspaceObjects:
    """The tree of workspace files, an ordinary folder on disk.

    The store remembers what a disk cannot: the id that an object was given, and the language of a notebook.
    """

    def __init__(self, folder: Path, store: Store, uploads: Uploads) -> None:
        self._folder = folder
        self._store = store
        self._uploads = uploads
        for path in FIRST_FOLDERS:
            self.disk(path).mkdir(parents=True, exist_ok=True)

    def disk(self, path: str) -> Path:
        """Return where an object lies, whether or not it exists; refuses what leads out of the workspace."""
        return inside(self._folder, canonical(path))

    def get(self, path: str) -> ObjectInfo:
        """Return what there is at a path; raise `ResourceDoesNotExist` if nothing is."""
        path = canonical(path)
        disk = self.disk(path)
        if not disk.exists():
            raise ResourceDoesNotExist(f"Path ({path}) doesn't exist.")
        known = self._remembered(path)
        if disk.is_dir():
            return ObjectInfo(path=path, object_type=ObjectType.DIRECTORY, object_id=known["object_id"])
        times = disk.stat()
        language = known.get("language")
        return ObjectInfo(
            path=path,
            object_type=ObjectType.NOTEBOOK if language else ObjectType.FILE,
            language=Language(language) if language else None,
            object_id=known["object_id"],
            size=times.st_size,
            created_at=int(times.st_ctime * 1000),
            modified_at=int(times.st_mtime * 1000),
        )

    def children(self, path: str) -> list[ObjectInfo]:
        """Return what a folder holds, by name; an object that is no folder is returned itself."""
        found = self.get(path)
        if found.object_type is not ObjectType.DIRECTORY:
            return [found]
        names = sorted(entry.name for entry in self.disk(path).iterdir())
        return [self.get(posixpath.join(str(found.path), name)) for name in names]

    def make_folder(self, path: str) -> None:
        """Make a folder and its parents; nothing happens if it exists."""
        path = canonical(path)
        disk = self.disk(path)
        if disk.is_file():
            raise ResourceAlreadyExists(f"Path ({path}) is a file, so it cannot be made a folder.")
        make_folder(disk, shown=path)

    def write(
        self,
        path: str,
        content: bytes,
        *,
        language: Language | None,
        overwrite: bool,
        make_parents: bool = False,
    ) -> None:
        """Write a file, or a notebook if it has a language."""
        path = canonical(path)
        disk = self.disk(path)
        if not make_parents and not disk.parent.is_dir():
            raise ResourceDoesNotExist(f"The parent folder ({posixpath.dirname(path)}) does not exist.")
        try:
            self._uploads.write(content, disk, shown=path, overwrite=overwrite)
        except UploadExists as error:
            raise ResourceAlreadyExists(f"Path ({path}) already exists.") from error
        kept = {key: value for key, value in self._remembered(path).items() if key != "language"}
        self._store.put(_OBJECT, path, kept | ({"language": language.value} if language else {}))

    def delete(self, path: str, *, recursive: bool) -> None:
        """Delete a file, or a folder; one that holds something only if `recursive`."""
        found = self.get(path)
        where, disk = str(found.path), self.disk(path)
        if where in ("/", "/Users", *FIRST_FOLDERS):
            raise PermissionDenied(f"Folder ({where}) is protected.")
        if disk.is_dir():
            if any(disk.iterdir()) and not recursive:
                raise BadRequest(
                    f"Folder ({where}) is not empty; delete it with recursive=true.",
                    error_code="DIRECTORY_NOT_EMPTY",
                )
            shutil.rmtree(disk)
        else:
            disk.unlink()
        for key, _ in self._store.list(_OBJECT, where):
            if key == where or key.startswith(where + "/"):
                self._store.delete(_OBJECT, key)

    def _remembered(self, path: str) -> Document:
        known = self._store.get(_OBJECT, path)
        if known is None:
            self._store.add(_OBJECT, path, {"object_id": self._store.next_number(_OBJECT)})
            known = self._store.get(_OBJECT, path)
        return known or {}


def canonical(path: str) -> str:
    """Return a workspace path without the prefix `/Workspace` and without a slash at the end.

    Examples
    --------
    >>> canonical("/Workspace/Shared/x/")
    '/Shared/x'
    """
    if not path.startswith("/"):
        raise BadRequest(f"Path ({path}) must be absolute.", error_code="INVALID_PARAMETER_VALUE")
    parts = [part for part in path.split("/") if part]
    if parts[:1] == ["Workspace"]:
        parts = parts[1:]
    return "/" + "/".join(parts)
