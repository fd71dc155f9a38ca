"""The process that serves a local workspace."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING

import uvicorn

from databricks_monitoring.errors import LocalWorkspaceError
from databricks_monitoring.local_workspace.app import create_app
from databricks_monitoring.local_workspace.http_protocol import OnePacketProtocol
from databricks_monitoring.local_workspace.listening import DEFAULT_PORT, listen
from databricks_monitoring.local_workspace.model_server.garbage import set_aside
from databricks_monitoring.local_workspace.root_folder import (
    RootLock,
    ServerRecord,
    new_token,
    prepare,
    read_record,
    write_record,
)
from databricks_monitoring.local_workspace.workspace import Workspace

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

_SECONDS_FOR_OPEN_REQUESTS = 10
_SECONDS_BETWEEN_THREADS = 0.0005
"""How soon a busy thread lets another run, a tenth of Python's default: whenever the event loop has read or
written, it queues for the interpreter behind statements and commits."""


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._say_started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            set_aside()
            self._say_started()


def serve(
    root: Path,
    *,
    host: str,
    port: int | None,
    token: str | None,
    started: Callable[[ServerRecord], None],
) -> None:
    """Serve the workspace in `root` until the process is told to end.

    Parameters
    ----------
    host
        Address to listen on.
    port
        0 for any free one, None for the one of last time (at first 8765).
    token
        None for the one of last time, at first a random one.
    started
        Called once requests are answered.

    Raises
    ------
    RootNotWritableError, RootInUseError, PortInUseError
        If the server cannot start; the message says why.
    """
    root = prepare(root)
    lock = RootLock(root)
    try:
        remembered = read_record(root)
        listener = listen(host, _port(port, remembered))
        record = ServerRecord(
            host=host,
            port=listener.getsockname()[1],
            token=token or (remembered.token if remembered else new_token()),
        )
        with listener:
            _run(root, record, listener, started)
    finally:
        lock.release()


def _port(port: int | None, remembered: ServerRecord | None) -> int:
    if port is not None:
        return port
    return remembered.port if remembered else DEFAULT_PORT


def _run(
    root: Path, record: ServerRecord, listener: socket.socket, started: Callable[[ServerRecord], None]
) -> None:
    running = record.model_copy(update={"pid": os.getpid(), "started_at": time.time()})
    workspace = Workspace.open(root, url=record.url, token=record.token)
    sys.setswitchinterval(_SECONDS_BETWEEN_THREADS)
    config = uvicorn.Config(
        create_app(workspace),
        loop="uvloop",
        http=OnePacketProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=_SECONDS_FOR_OPEN_REQUESTS,
    )
    write_record(root, running)
    server = _Server(config, lambda: started(running))
    # uvicorn raises the signal that ended it once more; the process is to end in order.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    try:
        server.run(sockets=[listener])
    finally:
        write_record(root, record)
    if not server.started:
        raise LocalWorkspaceError("The local workspace did not start; the reason is in the log above.")
