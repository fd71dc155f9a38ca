"""The demo's folder: made anew for each run, and never somebody's own."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from databricks_monitoring.errors import RootNotWritableError

if TYPE_CHECKING:
    from pathlib import Path

_MARK = ".made-by-demo"


def check_own(root: Path) -> None:
    """Do nothing if the folder is a former demo's, or empty, or not there.

    Raises
    ------
    RootNotWritableError
        If it holds something that no demo made, such as somebody's workspace.
    """
    try:
        foreign = root.exists() and any(root.iterdir()) and not (root / _MARK).exists()
    except OSError as error:
        raise RootNotWritableError(str(root), error.strerror or str(error)) from error
    if foreign:
        raise RootNotWritableError(str(root), "it holds files that the demo did not make")


def fresh_root(root: Path) -> None:
    """Empty the folder of a former demo, or make one.

    Raises
    ------
    RootNotWritableError
        If the folder holds something that no demo made, or cannot be written.
    """
    check_own(root)
    try:
        if root.exists():
            shutil.rmtree(root)
        root.mkdir(parents=True, exist_ok=True)
        (root / _MARK).touch()
    except OSError as error:
        raise RootNotWritableError(str(root), error.strerror or str(error)) from error
