"""The folder of a workspace: one server at a time, its settings kept."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from databricks_monitoring.errors import LocalWorkspaceError, RootInUseError, RootNotWritableError
from databricks_monitoring.local_workspace.root_folder import (
    RootLock,
    ServerRecord,
    new_token,
    prepare,
    read_record,
    server_pid,
    url_of,
    write_record,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_lock_names_its_holder(tmp_path: Path) -> None:
    assert server_pid(tmp_path) is None
    lock = RootLock(tmp_path)
    assert server_pid(tmp_path) == os.getpid()
    with pytest.raises(RootInUseError, match=f"process {os.getpid()}") as caught:
        RootLock(tmp_path)
    assert caught.value.pid == os.getpid()
    lock.release()
    assert server_pid(tmp_path) is None
    RootLock(tmp_path).release()


def test_number_of_a_dead_server_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "workspace.lock").write_text("1\n")
    assert server_pid(tmp_path) is None


def test_record_is_kept_from_others(tmp_path: Path) -> None:
    assert read_record(tmp_path) is None
    record = ServerRecord(host="127.0.0.1", port=1234, token=new_token(), pid=1, started_at=2.5)
    write_record(tmp_path, record)
    write_record(tmp_path, record)
    assert read_record(tmp_path) == record
    assert stat.S_IMODE((tmp_path / "workspace.json").stat().st_mode) == 0o600


def test_broken_record_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "workspace.json").write_text('{"host": "x"')
    with pytest.raises(LocalWorkspaceError, match="Delete it"):
        read_record(tmp_path)


def test_unusable_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RootNotWritableError, match="--root"):
        prepare(tmp_path / "file" / "below")
    with pytest.raises(RootNotWritableError):
        prepare(tmp_path / "file")
    assert prepare(tmp_path / "new" / "deep").is_dir()


def test_tokens_differ() -> None:
    assert new_token() != new_token()


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:1"),
        ("0.0.0.0", "http://127.0.0.1:1"),  # noqa: S104 - a text
        ("::1", "http://[::1]:1"),
        ("host.example", "http://host.example:1"),
    ],
)
def test_url(host: str, url: str) -> None:
    assert url_of(host, 1) == url
