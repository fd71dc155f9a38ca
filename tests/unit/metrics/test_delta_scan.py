"""Snapshots that cannot be read from their files alone are refused by name."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from databricks_monitoring.errors import MetricError
from databricks_monitoring.metrics.engines.delta_scan import scan
from databricks_monitoring.metrics.engines.duckdb import connect

if TYPE_CHECKING:
    from pathlib import Path

_Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_MAGIC = 1681511377
_ROARING = 12346


def deleted(*positions: int) -> dict[str, Any]:
    """Return a deletion vector kept in the log itself, as the Delta protocol describes one."""
    container = struct.pack(f"<IIHHI{len(positions)}H", _ROARING, 1, 0, len(positions) - 1, 16, *positions)
    content = struct.pack("<IQI", _MAGIC, 1, 0) + container
    padded = content + bytes(-len(content) % 4)
    digits = []
    for at in range(0, len(padded), 4):
        number = int.from_bytes(padded[at : at + 4], "big")
        digits += [_Z85[number // 85**power % 85] for power in (4, 3, 2, 1, 0)]
    return {
        "storageType": "i",
        "pathOrInlineDv": "".join(digits),
        "sizeInBytes": len(content),
        "cardinality": len(positions),
    }


class Log:
    """The log of a small table, to be written by hand."""

    def __init__(self, root: Path) -> None:
        self.root = root
        write_deltalake(str(root), pa.table({"a": [1, 2, 3]}))
        self.path = root / "_delta_log" / f"{0:020}.json"
        self.actions: list[dict[str, Any]] = [json.loads(line) for line in self.path.read_text().splitlines()]

    def action(self, kind: str) -> dict[str, Any]:
        return next(action[kind] for action in self.actions if kind in action)

    def enable(self, feature: str) -> None:
        self.action("protocol").update(
            minReaderVersion=3, minWriterVersion=7, readerFeatures=[feature], writerFeatures=[feature]
        )

    def map_columns(self, physical: str) -> None:
        self.enable("columnMapping")
        metadata = self.action("metaData")
        metadata["configuration"]["delta.columnMapping.mode"] = "name"
        schema = json.loads(metadata["schemaString"])
        schema["fields"][0]["metadata"] = {
            "delta.columnMapping.id": 1,
            "delta.columnMapping.physicalName": physical,
        }
        metadata["schemaString"] = json.dumps(schema)

    def written(self) -> DeltaTable:
        self.path.write_text("\n".join(map(json.dumps, self.actions)))
        return DeltaTable(str(self.root))


def values(table: DeltaTable) -> list[int]:
    with connect() as connection:
        return [row[0] for row in connection.sql(scan(table)).fetchall()]


def test_a_table_with_deletion_vectors_is_refused(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.enable("deletionVectors")
    log.action("add")["deletionVector"] = deleted(1)
    with pytest.raises(MetricError, match=r"deletion vectors \(1 of its 1 data files have one\).*PURGE"):
        scan(log.written())


def test_a_deletion_vector_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.enable("deletionVectors")
    log.action("add")["deletionVector"] = deleted(1) | {"pathOrInlineDv": "0" * 50}
    with pytest.raises(MetricError, match=r"deletion vectors \(one cannot be read: "):
        scan(log.written())


def test_a_table_that_may_have_deletion_vectors_but_has_none_is_read(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.enable("deletionVectors")
    assert values(log.written()) == [1, 2, 3]


def test_a_table_whose_files_have_other_column_names_is_refused(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.map_columns("col-1")
    with pytest.raises(MetricError, match=r"column mapping by name: its files hold a \(in the files col-1\)"):
        scan(log.written())


def test_mapped_columns_that_kept_their_names_are_read(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.map_columns("a")
    assert values(log.written()) == [1, 2, 3]
