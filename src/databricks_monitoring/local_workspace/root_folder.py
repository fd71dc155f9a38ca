"""The root folder of a local workspace as commands see it: who serves it, where, with which token.

Light to import: commands that only ask must not wait for the server's libraries.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import time
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from databricks_monitoring.errors import LocalWorkspaceError, RootInUseError, RootNotWritableError

if TYPE_CHECKING:
    from pathlib import Path

_RECORD, _LOCK = "workspace.json", "workspace.lock"
OWNER_ONLY = 0o600
"""Mode of files that hold the token."""

_LOOKS = 20
_SECONDS_BETWEEN_LOOKS = 0.02


class ServerRecord(BaseModel):
    """What the folder remembers of its server.

    Attributes
    ----------
    host, port
        Where it listens, or listened last.
    token
        What clients must show; it stays the same when the server is started again.
    pid, started_at
        The running server's process and when it started (real time, seconds since the epoch); None when down.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str
    port: int
    token: str
    pid: int | None = None
    started_at: float | None = None

    @property
    def url(self) -> str:
        """The base URL for clients on this machine."""
        return url_of(self.host, self.port)


def url_of(host: str, port: int) -> str:
    """Return the URL under which a server on `host` is reached from this machine.

    Examples
    --------
    >>> url_of("0.0.0.0", 8765)
    'http://127.0.0.1:8765'
    """
    if host in ("0.0.0.0", "::", ""):  # noqa: S104 - every address, so loopback too
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def new_token() -> str:
    """Return a random token that looks like a personal access token."""
    return "dapi" + secrets.token_hex(16)


def prepare(root: Path) -> Path:
    """Make the folder if it is missing and return it as an absolute path.

    Raises
    ------
    RootNotWritableError
        If it cannot be made or written.
    """
    root = root.expanduser().absolute()
    try:
        root.mkdir(parents=True, exist_ok=True)
        with (root / _LOCK).open("ab"):
            pass
    except OSError as error:
        raise RootNotWritableError(str(root), error.strerror or str(error)) from error
    return root


def read_record(root: Path) -> ServerRecord | None:
    """Return what the folder remembers of its server, or None if it never had one."""
    path = root / _RECORD
    try:
        content = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        return ServerRecord.model_validate_json(content)
    except ValidationError as error:
        raise LocalWorkspaceError(
            f"{path} cannot be read: {error.errors()[0]['msg']}. "
            "Delete it to get a new token; nothing else is lost."
        ) from error


def write_record(root: Path, record: ServerRecord) -> None:
    """Remember the server, readable by the owner only."""
    path = root / _RECORD
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with os.fdopen(
        os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY), "w", encoding="utf-8"
    ) as out:
        out.write(record.model_dump_json(indent=2) + "\n")
    part.replace(path)


class RootLock:
    """The right to serve a folder. It ends with the process, however that ends."""

    def __init__(self, root: Path) -> None:
        self._descriptor = os.open(root / _LOCK, os.O_RDWR | os.O_CREAT, OWNER_ONLY)
        try:
            self._take(root)
        except BaseException:
            os.close(self._descriptor)
            raise

    def _take(self, root: Path) -> None:
        # Who looks whether the folder is served holds the lock for a moment.
        for look in range(_LOOKS):
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if look == _LOOKS - 1:
                    raise RootInUseError(str(root), server_pid(root)) from None
                time.sleep(_SECONDS_BETWEEN_LOOKS)
            else:
                break
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let others serve the folder."""
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)


def server_pid(root: Path) -> int | None:
    """Return the process that serves the folder, or None if none does."""
    with contextlib.ExitStack() as stack:
        try:
            lock = stack.enter_context((root / _LOCK).open("rb"))
        except (FileNotFoundError, NotADirectoryError):
            return None
        for _ in range(_LOOKS):
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                content = lock.read().strip()
                if content.isdigit():
                    return int(content)
                # Between taking the lock and writing its number.
                time.sleep(_SECONDS_BETWEEN_LOOKS)
            else:
                return None
    raise LocalWorkspaceError(f"{root / _LOCK} is held by a process that does not say which it is.")
