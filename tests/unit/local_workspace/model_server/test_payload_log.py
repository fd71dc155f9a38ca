from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from deltalake import CommitProperties, DeltaTable, Field, Transaction, write_deltalake
from deltalake.schema import PrimitiveType

from databricks_monitoring.errors import InvalidValueError
from databricks_monitoring.local_workspace.catalog.tables import Tables
from databricks_monitoring.local_workspace.clock import WorkspaceClock
from databricks_monitoring.local_workspace.model_server import payload_log
from databricks_monitoring.local_workspace.model_server.durability import SYNC_VARIABLE, Sync
from databricks_monitoring.local_workspace.model_server.payload_log import PayloadLog
from databricks_monitoring.local_workspace.model_server.payload_logs import PayloadLogs
from databricks_monitoring.local_workspace.model_server.payload_record import (
    MAX_LOGGED_BYTES,
    PAYLOAD_SCHEMA,
    PayloadRecord,
    payload_table,
)
from databricks_monitoring.local_workspace.storage import Store
from databricks_monitoring.names import TableName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TABLE = TableName("main", "default", "basic_payload")
ARRIVED_US = int(datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC).timestamp()) * 1_000_000 + 999_999


def _record(name: str, client_request_id: str | None = None) -> PayloadRecord:
    return PayloadRecord.of(
        request_id=name,
        client_request_id=client_request_id,
        arrived_us=ARRIVED_US,
        status=200,
        duration_ms=3,
        request=b'{"a": "\xc3\xa9\\n"}',
        response=b"{}",
        served_entity_id="entity",
        requester="somebody",
    )


@pytest.fixture
def location(tmp_path: Path) -> Path:
    path = tmp_path / "table"
    DeltaTable.create(path, PAYLOAD_SCHEMA)
    return path


@pytest.fixture
def log(tmp_path: Path, location: Path) -> PayloadLog:
    return _reopened(tmp_path, location)


def _reopened(tmp_path: Path, location: Path) -> PayloadLog:
    return PayloadLog(tmp_path / "log", TABLE, "app", location)


def _ids(location: Path) -> list[str]:
    return sorted(DeltaTable(location).to_pyarrow_table()["databricks_request_id"].to_pylist())


def test_a_record_becomes_a_row() -> None:
    (row,) = payload_table([_record("a").text()]).to_pylist()
    assert row["request"] == '{"a": "é\\n"}'
    assert row["request_time"] == datetime(2026, 11, 23, 23, 59, 59, 999_999, tzinfo=UTC)
    assert row["request_date"].isoformat() == "2026-11-23"
    assert row["sampling_fraction"] == 1.0


def test_a_record_is_written_as_json() -> None:
    for record in (_record('quoted " and \x00 and é', "c"), _record("a")._replace(request=None)):
        assert json.loads(record.text()) == record._asdict()
    wrong = _record("a")._replace(logging_error_codes=["ONE", "TWO"], execution_duration_ms=None)
    assert json.loads(wrong.text()) == wrong._asdict()
    assert b"\n" not in wrong.line()[:-1]


def test_too_large_a_payload_is_null_with_a_code() -> None:
    record = PayloadRecord.of(
        request_id="a",
        client_request_id=None,
        arrived_us=ARRIVED_US,
        status=413,
        duration_ms=None,
        request=None,
        response=b"x" * (MAX_LOGGED_BYTES + 1),
        served_entity_id=None,
        requester="somebody",
    )
    (row,) = payload_table([record.text()]).to_pylist()
    assert (row["request"], row["response"]) == (None, None)
    assert row["logging_error_codes"] == ["MAX_REQUEST_SIZE_EXCEEDED", "MAX_RESPONSE_SIZE_EXCEEDED"]


def test_records_reach_the_table_once(tmp_path: Path, location: Path, log: PayloadLog) -> None:
    log.append(_record("a"))
    log.append(_record("b"))
    assert log.has_uncommitted()
    assert log.commit()
    assert not log.has_uncommitted()
    assert log.commit()
    assert _reopened(tmp_path, location).commit()
    assert _ids(location) == ["a", "b"]


def test_a_segment_that_the_table_has_is_not_committed_again(
    tmp_path: Path, location: Path, log: PayloadLog
) -> None:
    log.append(_record("a"))
    (segment,) = log.roll()
    number = int(segment.stem)
    # Killed after the commit and before the removal of the segment.
    properties = CommitProperties(app_transactions=[Transaction("app", number)])
    write_deltalake(
        location, payload_table([_record("a").text()]), mode="append", commit_properties=properties
    )
    again = _reopened(tmp_path, location)
    again.append(_record("b"))
    assert again.commit()
    assert _ids(location) == ["a", "b"]
    assert list(segment.parent.glob("*.jsonl")) == []


def test_a_torn_segment_of_a_killed_server_is_replayed(
    tmp_path: Path, location: Path, log: PayloadLog
) -> None:
    log.append(_record("a"))
    (segment,) = log.roll()
    with segment.open("ab") as torn:
        torn.write(_record("b").line()[:20])
    assert _reopened(tmp_path, location).commit()
    assert _ids(location) == ["a"]


def test_nothing_is_lost_while_segments_are_committed(location: Path, log: PayloadLog) -> None:
    done = threading.Event()

    def commit() -> None:
        while not done.is_set():
            log.commit()

    committing = threading.Thread(target=commit)
    committing.start()
    names = [f"{number:04d}" for number in range(2000)]
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda name: log.append(_record(name)), names))
    done.set()
    committing.join()
    log.commit()
    assert _ids(location) == names


def test_a_failed_commit_keeps_its_segments(location: Path, log: PayloadLog) -> None:
    log.append(_record("a"))
    location.rename(location.with_name("away"))
    assert not log.commit()
    assert log.failed_commits == 1
    assert log.error
    location.with_name("away").rename(location)
    assert log.commit()
    assert log.error == ""
    assert _ids(location) == ["a"]


def test_what_utf8_cannot_say_is_replaced(location: Path, log: PayloadLog) -> None:
    # JSON may have half of a surrogate pair; a table that refused it would refuse all that comes after.
    log.append(_record("a", client_request_id="half \ud83d"))
    assert log.commit()
    [row] = DeltaTable(location).to_pyarrow_table().to_pylist()
    assert row["client_request_id"] == "half ?"


def test_a_damaged_record_is_kept_aside_and_the_others_go_on(
    tmp_path: Path, location: Path, log: PayloadLog
) -> None:
    for name in ("a", "b", "c"):
        log.append(_record(name))
    (segment,) = log.roll()
    damaged = bytearray(segment.read_bytes())
    middle = len(damaged) // 2
    damaged[middle : middle + 4] = b"\0\0\0\0"
    segment.write_bytes(damaged)
    assert log.commit()
    assert _ids(location) == ["a", "c"]
    assert log.damaged == 1
    [aside] = (tmp_path / "log").glob("*.damaged")
    assert aside.read_bytes() == damaged.split(b"\n")[1] + b"\n"


def test_a_number_is_never_given_twice(tmp_path: Path, location: Path, log: PayloadLog) -> None:
    log.append(_record("a"))
    (segment,) = log.roll()
    assert log.commit()
    # The emptied segment remembers the number while the table is away, the table while the folder is.
    location.rename(location.with_name("away"))
    again = _reopened(tmp_path, location)
    again.append(_record("b"))
    (next_one,) = again.roll()
    assert int(next_one.stem) > int(segment.stem)
    location.with_name("away").rename(location)
    assert again.commit()
    for left in (tmp_path / "log").iterdir():
        left.unlink()
    fresh = _reopened(tmp_path, location)
    fresh.append(_record("c"))
    assert fresh.commit()
    assert _ids(location) == ["a", "b", "c"]


def test_the_table_knows_its_segments_after_checkpoint_and_compaction(
    tmp_path: Path, location: Path, log: PayloadLog
) -> None:
    log.append(_record("a"))
    (segment,) = log.roll()
    content = segment.read_bytes()
    assert log.commit()
    log.append(_record("b"))
    assert log.commit()
    DeltaTable(location).optimize.compact()
    DeltaTable(location).create_checkpoint()
    for commit in (location / "_delta_log").glob("*.json"):
        os.utime(commit, (0, 0))
    DeltaTable(location).cleanup_metadata()
    segment.write_bytes(content)
    assert _reopened(tmp_path, location).commit()
    assert _ids(location) == ["a", "b"]


def test_a_large_log_is_committed_in_several_segments(
    location: Path, log: PayloadLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payload_log, "_BYTES_PER_SEGMENT", 600)
    monkeypatch.setattr(payload_log, "_BYTES_PER_COMMIT", 1500)
    names = [f"{number:02d}" for number in range(12)]
    for name in names:
        log.append(_record(name))
    assert len(log.roll()) > 3
    assert log.commit()
    assert _ids(location) == names
    assert DeltaTable(location).version() > 2


@pytest.mark.parametrize("sync", Sync)
def test_records_arrive_whatever_waits_for_the_disk(tmp_path: Path, location: Path, sync: Sync) -> None:
    log = PayloadLog(tmp_path / "log", TABLE, "app", location, sync=sync)
    log.append(_record("a"))
    log.append(_record("b"))
    assert log.commit()
    assert _ids(location) == ["a", "b"]


def test_the_environment_says_what_waits_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Sync.from_environment() is Sync.COMMIT
    monkeypatch.setenv(SYNC_VARIABLE, "answer")
    assert Sync.from_environment() is Sync.ANSWER
    monkeypatch.setenv(SYNC_VARIABLE, "sometimes")
    with pytest.raises(InvalidValueError, match="answer, commit, never"):
        Sync.from_environment()


def test_a_column_that_was_added_is_null(location: Path, log: PayloadLog) -> None:
    DeltaTable(location).alter.add_columns([Field("note", PrimitiveType("string"))])
    log.append(_record("a"))
    assert log.commit()
    [row] = DeltaTable(location).to_pyarrow_table().to_pylist()
    assert (row["databricks_request_id"], row["note"]) == ("a", None)


def test_a_table_that_lost_a_column_is_named(location: Path, log: PayloadLog) -> None:
    shutil.rmtree(location)
    DeltaTable.create(location, PAYLOAD_SCHEMA.remove(0))
    log.append(_record("a"))
    assert not log.commit()
    assert "the table has lost databricks_request_id" in log.error
    shutil.rmtree(location)
    DeltaTable.create(location, PAYLOAD_SCHEMA)
    assert log.commit()
    assert _ids(location) == ["a"]


def test_a_failing_commit_is_tried_less_and_less_often(location: Path, log: PayloadLog) -> None:
    shutil.rmtree(location)
    log.append(_record("a"))
    pauses = []
    for _ in range(8):
        assert not log.commit()
        pauses.append(round(log.retry_at - time.monotonic()))
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]


@pytest.fixture
def full_disk() -> Iterator[Callable[[int], None]]:
    """Let no file grow beyond a size, as a full disk lets none grow at all; returns how to set it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_record_that_does_not_fit_on_the_disk_is_refused_as_a_whole(
    tmp_path: Path, location: Path, log: PayloadLog, full_disk: Callable[[int], None]
) -> None:
    line = len(_record("a").line())
    full_disk(2 * line + line // 2)
    written = []
    for name in "abcd":
        try:
            log.append(_record(name))
        except OSError:
            continue
        written.append(name)
    assert written == ["a", "b"]
    assert log.refused == 2
    assert "cannot be recorded" in log.error
    # The commit needs room too; the segments wait for it.
    assert not log.commit()
    full_disk(resource.RLIM_INFINITY)
    log.append(_record("e"))
    assert "cannot be recorded" not in log.error
    assert log.commit()
    assert log.error == ""
    assert _reopened(tmp_path, location).commit()
    assert _ids(location) == ["a", "b", "e"]


def test_of_lines_that_are_written_together_those_that_fit_are_kept(
    location: Path, log: PayloadLog, full_disk: Callable[[int], None]
) -> None:
    long = _record("long")._replace(request="x" * 5000)
    full_disk(2 * len(_record("a").line()) + 100)
    errors = log.append_lines([record.line() for record in (_record("a"), long, _record("b"))])
    full_disk(resource.RLIM_INFINITY)
    assert [error is None for error in errors] == [True, False, True]
    assert log.refused == 1
    assert log.commit()
    assert _ids(location) == ["a", "b"]


def test_lines_that_are_written_together_are_rows_in_their_order(location: Path, log: PayloadLog) -> None:
    assert log.append_lines([_record(name).line() for name in "abc"]) == [None] * 3
    assert log.commit()
    assert DeltaTable(location).to_pyarrow_table()["databricks_request_id"].to_pylist() == ["a", "b", "c"]


@pytest.fixture
def tables(tmp_path: Path) -> Iterator[Tables]:
    store = Store(tmp_path / "workspace.db")
    yield Tables(tmp_path, store, WorkspaceClock(store))
    store.close()


def test_a_reader_sees_what_was_answered_before(tmp_path: Path, tables: Tables) -> None:
    store = Store(tmp_path / "workspace.db")
    logs = PayloadLogs(tmp_path / "logs", tables, commit_seconds=1000)
    tables.create(TABLE, PAYLOAD_SCHEMA)
    logs.start()
    log = logs.open("endpoint", TABLE)
    assert logs.open("endpoint", TABLE) is log
    for name in ("a", "b", "c"):
        asyncio.run(logs.append(log, _record(name)))
        ids = tables.open(TABLE).to_pyarrow_table()["databricks_request_id"].to_pylist()
        assert name in ids
    with tables.writing(TABLE):
        asyncio.run(logs.append(log, _record("d")))
        assert tables.open(TABLE).to_pyarrow_table().num_rows == 4
    asyncio.run(logs.append(log, _record("e")))
    logs.close()
    assert DeltaTable(tables.location(TABLE)).to_pyarrow_table().num_rows == 5
    store.close()


def test_a_log_whose_description_is_broken_hinders_nobody(tmp_path: Path, tables: Tables) -> None:
    tables.create(TABLE, PAYLOAD_SCHEMA)
    before = PayloadLogs(tmp_path / "logs", tables, commit_seconds=1000)
    before.open("endpoint", TABLE).append(_record("a"))
    [about] = (tmp_path / "logs").glob("*/log.json")
    described = json.loads(about.read_text())
    about.write_text("")
    logs = PayloadLogs(tmp_path / "logs", tables, commit_seconds=1000)
    logs.start()
    logs.open("endpoint", TABLE)
    assert json.loads(about.read_text()) == described
    logs.close()
    assert _ids(tables.location(TABLE)) == ["a"]
