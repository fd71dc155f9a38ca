"""Columns of a monitored table that come, go and change: windows without changed rows follow all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from deltalake.schema import Field, PrimitiveType

from tests.unit.metrics.delta import SCHEMA, Monitored, rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def overwritten(monitored: Monitored, table: pa.Table) -> None:
    write_deltalake(str(monitored.root / "primary"), table, mode="overwrite", schema_mode="overwrite")


def retyped(kind: pa.DataType) -> Callable[[Monitored], None]:
    def change(monitored: Monitored) -> None:
        table = monitored.delta().to_pyarrow_table()
        age = table.schema.get_field_index("age")
        overwritten(monitored, table.set_column(age, "age", table.column("age").cast(kind)))

    return change


def with_another_column(monitored: Monitored) -> None:
    monitored.delta().alter.add_columns([Field("extra", PrimitiveType("double"))])


def with_rows_of_another_column(monitored: Monitored) -> None:
    schema = SCHEMA.append(pa.field("extra", pa.float64()))
    some = [row | {"extra": 1.5} for row in rows(5, 12, first=100)]
    table = pa.Table.from_pylist(some, schema=schema)
    write_deltalake(str(monitored.root / "primary"), table, mode="append", schema_mode="merge")


def without_a_column(monitored: Monitored) -> None:
    overwritten(monitored, monitored.delta().to_pyarrow_table().drop(["city"]))


def with_a_column_of_another_name(monitored: Monitored) -> None:
    table = monitored.delta().to_pyarrow_table()
    overwritten(monitored, table.rename_columns([name.replace("city", "town") for name in SCHEMA.names]))


CHANGES = {
    "added": with_another_column,
    "added with rows": with_rows_of_another_column,
    "dropped": without_a_column,
    "renamed": with_a_column_of_another_name,
    "widened": retyped(pa.int64()),
    "another class": retyped(pa.string()),
}


@pytest.mark.parametrize("has_baseline", [False, True])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_window_has_the_columns_of_the_table(
    tmp_path: Path, change: Callable[[Monitored], None], *, has_baseline: bool
) -> None:
    refreshed, new = (Monitored(tmp_path / name, has_baseline=has_baseline) for name in ("refreshed", "new"))
    for monitored in (refreshed, new):
        for day in (10, 11, 12):
            monitored.append(rows(20, day, first=100 * day))
        if has_baseline:
            monitored.append(rows(10, 1), to="baseline")
    refreshed.refresh()
    for monitored in (refreshed, new):
        change(monitored)
        monitored.refresh()
    for name, without in (("profile", ("logging_table_commit_version",)), ("drift", ())):
        assert refreshed.everything(name, without=without) == new.everything(name, without=without)
    versions = refreshed.versions()
    refreshed.refresh()
    assert refreshed.versions() == versions
