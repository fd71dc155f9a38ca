from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest

from databricks_monitoring.local_workspace.model_server.frames import Frame, FrameReader
from databricks_monitoring.local_workspace.model_server.worker import Link

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECONDS_UNTIL_IT_HANGS = 5.0


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    workspace, worker = socket.socketpair()
    with workspace, worker:
        # Waiting for a second frame would end as an error.
        worker.settimeout(_SECONDS_UNTIL_IT_HANGS)
        yield workspace, worker


def _frame(number: int) -> Frame:
    return Frame(number, {"content_type": "application/json"}, b"{}" * number)


def test_a_lone_request_is_taken_without_waiting_for_another(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    workspace, worker = ends
    link = Link(worker)
    taken = []
    for number in range(50):
        workspace.sendall(_frame(number).encode())
        began = time.perf_counter()
        assert link.waiting(at_most=64) == [_frame(number)]
        taken.append(time.perf_counter() - began)
    # Whoever waits for company waits every time: the fastest tells, however busy the machine is.
    assert min(taken) < 0.001


def test_all_that_have_come_are_taken_together(ends: tuple[socket.socket, socket.socket]) -> None:
    workspace, worker = ends
    frames = [_frame(number) for number in range(1, 6)]
    link = Link(worker)
    workspace.sendall(b"".join(frame.encode() for frame in frames))
    assert link.waiting(at_most=64) == frames
    for frame in frames[:2]:
        workspace.sendall(frame.encode())
    assert link.waiting(at_most=64) == frames[:2]


def test_answers_leave_together_and_whole(ends: tuple[socket.socket, socket.socket]) -> None:
    workspace, worker = ends
    Link(worker).send(_frame(3), _frame(1))
    assert list(FrameReader().feed(workspace.recv(65536))) == [_frame(3), _frame(1)]


def test_a_workspace_that_is_gone_ends_the_worker(ends: tuple[socket.socket, socket.socket]) -> None:
    workspace, worker = ends
    workspace.close()
    assert Link(worker).waiting(at_most=64) is None
