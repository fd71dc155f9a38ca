"""A real SMTP server on loopback that keeps what it receives as `.eml` files."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aiosmtpd.controller import Controller

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aiosmtpd.smtp import SMTP, Envelope, Session

_HOST = "127.0.0.1"


class _Keeper:
    """Write each accepted message to the next numbered file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = len(list(folder.glob("*.eml")))

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802, ARG002 - aiosmtpd's name and signature
        content = envelope.content
        data = content.encode() if isinstance(content, str) else (content or b"")
        self._count += 1
        unfinished = self._folder / f".{self._count:03d}.part"
        unfinished.write_bytes(data)
        unfinished.rename(self._folder / f"{self._count:03d}.eml")
        return "250 Message accepted for delivery"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


@contextmanager
def mail_server(folder: Path) -> Iterator[str]:
    """Run an SMTP server and give its URL; messages appear in `folder` in order of arrival."""
    folder.mkdir(parents=True, exist_ok=True)
    controller = Controller(_Keeper(folder), hostname=_HOST, port=_free_port())
    controller.start()
    try:
        yield f"smtp://{_HOST}:{controller.port}"
    finally:
        controller.stop()
