"""Messages as JSON by HTTP POST, for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from databricks_monitoring.errors import NotificationError

if TYPE_CHECKING:
    from databricks_monitoring.alerting.message import Message

_SECONDS = 10.0
_SHOWN = 200


def post(url: str, message: Message) -> None:
    """Post the message's JSON body; any 2xx answer is acceptance.

    The header `Idempotency-Key` is the same for the same news, so a receiver can drop a repetition.

    Raises
    ------
    NotificationError
        If nobody answers, or the answer is not 2xx; says which without the path, which may be a secret.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise NotificationError("The webhook's address is not an http(s) URL.")
    where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    request = Request(  # noqa: S310 - the scheme was checked
        url,
        data=json.dumps(message.body).encode(),
        headers={"Content-Type": "application/json", "Idempotency-Key": message.identity},
        method="POST",
    )
    try:
        with urlopen(request, timeout=_SECONDS):  # noqa: S310 - the scheme was checked
            return
    except HTTPError as error:
        with error:
            answer = error.read(_SHOWN).decode("utf-8", "replace").strip()
        raise NotificationError(f"The webhook at {where} answered {error.code}: {answer}") from None
    except (URLError, TimeoutError, ConnectionError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        raise NotificationError(f"The webhook at {where} does not answer: {reason}.") from None
