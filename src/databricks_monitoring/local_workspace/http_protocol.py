"""HTTP with the head and the body of an answer in one packet.

uvicorn writes the two one after the other, and uvloop sends each at once: two system calls of this process
and two awakenings of the client for every small answer.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    from collections.abc import Iterable

_LARGE = 64 * 1024


class _Gathering:
    """A transport that sends what was written during a turn of the event loop at its end."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._unsent: list[bytes] = []

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the transport has
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send `data` with what else is written in this turn."""
        if not self._unsent:
            self._loop.call_soon(self._send)
        self._unsent.append(data)
        if len(data) > _LARGE:
            # Whoever writes much is to learn in time when the client does not read.
            self._send()

    def writelines(self, parts: Iterable[bytes]) -> None:
        """Send all parts, one after the other."""
        for part in parts:
            self.write(part)

    def _send(self) -> None:
        unsent, self._unsent = self._unsent, []
        if unsent and not self._transport.is_closing():
            self._transport.writelines(unsent)

    def close(self) -> None:
        """Send what is left, then close."""
        self._send()
        self._transport.close()


class OnePacketProtocol(HttpToolsProtocol):
    """uvicorn's protocol on a transport that gathers."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over a connection."""
        super().connection_made(cast("asyncio.Transport", _Gathering(cast("asyncio.Transport", transport))))
