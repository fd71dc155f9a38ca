"""Files written as their bytes arrive: whole under their name, or not at all."""

from __future__ import annotations

import os
import shutil
import uuid
from typing import TYPE_CHECKING

from databricks.sdk.errors import AlreadyExists, ResourceConflict

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


class Uploads:
    """A folder for files that are still arriving, on the same disk as where they go.

    What a killed server left in it is deleted when the next one starts.
    """

    def __init__(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._folder = folder

    async def receive(
        self, chunks: AsyncIterator[bytes], target: Path, *, shown: str, overwrite: bool
    ) -> None:
        """Write `chunks` to `target`, making its folder.

        Raises
        ------
        AlreadyExists
            If the file exists and `overwrite` is false, however many upload it at once.
        ResourceConflict
            If `shown` is a folder, or below a file.
        """
        part = self._folder / uuid.uuid4().hex
        try:
            with part.open("xb") as out:
                async for chunk in chunks:
                    out.write(chunk)
            self._place(part, target, shown=shown, overwrite=overwrite)
        finally:
            part.unlink(missing_ok=True)

    def write(self, content: bytes, target: Path, *, shown: str, overwrite: bool) -> None:
        """Write `content` to `target`, like `receive`."""
        part = self._folder / uuid.uuid4().hex
        try:
            part.write_bytes(content)
            self._place(part, target, shown=shown, overwrite=overwrite)
        finally:
            part.unlink(missing_ok=True)

    def _place(self, part: Path, target: Path, *, shown: str, overwrite: bool) -> None:
        make_folder(target.parent, shown=shown)
        if target.is_dir():
            raise ResourceConflict(f"{shown} is a folder.")
        if overwrite:
            part.replace(target)
            return
        try:
            # Unlike a rename, a link refuses a name that is taken.
            os.link(part, target)
        except FileExistsError as error:
            raise AlreadyExists(
                f"The file {shown} already exists; upload with overwrite=true to replace it."
            ) from error


def make_folder(folder: Path, *, shown: str) -> None:
    """Make a folder and its parents; raise `ResourceConflict` where one of them is a file."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise ResourceConflict(f"{shown}: a part of the path is a file, not a folder.") from error
