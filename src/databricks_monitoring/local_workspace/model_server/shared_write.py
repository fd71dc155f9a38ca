"""Records of the requests that one turn of the event loop answers, written with one system call.

Under load a turn answers many requests; a write for each would take longer than all else that logging does
for it, since other threads may take the interpreter during each.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_BYTES_AT_A_TIME = 4 * 1024 * 1024


class _Line(NamedTuple):
    text: bytes
    written: asyncio.Future[OSError | None]


class SharedWrite:
    """Gathers lines during a turn of the event loop and writes them at its end; used by one event loop.

    Parameters
    ----------
    write
        Writes lines, and returns for each why it could not be written.
    """

    def __init__(self, write: Callable[[Sequence[bytes]], list[OSError | None]]) -> None:
        self._write = write
        self._gathered: list[_Line] = []
        self._size = 0

    async def add(self, text: bytes) -> None:
        """Return when a line is written.

        It is written even if whoever waits for it is cancelled.

        Raises
        ------
        OSError
            If it could not be written.
        """
        loop = asyncio.get_running_loop()
        if not self._gathered:
            loop.call_soon(self._write_gathered)
        line = _Line(text, loop.create_future())
        self._gathered.append(line)
        self._size += len(text)
        if self._size > _BYTES_AT_A_TIME:
            self._write_gathered()
        error = await line.written
        if error is not None:
            raise error

    def _write_gathered(self) -> None:
        # Nothing is left when there were too many bytes to wait for the end of the turn.
        gathered, self._gathered, self._size = self._gathered, [], 0
        if not gathered:
            return
        try:
            errors = self._write([line.text for line in gathered])
        except BaseException as failure:
            # Nobody else would tell those who wait.
            for line in gathered:
                if not line.written.done():
                    line.written.set_exception(failure)
            raise
        for line, error in zip(gathered, errors, strict=True):
            if not line.written.done():
                line.written.set_result(error)
