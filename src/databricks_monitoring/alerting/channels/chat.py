"""Slack, Teams, PagerDuty and SMS, by Apprise."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from apprise import Apprise, NotifyFormat, NotifyType

from databricks_monitoring.errors import NotificationError

if TYPE_CHECKING:
    from databricks_monitoring.alerting.message import Message

_TYPES = {
    "critical": NotifyType.FAILURE,
    "warning": NotifyType.WARNING,
    "info": NotifyType.INFO,
    "resolved": NotifyType.SUCCESS,
}
_SECONDS = 20.0


class _Records(logging.Handler):
    """Keeps what Apprise says about a failure; its answer alone does not say why."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


def send_chat(url: str, message: Message, *, carrier: str, incident_id: str) -> None:
    """Send the message's text to the service behind an Apprise URL or a service's own webhook URL.

    A PagerDuty event opens and resolves the incident with `incident_id`.

    Raises
    ------
    NotificationError
        If the URL means nothing to Apprise or the service did not take the message.
    """
    apprise = Apprise()
    records = _Records()
    logger = logging.getLogger("apprise")
    logger.addHandler(records)
    try:
        if not apprise.add(_with_incident(url, incident_id)):
            raise NotificationError(
                f"The {carrier} address (scheme {urlsplit(url).scheme or 'missing'}) is not a URL that "
                "Apprise knows. Use slack://, workflows:// (Teams), pagerduty://, twilio:// or the "
                "service's own webhook URL."
            )
        outcome = apprise.notify(
            # The text repeats the subject as its head, and Apprise puts the title there.
            body=message.text.removeprefix(message.subject).strip(),
            title=message.subject,
            notify_type=_TYPES[message.urgency],
            body_format=NotifyFormat.TEXT.value,
            timeout=_SECONDS,
        )
    finally:
        logger.removeHandler(records)
    if not outcome:
        reason = "; ".join(dict.fromkeys(records.texts)) or outcome.status.name.lower()
        raise NotificationError(f"The {carrier} service did not take the message: {reason}")


def _with_incident(url: str, incident_id: str) -> str:
    if not url.startswith("pagerduty://") or "dedup=" in url:
        return url
    return url + ("&" if "?" in url else "?") + f"action=map&dedup={incident_id}"
