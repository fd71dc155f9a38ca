"""Which requests go to the model together, and when.

As a rule one batch is in the model at a time and all that comes meanwhile is the next one: a model takes
about as long for sixteen rows as for one. With hundreds of rows it is the rows that take the time, much of it
in native code that does not need the interpreter; then two batches side by side use two processors.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.model_server.batching import Prepared
    from databricks_monitoring.local_workspace.model_server.frames import Frame

BATCHES_AT_A_TIME = 2
"""Batches that may be in the model: as many threads take them."""

ROWS_FOR_A_THREAD = 128
"""Rows that are worth being handed to another thread, so that more can be read meanwhile."""

ROWS_FOR_A_SECOND = 1024
"""Rows that must wait for a second batch to begin beside another one, and no fewer than that one has."""


class ReadyRequest(NamedTuple):
    """A request that is ready for the model."""

    frame: Frame
    prepared: Prepared


class ReadyRequests:
    """What waits for the model, shared by the thread that reads and those that predict.

    Parameters
    ----------
    at_most
        Requests in a batch.
    """

    def __init__(self, *, at_most: int) -> None:
        self._at_most = at_most
        self._changed = threading.Condition()
        self._waiting: deque[ReadyRequest] = deque()
        self._rows_waiting = 0
        self._rows_inside: list[int] = []

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits and nothing is in the model."""
        with self._changed:
            return not self._waiting and not self._rows_inside

    def put(self, requests: list[ReadyRequest]) -> None:
        """Add requests that came together."""
        with self._changed:
            self._waiting.extend(requests)
            self._rows_waiting += rows_of(requests)
            if self._may_begin():
                self._changed.notify()

    def take(self) -> list[ReadyRequest]:
        """Wait until a batch may begin and return what waits by then; `done` is to be called with it."""
        with self._changed:
            while not self._may_begin():
                self._changed.wait()
            batch = [self._waiting.popleft() for _ in range(min(self._at_most, len(self._waiting)))]
            rows = rows_of(batch)
            self._rows_waiting -= rows
            self._rows_inside.append(rows)
            return batch

    def done(self, batch: list[ReadyRequest]) -> None:
        """Say that a batch has left the model."""
        with self._changed:
            self._rows_inside.remove(rows_of(batch))
            if self._may_begin():
                self._changed.notify()

    def _may_begin(self) -> bool:
        if not self._waiting:
            return False
        if len(self._rows_inside) >= BATCHES_AT_A_TIME:
            return False
        return not self._rows_inside or self._rows_waiting >= max(ROWS_FOR_A_SECOND, *self._rows_inside)


def rows_of(requests: list[ReadyRequest]) -> int:
    """Return how many rows requests have together."""
    return sum(request.prepared.rows for request in requests)
