"""One refresh at a time: the right to bring the metric tables of a monitor up to date."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from databricks_monitoring.errors import RefreshInProgressError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WAIT_SECONDS = 600.0
"""How long a refresh waits for another one of the same monitor before it is refused."""

_SECONDS_BETWEEN_LOOKS = 0.05
_OWNER_ONLY = 0o600


@contextmanager
def only_refresh(profile: Path, *, wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold the right to refresh a profile table and its drift table, which one refresh has at a time.

    Parameters
    ----------
    profile
        Folder of the profile table, which need not exist yet.
    wait_seconds
        How long to wait for a refresh that has the right.

    Raises
    ------
    RefreshInProgressError
        If the other one has not ended by then.

    Notes
    -----
    An advisory lock of the operating system on a file beside the table, which ends with the process that
    holds it, however that ends: a killed refresh leaves nothing to clear away. Where tables are not on a disk
    of this machine there is no such lock; then the transaction that every commit carries lets only one of two
    refreshes commit (`metric_table`).
    """
    profile.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(profile.with_name(f".{profile.name}.refresh"), os.O_RDWR | os.O_CREAT, _OWNER_ONLY)
    try:
        _take(file, profile, time.monotonic() + wait_seconds)
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        yield
        os.ftruncate(file, 0)
    finally:
        os.close(file)


def _take(file: int, profile: Path, until: float) -> None:
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                holder = os.pread(file, 32, 0).decode().strip()
                by = f" (process {holder})" if holder else ""
                raise RefreshInProgressError(
                    profile.name, f"another refresh of this monitor is running{by}"
                ) from None
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        else:
            return
