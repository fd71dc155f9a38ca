from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from databricks_monitoring.local_workspace.catalog.tables import Tables
from databricks_monitoring.local_workspace.clock import WorkspaceClock
from databricks_monitoring.local_workspace.model_server.payload_log import PayloadLog
from databricks_monitoring.local_workspace.model_server.payload_logs import PayloadLogs
from databricks_monitoring.local_workspace.model_server.payload_record import (
    MAX_LOGGED_BYTES,
    PAYLOAD_SCHEMA,
    PayloadRecord,
    payload_table,
    records_of,
)
from databricks_monitoring.local_workspace.storage import Store
from databricks_monitoring.names import TableName

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TABLE = TableName("main", "default", "basic_payload")
_NUMBERS = itertools.count(1)


def _record(name: str) -> PayloadRecord:
    return PayloadRecord.of(
        request_id=name,
        client_request_id=None,
        arrived=datetime(2026, 11, 23, 23, 59, 59, 999_999, tzinfo=UTC),
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
    return PayloadLog(tmp_path / "log", TABLE, "app", location, lambda: next(_NUMBERS))


def _ids(location: Path) -> list[str]:
    return sorted(DeltaTable(location).to_pyarrow_table()["databricks_request_id"].to_pylist())


def test_a_record_becomes_a_row() -> None:
    (row,) = payload_table([_record("a")]).to_pylist()
    assert row["request"] == '{"a": "é\\n"}'
    assert row["request_time"] == datetime(2026, 11, 23, 23, 59, 59, 999_999, tzinfo=UTC)
    assert row["request_date"].isoformat() == "2026-11-23"
    assert row["sampling_fraction"] == 1.0


def test_too_large_a_payload_is_null_with_a_code() -> None:
    record = PayloadRecord.of(
        request_id="a",
        client_request_id=None,
        arrived=datetime(2026, 1, 1, tzinfo=UTC),
        status=413,
        duration_ms=None,
        request=None,
        response=b"x" * (MAX_LOGGED_BYTES + 1),
        served_entity_id=None,
        requester="somebody",
    )
    (row,) = payload_table([record]).to_pylist()
    assert (row["request"], row["response"]) == (None, None)
    assert row["logging_error_codes"] == ["MAX_REQUEST_SIZE_EXCEEDED", "MAX_RESPONSE_SIZE_EXCEEDED"]


def test_a_torn_last_line_is_left_out() -> None:
    whole = _record("a").line()
    assert records_of(whole + _record("b").line()[:-5]) == [_record("a")]


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
    write_deltalake(location, payload_table([_record("a")]), mode="append", commit_properties=properties)
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


def test_a_record_that_cannot_be_written_is_counted(tmp_path: Path, log: PayloadLog) -> None:
    (tmp_path / "log").rmdir()
    log.append(_record("a"))
    assert log.lost == 1
    assert "could not be recorded" in log.error


@pytest.fixture
def tables(tmp_path: Path) -> Iterator[Tables]:
    store = Store(tmp_path / "workspace.db")
    yield Tables(tmp_path, store, WorkspaceClock(store))
    store.close()


def test_a_reader_sees_what_was_answered_before(tmp_path: Path, tables: Tables) -> None:
    store = Store(tmp_path / "workspace.db")
    logs = PayloadLogs(tmp_path / "logs", store, tables, commit_seconds=1000)
    tables.create(TABLE, PAYLOAD_SCHEMA)
    logs.start()
    log = logs.open("endpoint", TABLE)
    assert logs.open("endpoint", TABLE) is log
    for name in ("a", "b", "c"):
        logs.append(log, _record(name))
        ids = tables.open(TABLE).to_pyarrow_table()["databricks_request_id"].to_pylist()
        assert name in ids
    with tables.writing(TABLE):
        logs.append(log, _record("d"))
        assert tables.open(TABLE).to_pyarrow_table().num_rows == 4
    logs.append(log, _record("e"))
    logs.close()
    assert DeltaTable(tables.location(TABLE)).to_pyarrow_table().num_rows == 5
    store.close()
