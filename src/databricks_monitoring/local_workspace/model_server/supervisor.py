"""Keeps the process of one served entity alive: starts it, starts it again after a crash, lets it sleep.

A thread waits for the process, so a death is noticed without anybody asking. What it finds is the entity's
deployment state.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import threading
import time
from concurrent.futures import Future
from enum import Enum
from typing import TYPE_CHECKING

from databricks.sdk.errors import InternalError, InvalidState, TemporarilyUnavailable
from databricks.sdk.errors.platform import DeadlineExceeded

from databricks_monitoring.local_workspace.model_server.connection import (
    WorkerConnection,
    WorkerEndedError,
    WorkerGoneError,
)
from databricks_monitoring.local_workspace.model_server.garbage import set_aside
from databricks_monitoring.local_workspace.model_server.gate import Gate
from databricks_monitoring.local_workspace.model_server.log_file import MIB, bound
from databricks_monitoring.local_workspace.model_server.process import (
    LoadError,
    end_group,
    first_header,
    how_it_ended,
    resident_bytes,
    spawn,
    wait_with_group,
)

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from databricks_monitoring.local_workspace.model_server.frames import Frame
    from databricks_monitoring.local_workspace.model_server.process import ProcessSpec
    from databricks_monitoring.local_workspace.model_server.settings import ServingSettings

logger = logging.getLogger(__name__)

_SECONDS_TO_END = 5.0
_SECONDS_UP_TO_BE_HEALTHY = 60.0


class Phase(Enum):
    """Where a served entity's process is."""

    CREATING = "DEPLOYMENT_CREATING"
    READY = "DEPLOYMENT_READY"
    ASLEEP = "scaled to zero"
    RECOVERING = "DEPLOYMENT_RECOVERING"
    FAILED = "DEPLOYMENT_FAILED"
    STOPPED = "DEPLOYMENT_ABORTED"


class Supervisor:
    """The process of one served entity.

    Parameters
    ----------
    note
        Called with each event in the life of the process, for the build log.
    now
        Returns the workspace's time in seconds, by which idleness is told.
    deployed
        Whether the model has been served before. A new one that cannot be loaded fails; one that was
        served is tried again.
    """

    def __init__(
        self,
        spec: ProcessSpec,
        settings: ServingSettings,
        note: Callable[[str], None],
        now: Callable[[], float],
        *,
        deployed: bool,
    ) -> None:
        self.spec = spec
        self.gate = Gate(spec.places)
        self._settings = settings
        self._note = note
        self._now = now
        self._changed = threading.Condition()
        self._phase = Phase.RECOVERING if deployed else Phase.CREATING
        self._message = "The model is being loaded."
        self._deployed = deployed
        self._has_served = False
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: WorkerConnection | None = None
        self._waiters: list[Future[WorkerConnection]] = []
        self._last_used = now()
        self._kill_reason = ""
        self._thread = threading.Thread(target=self._live, name=f"serve {spec.model_path}", daemon=True)

    @property
    def phase(self) -> Phase:
        """Where the process is."""
        return self._phase

    @property
    def message(self) -> str:
        """What there is to say about it; empty when all is well."""
        return self._message

    @property
    def pid(self) -> int | None:
        """Id of the process while it runs."""
        process = self._process
        return process.pid if process and process.returncode is None else None

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def wait_deployed(self, seconds: float) -> bool:
        """Wait until the model is loaded; False if that failed, was stopped or took too long."""
        with self._changed:
            self._changed.wait_for(lambda: self._phase is not Phase.CREATING, seconds)
            return self._phase in {Phase.READY, Phase.ASLEEP, Phase.RECOVERING}

    async def ask(self, body: bytes, content_type: str) -> Frame:
        """Return the model's answer; queues for a place, and for the model while it is being loaded.

        Raises
        ------
        ResourceExhausted
            If too many wait.
        TemporarilyUnavailable
            If the model is not there in time.
        DeadlineExceeded
            If the model took too long; it is ended and started again.
        InternalError
            If the model's process ended while it worked on the request.
        """
        # Who comes while the model is being loaded cannot be answered sooner; else a queue is a sign of
        # too little concurrency, which the caller is to hear of.
        loading = self._phase is not Phase.READY
        patience = self._settings.wait_seconds if loading else self._settings.queue_seconds
        async with self.gate.place(patience):
            self._last_used = self._now()
            try:
                return await self._ask(body, content_type)
            except TimeoutError:
                limit = f"{self._settings.request_seconds:g} seconds"
                self.kill(f"A request took longer than {limit}.")
                raise DeadlineExceeded(f"Request processing time exceeded limit of {limit}.") from None
            except WorkerEndedError:
                raise InternalError(
                    "The served entity's process ended while it worked on this request. "
                    f"{self._kill_reason or 'See the logs of the served entity.'}"
                ) from None
            finally:
                self._last_used = self._now()

    async def _ask(self, body: bytes, content_type: str) -> Frame:
        while True:
            connection = self._connection or await self._loaded()
            try:
                return await connection.ask(body, content_type, self._settings.request_seconds)
            except WorkerGoneError:
                # The process ended before it got the request, so the next one may have it.
                with self._changed:
                    if self._connection is connection:
                        self._connection = None

    async def _loaded(self) -> WorkerConnection:
        waiter: Future[WorkerConnection] = Future()
        with self._changed:
            if self._connection is not None:
                return self._connection
            if self._phase in {Phase.FAILED, Phase.STOPPED}:
                raise InvalidState(f"The served entity is not running: {self._message}")
            self._waiters.append(waiter)
            self._changed.notify_all()
        try:
            return await asyncio.wait_for(asyncio.wrap_future(waiter), self._settings.wait_seconds)
        except TimeoutError:
            raise TemporarilyUnavailable(f"The model is not loaded yet. {self._message}") from None
        finally:
            with self._changed:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)

    def kill(self, reason: str) -> None:
        """End the process at once; it is started again."""
        self._kill_reason = reason
        with self._changed:
            # Nobody else is to be sent there.
            self._connection = None
            if self._phase is Phase.READY:
                self._set(Phase.RECOVERING, reason)
        process = self._process
        if process is not None:
            end_group(process.pid, signal.SIGKILL)

    def look_after(self) -> None:
        """Hold the process to its memory and its log to its size; let an idle one sleep."""
        self._end_if_too_large()
        bound(self.spec.log_path, self._settings.log_mib)
        self._sleep_if_idle()

    def _end_if_too_large(self) -> None:
        pid = self.pid
        if pid is None:
            return
        used, limit = resident_bytes(pid) / MIB, self._settings.memory_mib
        if used > limit:
            self.kill(f"The model used {used:.0f} MiB of memory, more than the {limit:.0f} MiB it may use.")

    def _sleep_if_idle(self) -> None:
        idle = self._now() - self._last_used
        if idle < 0:
            # The clock was set back: the time before says nothing any more.
            self._last_used = self._now()
            return
        with self._changed:
            if not self.spec.scale_to_zero or self._phase is not Phase.READY or self.gate.inside:
                return
            if idle < self._settings.idle_seconds:
                return
            self._connection = None
            self._set(Phase.ASLEEP, "Scaled to zero.")
        # Others are looked after meanwhile, however long this one takes to end.
        threading.Thread(target=self._end_process, name="scale to zero", daemon=True).start()

    def stop(self, *, drain_seconds: float = 0.0) -> None:
        """End for good, after the requests inside or `drain_seconds`."""
        deadline = time.monotonic() + drain_seconds
        while self.gate.inside and time.monotonic() < deadline:
            time.sleep(0.05)
        with self._changed:
            self._set(Phase.STOPPED, "Stopped.")
        self._end_process()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(_SECONDS_TO_END * 2)

    def _end_process(self) -> None:
        process = self._process
        if process is None:
            return
        end_group(process.pid, signal.SIGTERM)
        for _ in range(round(_SECONDS_TO_END / 0.02)):
            if process.returncode is not None or self._process is not process:
                return
            time.sleep(0.02)
        end_group(process.pid, signal.SIGKILL)

    def _set(self, phase: Phase, message: str) -> None:
        with self._changed:
            if self._phase is Phase.STOPPED:
                return
            self._phase, self._message = phase, message
            if phase in {Phase.FAILED, Phase.STOPPED}:
                self._connection = None
                for waiter in self._waiters:
                    if waiter.set_running_or_notify_cancel():
                        waiter.set_exception(InvalidState(f"The served entity is not running: {message}"))
                self._waiters.clear()
            self._changed.notify_all()

    def _live(self) -> None:
        pause = self._settings.restart_seconds
        while self._phase is not Phase.STOPPED:
            began = time.monotonic()
            failure = self._one_life()
            if failure is None:
                pause = self._settings.restart_seconds
                continue
            if not self._deployed:
                self._note(f"Failed: {failure}")
                self._set(Phase.FAILED, failure)
                return
            if time.monotonic() - began > _SECONDS_UP_TO_BE_HEALTHY:
                pause = self._settings.restart_seconds
            self._note(f"{failure} Starting again in {pause:g} seconds.")
            self._set(Phase.RECOVERING, failure)
            with self._changed:
                self._changed.wait_for(lambda: self._phase is Phase.STOPPED, pause)
            pause = min(pause * 2, self._settings.restart_seconds_at_most)

    def _one_life(self) -> str | None:
        """Run one process to its end; return why it failed, or None if it ended as wanted."""
        ours, theirs = socket.socketpair()
        try:
            self._note(f"Loading {self.spec.model_path}.")
            process = spawn(self.spec, theirs)
        except OSError as error:
            ours.close()
            return f"The model's process could not be started: {error}."
        except LoadError as error:
            ours.close()
            return str(error)
        finally:
            theirs.close()
        self._process = process
        self._kill_reason = ""
        if self._phase is Phase.STOPPED:
            end_group(process.pid, signal.SIGKILL)
        try:
            self._handshake(ours)
        except LoadError as error:
            ours.close()
            end_group(process.pid, signal.SIGKILL)
            wait_with_group(process)
            self._process = None
            return self._kill_reason or str(error)
        self._serve(WorkerConnection(ours))
        wait_with_group(process)
        connection, self._connection, self._process = self._connection, None, None
        if connection is not None:
            connection.close()
        if self._phase is Phase.ASLEEP:
            self._note("Scaled to zero.")
            with self._changed:
                self._changed.wait_for(lambda: self._waiters or self._phase is Phase.STOPPED)
            return None
        if self._phase is Phase.STOPPED:
            return None
        return self._kill_reason or f"The model's process {how_it_ended(process.returncode)}."

    def _handshake(self, ours: socket.socket) -> None:
        began = time.monotonic()
        header = first_header(ours, self._settings.load_seconds)
        if "error" in header:
            raise LoadError(f"The model could not be loaded: {header['error']}")
        self._note(f"Loaded in {time.monotonic() - began:.1f} seconds.")

    def _serve(self, connection: WorkerConnection) -> None:
        if not self._has_served:
            # What this process imported to serve it; a model that crashes again and again adds nothing.
            self._has_served = True
            set_aside()
        with self._changed:
            if self._phase is Phase.STOPPED:
                connection.close()
                return
            self._deployed = True
            self._last_used = self._now()
            self._connection = connection
            self._set(Phase.READY, "")
            for waiter in self._waiters:
                if waiter.set_running_or_notify_cancel():
                    waiter.set_result(connection)
            self._waiters.clear()
