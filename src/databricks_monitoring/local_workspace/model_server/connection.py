"""The workspace's end of the socket to a served entity's process."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, NamedTuple

from databricks_monitoring.local_workspace.model_server.frames import Frame, FrameReader

if TYPE_CHECKING:
    import socket


class WorkerEndedError(Exception):
    """The process ended before it answered."""


class WorkerGoneError(Exception):
    """The process had ended before the request was sent."""


class _Unsent(NamedTuple):
    encoded: bytes
    answer: asyncio.Future[Frame]


class WorkerConnection(asyncio.Protocol):
    """Requests to one process, many at a time, told apart by their ids.

    It belongs to the event loop that asks first.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._transport: asyncio.Transport | None = None
        self._attaching = asyncio.Lock()
        self._reader = FrameReader()
        self._ids = itertools.count(1)
        self._pending: dict[int, asyncio.Future[Frame]] = {}
        self._ended = False
        self._unsent: list[_Unsent] = []

    async def ask(self, body: bytes, content_type: str, seconds: float) -> Frame:
        """Return the answer of the model.

        Raises
        ------
        WorkerEndedError
            If the process ended while it had the request.
        WorkerGoneError
            If it had ended before.
        TimeoutError
            If the model took longer than `seconds`.
        """
        if self._transport is None:
            await self._attach()
        if self._ended or self._transport is None or self._transport.is_closing():
            raise WorkerGoneError
        identifier = next(self._ids)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Frame] = loop.create_future()
        self._pending[identifier] = answer
        # A timer of its own costs less than `wait_for`, which makes a second future for every request.
        timer = loop.call_later(seconds, _expire, answer)
        try:
            if not self._unsent:
                loop.call_soon(self._send)
            encoded = Frame(identifier, {"content_type": content_type}, body).encode()
            self._unsent.append(_Unsent(encoded, answer))
            return await answer
        finally:
            timer.cancel()
            self._pending.pop(identifier, None)

    def _send(self) -> None:
        """Send the requests of one turn of the event loop together: one system call, one batch."""
        unsent, self._unsent = self._unsent, []
        if self._transport is not None and not self._ended and not self._transport.is_closing():
            self._transport.writelines([one.encoded for one in unsent])
            return
        for one in unsent:
            if not one.answer.done():
                one.answer.set_exception(WorkerGoneError())

    async def _attach(self) -> None:
        async with self._attaching:
            if self._transport is None:
                loop = asyncio.get_running_loop()
                self._transport, _ = await loop.create_unix_connection(lambda: self, sock=self._socket)

    def data_received(self, data: bytes) -> None:
        """Hand each answer to the request that waits for it."""
        for frame in self._reader.feed(data):
            waiting = self._pending.get(frame.id)
            # Nobody waits for the answer of a request that was given up.
            if waiting is not None and not waiting.done():
                waiting.set_result(frame)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - how it ended does not matter
        """Fail every request that waits."""
        self._ended = True
        self._send()
        for waiting in self._pending.values():
            if not waiting.done():
                waiting.set_exception(WorkerEndedError())

    def close(self) -> None:
        """Close a socket that no loop took over; a taken one closes when the process ends."""
        if self._transport is None:
            self._socket.close()


def _expire(answer: asyncio.Future[Frame]) -> None:
    if not answer.done():
        answer.set_exception(TimeoutError())
