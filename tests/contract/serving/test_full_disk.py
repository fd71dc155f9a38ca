"""A disk that is full: what cannot be recorded is not answered, what was answered is in the table."""

from __future__ import annotations

import os
import resource
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.contract.serving.conftest import BASIC
from tests.contract.serving.running import Running, deployed, register, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from databricks.sdk import WorkspaceClient

_MOUNT_MIB = 48


def _ask(running: Running, endpoint: str, name: str) -> int:
    body = {"dataframe_records": [{"x": 1.0}], "client_request_id": name}
    answer = running.ask(endpoint, body)
    if answer.status == 503:
        assert answer.json["error_code"] == "TEMPORARILY_UNAVAILABLE"
        assert "could not be recorded for the inference table" in answer.json["message"]
        assert answer.headers["retry-after"] == "1"
    return answer.status


def _logged(running: Running, table: str) -> list[str]:
    return [str(row["client_request_id"]) for row in running.payloads(table, expect=1)]


def _message(client: WorkspaceClient, endpoint: str) -> str:
    config = client.serving_endpoints.get(endpoint).config
    assert config is not None
    [entity] = config.served_entities or []
    return (entity.state.deployment_state_message if entity.state else "") or ""


def _compare(
    running: Running, endpoint: str, fill: Callable[[], None], free: Callable[[], None]
) -> tuple[set[str], set[str]]:
    """Ask before, while and after the disk is full; return who was answered and who was refused."""
    answered: set[str] = set()
    refused: set[str] = set()

    def ask(names: list[str]) -> None:
        for name in names:
            (answered if _ask(running, endpoint, name) == 200 else refused).add(name)

    ask([f"before {number}" for number in range(5)])
    assert not refused
    fill()
    try:
        ask([f"full {number}" for number in range(20)])
        # A commit that was under way when the disk became full gives back what it had written.
        for name in [f"still full {number}" for number in range(500)]:
            ask([name])
            if name in refused:
                break
        assert refused
        trouble = _message(running.client(), endpoint)
        assert "cannot be recorded and are answered 503" in trouble
    finally:
        free()
    while _ask(running, endpoint, "again") != 200:
        pass
    ask([f"after {number}" for number in range(5)])
    return answered, refused


def _check(running: Running, endpoint: str, answered: set[str], refused: set[str]) -> None:
    table = f"{endpoint}_payload"
    until(lambda: "after 4" in _logged(running, table))
    logged = _logged(running, table)
    assert answered <= set(logged)
    assert not refused & set(logged)
    assert all(logged.count(name) == 1 for name in answered)


def test_a_process_that_may_write_no_more(served: Running, client: WorkspaceClient, rough: str) -> None:
    unlimited = resource.prlimit(served.pid, resource.RLIMIT_FSIZE)

    def limit(size: int) -> None:
        resource.prlimit(served.pid, resource.RLIMIT_FSIZE, (size, unlimited[1]))

    answered, refused = _compare(served, rough, lambda: limit(0), lambda: limit(unlimited[0]))
    _check(served, rough, answered, refused)
    until(lambda: "cannot be" not in _message(client, rough))
    contents = client.serving_endpoints.export_metrics(rough).contents
    assert contents is not None
    [counted] = [
        line
        for line in contents.read().decode().splitlines()
        if line.startswith("inference_table_refused_requests_total{")
    ]
    assert float(counted.rsplit(" ", 1)[1]) == len(refused)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of a few megabytes."""
    where = tmp_path / "disk"
    where.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_MOUNT_MIB}m", "tmpfs", str(where)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if done.returncode:
        pytest.skip(f"a file system cannot be mounted here: {done.stderr.strip()}")
    yield where
    subprocess.run(["umount", "--lazy", str(where)], check=True)  # noqa: S607 - wherever it is


def _fill(disk: Path) -> None:
    ballast = os.open(disk / "ballast", os.O_WRONLY | os.O_CREAT)
    for size in (1 << 20, 4096, 1):
        try:
            while True:
                os.write(ballast, b"\0" * size)
        except OSError:
            continue
    os.close(ballast)


def test_a_file_system_that_is_full(small_disk: Path, saved_model: Path) -> None:
    root = small_disk / "workspace"
    root.mkdir()
    register(root, saved_model)
    running = Running(root)
    running.start()
    try:
        running.post("/api/2.0/serving-endpoints", BASIC)
        deployed(running.client(), "basic")
        answered, refused = _compare(
            running, "basic", lambda: _fill(small_disk), (small_disk / "ballast").unlink
        )
        _check(running, "basic", answered, refused)
        # Killed while the disk is full, with segments that could not be committed.
        answered.add("kept")
        assert _ask(running, "basic", "kept") == 200
        _fill(small_disk)
        running.kill()
        (small_disk / "ballast").unlink()
        running.start()
        until(lambda: "kept" in _logged(running, "basic_payload"))
        _check(running, "basic", answered, refused)
    finally:
        running.end()
