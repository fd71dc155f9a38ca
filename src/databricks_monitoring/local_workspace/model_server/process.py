"""The process of a served entity: how it is started, how it reports that its model is loaded."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from databricks_monitoring.local_workspace.model_server.frames import READY_ID, FrameReader

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from databricks_monitoring.local_workspace.model_server.frames import Header

_PROGRAM = "databricks_monitoring.local_workspace.model_server.worker"
_ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
# A model must not find the workspace's own clients: what it may reach is in its environment variables.
_NOT_INHERITED = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "DATABRICKS_HOST", "DATABRICKS_TOKEN")
_FIRST_TO_GO = "1000"


@dataclass(frozen=True)
class ProcessSpec:
    """What to run.

    Attributes
    ----------
    log_path
        File that gets what the model prints.
    places
        Requests the model takes at a time.
    environment
        Returns the model's environment variables; asked at each start. Raises `LoadError` if one has no
        value.
    """

    model_path: Path
    log_path: Path
    places: int
    environment: Callable[[], dict[str, str]]
    scale_to_zero: bool


class LoadError(Exception):
    """The process could not load its model; the message says why."""


def spawn(spec: ProcessSpec, connection: socket.socket) -> subprocess.Popen[bytes]:
    """Start the process with its end of the socket, as the leader of a group of its own.

    Raises
    ------
    OSError
        If the system cannot, or the log cannot be written.
    LoadError
        If an environment variable has no value.
    """
    given = spec.environment()
    inherited = {key: value for key, value in os.environ.items() if key not in _NOT_INHERITED}
    command = [sys.executable, "-m", _PROGRAM]
    command += ["--socket", str(connection.fileno()), "--parent", str(os.getpid())]
    command += ["--model", str(spec.model_path), "--concurrency", str(spec.places)]
    with spec.log_path.open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own module, our own interpreter
            command,
            pass_fds=[connection.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=spec.log_path.parent,
            env=inherited | dict.fromkeys(_ONE_THREAD, "1") | {"PYTHONUNBUFFERED": "1"} | given,
            # What the model starts ends with it, and the terminal's Ctrl-C reaches the workspace alone.
            start_new_session=True,
        )
    _offer_to_the_kernel(process.pid)
    return process


def _offer_to_the_kernel(pid: int) -> None:
    """Let a machine that runs out of memory end this process before any other, where it has such a choice."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text(_FIRST_TO_GO)


def end_group(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process and whatever it started; nothing if it is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def wait_with_group(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process, end what it leaves behind, and return its code."""
    if hasattr(os, "waitid"):
        with contextlib.suppress(ChildProcessError):
            # Not reaped yet, so that its number still means its group and nobody else's.
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            end_group(process.pid, signal.SIGKILL)
    return process.wait()


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process, without what it started; 0 if it is gone."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def first_header(ours: socket.socket, seconds: float) -> Header:
    """Return what the process says first: nothing when its model is loaded, else why not.

    Raises
    ------
    LoadError
        If it ended or took longer than `seconds`.
    """
    reader = FrameReader()
    ours.settimeout(seconds)
    try:
        while received := ours.recv(65536):
            for frame in reader.feed(received):
                if frame.id == READY_ID:
                    return frame.header
    except TimeoutError:
        raise LoadError(f"The model was not loaded within {seconds:g} seconds.") from None
    finally:
        ours.setblocking(False)  # noqa: FBT003 - the name says it
    raise LoadError("The model's process ended while it loaded the model. Its log says more.")


def how_it_ended(code: int) -> str:
    """Return in words how a process with this return code ended."""
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
