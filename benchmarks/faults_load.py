"""Clients that remember what they were answered, and the comparison of their memory with the table."""

from __future__ import annotations

import http.client
import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable

_SECONDS = 30.0
_MEBIBYTE = 1024 * 1024
_OVERSIZE_EVERY = 97
_WRONG_EVERY = 7


@dataclass(frozen=True)
class Server:
    """Where requests go."""

    host: str
    port: int
    token: str
    endpoint: str

    @property
    def path(self) -> str:
        """The path of the endpoint's invocations."""
        return f"/serving-endpoints/{self.endpoint}/invocations"


@dataclass
class Memory:
    """What the clients know.

    Attributes
    ----------
    answered
        Status by client request id, of requests whose whole answer arrived.
    unanswered
        Ids of requests that were sent and whose answer never came, or not whole.
    refused
        Ids of requests that were answered 503, since they could not be recorded.
    """

    answered: dict[str, int] = field(default_factory=dict)
    unanswered: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Difference:
    """Where the table differs from what the clients know; nothing in it is as it should be."""

    missing: list[str]
    repeated: list[str]
    other_status: list[str]
    unknown: list[str]

    def __bool__(self) -> bool:
        return bool(self.missing or self.repeated or self.other_status or self.unknown)


class Clients:
    """Some clients, each with a connection of its own, until `stop`."""

    def __init__(self, server: Server, memory: Memory, name: str, count: int = 4) -> None:
        self._server = server
        self._memory = memory
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask_again_and_again, args=(f"{name}-{number}",), daemon=True)
            for number in range(count)
        ]

    def start(self) -> None:
        """Begin to ask; returns at once."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let each client end its request, then return."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _ask_again_and_again(self, name: str) -> None:
        connection: http.client.HTTPConnection | None = None
        number = 0
        while not self._ended.is_set():
            number += 1
            identifier = f"{name}-{number}"
            if connection is None:
                connection = http.client.HTTPConnection(
                    self._server.host, self._server.port, timeout=_SECONDS
                )
            try:
                self._ask(connection, identifier, _body(identifier, number))
            except (OSError, http.client.HTTPException):
                self._memory.unanswered.add(identifier)
                connection.close()
                connection = None
                # The server is gone, or starts again.
                self._ended.wait(0.05)
        if connection is not None:
            connection.close()

    def _ask(self, connection: http.client.HTTPConnection, identifier: str, body: bytes) -> None:
        headers = {"Authorization": f"Bearer {self._server.token}", "Content-Type": "application/json"}
        connection.request("POST", self._server.path, body, headers)
        response = connection.getresponse()
        content = response.read()
        if response.status == http.HTTPStatus.SERVICE_UNAVAILABLE and b"could not be recorded" in content:
            self._memory.refused.add(identifier)
        else:
            self._memory.answered[identifier] = response.status


def _body(identifier: str, number: int) -> bytes:
    body: dict[str, object] = {"client_request_id": identifier, "dataframe_records": [{"x": 1.0}]}
    if number % _WRONG_EVERY == 0:
        body["dataframe_records"] = [{"y": 1.0}]
    if number % _OVERSIZE_EVERY == 0:
        body["padding"] = "x" * _MEBIBYTE
    return json.dumps(body).encode()


def difference(memory: Memory, rows: Iterable[dict[str, Any]]) -> Difference:
    """Compare the table with what the clients know.

    A request whose answer never arrived may be there, once. One that was refused is not.
    """
    found = list(rows)
    times = Counter(str(row["client_request_id"]) for row in found)
    status = {str(row["client_request_id"]): int(row["status_code"]) for row in found}
    requests = Counter(str(row["databricks_request_id"]) for row in found)
    known = memory.answered.keys() | memory.unanswered
    return Difference(
        missing=sorted(one for one in memory.answered if one not in times),
        repeated=sorted(
            [one for one, count in times.items() if count > 1]
            + [one for one, count in requests.items() if count > 1]
        ),
        other_status=sorted(
            one for one, answered in memory.answered.items() if status.get(one, answered) != answered
        ),
        unknown=sorted(one for one in times if one not in known),
    )


def moment(low: float, high: float, generator: random.Random) -> float:
    """Return a random moment, in seconds from now."""
    return low + (high - low) * generator.random()
