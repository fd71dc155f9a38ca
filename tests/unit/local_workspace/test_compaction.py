"""Many small commits become few files, while the table is written, changed and read."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from databricks_monitoring.local_workspace.catalog.compaction import AUTO_COMPACT, MANY_FILES, Compaction
from databricks_monitoring.local_workspace.catalog.tables import Tables
from databricks_monitoring.local_workspace.clock import WorkspaceClock
from databricks_monitoring.local_workspace.sql.engine import SqlEngine
from databricks_monitoring.local_workspace.storage import Store
from databricks_monitoring.names import TableName

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = TableName("main", "default", "busy")
SCHEMA = pa.schema([("id", pa.int64()), ("v", pa.string())])
COMPACTED = {AUTO_COMPACT: "true", "delta.enableChangeDataFeed": "true"}


@pytest.fixture
def tables(tmp_path: Path) -> Iterator[Tables]:
    store = Store(tmp_path / "workspace.db")
    yield Tables(tmp_path, store, WorkspaceClock(store))
    store.close()


def _append(tables: Tables, *numbers: int) -> None:
    rows = pa.table({"id": list(numbers), "v": ["x"] * len(numbers)}, schema=SCHEMA)
    write_deltalake(tables.location(NAME), rows, mode="append")


def _files(tables: Tables) -> int:
    return len(DeltaTable(tables.location(NAME)).file_uris())


def test_many_small_files_become_one_and_nothing_else_changes(tables: Tables) -> None:
    tables.create(NAME, SCHEMA, properties=COMPACTED)
    compaction = Compaction(tables)
    for number in range(MANY_FILES - 1):
        _append(tables, number)
    assert compaction.look() == []
    _append(tables, MANY_FILES - 1)
    assert compaction.look() == [NAME]
    assert compaction.look() == []
    assert _files(tables) == 1
    table = DeltaTable(tables.location(NAME))
    assert sorted(table.to_pyarrow_table()["id"].to_pylist()) == list(range(MANY_FILES))
    changes = pa.table(table.load_cdf(starting_version=1).read_all())
    assert sorted(changes["id"].to_pylist()) == list(range(MANY_FILES))
    # Whoever was reading the files that were replaced still finds them.
    before = DeltaTable(tables.location(NAME), version=MANY_FILES)
    assert before.to_pyarrow_table().num_rows == MANY_FILES


def test_other_tables_are_left_alone(tables: Tables) -> None:
    tables.create(NAME, SCHEMA)
    for number in range(MANY_FILES):
        _append(tables, number)
    compaction = Compaction(tables)
    assert compaction.look() == []
    tables.set_properties(NAME, {AUTO_COMPACT: "true"})
    assert compaction.look() == [NAME]


def test_a_table_that_cannot_be_read_hinders_no_other(tables: Tables) -> None:
    broken = TableName("main", "default", "broken")
    tables.create(broken, SCHEMA, properties=COMPACTED)
    tables.create(NAME, SCHEMA, properties=COMPACTED)
    for commit in (tables.location(broken) / "_delta_log").iterdir():
        commit.write_text("no commit")
    for number in range(MANY_FILES):
        _append(tables, number)
    assert Compaction(tables).look() == [NAME]


def test_compaction_gets_on_with_appends_changes_and_readers(tmp_path: Path, tables: Tables) -> None:
    tables.create(NAME, SCHEMA, properties=COMPACTED)
    engine = SqlEngine(tables, tables._clock, root=tmp_path)
    compaction = Compaction(tables)
    done = threading.Event()
    compacted = 0
    seen: list[int] = []

    def compact() -> None:
        nonlocal compacted
        while not done.is_set():
            compacted += len(compaction.look())

    def read() -> None:
        while not done.is_set():
            [[count]] = engine.run("SELECT count(*) FROM busy", schema="default").rows()
            seen.append(int(str(count)))

    threads = [threading.Thread(target=compact), threading.Thread(target=read)]
    for thread in threads:
        thread.start()
    for number in range(2 * MANY_FILES + 20):
        with tables.writing(NAME):
            _append(tables, 10 * number, 10 * number + 1)
        if number % 20 == 19:
            engine.run(f"UPDATE busy SET v = 'changed' WHERE id = {10 * number}", schema="default")  # noqa: S608
            engine.run(
                f"MERGE INTO busy AS t USING (SELECT {10 * number + 1} AS id) AS s ON t.id = s.id "
                "WHEN MATCHED THEN DELETE",
                schema="default",
            )
    done.set()
    for thread in threads:
        thread.join()
    assert compacted >= 1
    rows = DeltaTable(tables.location(NAME)).to_pyarrow_table().to_pylist()
    changed = {190 + 200 * step for step in range((2 * MANY_FILES + 20) // 20)}
    expected = {10 * number + last for number in range(2 * MANY_FILES + 20) for last in (0, 1)}
    assert {row["id"] for row in rows} == expected - {number + 1 for number in changed}
    assert len(rows) == len(expected) - len(changed)
    assert {row["id"] for row in rows if row["v"] == "changed"} == changed
    assert seen
    engine.close()
