"""Every engine makes the same metric tables of the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.engines.monitored import CASES, House, differences

if TYPE_CHECKING:
    from pathlib import Path

VERSION = frozenset({"logging_table_commit_version"})


@pytest.mark.parametrize("name", list(CASES))
def test_sail_equals_one_machine(name: str, tmp_path: Path, sail: Any) -> None:  # noqa: ANN401 - a session
    house = House(tmp_path, CASES[name]())
    for change in (None, *house.case.changes):
        if change is not None:
            change(house.primary)
        here, there = house.on_one_machine(), house.on_delta(sail)
        assert there.message == here.message
        for table in ("profile", "drift"):
            assert differences(house.rows(f"duckdb_{table}"), house.rows(f"spark_{table}")) == []
        again = house.on_delta(sail)
        assert (again.profile_version, again.drift_version) == (there.profile_version, there.drift_version)
        if house.rows("spark_profile"):
            # Sail makes no commit of nothing, so what was found in an empty table is nowhere written.
            assert "Nothing had changed." in again.message


@pytest.mark.parametrize("name", list(CASES))
def test_pyspark_equals_one_machine(name: str, tmp_path: Path, pyspark: Any) -> None:  # noqa: ANN401 - a session
    house = House(tmp_path, CASES[name]())
    for change in house.case.changes:
        change(house.primary)
    here, there = house.on_one_machine(), house.on_parquet(pyspark)
    assert (there.rows_read, there.profile_rows, there.drift_rows) == (
        here.rows_read,
        here.profile_rows,
        here.drift_rows,
    )
    for table in ("profile", "drift"):
        assert differences(house.rows(f"duckdb_{table}"), house.rows(f"files/{table}"), VERSION) == []
