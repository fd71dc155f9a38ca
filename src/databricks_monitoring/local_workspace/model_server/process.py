"""The process of a served entity: how it is started, how it reports that its model is loaded."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from databricks_monitoring.local_workspace.model_server.frames import READY_ID, FrameReader

if TYPE_CHECKING:
    import socket
    from pathlib import Path

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


@dataclass(frozen=True)
class ProcessSpec:
    """What to run.

    Attributes
    ----------
    log_path
        File that gets what the model prints.
    places
        Requests the model takes at a time.
    """

    model_path: Path
    log_path: Path
    places: int
    environment: dict[str, str]
    scale_to_zero: bool


class LoadError(Exception):
    """The process could not load its model; the message says why."""


def spawn(spec: ProcessSpec, connection: socket.socket) -> subprocess.Popen[bytes]:
    """Start the process with its end of the socket.

    Raises
    ------
    OSError
        If the system cannot, or the log cannot be written.
    """
    inherited = {key: value for key, value in os.environ.items() if key not in _NOT_INHERITED}
    command = [sys.executable, "-m", _PROGRAM]
    command += ["--socket", str(connection.fileno()), "--parent", str(os.getpid())]
    command += ["--model", str(spec.model_path), "--concurrency", str(spec.places)]
    with spec.log_path.open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - our own module, our own interpreter
            command,
            pass_fds=[connection.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=spec.log_path.parent,
            env=inherited | dict.fromkeys(_ONE_THREAD, "1") | {"PYTHONUNBUFFERED": "1"} | spec.environment,
        )


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
