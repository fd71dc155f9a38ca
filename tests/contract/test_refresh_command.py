"""The command `databricks-monitoring refresh` over Delta tables in folders."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from databricks_monitoring.cli import main

if TYPE_CHECKING:
    from pathlib import Path

DEFINITION = """
kind: time_series
timestamp_column: at
granularities: [1 day]
custom_metrics:
  - {type: aggregate, name: total, input_columns: [value], definition: "sum({{input_column}})",
     output_data_type: double}
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    at = pa.array([datetime(2026, 11, day, tzinfo=UTC) for day in (1, 1, 2)], pa.timestamp("us", tz="UTC"))
    write_deltalake(str(tmp_path / "rows"), pa.table({"at": at, "value": [1.0, 2.0, 3.0]}))
    (tmp_path / "monitor.yml").write_text(DEFINITION)
    return tmp_path / "rows"


def refresh(table: Path, *more: str) -> int:
    return main(["refresh", str(table), "--definition", str(table.parent / "monitor.yml"), *more])


def test_refreshes_and_then_finds_nothing_new(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert refresh(table) == 0
    assert "Recomputed windows: 2 of 1 day. Wrote 6 profile rows and 3 drift rows." in capsys.readouterr().out
    profile = DeltaTable(f"{table}_profile_metrics").to_pyarrow_table().to_pylist()
    assert sorted(row["total"] for row in profile if row["total"] is not None) == [3.0, 3.0]
    assert refresh(table) == 0
    assert "Nothing had changed." in capsys.readouterr().out


def test_names_an_unknown_key(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (table.parent / "monitor.yml").write_text(DEFINITION + "granularity: 1 day\n")
    assert refresh(table) == 1
    assert "Did you mean 'granularities'?" in capsys.readouterr().err


def test_says_that_there_is_no_table(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert refresh(table.with_name("nowhere")) == 1
    assert "no Delta table in a folder" in capsys.readouterr().err


def test_remote_is_for_spark(table: Path) -> None:
    assert refresh(table, "--remote", "sc://127.0.0.1:1") == 2
