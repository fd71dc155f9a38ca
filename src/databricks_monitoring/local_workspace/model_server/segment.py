"""A segment: records in a file, one a line, each with a checksum before it.

A record is there as a whole or not at all. A line without its end was cut off by a death, before its request
was answered. A line whose checksum does not fit its text was damaged afterwards, by the disk or by a machine
that lost its power.
"""

from __future__ import annotations

import errno
import os
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SUFFIX = ".jsonl"
_DIGITS = 8


def framed(text: bytes) -> bytes:
    r"""Return a line: the CRC-32 of `text` in hexadecimal digits, a blank, `text`.

    Examples
    --------
    >>> framed(b"{}")
    b'a3a6bf43 {}\n'
    """
    return b"%08x %s\n" % (zlib.crc32(text), text)


@dataclass(frozen=True)
class Content:
    """What is in a segment.

    Attributes
    ----------
    whole
        The texts of its records.
    damaged
        Lines whose checksum does not fit.
    """

    whole: list[bytes | memoryview]
    damaged: list[bytes]


def content_of(data: bytes) -> Content:
    r"""Return the records of a segment file, without a last line that lacks its end.

    Examples
    --------
    >>> content_of(b"a3a6bf43 {}\na3a6bf43 []\na3a6bf")
    Content(whole=[b'{}'], damaged=[b'a3a6bf43 []'])
    """
    whole = _undamaged(data)
    if whole is not None:
        return Content(whole, [])
    found = Content([], [])
    for line in data.split(b"\n")[:-1]:
        checksum, blank, text = line[:_DIGITS], line[_DIGITS : _DIGITS + 1], line[_DIGITS + 1 :]
        if blank == b" " and checksum == b"%08x" % zlib.crc32(text):
            found.whole.append(text)
        else:
            found.damaged.append(line)
    return found


def _undamaged(data: bytes) -> list[bytes | memoryview] | None:
    """Return the texts of records, not copied; None if any is damaged.

    Requests are answered meanwhile by the same interpreter, so as little as possible is done for each line.
    """
    view = memoryview(data)
    texts: list[bytes | memoryview] = []
    found: list[bytes] = []
    start = 0
    while (end := data.find(b"\n", start)) >= 0:
        text_at = start + _DIGITS + 1
        found.append(data[start : min(text_at, end)])
        texts.append(view[text_at:end])
        start = end + 1
    expected = ("%08x " * len(texts)) % tuple(map(zlib.crc32, texts))
    return texts if b"".join(found) == expected.encode() else None


class Segment:
    """A segment that is being written.

    Attributes
    ----------
    size
        Bytes of its whole records.
    broken
        Whether part of a record is left at its end; then nothing may follow.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self.broken = False
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)

    def write(self, line: bytes, *, sync: bool) -> None:
        """Write a record with one system call, or leave the segment as it was.

        Parameters
        ----------
        sync
            Whether to return only when the record would survive a machine that loses its power.

        Raises
        ------
        OSError
            If it cannot be written as a whole.
        """
        try:
            _write_whole(self._file, line)
            if sync:
                os.fsync(self._file)
        except OSError:
            self.broken = True
            os.ftruncate(self._file, self.size)
            self.broken = False
            raise
        self.size += len(line)

    def close(self) -> None:
        """End the segment."""
        os.close(self._file)


def _write_whole(file: int, line: bytes) -> None:
    written = os.write(file, line)
    if written < len(line):
        # A full disk takes a part.
        raise OSError(errno.ENOSPC, f"only {written} of {len(line)} bytes could be written")
