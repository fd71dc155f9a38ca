"""Volumes: folders with a name in Unity Catalog."""

from __future__ import annotations

import shutil
import uuid
from typing import TYPE_CHECKING, Any

from databricks.sdk.errors import AlreadyExists, InvalidParameterValue
from databricks.sdk.service.catalog import VolumeInfo, VolumeType

from databricks_monitoring.errors import MissingError
from databricks_monitoring.local_workspace.catalog.securables import (
    GRANT,
    LONGEST_NAME,
    checked_table,
    not_found,
)
from databricks_monitoring.local_workspace.user import USER_NAME
from databricks_monitoring.names import TableName

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from databricks_monitoring.local_workspace.clock import WorkspaceClock
    from databricks_monitoring.local_workspace.storage import Store
    from databricks_monitoring.names import SchemaName

_VOLUME = "volume"


class _VolumeNotFoundError(MissingError):
    kind = "volume"


class Volumes:
    """Volumes of one workspace; their files lie below `root/volumes`."""

    def __init__(self, root: Path, store: Store, clock: WorkspaceClock, metastore_id: str) -> None:
        self._root = root / "volumes"
        self._store = store
        self._clock = clock
        self._metastore_id = metastore_id

    def list(self, schema: SchemaName) -> list[VolumeInfo]:
        """Return the volumes of a schema, by name."""
        return [VolumeInfo.from_dict(body) for _, body in self._store.list(_VOLUME, f"{schema}.".lower())]

    def get(self, name: TableName) -> VolumeInfo:
        """Return a volume; raise the SDK's `NotFound`, naming what exists, if there is none."""
        body = self._store.get(_VOLUME, str(name).lower())
        if body is None:
            existing = [str(volume.full_name) for volume in self.list(name.parent)]
            raise not_found(_VolumeNotFoundError(str(name), existing))
        return VolumeInfo.from_dict(body)

    def create(self, name: TableName, *, comment: str | None = None) -> VolumeInfo:
        """Create a managed volume in a schema that exists."""
        name = checked_table(name, "volume")
        folder = self._folder(name)
        folder.mkdir(parents=True, exist_ok=True)
        now = self._clock.now_ms()
        info = VolumeInfo(
            name=name.name,
            catalog_name=name.catalog,
            schema_name=name.schema,
            full_name=str(name),
            volume_id=str(uuid.uuid4()),
            volume_type=VolumeType.MANAGED,
            storage_location=folder.as_uri(),
            comment=comment,
            metastore_id=self._metastore_id,
            owner=USER_NAME,
            created_at=now,
            created_by=USER_NAME,
            updated_at=now,
            updated_by=USER_NAME,
        )
        if not self._store.add(_VOLUME, str(name), info.as_dict()):
            raise AlreadyExists(f"Volume '{name}' already exists.")
        return info

    def update(self, name: TableName, changes: Mapping[str, Any]) -> VolumeInfo:
        """Change `comment` or `owner` of a volume."""
        with self._store.transaction():
            touched = {"updated_at": self._clock.now_ms(), "updated_by": USER_NAME}
            body = {**self.get(name).as_dict(), **changes, **touched}
            self._store.put(_VOLUME, str(name).lower(), body)
        return VolumeInfo.from_dict(body)

    def drop(self, name: TableName) -> None:
        """Delete a volume and its files."""
        found = TableName.parse(str(self.get(name).full_name))
        self._store.delete(_VOLUME, str(found))
        self._store.delete(GRANT, f"volume/{found}")
        shutil.rmtree(self._folder(found), ignore_errors=True)

    def path(self, name: TableName, relative: str = "") -> Path:
        """Return where a file of a volume lies on disk.

        Raises
        ------
        NotFound
            If the volume does not exist.
        InvalidParameterValue
            If `relative` leads out of the volume.
        """
        return inside(self._folder(TableName.parse(str(self.get(name).full_name))), relative)

    def _folder(self, name: TableName) -> Path:
        return self._root / name.catalog / name.schema / name.name


def inside(folder: Path, relative: str) -> Path:
    """Return `folder / relative`, refusing what leads out of `folder`, by `..` or by a symbolic link."""
    parts = [part for part in relative.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in relative:
        raise InvalidParameterValue(f"Invalid path {relative!r}: it leads out of its folder.")
    if any(len(part.encode()) > LONGEST_NAME for part in parts):
        raise InvalidParameterValue(
            f"Invalid path {relative[:60]!r}...: a part has more than {LONGEST_NAME} bytes."
        )
    path = folder.joinpath(*parts)
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InvalidParameterValue(f"Invalid path {relative!r}: it leads out of its folder.")
    return path
