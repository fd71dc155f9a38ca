"""Schema facts in the profile table: what is missing, added, of another type, and what does not cast."""

from __future__ import annotations

import dataclasses
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from databricks_monitoring.metrics import tables
from databricks_monitoring.metrics.columns import Column, ColumnClass
from databricks_monitoring.metrics.definition import MonitorDefinition
from databricks_monitoring.metrics.profile.uncastable import percent_uncastable, uncastable_sql
from tests.unit.metrics.delta import LOG, NOW, TIMESTAMP, Monitored, at

if TYPE_CHECKING:
    from pathlib import Path

SLICED = dataclasses.replace(LOG, slicing_exprs=("city",))
POINT = pa.struct([("x", pa.int64())])
PRIMARY = pa.schema(
    [
        ("row_id", pa.string()),
        ("timestamp", TIMESTAMP),
        ("model_id", pa.string()),
        ("city", pa.string()),
        ("amount", pa.string()),
        ("ratio", pa.float64()),
        ("count", pa.int32()),
        ("seen", TIMESTAMP),
        ("tags", pa.list_(pa.string())),
        ("point", pa.struct([("x", pa.string())])),
        ("prediction", pa.string()),
        ("label", pa.string()),
    ]
)
BASELINE = pa.schema(
    [
        ("model_id", pa.string()),
        ("city", pa.string()),
        ("amount", pa.int32()),
        ("ratio", pa.int64()),
        ("count", pa.float64()),
        ("seen", pa.string()),
        ("tags", pa.list_(pa.int32())),
        ("point", POINT),
        ("gone", pa.date32()),
        ("prediction", pa.string()),
        ("label", pa.string()),
    ]
)


def logged(day: int, number: int) -> dict[str, Any]:
    """Return a row; every tenth amount and every fifth tag is no number, every 20th amount is NULL."""
    amount = None if number % 20 == 1 else "n/a" if number % 10 == 0 else f" {number} "
    return {
        "row_id": f"r{day}-{number}",
        "timestamp": at(day, number % 24),
        "model_id": f"churn_{1 + number % 2}",
        "city": "Bern" if number < 50 else "Genf",
        "amount": amount,
        "ratio": 1e300 if number == 7 else number + 0.5,
        "count": number,
        "seen": at(day),
        "tags": ["1", "x"] if number % 5 == 0 else ["2", None],
        "point": {"x": str(number)},
        "prediction": "yes",
        "label": None,
    }


def known(number: int) -> dict[str, Any]:
    return {
        "model_id": "churn_1",
        "city": "Bern",
        "amount": number,
        "ratio": number,
        "count": float(number),
        "seen": "2026-11-01",
        "tags": [number],
        "point": {"x": number},
        "gone": date(2026, 1, 1),
        "prediction": "no",
        "label": "no",
    }


@pytest.fixture
def monitored(tmp_path: Path) -> Monitored:
    found = Monitored(tmp_path, has_baseline=True)
    found.append([logged(10, number) for number in range(100)], schema=PRIMARY)
    found.append([known(number) for number in range(40)], to="baseline", schema=BASELINE)
    return found


def facts(monitored: Monitored, where: str = "slice_key IS NULL AND model_id = '*'") -> dict[str, Any]:
    """Return baseline type and share of each column of the first window."""
    return {
        cell["column_name"]: (cell["baseline_data_type"], cell["percent_uncastable"])
        for cell in monitored.query(
            "SELECT column_name, baseline_data_type, percent_uncastable FROM profile "  # noqa: S608 - our own
            f"WHERE log_type = 'INPUT' AND \"window\".start = '2026-11-10 00:00:00+00' AND {where}"
        )
    }


def mismatches(monitored: Monitored) -> list[list[dict[str, str]] | None]:
    return [
        cell["schema_mismatches"]
        for cell in monitored.query(
            "SELECT DISTINCT schema_mismatches FROM profile "
            "WHERE column_name = ':table' AND log_type = 'INPUT'"
        )
    ]


def test_facts_of_every_column(monitored: Monitored) -> None:
    monitored.refresh(SLICED)
    found = pa.schema(monitored.delta("profile").schema().to_arrow())
    assert tables.ddl(found) == tables.ddl(tables.profile_schema(SLICED, has_baseline=True))
    assert facts(monitored) == {
        ":table": (None, None),
        "row_id": (None, None),
        "timestamp": (None, None),
        "model_id": ("string", None),
        "city": ("string", None),
        # Ten of the 95 that are not NULL.
        "amount": ("int", pytest.approx(100 * 10 / 95)),
        "ratio": ("bigint", 1.0),
        "count": ("double", 0.0),
        "seen": ("string", 0.0),
        "tags": ("array<int>", 20.0),
        "point": ("struct<x:bigint>", 0.0),
        "prediction": ("string", None),
        "label": ("string", None),
    }
    (listed,) = mismatches(monitored)
    assert listed is not None
    assert [(entry["column_name"], entry["mismatch"]) for entry in listed] == [
        ("gone", "missing"),
        ("row_id", "added"),
        *((name, "changed_type") for name in ("amount", "ratio", "count", "seen", "tags", "point")),
    ]
    assert listed[0] == {
        "column_name": "gone",
        "mismatch": "missing",
        "data_type": None,
        "baseline_data_type": "date",
    }
    assert listed[2]["data_type"] == "string"
    rows = monitored.query("SELECT * FROM profile WHERE log_type = 'BASELINE'")
    assert all(cell[name] is None for cell in rows for name in ("schema_mismatches", "baseline_data_type"))


def test_shares_are_those_of_each_slice_and_model(monitored: Monitored) -> None:
    monitored.refresh(SLICED)
    bern = facts(monitored, "slice_value = 'Bern' AND model_id = '*'")
    # Of 50 rows 3 are NULL and 5 are no number.
    assert bern["amount"] == ("int", pytest.approx(100 * 5 / 47))
    assert bern["ratio"] == ("bigint", 2.0)
    genf = facts(monitored, "slice_value = 'Genf' AND model_id = '*'")
    assert genf["ratio"] == ("bigint", 0.0)
    even = facts(monitored, "slice_key IS NULL AND model_id = 'churn_1'")
    assert even["amount"] == ("int", 20.0)
    odd = facts(monitored, "slice_key IS NULL AND model_id = 'churn_2'")
    assert odd["amount"] == ("int", 0.0)


def test_an_incremental_refresh_says_the_same_as_a_full_one(monitored: Monitored, tmp_path: Path) -> None:
    monitored.refresh(SLICED)
    monitored.append([logged(11, number) for number in range(30)], schema=PRIMARY)
    monitored.refresh(SLICED)
    afresh = Monitored(tmp_path / "afresh", has_baseline=True)
    afresh.append([logged(10, number) for number in range(100)], schema=PRIMARY)
    afresh.append([logged(11, number) for number in range(30)], schema=PRIMARY)
    afresh.append([known(number) for number in range(40)], to="baseline", schema=BASELINE)
    afresh.refresh(SLICED)
    without = ("logging_table_commit_version",)
    assert monitored.everything("profile", without=without) == afresh.everything("profile", without=without)


def test_facts_of_all_windows_follow_the_baseline(monitored: Monitored) -> None:
    monitored.append([logged(11, number) for number in range(30)], schema=PRIMARY)
    monitored.refresh()
    mended = pa.schema([field for field in PRIMARY if field.name != "timestamp"])
    write_deltalake(
        str(monitored.root / "baseline"),
        pa.Table.from_pylist([logged(1, 0) for _ in range(5)], schema=mended),
        mode="overwrite",
        schema_mode="overwrite",
    )
    monitored.refresh(now=NOW + timedelta(hours=1))
    assert mismatches(monitored) == [[]]
    assert facts(monitored)["amount"] == ("string", None)
    before = monitored.versions()
    monitored.refresh(now=NOW + timedelta(hours=2))
    assert monitored.versions() == before


def test_more_rows_of_the_same_baseline_leave_the_windows_alone(monitored: Monitored) -> None:
    monitored.refresh()
    monitored.append([known(number) for number in range(7)], to="baseline", schema=BASELINE)
    report = monitored.refresh(now=NOW + timedelta(hours=1))
    assert report.windows == {}
    assert report.rows_read == 47


def test_without_its_baseline_a_monitor_says_nothing_of_it(monitored: Monitored) -> None:
    monitored.refresh()
    Monitored(monitored.root).refresh(now=NOW + timedelta(hours=1))
    assert mismatches(monitored) == [None]
    assert set(facts(monitored).values()) == {(None, None)}
    monitored.refresh(now=NOW + timedelta(hours=2))
    assert facts(monitored)["amount"][0] == "int"


def test_a_baseline_may_come_later(monitored: Monitored) -> None:
    alone = Monitored(monitored.root)
    alone.refresh()
    assert "schema_mismatches" not in monitored.delta("profile").schema().to_arrow().names
    monitored.refresh(now=NOW + timedelta(hours=1))
    assert facts(monitored)["seen"] == ("string", 0.0)


def test_a_snapshot_has_them_too(tmp_path: Path) -> None:
    monitored = Monitored(tmp_path, has_baseline=True)
    monitored.append([logged(10, number) for number in range(100)], schema=PRIMARY)
    monitored.append([known(number) for number in range(40)], to="baseline", schema=BASELINE)
    monitored.refresh(MonitorDefinition(kind="snapshot"))
    cells = monitored.query("SELECT * FROM profile WHERE column_name IN ('amount', 'timestamp') ORDER BY ALL")
    shares = {cell["column_name"]: cell["percent_uncastable"] for cell in cells if cell["window"]}
    assert shares == {"amount": pytest.approx(100 * 10 / 95), "timestamp": None}
    # Without a timestamp column, a column of that name is like any other.
    (listed,) = mismatches(monitored)
    assert {"timestamp", "row_id", "gone"} <= {entry["column_name"] for entry in listed or []}


CASTS = [
    ("'12'", "string", "int", 0),
    ("' 12\t'", "string", "int", 0),
    ("'12.0'", "string", "int", 1),
    ("'1_0'", "string", "int", 1),
    ("'3000000000'", "string", "int", 1),
    ("CAST(NULL AS VARCHAR)", "string", "int", None),
    ("CAST(2147483647.9 AS DOUBLE)", "double", "int", 0),
    ("CAST('nan' AS DOUBLE)", "double", "bigint", 1),
    ("CAST(300 AS BIGINT)", "bigint", "tinyint", 1),
    ("CAST(9e300 AS DOUBLE)", "double", "float", 0),
    ("'-1e3'", "string", "double", 0),
    ("'NaN'", "string", "double", 0),
    ("'one'", "string", "double", 1),
    ("'1234.5'", "string", "decimal(5,2)", 1),
    ("'123.456'", "string", "decimal(5,2)", 0),
    ("'Yes'", "string", "boolean", 0),
    ("'maybe'", "string", "boolean", 1),
    ("'2026-2'", "string", "date", 0),
    ("'2026-02-30'", "string", "date", 1),
    ("'2026-02-03T10:00:00Z'", "string", "timestamp", 0),
    ("'2026'", "string", "timestamp_ntz", 0),
    ("'noon'", "string", "timestamp", 1),
    ("TIMESTAMPTZ '2054-01-01 00:00:00+00'", "timestamp", "int", 1),
    ("TIMESTAMPTZ '2054-01-01 00:00:00+00'", "timestamp", "bigint", 0),
    ("DATE '2026-01-01'", "date", "int", 1),
    ("DATE '2026-01-01'", "date", "timestamp", 0),
    ("CAST(1 AS INTEGER)", "int", "date", 1),
    ("CAST(1 AS INTEGER)", "int", "boolean", 0),
    ("true", "boolean", "bigint", 0),
    ("true", "boolean", "timestamp", 1),
    ("CAST('x' AS BLOB)", "binary", "string", 0),
    ("CAST('x' AS BLOB)", "binary", "int", 1),
    ("[['1'], NULL]", "array<array<string>>", "array<array<int>>", 0),
    ("[['a']]", "array<array<string>>", "array<array<int>>", 1),
    ("MAP {'a': 'x'}", "map<string,string>", "map<string,int>", 1),
    ("{'a': 1, 'b': ['x']}", "struct<a:int,b:array<string>>", "struct<a:string,b:array<double>>", 1),
    ("{'a': 1}", "struct<a:int>", "struct<a:int,b:int>", 1),
    ("[1]", "array<int>", "string", 0),
]


@pytest.mark.parametrize(("value", "found", "expected", "fails"), CASTS)
def test_what_casts_is_what_casts_in_spark(value: str, found: str, expected: str, fails: int | None) -> None:
    have, want = (Column("x y", kind, "", ColumnClass.COMPLEX) for kind in (found, expected))
    sql = uncastable_sql(have, want)
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    query = f'SELECT {sql} FROM (SELECT {value} AS "x y")'  # noqa: S608 - our own
    assert connection.sql(query).fetchall() == [(fails,)]


def test_the_same_type_costs_nothing_and_no_value_has_no_share() -> None:
    column = Column("x", "int", "INTEGER", ColumnClass.NUMERIC)
    assert uncastable_sql(column, column) is None
    shares = percent_uncastable(np.array([0, 1]), np.array([0, 4]))
    assert np.isnan(shares[0])
    assert shares[1] == 25
