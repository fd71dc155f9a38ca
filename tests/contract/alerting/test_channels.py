"""Every carrier against a real receiver: what arrives, and what is said when it does not."""

from __future__ import annotations

import socket
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import pytest

from databricks_monitoring.alerting.channels.email import SMTP_URL_VARIABLE, SmtpServer
from databricks_monitoring.alerting.message import Message, compose
from databricks_monitoring.alerting.notify import Delivery, deliver, smtp_server
from databricks_monitoring.errors import NotificationError
from databricks_monitoring.scripts import send_alerts
from tests.contract.alerting.receivers import PASSWORD, http_receiver, mail_server
from tests.unit.alerting.test_message import DRIFTING, notices_of

if TYPE_CHECKING:
    from databricks_monitoring.alerting.rules import NotificationType

# Apprise imports a module for PGP that Python 3.13 drops.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

METRICS = DRIFTING.metrics()
PEOPLE = ("ml-ops@example.com", "lead@example.com")


@pytest.fixture(scope="module")
def message() -> Message:
    return compose(notices_of(METRICS), METRICS)


SECRETS: dict[str, str] = {}


def _deliver(message: Message, carrier: NotificationType, recipients: tuple[str, ...]) -> Delivery:
    return deliver(
        message,
        carrier,
        recipients,
        read_secret=lambda scope, key: SECRETS[f"{scope}/{key}"],
        sent_at=METRICS.now,
        incident_id="incident-1",
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_mail_arrives_whole(message: Message, monkeypatch: pytest.MonkeyPatch) -> None:
    with mail_server() as mailbox:
        monkeypatch.setenv(SMTP_URL_VARIABLE, mailbox.url)
        assert _deliver(message, "email", PEOPLE) == Delivery(PEOPLE)
    (mail,) = mailbox.mails
    assert mailbox.recipients == [list(PEOPLE)]
    assert mail["From"] == "monitoring@example.com"
    assert mail["To"] == ", ".join(PEOPLE)
    assert mail["Subject"] == message.subject
    assert mail["Message-ID"] == f"<{message.identity}@example.com>"
    assert parsedate_to_datetime(mail["Date"]) == METRICS.now.replace(microsecond=0)
    text = mail.get_body(("plain",))
    html = mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().replace("\r\n", "\n") == message.text
    assert html.get_content_type() == "text/html"


def test_the_refused_recipient_is_named_with_the_reason(
    message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mail_server() as mailbox:
        mailbox.refused.add(PEOPLE[1])
        monkeypatch.setenv(SMTP_URL_VARIABLE, mailbox.url)
        delivery = _deliver(message, "email", PEOPLE)
        assert delivery.accepted == PEOPLE[:1]
        assert "nobody by that name" in delivery.refused[PEOPLE[1]]
        mailbox.refused.add(PEOPLE[0])
        delivery = _deliver(message, "email", PEOPLE)
        assert delivery.accepted == ()
        assert "refused every recipient" in delivery.refused[PEOPLE[0]]


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
def test_a_password_is_used_and_a_wrong_one_is_said(
    message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mail_server(with_password=True) as mailbox:
        where = f"127.0.0.1:{mailbox.port}?from=monitoring@example.com"
        right = PASSWORD.replace(" ", "%20")
        monkeypatch.setenv(SMTP_URL_VARIABLE, f"smtp://robot:{right}@{where}")
        assert _deliver(message, "email", PEOPLE).accepted == PEOPLE
        monkeypatch.setenv(SMTP_URL_VARIABLE, f"smtp://robot:wr0ng@{where}")
        reason = _deliver(message, "email", PEOPLE).refused[PEOPLE[0]]
        assert "refused user 'robot' or the password: 535" in reason
        assert "wr0ng" not in reason
        monkeypatch.setenv(SMTP_URL_VARIABLE, f"smtp://{where}")
        assert "530" in _deliver(message, "email", PEOPLE).refused[PEOPLE[0]]


def test_a_mail_server_that_is_not_there_is_said(message: Message, monkeypatch: pytest.MonkeyPatch) -> None:
    port = _free_port()
    monkeypatch.setenv(SMTP_URL_VARIABLE, f"smtp://127.0.0.1:{port}")
    reason = _deliver(message, "email", PEOPLE).refused[PEOPLE[0]]
    assert f"127.0.0.1:{port} does not answer" in reason
    assert "Connection refused" in reason


def test_a_server_without_tls_where_tls_is_asked_for_is_said(
    message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mail_server() as mailbox:
        monkeypatch.setenv(SMTP_URL_VARIABLE, mailbox.url.replace("smtp:", "starttls:"))
        assert "STARTTLS" in _deliver(message, "email", PEOPLE).refused[PEOPLE[0]]
        monkeypatch.setenv(SMTP_URL_VARIABLE, mailbox.url.replace("smtp:", "smtps:"))
        assert "No secure connection" in _deliver(message, "email", PEOPLE).refused[PEOPLE[0]]


def test_no_mail_server_is_said(message: Message, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SMTP_URL_VARIABLE, raising=False)
    assert SMTP_URL_VARIABLE in _deliver(message, "email", PEOPLE).refused[PEOPLE[0]]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mail.example.com", "not an SMTP URL"),
        ("http://mail.example.com", "not an SMTP URL"),
        ("smtp://mail.example.com", "who the mail is from"),
        ("smtp://mail.example.com?form=a@example.com", "unknown option 'form'"),
        ("smtp://mail.example.com:99999?from=a@example.com", "Port out of range"),
    ],
)
def test_a_wrong_smtp_url_is_explained(url: str, words: str) -> None:
    with pytest.raises(NotificationError, match=words):
        SmtpServer.parse(url)


def test_an_smtp_url_is_read() -> None:
    server = SmtpServer.parse("smtps://me%40example.com:p%3Aw@mail.example.com?timeout=3")
    assert (server.host, server.port, server.user, server.password) == (
        "mail.example.com",
        465,
        "me@example.com",
        "p:w",
    )
    assert (server.sender, server.seconds) == ("me@example.com", 3.0)


def test_a_webhook_gets_json(message: Message) -> None:
    with http_receiver() as posts:
        url = f"http://{posts.address}/hooks/1"
        assert _deliver(message, "webhook", (url,)) == Delivery((url,))
    (body,) = posts.bodies
    assert body["subject"] == message.subject
    assert {notice["column"] for notice in body["notices"]} >= {"Weight", "Species"}
    assert posts.headers[0]["Idempotency-Key"] == message.identity


def test_what_a_webhook_answers_is_said_but_not_its_path(message: Message) -> None:
    with http_receiver() as posts:
        posts.status, posts.answer = 503, "down for lunch"
        url = f"http://{posts.address}/hooks/s3cret"
        reason = _deliver(message, "webhook", (url,)).refused[url]
    assert "503: down for lunch" in reason
    assert "s3cret" not in reason
    gone = f"http://127.0.0.1:{_free_port()}/x"
    assert "Connection refused" in _deliver(message, "webhook", (gone,)).refused[gone]


@pytest.mark.parametrize("carrier", ["slack", "teams", "sms", "pagerduty"])
def test_a_chat_gets_the_text_through_apprise(
    message: Message, monkeypatch: pytest.MonkeyPatch, carrier: NotificationType
) -> None:
    with http_receiver() as posts:
        monkeypatch.setenv("ALERT_URL", f"json://{posts.address}/room")
        assert _deliver(message, carrier, ("env:ALERT_URL",)).accepted == ("env:ALERT_URL",)
        posts.status = 403
        reason = _deliver(message, carrier, ("env:ALERT_URL",)).refused["env:ALERT_URL"]
    assert posts.bodies[0]["title"] == message.subject
    assert "\n* Feature Weight: critical\n" in posts.bodies[0]["message"]
    assert posts.bodies[0]["type"] == "failure"
    assert "403" in reason


def test_a_chat_recipient_that_cannot_be_resolved_is_said(
    message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ALERT_URL", raising=False)
    assert "ALERT_URL" in _deliver(message, "slack", ("ALERT_URL",)).refused["ALERT_URL"]
    monkeypatch.setenv("ALERT_URL", "nonsense")
    assert "not a URL that Apprise knows" in _deliver(message, "slack", ("ALERT_URL",)).refused["ALERT_URL"]


def test_a_secret_holds_the_address(message: Message) -> None:
    with http_receiver() as posts:
        SECRETS["alerts/room"] = f"json://{posts.address}/room"
        recipient = "{{secrets/alerts/room}}"
        assert _deliver(message, "slack", (recipient,)).accepted == (recipient,)
    assert len(posts.bodies) == 1


def test_a_secret_holds_the_mail_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_MONITORING_SMTP_URL", "{{secrets/mail/server}}")
    asked = []

    def read(scope: str, key: str) -> str:
        asked.append((scope, key))
        return "smtp://127.0.0.1:2525"

    assert str(smtp_server(read)) == "127.0.0.1:2525"
    assert asked == [("mail", "server")]


@pytest.mark.parametrize("given", ["mail", "mail/", "/server", "a/b/c"])
def test_a_secret_is_a_scope_and_a_key(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        send_alerts.main(["--catalog", "c", "--schema", "s", "--environment", "e", "--smtp-secret", given])
    assert ended.value.code == 2
    assert "SCOPE/KEY" in capsys.readouterr().err
