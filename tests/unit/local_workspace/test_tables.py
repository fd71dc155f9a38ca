"""Tables, schemas and volumes on disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from databricks.sdk.errors import (
    AlreadyExists,
    BadRequest,
    InvalidParameterValue,
    NotFound,
    PermissionDenied,
)
from databricks.sdk.service.catalog import ColumnTypeName, DataSourceFormat, TableType
from deltalake import DeltaTable, Schema, write_deltalake

from databricks_monitoring.local_workspace.catalog.tables import Tables
from databricks_monitoring.local_workspace.clock import WorkspaceClock
from databricks_monitoring.local_workspace.storage import Store
from databricks_monitoring.names import SchemaName, TableName

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = TableName("main", "default", "t")
COLUMNS = pa.schema(
    [
        pa.field("Id", pa.int64(), nullable=False),
        ("at", pa.timestamp("us", "UTC")),
        ("price", pa.decimal128(10, 2)),
        ("tags", pa.map_(pa.string(), pa.list_(pa.struct([("x", pa.float64())])))),
    ]
)


def _opened(root: Path) -> Tables:
    store = Store(root / "workspace.db")
    return Tables(root, store, WorkspaceClock(store))


@pytest.fixture
def tables(tmp_path: Path) -> Iterator[Tables]:
    opened = _opened(tmp_path)
    yield opened
    opened._store.close()


def test_created_table_is_described(tables: Tables) -> None:
    before = tables._clock.now_ms()
    info = tables.create(
        NAME, COLUMNS, properties={"delta.enableChangeDataFeed": "true", "team": "x"}, comment="c"
    )
    assert info == tables.get(NAME)
    assert (info.full_name, info.comment, info.owner) == ("main.default.t", "c", "local.user@example.com")
    assert (info.table_type, info.data_source_format) == (TableType.MANAGED, DataSourceFormat.DELTA)
    assert info.storage_location == tables.location(NAME).as_uri()
    assert before <= (info.created_at or 0) <= tables._clock.now_ms()
    assert info.properties is not None
    assert info.properties["delta.enableChangeDataFeed"] == "true"
    assert info.properties["team"] == "x"
    columns = [
        (column.name, column.type_text, column.type_name, column.nullable) for column in info.columns or []
    ]
    assert columns == [
        ("Id", "bigint", ColumnTypeName.LONG, False),
        ("at", "timestamp", ColumnTypeName.TIMESTAMP, True),
        ("price", "decimal(10,2)", ColumnTypeName.DECIMAL, True),
        ("tags", "map<string,array<struct<x:double>>>", ColumnTypeName.MAP, True),
    ]
    assert [column.position for column in info.columns or []] == [0, 1, 2, 3]


def test_names_have_no_case(tables: Tables) -> None:
    created = tables.create(TableName("MAIN", "Default", "T"), COLUMNS)
    assert tables.get(TableName("main", "DEFAULT", "t")).table_id == created.table_id
    with pytest.raises(AlreadyExists):
        tables.create(NAME, COLUMNS)
    assert tables.create(NAME, COLUMNS, if_not_exists=True).table_id == created.table_id


def test_description_follows_the_delta_log(tables: Tables) -> None:
    tables.create(NAME, COLUMNS)
    tables.open(NAME).alter.add_columns(Schema.from_arrow(pa.schema([("more", pa.string())])).fields)
    assert [column.name for column in tables.get(NAME).columns or []][-1] == "more"


def test_given_description_may_be_changed(tables: Tables) -> None:
    tables.create(NAME, COLUMNS)
    given = tables.get(NAME)
    assert given.columns
    given.columns[0].name = "changed"
    given.columns.clear()
    assert next(column.name for column in tables.get(NAME).columns or []) == "Id"


def test_description_is_not_that_of_a_dropped_table(tables: Tables) -> None:
    tables.create(NAME, COLUMNS)
    tables.get(NAME)
    tables.drop(NAME)
    tables.create(NAME, pa.schema([("other", pa.string())]))
    assert [column.name for column in tables.get(NAME).columns or []] == ["other"]


def test_properties_are_added_once(tables: Tables) -> None:
    tables.create(NAME, COLUMNS, properties={"a": "1"})
    tables.set_properties(NAME, {"a": "2", "delta.enableChangeDataFeed": "true"})
    version = tables.open(NAME).version()
    tables.set_properties(NAME, {"a": "2"})
    assert tables.open(NAME).version() == version
    properties = tables.get(NAME).properties or {}
    assert (properties["a"], properties["delta.enableChangeDataFeed"]) == ("2", "true")


def test_older_version_is_opened(tables: Tables) -> None:
    tables.create(NAME, pa.schema([("x", pa.int64())]))
    write_deltalake(tables.open(NAME), pa.table({"x": [1]}), mode="append")
    assert tables.open(NAME).count() == 1
    assert tables.open(NAME, 0).count() == 0


def test_dropped_table_is_gone(tables: Tables) -> None:
    tables.create(NAME, COLUMNS)
    tables.drop(NAME)
    assert not tables.exists(NAME)
    assert not tables.location(NAME).exists()
    with pytest.raises(NotFound, match=r"main\.default\.t"):
        tables.drop(NAME)
    with pytest.raises(NotFound):
        tables.open(NAME)


def test_missing_table_is_answered_with_what_exists(tables: Tables) -> None:
    tables.create(TableName("main", "default", "inference_logs"), COLUMNS)
    with pytest.raises(NotFound, match=r"Did you mean 'main\.default\.inference_logs'\?"):
        tables.get(TableName("main", "default", "inference_log"))


def test_adopted_table_is_registered_once(tables: Tables) -> None:
    with pytest.raises(NotFound):
        tables.adopt(NAME)
    write_deltalake(tables.location(NAME), pa.table({"x": [1, 2]}))
    assert not tables.exists(NAME)
    adopted = tables.adopt(NAME)
    assert tables.adopt(NAME).table_id == adopted.table_id
    assert tables.open(NAME).count() == 2


def test_left_behind_folder_is_cleared_by_create(tables: Tables) -> None:
    write_deltalake(tables.location(NAME), pa.table({"old": [1]}))
    created = tables.create(NAME, COLUMNS)
    assert next(column.name for column in created.columns or []) == "Id"
    assert tables.open(NAME).version() == 0


@pytest.mark.parametrize("bad", ["..", "a/b", "a b", "", "a.b", "é" * 200, "nul\0"])
def test_impossible_names_are_refused(tables: Tables, bad: str) -> None:
    for name in (
        TableName("main", "default", bad),
        TableName("main", bad, "t"),
        TableName(bad, "default", "t"),
    ):
        with pytest.raises(InvalidParameterValue):
            tables.create(name, COLUMNS)
        with pytest.raises(InvalidParameterValue):
            tables.location(name)
    with pytest.raises(InvalidParameterValue):
        tables.model_path(TableName("main", "default", bad), 1)


def test_system_is_read_only(tables: Tables) -> None:
    columns = TableName("system", "information_schema", "columns")
    assert tables.exists(columns)
    assert tables.get(columns).table_type is TableType.VIEW
    with pytest.raises(InvalidParameterValue, match="no Delta log"):
        tables.open(columns)
    for forbidden in (
        lambda: tables.create(TableName("system", "information_schema", "t"), COLUMNS),
        lambda: tables.drop(columns),
        lambda: tables.drop_schema(columns.parent, cascade=True),
        lambda: tables.drop_catalog("system", cascade=True),
    ):
        with pytest.raises(PermissionDenied):
            forbidden()


def test_information_schema_lists_everything(tables: Tables) -> None:
    tables.create(NAME, COLUMNS)
    tables.virtual[TableName("system", "made", "answers")] = lambda: pa.table({"x": [1]})
    schema = SchemaName("system", "information_schema")
    listed = tables.virtual[schema.table("tables")]().to_pylist()
    names = {(row["table_catalog"], row["table_schema"], row["table_name"]) for row in listed}
    assert {("main", "default", "t"), ("system", "made", "answers")} <= names
    columns = tables.virtual[schema.table("columns")]().to_pylist()
    ours = [
        (row["column_name"], row["ordinal_position"], row["full_data_type"])
        for row in columns
        if row["table_name"] == "t"
    ]
    assert ours[0] == ("Id", 1, "bigint")
    price = next(row for row in columns if row["column_name"] == "price")
    assert (price["numeric_precision"], price["numeric_scale"]) == (10, 2)
    schemata = {
        (row["catalog_name"], row["schema_name"])
        for row in tables.virtual[schema.table("schemata")]().to_pylist()
    }
    assert {("main", "default"), ("system", "made")} <= schemata
    for name, answer in tables.virtual.items():
        described = [column.name for column in tables.get(name).columns or []]
        assert described == answer().column_names


def test_schema_is_dropped_with_everything_in_it(tables: Tables) -> None:
    schema = SchemaName("main", "s")
    tables.create_schema(schema)
    tables.create(schema.table("t"), COLUMNS)
    tables.volumes.create(schema.table("v"))
    with pytest.raises(BadRequest, match=r"main\.s\.t, main\.s\.v"):
        tables.drop_schema(schema)
    tables.drop_schema(schema, cascade=True)
    tables.create_schema(schema)
    assert tables.contents(schema) == []
    assert not tables.location(schema.table("t")).exists()


def test_dropped_first_catalog_stays_dropped(tmp_path: Path) -> None:
    tables = _opened(tmp_path)
    tables.drop_catalog("mlops_aut")
    tables._store.close()
    tables = _opened(tmp_path)
    assert [catalog.name for catalog in tables.list_catalogs()] == [
        "main",
        "mlops_dev",
        "mlops_prod",
        "system",
    ]
    tables._store.close()


def test_volume_path_stays_inside(tables: Tables) -> None:
    volume = TableName("main", "default", "v")
    with pytest.raises(NotFound):
        tables.volume_path(volume)
    tables.volumes.create(volume)
    assert tables.volume_path(volume, "a//b/./c").parts[-3:] == ("a", "b", "c")
    for escape in ("..", "a/../..", "a/../b", "x\0"):
        with pytest.raises(InvalidParameterValue):
            tables.volume_path(volume, escape)


def test_writers_of_a_table_wait_for_each_other(tables: Tables) -> None:
    tables.create(NAME, COLUMNS)
    entered = threading.Event()

    def write() -> None:
        with tables.writing(TableName("MAIN", "default", "T")):
            entered.set()

    writer = threading.Thread(target=write)
    with tables.writing(NAME), tables.writing(NAME):
        writer.start()
        assert not entered.wait(0.1)
    writer.join(5)
    assert entered.is_set()


_CREATING = """
import sys
from pathlib import Path
import pyarrow as pa
from databricks_monitoring.local_workspace.clock import WorkspaceClock
from databricks_monitoring.local_workspace.storage import Store
from databricks_monitoring.local_workspace.catalog.tables import Tables
from databricks_monitoring.names import TableName
root = Path(sys.argv[1])
store = Store(root / "workspace.db")
tables = Tables(root, store, WorkspaceClock(store))
for number in range(10_000):
    name = TableName("main", "default", f"t{number % 5}")
    if tables.exists(name):
        tables.drop(name)
    print(name, flush=True)
    tables.create(name, pa.schema([("x", pa.int64())]))
"""


def test_killed_server_leaves_no_half_table(tmp_path: Path) -> None:
    for milliseconds in (5, 17):
        command = [sys.executable, "-c", _CREATING, str(tmp_path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        with process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(milliseconds / 1000)
            os.kill(process.pid, signal.SIGKILL)
        tables = _opened(tmp_path)
        for info in tables.list(SchemaName("main", "default")):
            assert DeltaTable(tables.location(TableName.parse(str(info.full_name)))).count() == 0
        for number in range(5):
            tables.create(TableName("main", "default", f"t{number}"), COLUMNS, if_not_exists=True)
        for number in range(5):
            tables.drop(TableName("main", "default", f"t{number}"))
        tables._store.close()
