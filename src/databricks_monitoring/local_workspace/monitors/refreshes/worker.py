"""The process that refreshes monitors: started once, fed one job at a time.

It is a separate program rather than a thread because the numeric libraries must be held to one thread each,
which their environment decides before they are imported, and because a refresh must be cancellable and may
die (memory, a broken file) without taking the workspace with it.
"""

from __future__ import annotations

import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from databricks_monitoring.errors import MonitorError
from databricks_monitoring.local_workspace.monitors.refreshes.job import RefreshOutcome

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.monitors.refreshes.job import RefreshJob

logger = logging.getLogger(__name__)

_PROGRAM = "databricks_monitoring.local_workspace.monitors.refreshes.program"
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_SECONDS_TO_END = 5.0


class WorkerDiedError(MonitorError):
    """The refreshing process ended before it answered."""


class RefreshWorker:
    """One refreshing process, started when first needed and again after it died."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def warm(self) -> None:
        """Start the process unless it runs, so that its imports are done before the first job."""
        with self._lock:
            self._running()

    def run(self, job: RefreshJob) -> RefreshOutcome:
        """Compute `job` and return how it ended; one caller at a time.

        Raises
        ------
        WorkerDiedError
            If the process ended without an answer; the next call starts a new one.
        """
        with self._lock:
            process = self._running()
        try:
            answer = _ask(process, job)
        except (BrokenPipeError, EOFError, ValueError):
            # Gone, or stopped by another thread, which also closed the pipes.
            answer = None
        if answer is None:
            raise WorkerDiedError(f"The refreshing process {_how_it_ended(process)} before it finished.")
        return answer

    def stop(self) -> None:
        """End the process now; a running job is given up, its Delta commits stay whole."""
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return
        # Nothing to say goodbye to: what is not committed does not exist.
        process.kill()
        process.wait()
        _close_pipes(process)

    def close(self) -> None:
        """End the process for good."""
        with self._lock:
            self._closed = True
        self.stop()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._closed:
            raise WorkerDiedError("The refreshing process was closed.")
        if self._process is not None and self._process.poll() is not None:
            logger.warning("the refreshing process %s; starting another", _how_it_ended(self._process))
            _close_pipes(self._process)
            self._process = None
        if self._process is None:
            self._process = subprocess.Popen(  # noqa: S603 - our own module, our own interpreter
                [sys.executable, "-m", _PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | dict.fromkeys(_ONE_THREAD, "1"),
            )
        return self._process


def _how_it_ended(process: subprocess.Popen[bytes]) -> str:
    try:
        code = process.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        return "stopped answering"
    if code < 0:
        return f"was ended by signal {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def _ask(process: subprocess.Popen[bytes], job: RefreshJob) -> RefreshOutcome:
    if process.stdin is None or process.stdout is None:
        raise WorkerDiedError("The refreshing process was started without pipes.")
    pickle.dump(job, process.stdin)
    process.stdin.flush()
    answer = pickle.load(process.stdout)  # noqa: S301 - our own program answers
    if not isinstance(answer, RefreshOutcome):
        raise WorkerDiedError(f"The refreshing process answered {type(answer).__name__}.")
    return answer


def _close_pipes(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is None:
            continue
        try:
            pipe.close()
        except BrokenPipeError:
            # A job may still sit in the buffer of a pipe whose reader is gone.
            logger.debug("the refreshing process was gone before it read its last job")
