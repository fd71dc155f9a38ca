"""The demo's folder: made anew for each run, and never somebody's own."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from databricks_monitoring.errors import RootNotWritableError

if TYPE_CHECKING:
    from pathlib import Path

_MARK = ".made-by-demo"


def fresh_root(root: Path) -> None:
    """Empty the folder of a former demo, or make one.

    Raises
    ------
    RootNotWritableError
        If the folder holds something that no demo made, or cannot be written.
    """
    try:
        if root.exists() and any(root.iterdir()):
            if not (root / _MARK).exists():
                raise RootNotWritableError(str(root), "it holds files that the demo did not make")
            shutil.rmtree(root)
        root.mkdir(parents=True, exist_ok=True)
        (root / _MARK).touch()
    except OSError as error:
        raise RootNotWritableError(str(root), error.strerror or str(error)) from error
