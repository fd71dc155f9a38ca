"""Where the paths of the Files API lie on disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from databricks.sdk.errors import InvalidParameterValue, PermissionDenied

from databricks_monitoring.local_workspace.catalog.volumes import inside
from databricks_monitoring.local_workspace.tracking.artifacts import FILES_API_ROOT
from databricks_monitoring.local_workspace.tracking.models import PENDING
from databricks_monitoring.names import TableName

if TYPE_CHECKING:
    from pathlib import Path

    from databricks_monitoring.local_workspace.workspace import Workspace

VOLUMES, MODELS = "Volumes", "Models"
_LEVELS = 3
"""Levels of a Unity Catalog name."""


@dataclass(frozen=True)
class FilePath:
    """A path of the Files API and the file or folder it means.

    Attributes
    ----------
    path
        As the API spells it: absolute, without a slash at the end.
    disk
        The file or folder, whether or not it exists.
    is_root
        Whether it is the folder of its volume or model version, which stays while that stays.
    """

    path: str
    disk: Path
    is_root: bool = False


class FilePaths:
    """The folders that the Files API reaches: volumes, model versions, artifacts."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def find(self, path: str, *, to_write: bool = False) -> FilePath:
        """Return what a path means.

        Raises
        ------
        NotFound
            If the volume, model version or run of the path does not exist.
        InvalidParameterValue
            If the path is none of `/Volumes/...`, `/Models/...` and MLflow's artifacts, or leads out of it.
        PermissionDenied
            If `to_write` and the model version is registered, so that its files no longer change.
        """
        path = "/" + path.strip("/")
        top, *parts = [part for part in path.split("/") if part] or [""]
        if path.startswith(f"/{FILES_API_ROOT}/"):
            return FilePath(path, self._workspace.artifacts.files_api_path(path))
        if top == VOLUMES and len(parts) >= _LEVELS:
            below = "/".join(parts[_LEVELS:])
            return FilePath(path, self._workspace.tables.volume_path(_name(parts), below), is_root=not below)
        if top == MODELS and len(parts) > _LEVELS:
            return self._of_model(
                path, _name(parts), parts[_LEVELS], "/".join(parts[_LEVELS + 1 :]), to_write=to_write
            )
        raise InvalidParameterValue(
            f"Invalid path {path!r}: expected /Volumes/<catalog>/<schema>/<volume>/... or "
            "/Models/<catalog>/<schema>/<model>/<version>/..."
        )

    def _of_model(self, path: str, model: TableName, version: str, below: str, *, to_write: bool) -> FilePath:
        found = self._workspace.models.version(str(model), version)
        if to_write and found.status != PENDING:
            raise PermissionDenied(
                f"Version {version} of {model} is {found.status}: its files no longer change. "
                "Register a new version."
            )
        folder = self._workspace.tables.model_path(model, int(found.version))
        return FilePath(path, inside(folder, below), is_root=not below)


def _name(parts: list[str]) -> TableName:
    return TableName(parts[0], parts[1], parts[2])
