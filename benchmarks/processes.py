"""Runs in processes of their own, with the peak of their memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Measured:
    """What a run answered.

    Attributes
    ----------
    seconds
        As the run itself timed its work.
    peak_gb
        Most memory that its process held at once, imports included (`ru_maxrss`).
    answer
        The last line it wrote.
    """

    seconds: float
    peak_gb: float
    answer: dict[str, object]


class RunFailedError(Exception):
    """A run ended without an answer."""


def run(command: Sequence[str | Path], *, time_out: float = 1800) -> Measured:
    """Run a program that answers with one last line of JSON, and return that and its peak of memory.

    Numeric libraries are held to one thread each, as the process that refreshes monitors holds them.

    Raises
    ------
    RunFailedError
        With the end of what the program wrote, if it fails or takes longer than `time_out` seconds.
    """
    environment = os.environ | dict.fromkeys(_ONE_THREAD, "1")
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(  # noqa: S603 - our own scripts
            [str(part) for part in command], stdout=out, stderr=err, env=environment
        )
        timer = threading.Timer(time_out, process.kill)
        timer.start()
        # Only this call tells the usage of one child.
        _, status, usage = os.wait4(process.pid, 0)
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        lines = out.read().decode().strip().splitlines()
        if process.returncode or not lines:
            said = err.read().decode().strip().splitlines()[-5:]
            raise RunFailedError(f"{command[0]} ended with {process.returncode}: {' | '.join(said)}")
    answer = json.loads(lines[-1])
    return Measured(float(answer["seconds"]), usage.ru_maxrss / 2**20, answer)


def ours(*arguments: str | Path) -> Measured:
    """Run `measured.py` with this interpreter."""
    return run([sys.executable, _HERE / "measured.py", *arguments])
