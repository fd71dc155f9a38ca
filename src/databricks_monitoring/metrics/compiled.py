"""Functions over arrays that are written as loops and compiled to machine code when first called.

What is compiled is kept in the user's cache folder, under a name that changes with the engine's code, so it
is compiled once on a machine and never taken for that of another release.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba
from numba.core import config as settings

if TYPE_CHECKING:
    from collections.abc import Iterator

Function = TypeVar("Function", bound=Callable[..., Any])

_LENGTH = 16


def compiled(function: Function) -> Function:
    """Compile a function over numbers and arrays of them, when it is first called with each kind of these.

    It runs without the interpreter's lock, divides by zero as NumPy does, and is not checked for positions
    beyond the ends of arrays. One that is called by another is compiled into it.
    """
    with _cache_folder() as found:
        # Numba refuses to keep anything where there is no folder for it.
        made = numba.njit(nogil=True, error_model="numpy", cache=found)(function)
    return cast("Function", made)


@contextmanager
def _cache_folder() -> Iterator[bool]:
    """Let what is compiled be kept in the cache folder of this code, and tell whether there can be one."""
    before = settings.CACHE_DIR
    folder = _writable(Path(before) if before else _user_cache()) if before or _user_cache() else None
    if folder is None:
        yield False
        return
    settings.CACHE_DIR = str(folder)
    try:
        yield True
    finally:
        settings.CACHE_DIR = before


def _user_cache() -> Path | None:
    named = os.environ.get("XDG_CACHE_HOME")
    if named:
        return Path(named) / "databricks_monitoring"
    try:
        return Path.home() / ".cache" / "databricks_monitoring"
    except RuntimeError:
        # A process may have no home.
        return None


@cache
def _writable(parent: Path) -> Path | None:
    folder = parent / f"compiled-{_fingerprint()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK | os.X_OK) else None


@cache
def _fingerprint() -> str:
    """Return what changes with any code of the engine: compiled code does not know what went into it."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:_LENGTH]
