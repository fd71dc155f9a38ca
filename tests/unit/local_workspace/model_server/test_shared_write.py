from __future__ import annotations

import asyncio
import errno
from typing import TYPE_CHECKING

from databricks_monitoring.local_workspace.model_server import shared_write
from databricks_monitoring.local_workspace.model_server.shared_write import SharedWrite

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest


class Disk:
    """Remembers which lines came together; has no room for those that begin with `x`."""

    def __init__(self) -> None:
        self.writes: list[list[bytes]] = []

    def write(self, lines: Sequence[bytes]) -> list[OSError | None]:
        self.writes.append(list(lines))
        return [OSError(errno.ENOSPC, "full") if line.startswith(b"x") else None for line in lines]


def test_what_one_turn_adds_is_written_together() -> None:
    disk = Disk()

    async def turns() -> None:
        shared = SharedWrite(disk.write)
        await asyncio.gather(shared.add(b"a"), shared.add(b"b"))
        await shared.add(b"c")

    asyncio.run(turns())
    assert disk.writes == [[b"a", b"b"], [b"c"]]


def test_nobody_goes_on_before_the_line_is_written() -> None:
    disk = Disk()
    seen: list[int] = []

    async def add(shared: SharedWrite, line: bytes) -> None:
        await shared.add(line)
        seen.append(len(disk.writes))

    async def turn() -> None:
        shared = SharedWrite(disk.write)
        await asyncio.gather(*[add(shared, b"%d" % number) for number in range(5)])

    asyncio.run(turn())
    assert seen == [1] * 5


def test_each_hears_of_its_own_failure() -> None:
    async def turn() -> tuple[BaseException | None, ...]:
        shared = SharedWrite(Disk().write)
        added = (shared.add(b"a"), shared.add(b"x"), shared.add(b"b"))
        return await asyncio.gather(*added, return_exceptions=True)

    first, second, third = asyncio.run(turn())
    assert (first, third) == (None, None)
    assert isinstance(second, OSError)


def test_a_line_is_written_although_nobody_waits_any_more() -> None:
    disk = Disk()

    async def turn() -> None:
        shared = SharedWrite(disk.write)
        gone = asyncio.create_task(shared.add(b"gone"))
        stays = asyncio.create_task(shared.add(b"stays"))
        await asyncio.sleep(0)
        gone.cancel()
        await stays
        assert gone.cancelled() or gone.cancelling()

    asyncio.run(turn())
    assert disk.writes == [[b"gone", b"stays"]]


def test_many_bytes_do_not_wait_for_the_end_of_the_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_write, "_BYTES_AT_A_TIME", 10)
    disk = Disk()

    async def turn() -> None:
        shared = SharedWrite(disk.write)
        await asyncio.gather(shared.add(b"0" * 8), shared.add(b"1" * 8), shared.add(b"2"))

    asyncio.run(turn())
    assert disk.writes == [[b"0" * 8, b"1" * 8], [b"2"]]


def test_a_fault_of_the_writer_reaches_all_who_wait() -> None:
    def broken(lines: Sequence[bytes]) -> list[OSError | None]:
        raise ValueError(f"{len(lines)} lines")

    async def turn() -> tuple[BaseException | None, ...]:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        shared = SharedWrite(broken)
        return await asyncio.gather(shared.add(b"a"), shared.add(b"b"), return_exceptions=True)

    assert [str(error) for error in asyncio.run(turn())] == ["2 lines"] * 2
