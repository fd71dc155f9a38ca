"""Who may talk to the workspace."""

from __future__ import annotations

import http.client
import json
import re
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.config import Config
from databricks.sdk.errors import Unauthenticated

if TYPE_CHECKING:
    from tests.conftest import RunningWorkspace


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    text: str


def ask(server: RunningWorkspace, path: str, method: str = "GET", **headers: str) -> Answer:
    where = urlsplit(server.url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=10)
    try:
        connection.request(
            method, path, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read().decode())
    finally:
        connection.close()


@pytest.fixture
def cookie(workspace_server: RunningWorkspace) -> str:
    signed_in = ask(workspace_server, f"/?token={workspace_server.token}")
    assert signed_in.status == 303
    return str(signed_in.headers["set-cookie"]).partition(";")[0]


def test_wrong_token_is_refused_by_name(workspace_server: RunningWorkspace) -> None:
    config = Config(host=workspace_server.url, token="dapi0000", retry_timeout_seconds=5)  # noqa: S106 - wrong on purpose
    with pytest.raises(Unauthenticated, match="local env"):
        WorkspaceClient(config=config).current_user.me()


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Basic {token}", "Bearer {token}x", "Bearer x{token}", "{token}"],
)
def test_requests_need_the_token(workspace_server: RunningWorkspace, header: str | None) -> None:
    given = {} if header is None else {"Authorization": header.format(token=workspace_server.token)}
    for path in (
        "/api/2.1/unity-catalog/catalogs",
        "/api/2.0/no/such/route",
        "/serving-endpoints/x/invocations",
    ):
        answer = ask(workspace_server, path, **given)
        assert answer.status == 401
        assert json.loads(answer.text)["error_code"] == "UNAUTHENTICATED"


def test_scheme_has_no_case(workspace_server: RunningWorkspace) -> None:
    answer = ask(
        workspace_server, "/api/2.1/unity-catalog/catalogs", Authorization=f"bearer {workspace_server.token}"
    )
    assert answer.status == 200


def test_discovery_needs_no_token(workspace_server: RunningWorkspace) -> None:
    config = json.loads(ask(workspace_server, "/.well-known/databricks-config").text)
    assert config["oidc_endpoint"] == f"{workspace_server.url}/oidc"
    answer = ask(workspace_server, "/oidc/.well-known/oauth-authorization-server")
    assert json.loads(answer.text)["token_endpoint"].startswith(workspace_server.url)


@pytest.mark.parametrize("path", ["/", "/sql/dashboardsv3/x", "/dashboardsv3/x/published", "/pages/anything"])
def test_page_without_token_is_a_sign_in_form(workspace_server: RunningWorkspace, path: str) -> None:
    answer = ask(workspace_server, path)
    assert answer.status == 401
    assert answer.headers["content-type"].startswith("text/html")
    assert '<label for="token">' in answer.text
    assert f"local env --root {workspace_server.root}" in answer.text
    assert f'action="{path}"' in answer.text
    assert workspace_server.token not in answer.text


def test_form_cannot_be_written_by_the_path(workspace_server: RunningWorkspace) -> None:
    answer = ask(
        workspace_server, '/pages/"><script>alert(1)</script>'.replace('"', "%22").replace("<", "%3C")
    )
    assert "<script>" not in answer.text


def test_token_in_the_url_becomes_a_cookie(workspace_server: RunningWorkspace) -> None:
    token = workspace_server.token
    answer = ask(workspace_server, f"/sql/dashboardsv3/x?a=1%202&token={token}&b=")
    assert answer.status == 303
    assert answer.headers["location"] == "/sql/dashboardsv3/x?a=1+2&b="
    set_cookie = str(answer.headers["set-cookie"])
    assert "HttpOnly" in set_cookie
    assert "SameSite=lax" in set_cookie
    assert token not in set_cookie


def test_redirect_stays_on_this_host(workspace_server: RunningWorkspace) -> None:
    answer = ask(workspace_server, f"/pages//evil.example/?token={workspace_server.token}")
    assert answer.headers["location"].startswith("/pages/")
    answer = ask(workspace_server, f"//evil.example/?token={workspace_server.token}")
    assert not re.match("//|https?:", str(answer.headers["location"] or ""))


def test_wrong_token_in_the_url_says_so(workspace_server: RunningWorkspace) -> None:
    answer = ask(workspace_server, f"/?token={quote('wrong token')}")
    assert answer.status == 401
    assert 'role="alert"' in answer.text
    assert "set-cookie" not in answer.headers


def test_cookie_opens_pages_and_api(workspace_server: RunningWorkspace, cookie: str) -> None:
    assert ask(workspace_server, "/api/2.1/unity-catalog/catalogs", Cookie=cookie).status == 200
    assert ask(workspace_server, "/", Cookie=cookie).status == 200


@pytest.mark.parametrize("value", ["", "x", "0" * 64])
def test_forged_cookie_is_refused(workspace_server: RunningWorkspace, cookie: str, value: str) -> None:
    name = cookie.partition("=")[0]
    assert ask(workspace_server, "/api/2.1/unity-catalog/catalogs", Cookie=f"{name}={value}").status == 401


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:80", "a@127.0.0.1", ""]
)
def test_cookie_of_another_host_is_refused(
    workspace_server: RunningWorkspace, cookie: str, host: str
) -> None:
    answer = ask(workspace_server, "/api/2.1/unity-catalog/catalogs", Cookie=cookie, Host=host)
    assert answer.status in (400, 403)
    # A program shows the token itself, whatever name it used.
    if host == "evil.example":
        bearer = f"Bearer {workspace_server.token}"
        assert (
            ask(workspace_server, "/api/2.1/unity-catalog/catalogs", Host=host, Authorization=bearer).status
            == 200
        )


@pytest.mark.parametrize("host", ["localhost", "localhost:99", "[::1]:80", "127.0.0.1"])
def test_cookie_of_this_machine_is_taken(workspace_server: RunningWorkspace, cookie: str, host: str) -> None:
    assert ask(workspace_server, "/api/2.1/unity-catalog/catalogs", Cookie=cookie, Host=host).status == 200


def test_cookie_from_another_origin_is_refused(workspace_server: RunningWorkspace, cookie: str) -> None:
    path = "/api/2.1/unity-catalog/catalogs"
    for origin in ("http://evil.example", "http://127.0.0.1:1", "null"):
        assert ask(workspace_server, path, "POST", Cookie=cookie, Origin=origin).status == 403
    own = workspace_server.url
    assert ask(workspace_server, path, Cookie=cookie, Origin=own).status == 200
    cross = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    assert ask(workspace_server, path, Cookie=cookie, **cross).status == 403


def test_signed_in_on_a_foreign_name_is_refused(workspace_server: RunningWorkspace) -> None:
    answer = ask(workspace_server, f"/?token={workspace_server.token}", Host="evil.example")
    assert answer.status == 401
    assert "set-cookie" not in answer.headers


def test_a_call_takes_milliseconds(workspace_server: RunningWorkspace) -> None:
    where = urlsplit(workspace_server.url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=10)
    took = []
    for _ in range(30):
        begin = time.perf_counter()
        connection.request(
            "GET", "/api/local/clock", headers={"Authorization": f"Bearer {workspace_server.token}"}
        )
        connection.getresponse().read()
        took.append(time.perf_counter() - begin)
    connection.close()
    # Without TCP_NODELAY on the server's side every call on a kept connection waits 40 ms.
    assert statistics.median(took) < 0.03
