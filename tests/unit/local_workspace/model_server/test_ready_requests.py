from __future__ import annotations

import threading

import numpy as np

from databricks_monitoring.local_workspace.model_server.batching import Prepared
from databricks_monitoring.local_workspace.model_server.frames import Frame
from databricks_monitoring.local_workspace.model_server.ready_requests import (
    ROWS_FOR_A_SECOND,
    ReadyRequest,
    ReadyRequests,
)
from databricks_monitoring.local_workspace.model_server.typed_input import Numbers

_SECONDS = 10.0


def _request(rows: int) -> ReadyRequest:
    numbers = Numbers("key", np.zeros((1, rows)))
    return ReadyRequest(Frame(1, {}), Prepared(b"", "", None, "key", numbers))


def _begins(ready: ReadyRequests) -> bool:
    """Say whether another thread gets a batch."""
    thread = threading.Thread(target=ready.take, daemon=True)
    thread.start()
    thread.join(0.2)
    return not thread.is_alive()


def test_all_that_waits_is_one_batch() -> None:
    ready = ReadyRequests(at_most=3)
    requests = [_request(rows) for rows in (1, 2, 3, 4)]
    assert ready.is_idle
    ready.put(requests)
    assert not ready.is_idle
    assert ready.take() == requests[:3]
    ready.done(requests[:3])
    assert ready.take() == requests[3:]
    assert not ready.is_idle
    ready.done(requests[3:])
    assert ready.is_idle


def test_few_rows_wait_for_the_batch_before() -> None:
    ready = ReadyRequests(at_most=64)
    first = _request(1)
    ready.put([first])
    assert ready.take() == [first]
    for _ in range(ROWS_FOR_A_SECOND - 1):
        ready.put([_request(1)])
    assert not _begins(ready)


def test_many_rows_begin_beside_it() -> None:
    ready = ReadyRequests(at_most=64)
    first, second = _request(1), _request(ROWS_FOR_A_SECOND)
    ready.put([first])
    assert ready.take() == [first]
    ready.put([second])
    assert ready.take() == [second]
    ready.put([_request(ROWS_FOR_A_SECOND)])
    assert not _begins(ready), "two at a time are enough"


def test_a_second_batch_is_no_smaller_than_the_first() -> None:
    ready = ReadyRequests(at_most=64)
    first = _request(2 * ROWS_FOR_A_SECOND)
    ready.put([first])
    ready.take()
    ready.put([_request(2 * ROWS_FOR_A_SECOND - 1)])
    assert not _begins(ready)


def test_whoever_waits_is_told_when_the_batch_before_is_done() -> None:
    ready = ReadyRequests(at_most=64)
    first, second = _request(1), _request(1)
    ready.put([first])
    batch = ready.take()
    ready.put([second])
    taken: list[list[ReadyRequest]] = []
    thread = threading.Thread(target=lambda: taken.append(ready.take()), daemon=True)
    thread.start()
    ready.done(batch)
    thread.join(_SECONDS)
    assert taken == [[second]]
