"""Who may talk to the workspace: holders of its one token.

Programs send it as `Authorization: Bearer ...`. A browser opens a page with `?token=...` once, or types it
into the sign-in form, and then holds a cookie. A request that has only the cookie must come from a page of
the workspace itself: its `Host` and `Origin` are checked, so that another site open in the same browser, or a
name that was pointed at this machine, cannot use it.
"""

from __future__ import annotations

import hashlib
import hmac
import html
import ipaddress
import re
import socket
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, RedirectResponse, Response

from databricks_monitoring.local_workspace.rest.responses import error_response
from databricks_monitoring.local_workspace.tracking.artifacts import SIGNED_PREFIX

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

COOKIE = "databricks_monitoring_session"
OPEN_PREFIXES = (
    "/.well-known/",
    "/oidc/.well-known/",
    "/pages/assets/",
    "/favicon.ico",
    "/api/local/result/",
    SIGNED_PREFIX,
)
"""Paths that need no token: discovery, the looks of pages, URLs that are signed themselves."""

PAGE_PREFIXES = ("/sql/", "/dashboardsv3/", "/pages/")
"""Paths of pages, beside `/`: who has no token is asked to sign in."""

_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d+)?")
_SAFE_METHODS = frozenset({"GET", "HEAD"})


class TokenAuth:
    """ASGI middleware that lets pass who holds the token.

    Parameters
    ----------
    app : ASGIApp
        What is protected.
    token : str
        The token.
    url : str
        Base URL of the workspace; browsers may use its host, beside this machine's name and addresses.
    root : str
        The workspace's folder, named in the sign-in form's advice.
    """

    def __init__(self, app: ASGIApp, *, token: str, url: str, root: str) -> None:
        self._app = app
        self._bearer = b"bearer " + token.encode()
        self._token = token.encode()
        # A cookie is shared by every port of this host: it carries a digest, which is no token elsewhere.
        self._session = hmac.new(self._token, b"session", hashlib.sha256).hexdigest().encode()
        self._names = {"localhost", socket.gethostname().lower(), (urlsplit(url).hostname or "").lower()}
        self._cookie = f"{COOKIE}_{urlsplit(url).port or 0}"
        self._root = root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer that it is not allowed."""
        if scope["type"] != "http" or scope["path"].startswith(OPEN_PREFIXES):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        bearer = headers.get("authorization")
        if bearer is not None:
            # Scheme names have no case; the token does.
            scheme, _, given = bearer.partition(" ")
            if hmac.compare_digest(f"{scheme.lower()} {given.strip()}".encode(), self._bearer):
                await self._app(scope, receive, send)
                return
        answer = self._without_bearer(scope, headers, refused=bearer is not None)
        if answer is None:
            await self._app(scope, receive, send)
        else:
            await answer(scope, receive, send)

    def _without_bearer(self, scope: Scope, headers: Headers, *, refused: bool) -> Response | None:
        """Return what to answer a request without a valid bearer token, or None to let it pass."""
        path: str = scope["path"]
        is_page = path == "/" or path.startswith(PAGE_PREFIXES)
        if is_page and scope["method"] in _SAFE_METHODS:
            query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
            given = [value for key, value in query if key == "token"]
            if given:
                return self._sign_in(headers, path, query, given[-1])
        if self._has_session(headers):
            foreign = self._foreign(headers)
            return None if foreign is None else error_response(403, "PERMISSION_DENIED", foreign)
        if is_page:
            return self._form(path, status=401)
        found = "The token is not the workspace's" if refused else "The request has no token"
        return error_response(
            401,
            "UNAUTHENTICATED",
            f"{found}. Set DATABRICKS_TOKEN to what `databricks-monitoring local env --root DIR` prints.",
        )

    def _sign_in(self, headers: Headers, path: str, query: list[tuple[str, str]], given: str) -> Response:
        if self._foreign(headers) is not None or not hmac.compare_digest(given.encode(), self._token):
            return self._form(path, status=401, wrong=True)
        rest = urlencode([(key, value) for key, value in query if key != "token"])
        # A path that begins with two slashes would lead to another host.
        target = "/" + path.lstrip("/") + (f"?{rest}" if rest else "")
        response = RedirectResponse(target, status_code=303, headers={"Referrer-Policy": "no-referrer"})
        response.set_cookie(self._cookie, self._session.decode(), httponly=True, samesite="lax", path="/")
        return response

    def _has_session(self, headers: Headers) -> bool:
        try:
            morsel = SimpleCookie(headers.get("cookie", "")).get(self._cookie)
        except CookieError:
            return False
        return morsel is not None and hmac.compare_digest(morsel.value.encode(), self._session)

    def _foreign(self, headers: Headers) -> str | None:
        """Return why a request does not come from a page of this workspace, or None if it does."""
        host = headers.get("host", "")
        if not self._is_own(host):
            return f"Host {host!r} is not a name of this workspace."
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return f"Origin {origin!r} is not this workspace."
        if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
            return "The request comes from another site."
        return None

    def _is_own(self, host: str) -> bool:
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        name = match["name"].strip("[]").lower()
        if name in self._names:
            return True
        try:
            # Only a name can be pointed at this machine by others; an address cannot.
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _form(self, path: str, *, status: int, wrong: bool = False) -> HTMLResponse:
        return HTMLResponse(
            _FORM.format(
                action=html.escape(path, quote=True),
                root=html.escape(self._root),
                problem=_WRONG if wrong else "",
                described="problem hint" if wrong else "hint",
            ),
            status_code=status,
            headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"},
        )


_WRONG = '<p id="problem" role="alert">This is not the token of this workspace.</p>'

_FORM = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in - local workspace</title>
<style>
  :root {{ color-scheme: light dark; }}
  body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 34rem; margin: 12vh auto; padding: 0 1rem; }}
  label, input, button {{ display: block; font: inherit; }}
  input {{ width: 100%; box-sizing: border-box; margin: .25rem 0 1rem; padding: .5rem; }}
  button {{ padding: .5rem 1.25rem; }}
  code {{ overflow-wrap: anywhere; }}
  [role=alert] {{ border-left: .25rem solid #c62828; padding-left: .75rem; }}
</style>
</head>
<body>
<main>
<h1>Local workspace</h1>
{problem}
<form method="get" action="{action}">
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus
 aria-describedby="{described}">
<button type="submit">Sign in</button>
</form>
<p id="hint">The token is the value of <code>DATABRICKS_TOKEN</code> that this command prints:<br>
<code>databricks-monitoring local env --root {root}</code></p>
</main>
</body>
</html>
"""
