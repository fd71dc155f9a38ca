"""`databricks-monitoring local up|down|status|env`, as people run them."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from databricks_monitoring.cli import main
from databricks_monitoring.local_workspace.root_folder import read_record, server_pid
from tests.conftest import RunningWorkspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAM = (sys.executable, "-m", "databricks_monitoring")


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [*PROGRAM, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "workspace"
    yield folder
    pid = server_pid(folder)
    if pid is not None:
        os.kill(pid, signal.SIGKILL)


def assert_one_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("databricks-monitoring: ")
    assert len(done.stderr.splitlines()) == 1
    for word in words:
        assert word in done.stderr
    assert not done.stdout


def test_workspace_lives_on_after_kill(root: Path) -> None:
    up = run("local", "up", "--root", root, "--port", "0", "--detach")
    assert up.returncode == 0, up.stderr
    first = _environment(root)
    assert first["DATABRICKS_HOST"] in up.stdout
    assert first["DATABRICKS_TOKEN"] in up.stdout
    status = run("local", "status", "--root", root)
    assert status.returncode == 0
    assert first["DATABRICKS_HOST"] in status.stdout
    assert str(root) in status.stdout
    pid = server_pid(root)
    assert re.search(rf"^pid +{pid}$", status.stdout, re.MULTILINE)

    server = RunningWorkspace(first["DATABRICKS_HOST"], first["DATABRICKS_TOKEN"], root)
    server.client().schemas.create("kept", "main")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    _wait_until_free(root)
    assert_one_line(run("local", "status", "--root", root), "No local workspace is running", "local up")

    again = run("local", "up", "--root", root, "--detach")
    assert again.returncode == 0, again.stderr
    assert _environment(root) == first
    assert server.client().schemas.get("main.kept").full_name == "main.kept"

    down = run("local", "down", "--root", root)
    assert down.returncode == 0, down.stderr
    assert server_pid(root) is None
    assert "Traceback" not in (root / "logs" / "server.log").read_text()
    assert_one_line(run("local", "down", "--root", root), "No local workspace is running")
    assert_one_line(run("local", "env", "--root", root), "No local workspace is running")
    record = read_record(root)
    assert record is not None
    assert (record.pid, record.token) == (None, first["DATABRICKS_TOKEN"])


def test_interrupt_ends_it_in_order(root: Path) -> None:
    command = [*PROGRAM, "local", "up", "--root", str(root), "--port", "0", "--token", "a-token-of-mine"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline() + process.stdout.readline() + process.stdout.readline()
        assert "http://127.0.0.1:" in said
        assert "a-token-of-mine" in said
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    assert "Traceback" not in errors
    assert server_pid(root) is None


def test_root_held_by_another_server(workspace_server: RunningWorkspace) -> None:
    pid = server_pid(workspace_server.root)
    for detach in ([], ["--detach"]):
        done = run("local", "up", "--root", workspace_server.root, "--port", "0", *detach)
        assert_one_line(done, f"process {pid}", "local down")


def test_port_taken(root: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for detach in ([], ["--detach"]):
            done = run("local", "up", "--root", root, "--port", port, *detach)
            assert_one_line(done, f"Port {port}", "--port 0")
    assert server_pid(root) is None


def test_root_not_writable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for detach in ([], ["--detach"]):
        done = run("local", "up", "--root", tmp_path / "file" / "below", *detach)
        assert_one_line(done, str(tmp_path / "file" / "below"), "--root")


def test_server_that_dies_shows_its_log(root: Path) -> None:
    root.mkdir()
    (root / "workspace.db").write_bytes(b"not a database" * 100)
    done = run("local", "up", "--root", root, "--port", "0", "--detach")
    assert done.returncode == 1
    assert "did not start" in done.stderr
    assert "not a database" in done.stderr
    assert server_pid(root) is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["up"], "--root"),
        (["up", "--root", "x", "--port", "many"], "--port"),
        (["up", "--root", "x", "--port", "65536"], "--port"),
        (["up", "--root", "x", "--bind", "0.0.0.0"], "--token"),  # noqa: S104 - refused
        (["up", "--root", "x", "--token", "short"], "--token"),
        (["up", "--root", "x", "--unknown"], "--unknown"),
        (["sideways"], "sideways"),
    ],
)
def test_wrong_usage(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["local", *arguments]) == 2
    assert said in re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().err)


@pytest.mark.parametrize("command", ["up", "down", "status", "env"])
def test_help_teaches_by_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["local", command, "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"databricks-monitoring local {command} --root" in said


def test_asking_needs_no_server_libraries(root: Path) -> None:
    code = (
        "import sys; from databricks_monitoring.cli import main; "
        f"main(['local', 'status', '--root', {str(root)!r}]); "
        "print({'mlflow', 'fastapi', 'duckdb', 'databricks.sdk', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "set()"


def test_env_is_what_a_shell_can_read(workspace_server: RunningWorkspace) -> None:
    said = _environment(workspace_server.root)
    assert said["DATABRICKS_HOST"] == workspace_server.url
    assert said["DATABRICKS_TOKEN"] == workspace_server.token
    warehouses = list(workspace_server.client().warehouses.list())
    assert said.get("DATABRICKS_WAREHOUSE_ID") == (warehouses[0].id if warehouses else None)


def _environment(root: Path) -> dict[str, str]:
    done = run("local", "env", "--root", root)
    assert done.returncode == 0, done.stderr
    words = [shlex.split(line) for line in done.stdout.splitlines()]
    assert all(word == "export" for word, _ in words)
    return dict(setting.split("=", 1) for _, setting in words)


def _wait_until_free(root: Path) -> None:
    deadline = time.monotonic() + 10
    while server_pid(root) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
