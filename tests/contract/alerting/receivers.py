"""A real mail server and a real HTTP receiver on loopback, each kept to what a test needs."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage

    from aiosmtpd.smtp import SMTP, Envelope, Session

PASSWORD = "correct horse"  # noqa: S105 - of a server that lives for one test


@dataclass
class Mailbox:
    """What a mail server took, and for whom."""

    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    port: int = 0

    @property
    def url(self) -> str:
        """The server as an SMTP URL."""
        return f"smtp://127.0.0.1:{self.port}?from=monitoring@example.com"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient unless it is one to refuse."""
        del server, session, options
        if address in self.refused:
            return f"550 5.1.1 <{address}>: nobody by that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep a mail."""
        del server, session
        content = envelope.content
        data = content.encode() if isinstance(content, str) else (content or b"")
        mail: EmailMessage = message_from_bytes(data, policy=policy.default)
        self.mails.append(mail)
        self.recipients.append(list(envelope.rcpt_tos))
        return "250 OK"


class _Controller(Controller):
    """A controller on a port that the system chooses."""

    def _trigger_server(self) -> None:
        # The base class connects to the port it was given, which is 0 here; the socket knows the real one.
        if isinstance(self.server, asyncio.Server):
            self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call] # aiosmtpd leaves it untyped


def _login(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:  # noqa: ANN401 - aiosmtpd's signature
    del server, session, envelope, mechanism
    right = isinstance(data, LoginPassword) and data.password == PASSWORD.encode()
    return AuthResult(success=right, handled=False)


@contextmanager
def mail_server(*, with_password: bool = False) -> Iterator[Mailbox]:
    """Run a mail server."""
    mailbox = Mailbox()
    options: dict[str, Any] = (
        {"authenticator": _login, "auth_required": True, "auth_require_tls": False} if with_password else {}
    )
    controller = _Controller(mailbox, hostname="127.0.0.1", port=0, **options)
    controller.start()
    mailbox.port = controller.port
    try:
        yield mailbox
    finally:
        controller.stop()


@dataclass
class Posts:
    """What an HTTP receiver got, and what it answers."""

    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    status: int = 200
    answer: str = "ok"
    address: str = ""


@contextmanager
def http_receiver() -> Iterator[Posts]:
    """Run an HTTP server that keeps the JSON posted to it."""
    posts = Posts()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posts.bodies.append(json.loads(body))
            posts.headers.append(dict(self.headers.items()))
            self.send_response(posts.status)
            self.end_headers()
            self.wfile.write(posts.answer.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    posts.address = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield posts
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
