"""What travels between the workspace and a served entity's process: frames of a header and a body.

A frame is its length (4 bytes), a request id (8 bytes), the header's length (4 bytes), the header (JSON), and
the body as it came. Answers carry the id of their request, so they may come in any order.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple, TypedDict

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

_LENGTH = struct.Struct("!I")
_IDS = struct.Struct("!QI")


def storable(text: str) -> str:
    """Return a text that UTF-8 can say, with `?` for each half of a surrogate pair, which JSON may have."""
    return text.encode(errors="replace").decode()


READY_ID = 0
"""Id of the first frame a worker sends: it says whether the model could be loaded."""


class Header(TypedDict, total=False):
    """What a frame says about its body.

    A request has `content_type`; an answer has `status`, `duration_ms` and `client_request_id`; the frame
    `READY_ID` has `error`, or none when the model is loaded.
    """

    content_type: str
    status: int
    duration_ms: int
    client_request_id: str | None
    error: str


class Frame(NamedTuple):
    """One request to a worker, or one answer of it."""

    id: int
    header: Header
    body: bytes = b""

    def encode(self) -> bytes:
        """Return the bytes to send."""
        header = orjson.dumps(self.header)
        length = _IDS.size + len(header) + len(self.body)
        return b"".join((_LENGTH.pack(length), _IDS.pack(self.id, len(header)), header, self.body))


class FrameReader:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._wanted = 0

    def feed(self, received: bytes) -> Iterator[Frame]:
        """Take what was received and yield every frame that is now whole."""
        data = received
        if self._rest:
            self._rest += received
            if len(self._rest) < self._wanted:
                return
            data = bytes(self._rest)
            self._rest.clear()
        # Most reads bring whole frames, which need not be gathered first.
        start = 0
        self._wanted = _LENGTH.size
        while len(data) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(data, start)
            self._wanted = _LENGTH.size + length
            if len(data) - start < self._wanted:
                break
            yield _frame(data, start + _LENGTH.size, start + self._wanted)
            start += self._wanted
        self._rest += data[start:]


def _frame(data: bytes, start: int, end: int) -> Frame:
    identifier, header_length = _IDS.unpack_from(data, start)
    body_start = start + _IDS.size + header_length
    header: Header = orjson.loads(data[start + _IDS.size : body_start])
    return Frame(identifier, header, data[body_start:end])
