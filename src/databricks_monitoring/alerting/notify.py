"""Hands a message to the carrier its recipients are reached by."""

from __future__ import annotations

import base64
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from databricks.sdk.errors.base import DatabricksError

from databricks_monitoring.alerting.channels.chat import send_chat
from databricks_monitoring.alerting.channels.email import SMTP_URL_VARIABLE, SmtpServer, send_email
from databricks_monitoring.alerting.channels.webhook import post
from databricks_monitoring.errors import NotificationError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from databricks.sdk import WorkspaceClient

    from databricks_monitoring.alerting.message import Message
    from databricks_monitoring.alerting.rules import NotificationType

    SecretReader = Callable[[str, str], str]

_SECRET = re.compile(r"^\{\{\s*secrets/([^/{}\s]+)/([^/{}\s]+)\s*\}\}$")


@dataclass(frozen=True)
class Delivery:
    """Who was reached, and why the others were not."""

    accepted: tuple[str, ...] = ()
    refused: dict[str, str] = field(default_factory=dict)


def deliver(
    message: Message,
    carrier: NotificationType,
    recipients: Sequence[str],
    *,
    read_secret: SecretReader,
    sent_at: datetime,
    incident_id: str,
) -> Delivery:
    """Send a message and return for every recipient whether its carrier took it.

    Parameters
    ----------
    recipients : sequence of str
        As in the rule: addresses, or names of what holds the URL.
    read_secret : callable
        Returns the secret of a scope and a key; see `secrets_of`.
    sent_at : datetime
        The workspace's time, for the mail's date.
    incident_id : str
        What a paging service recognises the incident by.

    Notes
    -----
    One mail goes to all recipients together; every other carrier takes one call per recipient.
    """
    if carrier == "email":
        try:
            refused = send_email(smtp_server(read_secret), message, recipients, sent_at)
        except NotificationError as error:
            return Delivery(refused=dict.fromkeys(recipients, str(error)))
        return Delivery(tuple(one for one in recipients if one not in refused), refused)
    accepted: list[str] = []
    refused = {}
    for recipient in recipients:
        try:
            url = address_of(recipient, read_secret)
            if carrier == "webhook":
                post(url, message)
            else:
                send_chat(url, message, carrier=carrier, incident_id=incident_id)
        except NotificationError as error:
            refused[recipient] = str(error)
        else:
            accepted.append(recipient)
    return Delivery(tuple(accepted), refused)


def smtp_server(read_secret: SecretReader) -> SmtpServer:
    """Return the mail server that the environment names, by its URL or by a secret that holds the URL.

    Raises
    ------
    NotificationError
        If none is named, the secret cannot be read, or the name is no SMTP URL.
    """
    url = os.environ.get(SMTP_URL_VARIABLE, "")
    if not url.strip():
        raise NotificationError(
            f"No mail server is set. Set {SMTP_URL_VARIABLE}, for example to "
            "smtp://127.0.0.1:1025?from=monitoring@example.com or smtps://user:password@host:465, or name "
            "the secret that holds it with send_alerts --smtp-secret SCOPE/KEY."
        )
    secret = _SECRET.match(url.strip())
    return SmtpServer.parse(read_secret(secret.group(1), secret.group(2)) if secret else url)


def address_of(recipient: str, read_secret: SecretReader) -> str:
    """Return the URL behind a recipient: itself, an environment variable's value or a secret's.

    Raises
    ------
    NotificationError
        If the variable is not set or the secret cannot be read; never repeats a secret.
    """
    if "://" in recipient:
        return recipient
    secret = _SECRET.match(recipient)
    if secret:
        return read_secret(secret.group(1), secret.group(2))
    name = recipient.removeprefix("env:")
    value = os.environ.get(name, "").strip()
    if not value:
        raise NotificationError(
            f"The environment variable {name}, which should hold a recipient's URL, is not set."
        )
    return value


def secrets_of(client: WorkspaceClient) -> SecretReader:
    """Return a function that reads secrets of a workspace, and raises `NotificationError` if it cannot."""

    def read(scope: str, key: str) -> str:
        try:
            found = client.secrets.get_secret(scope, key).value
        except DatabricksError as error:
            raise NotificationError(f"The secret {scope}/{key} cannot be read: {error}") from error
        if not found:
            raise NotificationError(f"The secret {scope}/{key} is empty.")
        return base64.b64decode(found).decode().strip()

    return read
