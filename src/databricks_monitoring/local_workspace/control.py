"""Starting, stopping and asking the server of a local workspace from another process."""

from __future__ import annotations

import http.client
import json
import os
import signal
import sys
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from databricks_monitoring.errors import LocalWorkspaceError, NotRunningError
from databricks_monitoring.local_workspace.listening import DEFAULT_PORT, TOKEN_VARIABLE, listen
from databricks_monitoring.local_workspace.root_folder import (
    OWNER_ONLY,
    RootLock,
    ServerRecord,
    prepare,
    read_record,
    server_pid,
)

if TYPE_CHECKING:
    from pathlib import Path

_SECONDS_TO_START = 120.0
_SECONDS_TO_STOP = 45.0
_SECONDS_BETWEEN_LOOKS = 0.05
_SECONDS_TO_ANSWER = 10.0
_LINES_OF_LOG = 20
_OK = 200


@dataclass(frozen=True)
class Status:
    """A running server.

    Attributes
    ----------
    now
        The workspace's time.
    """

    record: ServerRecord
    pid: int
    root: Path
    uptime: timedelta
    now: datetime


def start(root: Path, *, host: str, port: int | None, token: str | None) -> ServerRecord:
    """Start a server that outlives this process; return once it answers.

    Raises
    ------
    RootNotWritableError, RootInUseError, PortInUseError
        If the server cannot start.
    LocalWorkspaceError
        If it died or did not answer in time; the message ends with the tail of its log.
    """
    root = check_free(root, host, port)
    log = root / "logs" / "server.log"
    log.parent.mkdir(exist_ok=True)
    arguments = ["--root", str(root), "--bind", host] + (["--port", str(port)] if port is not None else [])
    command = [sys.executable, "-m", "databricks_monitoring", "local", "up", *arguments]
    environment = os.environ | ({TOKEN_VARIABLE: token} if token is not None else {})
    # The server says its token when it has started.
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, OWNER_ONLY), "ab") as out:
        begin = out.seek(0, os.SEEK_END)
        nothing = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
        logged = [(os.POSIX_SPAWN_DUP2, out.fileno(), number) for number in (1, 2)]
        # Not a `Popen`: nobody here waits for the end of this process.
        pid = os.posix_spawn(
            sys.executable, command, environment, file_actions=[nothing, *logged], setsid=True
        )
    return _when_it_answers(root, pid, log, begin)


def check_free(root: Path, host: str, port: int | None) -> Path:
    """Return the folder, made if it was missing, if a server could start in it.

    Raises
    ------
    RootNotWritableError, RootInUseError, PortInUseError
        What would hinder it.
    """
    root = prepare(root)
    RootLock(root).release()
    remembered = read_record(root)
    wanted = port if port is not None else remembered.port if remembered else DEFAULT_PORT
    listen(host, wanted).close()
    return root


def _when_it_answers(root: Path, pid: int, log: Path, begin: int) -> ServerRecord:
    deadline = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < deadline:
        ended, how = os.waitpid(pid, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(how)
            raise LocalWorkspaceError(
                f"The local workspace did not start (exit code {code}).{_tail(log, begin)}"
            )
        record = read_record(root)
        if record is not None and record.pid == pid and _answers(record):
            return record
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    os.kill(pid, signal.SIGTERM)
    raise LocalWorkspaceError(
        f"The local workspace did not answer within {_SECONDS_TO_START:g} seconds and was ended."
        + _tail(log, begin)
    )


def _tail(log: Path, begin: int) -> str:
    with log.open("rb") as content:
        content.seek(begin)
        lines = content.read().decode(errors="replace").strip().splitlines()[-_LINES_OF_LOG:]
    return (
        f" The end of {log}:\n" + "\n".join(f"  {line}" for line in lines) if lines else f" Its log is {log}."
    )


def stop(root: Path) -> int:
    """End the server and return the number of its process once the folder is free.

    Raises
    ------
    NotRunningError
        If no server holds the folder.
    LocalWorkspaceError
        If it did not end in time.
    """
    root = root.expanduser().absolute()
    pid = server_pid(root)
    if pid is None:
        raise NotRunningError(str(root))
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _SECONDS_TO_STOP
    while time.monotonic() < deadline:
        if server_pid(root) != pid:
            return pid
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    raise LocalWorkspaceError(
        f"Process {pid} did not end within {_SECONDS_TO_STOP:g} seconds. `kill -9 {pid}` ends it; "
        "what it had acknowledged is on disk."
    )


def status(root: Path) -> Status:
    """Return how the server of a folder is.

    Raises
    ------
    NotRunningError
        If no server holds the folder.
    LocalWorkspaceError
        If it does not answer.
    """
    root = root.expanduser().absolute()
    pid = server_pid(root)
    record = read_record(root) if pid is not None else None
    if pid is None or record is None:
        raise NotRunningError(str(root))
    clock = ask(record, "/api/local/clock")
    return Status(
        record=record,
        pid=pid,
        root=root,
        uptime=timedelta(seconds=max(0.0, time.time() - (record.started_at or time.time()))),
        now=datetime.fromisoformat(clock["now"]),
    )


def environment(root: Path) -> dict[str, str]:
    """Return the variables with which Databricks clients reach the running server of a folder."""
    record = status(root).record
    found = {"DATABRICKS_HOST": record.url, "DATABRICKS_TOKEN": record.token}
    warehouses = ask(record, "/api/2.0/sql/warehouses").get("warehouses") or []
    if warehouses:
        found["DATABRICKS_WAREHOUSE_ID"] = warehouses[0]["id"]
    return found


def ask(record: ServerRecord, path: str) -> dict[str, Any]:
    """Return the JSON that a running server answers to GET."""
    where = urlsplit(record.url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=_SECONDS_TO_ANSWER)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {record.token}"})
        response = connection.getresponse()
        content = response.read()
    except (OSError, http.client.HTTPException) as error:
        reason = str(error) or type(error).__name__
        raise LocalWorkspaceError(
            f"Process {record.pid} serves the folder but does not answer at {record.url}: {reason}."
        ) from error
    finally:
        connection.close()
    if response.status != _OK:
        raise LocalWorkspaceError(
            f"{record.url}{path} answered {response.status}: {content.decode(errors='replace')}"
        )
    return json.loads(content)  # type: ignore[no-any-return]  # every answer is an object


def _answers(record: ServerRecord) -> bool:
    try:
        ask(record, "/.well-known/databricks-config")
    except LocalWorkspaceError:
        return False
    return True
