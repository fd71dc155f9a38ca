from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest

from databricks_monitoring.local_workspace.model_server.connection import (
    WorkerConnection,
    WorkerEndedError,
    WorkerGoneError,
)
from databricks_monitoring.local_workspace.model_server.frames import Frame, FrameReader

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECONDS = 10.0


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    workspace, worker = socket.socketpair()
    with workspace, worker:
        workspace.setblocking(False)  # noqa: FBT003 - the name says it
        yield workspace, worker


async def _ended(worker: socket.socket) -> None:
    """Let the connection find out that its other end is gone, so that it closes."""
    worker.close()
    await asyncio.sleep(0.1)


def test_requests_of_one_turn_arrive_together_and_get_their_own_answers(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    async def turn(connection: WorkerConnection, worker: socket.socket) -> list[bytes]:
        asking = [asyncio.create_task(connection.ask(b"%d" % number, "", _SECONDS)) for number in range(3)]
        await asyncio.sleep(0.1)
        frames = list(FrameReader().feed(worker.recv(65536)))
        assert [frame.body for frame in frames] == [b"0", b"1", b"2"]
        for frame in reversed(frames):
            worker.sendall(Frame(frame.id, {}, frame.body * 2).encode())
        answers = [(await one).body for one in asking]
        await _ended(worker)
        return answers

    workspace, worker = ends
    assert asyncio.run(turn(WorkerConnection(workspace), worker)) == [b"00", b"11", b"22"]


def test_a_worker_that_ends_fails_what_it_had_and_gets_nothing_more(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    async def ask(connection: WorkerConnection, worker: socket.socket) -> None:
        asking = asyncio.create_task(connection.ask(b"", "", _SECONDS))
        await asyncio.sleep(0.1)
        worker.close()
        with pytest.raises(WorkerEndedError):
            await asking
        with pytest.raises(WorkerGoneError):
            await connection.ask(b"", "", _SECONDS)

    workspace, worker = ends
    asyncio.run(ask(WorkerConnection(workspace), worker))


def test_a_request_that_was_not_sent_yet_may_go_to_the_next_worker(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    async def ask(connection: WorkerConnection, worker: socket.socket) -> None:
        with pytest.raises(TimeoutError):
            await connection.ask(b"attaches", "", 0.01)
        asking = asyncio.create_task(connection.ask(b"late", "", _SECONDS))
        asyncio.get_running_loop().call_soon(connection.connection_lost, None)
        with pytest.raises(WorkerGoneError):
            await asking
        [frame] = FrameReader().feed(worker.recv(65536))
        assert frame.body == b"attaches"
        await _ended(worker)

    workspace, worker = ends
    asyncio.run(ask(WorkerConnection(workspace), worker))
