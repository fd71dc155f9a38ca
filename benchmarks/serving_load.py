"""Load on an HTTP server: the same request again and again on connections that stay open.

`wrk` where it is installed, else a client of our own on bare connections of an event loop: a general HTTP
client in Python would be slower than some of the servers it is to measure.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

_LUA = Path(__file__).with_name("serving_load.lua")
_OK = 200
_SECONDS_TO_ANSWER = 120.0


@dataclass(frozen=True)
class Target:
    """What is sent where."""

    url: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Load:
    """What a server did under load. Latencies in milliseconds."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    requests: int
    failed: int


def client_name() -> str:
    """Return which client measures."""
    return "wrk" if shutil.which("wrk") else "asyncio"


def ask(target: Target) -> bytes:
    """Return the body of one answer.

    Raises
    ------
    RuntimeError
        If its status is not 200.
    """
    where = urlsplit(target.url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=_SECONDS_TO_ANSWER)
    try:
        headers = {"Content-Type": "application/json"} | target.headers
        connection.request("POST", where.path, target.body, headers)
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    if response.status != _OK:
        raise RuntimeError(
            f"{target.url} answered {response.status}: {content[:2000].decode(errors='replace')}"
        )
    return content


def measure(target: Target, *, concurrency: int, seconds: float) -> Load:
    """Ask with `concurrency` connections for `seconds`.

    Raises
    ------
    RuntimeError
        If the client itself failed.
    """
    # `wrk` takes whole seconds.
    by_wrk = seconds >= 1 and client_name() == "wrk"
    load = _wrk(target, concurrency, seconds) if by_wrk else _own(target, concurrency, seconds)
    if not load.requests:
        raise RuntimeError(f"{target.url} answered nothing within {seconds:g} seconds.")
    return load


def _wrk(target: Target, concurrency: int, seconds: float) -> Load:
    whole = max(1, round(seconds))
    with tempfile.TemporaryDirectory() as folder:
        body = Path(folder) / "body"
        body.write_bytes(target.body)
        command = ["wrk", "--threads", "1", "--connections", str(concurrency), "--duration", f"{whole}s"]
        command += ["--timeout", f"{_SECONDS_TO_ANSWER:g}s", "--script", str(_LUA)]
        for name, value in target.headers.items():
            command += ["--header", f"{name}: {value}"]
        ended = subprocess.run(  # noqa: S603 - no shell
            [*command, target.url, "--", str(body)], capture_output=True, text=True, check=False
        )
    lines = [line for line in ended.stdout.splitlines() if line.startswith("{")]
    if ended.returncode or not lines:
        raise RuntimeError(f"wrk failed: {ended.stdout}{ended.stderr}")
    return Load(**json.loads(lines[-1]))


def _own(target: Target, concurrency: int, seconds: float) -> Load:
    """Run this file as a process of its own, so that the caller's threads do not share its interpreter."""
    with tempfile.TemporaryDirectory() as folder:
        about = Path(folder) / "target.json"
        about.write_text(
            json.dumps({"url": target.url, "body": target.body.decode(), "headers": target.headers})
        )
        command = [sys.executable, __file__, str(about), str(concurrency), str(seconds)]
        ended = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - this file
    return Load(**json.loads(ended.stdout))


class _Connection(asyncio.Protocol):
    """Sends the request again as soon as its answer is whole."""

    def __init__(self, request: bytes, latencies: list[float], failures: list[bytes]) -> None:
        self._request = request
        self._latencies = latencies
        self._failures = failures
        self._received = bytearray()
        self._transport: asyncio.WriteTransport | None = None
        self._sent = 0.0
        self.until = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)
        self._send(self._transport)

    def _send(self, transport: asyncio.WriteTransport) -> None:
        self._sent = time.perf_counter()
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._received[:end]).lower()
        _, _, after = head.partition(b"content-length:")
        whole = end + 4 + int(after.split(b"\r\n", 1)[0])
        if len(self._received) < whole:
            return
        now = time.perf_counter()
        self._latencies.append(now - self._sent)
        if head.split(b" ", 2)[1] != b"200":
            self._failures.append(head)
        del self._received[:whole]
        if now < self.until and self._transport is not None:
            self._send(self._transport)


async def _run(target: Target, concurrency: int, seconds: float) -> Load:
    where = urlsplit(target.url)
    headers = {"Host": where.netloc, "Content-Type": "application/json"} | target.headers
    headers["Content-Length"] = str(len(target.body))
    lines = [f"POST {where.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    request = "\r\n".join(lines).encode() + b"\r\n\r\n" + target.body
    latencies: list[float] = []
    failures: list[bytes] = []
    loop = asyncio.get_running_loop()
    began = time.perf_counter()

    def connection() -> _Connection:
        made = _Connection(request, latencies, failures)
        made.until = began + seconds
        return made

    for _ in range(concurrency):
        await loop.create_connection(connection, where.hostname, where.port)
    await asyncio.sleep(began + seconds - time.perf_counter())
    ordered = sorted(latencies) or [0.0]
    return Load(
        requests_per_second=len(latencies) / (time.perf_counter() - began),
        p50_ms=ordered[len(ordered) // 2] * 1000,
        p99_ms=ordered[len(ordered) * 99 // 100] * 1000,
        requests=len(latencies),
        failed=len(failures),
    )


def main(about: str, concurrency: str, seconds: str) -> int:
    """Measure what the file `about` describes and print the result as JSON."""
    import uvloop  # noqa: PLC0415 - only where wrk is missing

    given = json.loads(Path(about).read_text())
    target = Target(given["url"], given["body"].encode(), given["headers"])
    sys.stdout.write(json.dumps(uvloop.run(_run(target, int(concurrency), float(seconds))).__dict__))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
