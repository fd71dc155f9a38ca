"""Logs that a process writes by itself: held to a size, read from their end."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1024 * 1024


def bound(path: Path, at_most_mib: float) -> None:
    """Begin a log anew that has grown beyond `at_most_mib`; what it held is kept beside it until next time.

    The writer appends to the open file, so its content is copied and the file emptied; lines that are written
    just in between are lost.
    """
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return
    if size <= at_most_mib * MIB:
        return
    with path.open("r+b") as log, _before(path).open("wb") as kept:
        # A writer that outran the looks at its log must not fill the disk twice.
        log.seek(max(0, size - int(at_most_mib * MIB)))
        shutil.copyfileobj(log, kept)
        log.truncate(0)


def tail(path: Path, size: int) -> bytes:
    """Return at most `size` bytes from the end of a log, from the beginning of a line."""
    found = _end(path, size + 1)
    if len(found) <= size:
        found = _end(_before(path), size + 1 - len(found)) + found
    return found if len(found) <= size else found[-size - 1 :].partition(b"\n")[2]


def _before(path: Path) -> Path:
    return path.with_name(f"{path.name}.1")


def _end(path: Path, size: int) -> bytes:
    try:
        with path.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - size))
            return log.read(size)
    except FileNotFoundError:
        return b""
