"""The places of a served entity: as many requests at a time as its workload size has, the rest in a queue."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from databricks.sdk.errors import ResourceExhausted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

QUEUED_PER_PLACE = 16
"""Requests that may wait, for each place."""


class Gate:
    """Lets `places` requests in at a time; used by one event loop."""

    def __init__(self, places: int) -> None:
        self.places = places
        self.inside = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._queue)

    @asynccontextmanager
    async def place(self, wait_seconds: float) -> AsyncIterator[None]:
        """Hold a place while inside.

        Raises
        ------
        ResourceExhausted
            If the queue is full, or no place came free in `wait_seconds`.
        """
        if self.inside < self.places:
            self.inside += 1
        else:
            await self._queue_up(wait_seconds)
        try:
            yield
        finally:
            self._leave()

    async def _queue_up(self, wait_seconds: float) -> None:
        if len(self._queue) >= self.places * QUEUED_PER_PLACE:
            raise _exhausted()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await asyncio.wait_for(turn, wait_seconds)
        except TimeoutError:
            raise _exhausted() from None
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()
            raise
        finally:
            if turn in self._queue:
                self._queue.remove(turn)

    def _leave(self) -> None:
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                # The place changes hands, so nobody can slip in between.
                turn.set_result(None)
                return
        self.inside -= 1


def _exhausted() -> ResourceExhausted:
    return ResourceExhausted(
        "Too many concurrent requests. Consider increasing the provisioned concurrency of the served entity.",
        error_code="RESOURCE_EXHAUSTED",
    )
