from __future__ import annotations

import asyncio

import pytest
from databricks.sdk.errors import ResourceExhausted

from databricks_monitoring.local_workspace.model_server.gate import QUEUED_PER_PLACE, Gate


def test_places_go_to_those_that_wait_in_their_order() -> None:
    async def scenario() -> list[int]:
        gate, order = Gate(2), []

        async def enter(number: int) -> None:
            async with gate.place(10):
                assert gate.inside <= 2
                order.append(number)
                await asyncio.sleep(0)

        await asyncio.gather(*(enter(number) for number in range(20)))
        assert (gate.inside, gate.waiting) == (0, 0)
        return order

    assert asyncio.run(scenario()) == list(range(20))


def test_a_full_queue_refuses() -> None:
    async def scenario() -> None:
        gate = Gate(1)
        async with gate.place(10):
            waiting = [asyncio.create_task(_enter(gate, 10)) for _ in range(QUEUED_PER_PLACE)]
            await asyncio.sleep(0)
            with pytest.raises(ResourceExhausted):
                await _enter(gate, 10)
        await asyncio.gather(*waiting)
        assert gate.inside == 0

    asyncio.run(scenario())


def test_a_place_that_does_not_come_free_in_time_refuses() -> None:
    async def scenario() -> None:
        gate = Gate(1)
        async with gate.place(10):
            with pytest.raises(ResourceExhausted):
                await _enter(gate, 0.01)
            given_up = asyncio.create_task(_enter(gate, 10))
            await asyncio.sleep(0)
            given_up.cancel()
            await asyncio.gather(given_up, return_exceptions=True)
        assert (gate.inside, gate.waiting) == (0, 0)
        await _enter(gate, 0.01)

    asyncio.run(scenario())


async def _enter(gate: Gate, seconds: float) -> None:
    async with gate.place(seconds):
        pass
