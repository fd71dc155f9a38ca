"""E-mail over SMTP.

This speaks SMTP through the standard library and not through Apprise, because Apprise answers a refused
connection, a wrong password and an unknown recipient with the same False; who runs a monitor must read why.
"""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from databricks_monitoring.errors import NotificationError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from databricks_monitoring.alerting.message import Message

SMTP_URL_VARIABLE = "DATABRICKS_MONITORING_SMTP_URL"

_FORMS = (
    "smtp://[user:password@]host[:port]?from=address (TLS if the server offers it), "
    "starttls://... (TLS or nothing), smtps://... (TLS from the first byte)"
)
_DEFAULT_PORTS = {"smtp": 25, "starttls": 587, "smtps": 465}
_SECONDS = 15.0
# Longer lines than the default 78 keep subject and text in one piece, readable in the raw; 998 is allowed.
_LINES = SMTP.clone(max_line_length=500)
_LOCAL_SENDER = "databricks-monitoring@localhost"


@dataclass(frozen=True)
class SmtpServer:
    """Where mail is handed in, and in whose name."""

    scheme: str
    host: str
    port: int
    sender: str
    user: str | None = None
    password: str | None = None
    seconds: float = _SECONDS

    @classmethod
    def parse(cls, url: str) -> SmtpServer:
        """Read `smtp://user:password@host:port?from=address&timeout=seconds`.

        Raises
        ------
        NotificationError
            If a part is missing or unknown; the message does not repeat the URL, which may hold a password.
        """
        parts = urlsplit(url.strip())
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
            raise NotificationError(f"{SMTP_URL_VARIABLE} is not an SMTP URL. Accepted: {_FORMS}.")
        options = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        unknown = sorted(options.keys() - {"from", "timeout"})
        if unknown:
            raise NotificationError(
                f"{SMTP_URL_VARIABLE} has the unknown option {unknown[0]!r}; options are from and timeout."
            )
        user = unquote(parts.username) if parts.username else None
        sender = options.get("from") or (user if user and "@" in user else None)
        if sender is None and _is_loopback(parts.hostname):
            sender = _LOCAL_SENDER
        if not sender or "@" not in parseaddr(sender)[1]:
            raise NotificationError(
                f"{SMTP_URL_VARIABLE} does not say who the mail is from; add ?from=monitoring@your-domain."
            )
        try:
            port = parts.port or _DEFAULT_PORTS[parts.scheme]
            seconds = float(options.get("timeout", _SECONDS))
        except ValueError as error:
            raise NotificationError(f"{SMTP_URL_VARIABLE}: {error}.") from None
        password = unquote(parts.password) if parts.password else None
        return cls(parts.scheme, parts.hostname, port, sender, user, password, seconds)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def on_this_machine(self) -> bool:
        """Whether mail does not leave the machine on its way to the server."""
        return _is_loopback(self.host)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def as_mail(message: Message, sender: str, recipients: Sequence[str], sent_at: datetime) -> EmailMessage:
    """Return the mail: plain text first, the same as HTML beside it.

    The Message-ID depends only on the news and the sender's domain, so a mail that is handed in twice after
    a crash is recognised as one.
    """
    mail = EmailMessage(policy=_LINES)
    domain = parseaddr(sender)[1].rpartition("@")[2]
    mail["From"] = sender
    mail["To"] = ", ".join(recipients)
    mail["Subject"] = message.subject
    mail["Date"] = format_datetime(sent_at)
    mail["Message-ID"] = f"<{message.identity}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Priority"] = "1" if message.urgency == "critical" else "3"
    mail.set_content(message.text)
    mail.add_alternative(message.html, subtype="html")
    return mail


def send_email(
    server: SmtpServer, message: Message, recipients: Sequence[str], sent_at: datetime
) -> dict[str, str]:
    """Hand in one mail to all recipients; return who was refused with the server's reason.

    Raises
    ------
    NotificationError
        If the server took the mail for nobody; says why.
    """
    mail = as_mail(message, server.sender, recipients, sent_at)
    try:
        with _connected(server) as connection:
            refused = connection.send_message(mail, to_addrs=list(recipients))
    except smtplib.SMTPRecipientsRefused as error:
        reasons = "; ".join(f"{who}: {_reply(reply)}" for who, reply in error.recipients.items())
        raise NotificationError(f"The mail server {server} refused every recipient: {reasons}.") from error
    except smtplib.SMTPAuthenticationError as error:
        reply = _reply((error.smtp_code, error.smtp_error))
        raise NotificationError(
            f"The mail server {server} refused user {server.user!r} or the password: {reply}."
        ) from error
    except smtplib.SMTPResponseException as error:
        reply = _reply((error.smtp_code, error.smtp_error))
        raise NotificationError(f"The mail server {server} refused the mail: {reply}.") from error
    except ssl.SSLError as error:
        raise NotificationError(
            f"No secure connection to the mail server {server}: {error}. "
            f"Check the scheme in {SMTP_URL_VARIABLE}: {_FORMS}."
        ) from error
    except smtplib.SMTPException as error:
        raise NotificationError(f"The mail server {server} did not take the mail: {error}.") from error
    except OSError as error:
        raise NotificationError(
            f"The mail server {server} does not answer: {error}. Check {SMTP_URL_VARIABLE}."
        ) from error
    return {who: _reply(reply) for who, reply in refused.items()}


def _connected(server: SmtpServer) -> smtplib.SMTP:
    if server.scheme == "smtps":
        context = ssl.create_default_context()
        connection: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.port, timeout=server.seconds, context=context
        )
    else:
        connection = smtplib.SMTP(server.host, server.port, timeout=server.seconds)
    try:
        _secure_and_log_in(connection, server)
    except BaseException:
        connection.close()
        raise
    return connection


def _secure_and_log_in(connection: smtplib.SMTP, server: SmtpServer) -> None:
    connection.ehlo_or_helo_if_needed()
    offered = connection.has_extn("starttls")
    if server.scheme == "starttls" or (server.scheme == "smtp" and offered and not server.on_this_machine):
        connection.starttls(context=ssl.create_default_context())
        connection.ehlo()
    elif server.scheme == "smtp" and server.password and not server.on_this_machine:
        raise NotificationError(
            f"The mail server {server} offers no TLS, and a password is not sent in the clear. "
            "Use smtps:// or a port where it offers STARTTLS."
        )
    if server.user and server.password:
        connection.login(server.user, server.password)


def _reply(reply: tuple[int, bytes | str]) -> str:
    code, words = reply
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return f"{code} {' '.join(text.split())}"
