from __future__ import annotations

import dataclasses
import json
import math
import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.transaction import AddAction

from databricks_monitoring.errors import (
    ColumnNotFoundError,
    InvalidValueError,
    MetricError,
    MetricTableMismatchError,
    UnsupportedColumnError,
)
from databricks_monitoring.metrics import tables
from databricks_monitoring.metrics.definition import CustomMetric, MonitorDefinition
from databricks_monitoring.metrics.windows import Window
from tests.unit.metrics.delta import LOG, NOW, SCHEMA, Monitored, at, row, rows

if TYPE_CHECKING:
    from pathlib import Path

VERSION = ("logging_table_commit_version",)


def day(number: int) -> Window:
    start = datetime(2026, 11, number, tzinfo=UTC)
    return Window(start, start + timedelta(days=1))


@pytest.fixture
def monitored(tmp_path: Path) -> Monitored:
    found = Monitored(tmp_path)
    for number in (10, 11, 12, 14):
        found.append(rows(20, number, first=100 * number))
    return found


@pytest.fixture
def with_baseline(tmp_path: Path) -> Monitored:
    found = Monitored(tmp_path, has_baseline=True)
    for number in (10, 11):
        found.append(rows(20, number, first=100 * number))
    found.append(
        rows(50, 1, label="yes"),
        to="baseline",
        schema=SCHEMA.remove(SCHEMA.get_field_index("timestamp")),
    )
    return found


def test_tables_are_created_with_the_exact_schema(monitored: Monitored) -> None:
    monitored.refresh()
    for name, schema in (("profile", tables.profile_schema(LOG)), ("drift", tables.drift_schema(LOG))):
        found = pa.schema(monitored.delta(name).schema().to_arrow())
        assert tables.ddl(found) == tables.ddl(schema)


def test_an_empty_table_gets_empty_metric_tables(tmp_path: Path) -> None:
    monitored = Monitored(tmp_path)
    monitored.append([])
    report = monitored.refresh()
    assert (report.profile_rows, report.drift_rows) == (0, 0)
    assert monitored.delta("profile").to_pyarrow_table().num_rows == 0
    assert monitored.refresh().profile_version == report.profile_version


def test_every_column_of_every_window_has_a_row(monitored: Monitored) -> None:
    report = monitored.refresh()
    assert report.windows["1 day"] == [day(10), day(11), day(12), day(14)]
    found = monitored.query(
        'SELECT "window".start AS s, model_id, count(*) AS n FROM profile GROUP BY ALL ORDER BY ALL'
    )
    assert [(cell["s"].day, cell["model_id"], cell["n"]) for cell in found] == [
        (number, model, 1 + len(SCHEMA)) for number in (10, 11, 12, 14) for model in ("*", "churn_1")
    ]
    assert {cell["log_type"] for cell in monitored.query("SELECT log_type FROM profile")} == {"INPUT"}


@pytest.mark.parametrize("slices", [(), ("h",)])
def test_columns_may_be_called_as_what_queries_call_their_own(
    tmp_path: Path, slices: tuple[str, ...]
) -> None:
    names = [
        "s",
        "h",
        "v",
        "start",
        "end",
        "count",
        "window",
        "k",
        "n",
        "x",
        "t",
        "0",
        "1",
        "micros",
        ":table",
    ]
    schema = SCHEMA
    for name in names:
        schema = schema.append(pa.field(name, pa.string()))
    monitored = Monitored(tmp_path, has_baseline=True)
    definition = dataclasses.replace(LOG, slicing_exprs=slices)
    monitored.append([row(n, 9) | dict.fromkeys(names, "b") for n in range(5)], to="baseline", schema=schema)
    for number in (10, 11):
        monitored.append([row(n, number) | dict.fromkeys(names, "a") for n in range(20)], schema=schema)
        monitored.refresh(definition)
    monitored.delta().update(updates={"label": "'yes'"}, predicate="row_id = 'r1'")
    monitored.refresh(definition)
    found = monitored.query(
        "SELECT column_name, count(*) AS rows FROM profile WHERE log_type = 'INPUT' AND model_id = '*' "
        "AND slice_key IS NULL GROUP BY ALL"
    )
    assert {cell["column_name"]: cell["rows"] for cell in found}.items() >= dict.fromkeys(
        names[:-1], 2
    ).items()


def test_cells_of_a_window(monitored: Monitored) -> None:
    monitored.refresh()
    cells = {
        cell["column_name"]: cell
        for cell in monitored.query(
            "SELECT * FROM profile WHERE model_id = '*' AND \"window\".start = '2026-11-10 00:00:00+00'"
        )
    }
    table = cells[":table"]
    assert table["count"] == 20
    assert table["data_type"] is None
    assert table["num_nulls"] is None
    assert table["non_null_columns"] == [name for name in SCHEMA.names if name != "label"]
    income = cells["income"]
    assert income["data_type"] == "double"
    assert income["avg"] == 1000 + sum(range(1000, 1020)) / 20
    assert (income["min"], income["max"]) == (2000.0, 2019.0)
    assert len(income["quantiles"]) == 1000
    assert income["frequent_items"] is None
    assert cells["age"]["data_type"] == "int"
    assert cells["label"]["percent_null"] == 100.0
    assert cells["label"]["avg_length"] is None
    assert cells["city"]["frequent_items"][0] == {"item": "Genf", "count": 7}
    assert cells["city"]["quantiles"] is None
    times = cells["timestamp"]
    assert times["min"] == at(10, 0).timestamp()
    assert times["avg"] is None
    assert times["quantiles"] is None
    assert times["num_nan"] is None


def test_consecutive_drift_needs_adjacent_windows(monitored: Monitored) -> None:
    monitored.refresh()
    found = monitored.query(
        'SELECT DISTINCT "window".start AS s, window_cmp.start AS c, drift_type FROM drift ORDER BY s'
    )
    assert [(cell["s"].day, cell["c"].day, cell["drift_type"]) for cell in found] == [
        (11, 10, "CONSECUTIVE"),
        (12, 11, "CONSECUTIVE"),
    ]


def test_a_second_refresh_without_changes_commits_nothing(with_baseline: Monitored) -> None:
    with_baseline.refresh()
    before = with_baseline.versions()
    report = with_baseline.refresh(now=NOW + timedelta(hours=1))
    assert with_baseline.versions() == before
    assert (report.rows_read, report.profile_rows, report.drift_rows) == (0, 0, 0)
    assert "Nothing had changed" in report.message


def test_late_labels_touch_only_the_windows_they_fall_into(monitored: Monitored) -> None:
    monitored.refresh()
    before = {
        cell["s"]: cell["v"]
        for cell in monitored.query(
            'SELECT "window".start AS s, max(logging_table_commit_version) AS v FROM profile GROUP BY s'
        )
    }
    late = pa.table({"row_id": ["r1101", "r1102"], "label": ["yes", "yes"]})
    (
        monitored.delta()
        .merge(late, "t.row_id = s.row_id", source_alias="s", target_alias="t")
        .when_matched_update({"label": "s.label"})
        .execute()
    )
    report = monitored.refresh()
    assert report.windows == {"1 day": [day(11)]}
    found = monitored.query(
        'SELECT "window".start AS s, logging_table_commit_version AS v, accuracy_score AS a, f1_score AS f '
        "FROM profile WHERE column_name = ':table' AND model_id = '*' ORDER BY s"
    )
    after = {cell["s"]: cell["v"] for cell in found}
    assert after[day(11).start] == monitored.delta().version()
    assert {s: v for s, v in after.items() if s != day(11).start} == {
        s: v for s, v in before.items() if s != day(11).start
    }
    assert [cell["a"] for cell in found] == [None, 0.5, None, None]
    assert dict(found[1]["f"]["one_vs_all"]) == {"no": 0.0, "yes": pytest.approx(2 / 3)}


def test_refreshing_in_parts_gives_what_refreshing_at_once_gives(tmp_path: Path) -> None:
    definition = dataclasses.replace(
        LOG, granularities=("1 hour", "1 day", "1 week"), slicing_exprs=("city", "age > 30")
    )
    parts, whole = Monitored(tmp_path / "parts"), Monitored(tmp_path / "whole")
    for number in (9, 10, 12, 10, 11):
        some = rows(17, number, first=31 * number, model_id=f"churn_{number % 2}", label="yes")
        parts.append(some)
        parts.refresh(definition)
        whole.append(some)
    parts.delta().delete("age = 25")
    whole.delta().delete("age = 25")
    parts.refresh(definition)
    whole.refresh(definition)
    for name in ("profile", "drift"):
        without = VERSION if name == "profile" else ()
        assert parts.everything(name, without=without) == whole.everything(name, without=without)


def test_a_window_whose_rows_are_deleted_disappears(monitored: Monitored) -> None:
    monitored.refresh()
    monitored.delta().delete("timestamp >= '2026-11-11T00:00:00Z' AND timestamp < '2026-11-12T00:00:00Z'")
    report = monitored.refresh()
    assert report.windows == {"1 day": [day(11)]}
    starts = monitored.query('SELECT DISTINCT "window".start AS s FROM profile ORDER BY s')
    assert [cell["s"].day for cell in starts] == [10, 12, 14]
    assert monitored.query("SELECT * FROM drift") == []


def test_rewriting_files_touches_no_window(monitored: Monitored) -> None:
    monitored.refresh()
    monitored.delta().optimize.compact()
    report = monitored.refresh()
    assert report.windows == {"1 day": []}
    assert report.profile_rows == 0
    before = monitored.versions()
    monitored.refresh()
    assert monitored.versions() == before


def test_when_old_files_are_gone_every_window_is_recomputed(monitored: Monitored) -> None:
    monitored.refresh()
    monitored.delta().delete("row_id = 'r1001'")
    monitored.delta().vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    report = monitored.refresh()
    assert report.windows["1 day"] == [day(10), day(11), day(12), day(14)]


def test_a_changed_definition_recomputes_everything(monitored: Monitored) -> None:
    monitored.refresh()
    changed = dataclasses.replace(LOG, granularities=("1 week",), monitor_version=1)
    monitored.refresh(changed)
    found = monitored.query("SELECT DISTINCT granularity, monitor_version FROM profile")
    assert found == [{"granularity": "1 week", "monitor_version": 1}]


def test_new_options_add_columns(monitored: Monitored) -> None:
    monitored.refresh(dataclasses.replace(LOG, label_column=None))
    assert "accuracy_score" not in monitored.delta("profile").schema().to_json()
    monitored.refresh(dataclasses.replace(LOG, slicing_exprs=("age > 30",)))
    found = monitored.query(
        "SELECT statistical_parity FROM profile WHERE column_name = ':table' AND slice_value = 'true'"
    )
    assert found
    assert all(cell["statistical_parity"] for cell in found)


def test_baseline_rows_have_no_window(with_baseline: Monitored) -> None:
    with_baseline.refresh()
    found = with_baseline.query(
        'SELECT "window" AS w, granularity, count, accuracy_score FROM profile '
        "WHERE log_type = 'BASELINE' AND column_name = ':table' AND model_id = 'churn_1'"
    )
    assert found == [{"w": None, "granularity": None, "count": 50, "accuracy_score": 0.5}]
    columns = with_baseline.query("SELECT DISTINCT column_name AS c FROM profile WHERE log_type = 'BASELINE'")
    assert {cell["c"] for cell in columns} == {*SCHEMA.names, ":table"} - {"timestamp"}


def test_baseline_drift_compares_every_window(with_baseline: Monitored) -> None:
    with_baseline.refresh()
    found = with_baseline.query(
        'SELECT "window".start AS s, window_cmp AS c, count_delta, ks_test, js_distance, '
        "non_null_columns_delta AS d FROM drift WHERE drift_type = 'BASELINE' AND model_id = '*' "
        "AND column_name IN ('income', 'city', ':table') ORDER BY column_name, s"
    )
    assert [cell["s"].day for cell in found] == [10, 11, 10, 11, 10, 11]
    assert all(cell["c"] is None and cell["count_delta"] == -30 for cell in found)
    assert found[0]["d"] == {"added": 0, "missing": 1}
    assert found[2]["js_distance"] is not None
    assert found[4]["ks_test"]["statistic"] == 1.0


def test_a_model_the_baseline_does_not_know_is_compared_with_all_of_it(with_baseline: Monitored) -> None:
    with_baseline.append(rows(20, 12, first=1200, model_id="churn_2"))
    with_baseline.refresh()
    found = with_baseline.query(
        "SELECT count_delta FROM drift WHERE drift_type = 'BASELINE' AND model_id = 'churn_2' "
        "AND column_name = ':table'"
    )
    assert found == [{"count_delta": -30}]


def test_a_baseline_without_the_model_column_is_compared_as_a_whole(tmp_path: Path) -> None:
    monitored = Monitored(tmp_path, has_baseline=True)
    monitored.append(rows(20, 10))
    monitored.append(rows(10, 1), to="baseline", schema=pa.schema([("age", pa.int32())]))
    monitored.refresh(dataclasses.replace(LOG, slicing_exprs=("city",)))
    found = monitored.query(
        "SELECT DISTINCT model_id, column_name FROM drift WHERE drift_type = 'BASELINE' ORDER BY ALL"
    )
    assert [(cell["model_id"], cell["column_name"]) for cell in found] == [
        (model, column) for model in ("*", "churn_1") for column in (":table", "age")
    ]


def test_a_baseline_that_cannot_be_sliced_is_reported(tmp_path: Path) -> None:
    monitored = Monitored(tmp_path, has_baseline=True)
    monitored.append(rows(20, 10))
    monitored.append(rows(10, 1), to="baseline", schema=pa.schema([("age", pa.int32())]))
    report = monitored.refresh(dataclasses.replace(LOG, slicing_exprs=("city",)))
    assert "baseline has no slices of 'city'" in report.message


def test_a_new_baseline_version_recomputes_the_drift(with_baseline: Monitored) -> None:
    with_baseline.refresh()
    schema = SCHEMA.remove(SCHEMA.get_field_index("timestamp"))
    with_baseline.append(rows(10, 1), to="baseline", schema=schema)
    report = with_baseline.refresh()
    assert report.windows == {}
    found = with_baseline.query(
        "SELECT DISTINCT count_delta AS d FROM drift WHERE drift_type = 'BASELINE' AND column_name = ':table'"
    )
    assert found == [{"d": -40}]


def test_a_refresh_cut_off_between_its_commits_is_healed(monitored: Monitored) -> None:
    monitored.refresh()
    drift = monitored.root / "drift"
    shutil.copytree(drift, monitored.root / "kept")
    monitored.append(rows(5, 13, first=1300))
    monitored.refresh()
    whole = monitored.everything("drift")
    shutil.rmtree(drift)
    shutil.copytree(monitored.root / "kept", drift)
    monitored.refresh()
    assert monitored.everything("drift") == whole
    before = monitored.versions()
    monitored.refresh()
    assert monitored.versions() == before


def test_rows_without_a_time_are_counted_not_profiled(monitored: Monitored) -> None:
    monitored.append([row(1, None), row(2, None)])
    report = monitored.refresh()
    assert report.unreadable_times == 2
    assert "2 rows without a readable timestamp" in report.message
    assert sum(cell["count"] for cell in _table_rows(monitored)) == 80


def test_a_time_at_the_end_of_the_calendar_is_none(monitored: Monitored) -> None:
    monitored.append([row(1, 10) | {"timestamp": datetime(9999, 12, 31, 23, 59, tzinfo=UTC)}])
    report = monitored.refresh(dataclasses.replace(LOG, granularities=("1 day", "1 year", "4 weeks")))
    assert report.unreadable_times == 1
    assert report.windows["1 day"] == [day(10), day(11), day(12), day(14)]


def _table_rows(monitored: Monitored) -> list[dict[str, int]]:
    return monitored.query("SELECT count FROM profile WHERE column_name = ':table' AND model_id = '*'")


def test_rows_older_than_the_lookback_are_ignored(monitored: Monitored) -> None:
    report = monitored.refresh(dataclasses.replace(LOG, lookback_days=1), created_at=at(12, 1))
    # The limit falls at one o'clock on the 11th; 19 of that day's 20 rows are later.
    assert report.windows["1 day"] == [day(11), day(12), day(14)]
    counts = monitored.query(
        "SELECT count AS n FROM profile WHERE column_name = ':table' AND model_id = '*' "
        'ORDER BY "window".start'
    )
    hours = [number % 24 for number in range(1100, 1120)]
    assert [cell["n"] for cell in counts] == [sum(hour >= 1 for hour in hours), 20, 20]


def test_an_enforced_lookback_leaves_old_windows_alone(monitored: Monitored) -> None:
    definition = dataclasses.replace(LOG, lookback_days=3, enforce_lookback=True)
    monitored.refresh(definition, now=at(13), created_at=at(13))
    monitored.append([row(1, 10), row(2, 14)])
    report = monitored.refresh(definition, now=at(15), created_at=at(13))
    assert report.windows == {"1 day": [day(14)]}


def test_windows_out_of_reach_keep_the_version_they_were_computed_with(monitored: Monitored) -> None:
    definition = dataclasses.replace(LOG, lookback_days=3, enforce_lookback=True)
    monitored.refresh(definition, now=at(13), created_at=at(13))
    changed = dataclasses.replace(definition, monitor_version=1)
    monitored.refresh(changed, now=at(15), created_at=at(13))
    found = monitored.query(
        'SELECT DISTINCT "window".start AS s, monitor_version AS v FROM profile ORDER BY s'
    )
    assert [(cell["s"].day, cell["v"]) for cell in found] == [(11, 0), (12, 0), (14, 1)]
    # Of a table that was made anew nothing that was computed before is true.
    shutil.rmtree(monitored.root / "primary")
    monitored.append(rows(5, 14))
    monitored.refresh(changed, now=at(15), created_at=at(13))
    found = monitored.query('SELECT DISTINCT "window".start AS s FROM profile')
    assert [cell["s"].day for cell in found] == [14]


def test_slices_and_models(monitored: Monitored) -> None:
    monitored.append(rows(6, 10, model_id="churn_2"))
    monitored.refresh(dataclasses.replace(LOG, slicing_exprs=("city", "age > 30")))
    found = monitored.query(
        "SELECT slice_key, slice_value, model_id, count FROM profile WHERE column_name = ':table' "
        "AND \"window\".start = '2026-11-10 00:00:00+00' ORDER BY ALL NULLS FIRST"
    )
    keys = [(cell["slice_key"], cell["slice_value"], cell["model_id"]) for cell in found]
    assert len(keys) == len(set(keys))
    assert ("city", "Genf", "churn_2") in keys
    assert ("age > 30", "true", "*") in keys
    assert ("age > 30", "true", "churn_2") not in keys, "no such rows"
    by_city = [cell["count"] for cell in found if cell["slice_key"] == "city" and cell["model_id"] == "*"]
    assert sum(by_city) == 26


def test_numeric_classes_are_both_numbers_and_categories(tmp_path: Path) -> None:
    monitored = Monitored(tmp_path)
    schema = pa.schema(
        [
            ("timestamp", SCHEMA.field("timestamp").type),
            ("model_id", pa.int64()),
            ("prediction", pa.float64()),
            ("label", pa.int32()),
        ]
    )
    monitored.append(
        [
            {"timestamp": at(10), "model_id": 7, "prediction": float(number % 2), "label": number % 3 % 2}
            for number in range(12)
        ],
        schema=schema,
    )
    monitored.refresh()
    found = {
        cell["column_name"]: cell for cell in monitored.query("SELECT * FROM profile WHERE model_id = '7'")
    }
    assert found["prediction"]["avg"] == 0.5
    assert found["prediction"]["frequent_items"] == [{"item": "0.0", "count": 6}, {"item": "1.0", "count": 6}]
    assert dict(found[":table"]["recall"]["one_vs_all"]) == {"0.0": 0.5, "1.0": 0.5}


def test_a_regression(tmp_path: Path) -> None:
    monitored = Monitored(tmp_path)
    schema = SCHEMA.set(6, pa.field("prediction", pa.float64())).set(7, pa.field("label", pa.float64()))
    monitored.append(
        rows(4, 10, prediction=3.0, label=2.0)
        + rows(2, 10, prediction=1.0)
        + rows(4, 10, prediction=5.0, label=5.0),
        schema=schema,
    )
    monitored.refresh(dataclasses.replace(LOG, problem_type="regression"))
    found = monitored.query(
        "SELECT mean_squared_error AS mse, mean_average_error AS mae, r2_score AS r2 FROM profile "
        "WHERE column_name = ':table' AND model_id = '*'"
    )
    assert found == [{"mse": 0.5, "mae": 0.5, "r2": pytest.approx(1 - 4 / 18)}]


def test_a_time_series_has_no_model_column(tmp_path: Path) -> None:
    monitored = Monitored(tmp_path)
    monitored.append(rows(5, 10))
    monitored.append(rows(5, 11))
    definition = MonitorDefinition(
        kind="time_series", timestamp_column="timestamp", granularities=("1 day", "1 month")
    )
    report = monitored.refresh(definition)
    assert "model_id" not in monitored.query("SELECT * FROM profile")[0]
    assert {granularity: len(found) for granularity, found in report.windows.items()} == {
        "1 day": 2,
        "1 month": 1,
    }
    drift = monitored.query("SELECT DISTINCT granularity, drift_type FROM drift")
    assert drift == [{"granularity": "1 day", "drift_type": "CONSECUTIVE"}]


def test_snapshots_follow_each_other(tmp_path: Path) -> None:
    monitored = Monitored(tmp_path)
    definition = MonitorDefinition(kind="snapshot")
    monitored.append(rows(5, 10))
    monitored.refresh(definition, now=at(10))
    assert monitored.query("SELECT * FROM drift") == []
    monitored.append(rows(3, 11))
    monitored.refresh(definition, now=at(12))
    versions = monitored.versions()
    monitored.refresh(definition, now=at(12))
    assert monitored.versions() == versions
    found = monitored.query(
        "SELECT \"window\" AS w, granularity, count FROM profile WHERE column_name = ':table' ORDER BY count"
    )
    assert [(cell["w"]["start"], cell["w"]["end"], cell["count"]) for cell in found] == [
        (at(10), at(10), 5),
        (at(12), at(12), 8),
    ]
    drift = monitored.query(
        "SELECT window_cmp.start AS c, count_delta AS d FROM drift WHERE column_name = ':table'"
    )
    assert drift == [{"c": at(10), "d": 3}]


def test_timestamps_of_other_types(tmp_path: Path) -> None:
    moments = {
        "date": (pa.date32(), at(10).date()),
        "seconds": (pa.int64(), int(at(10).timestamp())),
        "text": (pa.string(), "2026-11-10 12:00:00"),
        "local": (pa.timestamp("us"), at(10).replace(tzinfo=None)),
    }
    for name, (kind, value) in moments.items():
        monitored = Monitored(tmp_path / name)
        monitored.append([{"ts": value, "x": 1.0}], schema=pa.schema([("ts", kind), ("x", pa.float64())]))
        definition = MonitorDefinition(kind="time_series", timestamp_column="ts", granularities=("1 day",))
        assert monitored.refresh(definition).windows == {"1 day": [day(10)]}, name


def test_every_type_has_its_statistics(tmp_path: Path) -> None:
    import decimal  # noqa: PLC0415

    monitored = Monitored(tmp_path)
    schema = pa.schema(
        [
            ("flag", pa.bool_()),
            ("tiny", pa.int8()),
            ("money", pa.decimal128(10, 2)),
            ("raw", pa.binary()),
            ("tags", pa.list_(pa.string())),
            ("born", pa.date32()),
            ("single", pa.float32()),
        ]
    )
    monitored.append(
        [
            {
                "flag": True,
                "tiny": 3,
                "money": decimal.Decimal("1.25"),
                "raw": b"abc",
                "tags": ["a"],
                "born": at(10).date(),
                "single": 0.5,
            },
            dict.fromkeys(schema.names),
        ],
        schema=schema,
    )
    monitored.refresh(MonitorDefinition(kind="snapshot"))
    found = {cell["column_name"]: cell for cell in monitored.query("SELECT * FROM profile")}
    assert {name: found[name]["data_type"] for name in schema.names} == {
        "flag": "boolean",
        "tiny": "tinyint",
        "money": "decimal(10,2)",
        "raw": "binary",
        "tags": "array<string>",
        "born": "date",
        "single": "float",
    }
    assert all(found[name]["percent_null"] == 50.0 for name in schema.names)
    assert found["flag"]["frequent_items"] == [{"item": "true", "count": 1}]
    assert found["flag"]["min_length"] is None
    assert found["tiny"]["avg"] == 3.0
    assert found["money"]["avg"] == 1.25
    assert found["raw"]["max_length"] == 3.0
    assert found["raw"]["distinct_count"] is None
    assert found["tags"]["avg"] is None
    assert found["born"]["min"] == datetime(2026, 11, 10, tzinfo=UTC).timestamp()
    assert found["single"]["median"] == 0.5


def test_metric_tables_with_other_columns_are_refused_and_kept(monitored: Monitored) -> None:
    stranger = pa.table({"window": ["x"], "count": ["y"], "mine": [1]})
    write_deltalake(str(monitored.root / "profile"), stranger)
    with pytest.raises(MetricTableMismatchError, match=r"lacks avg.*window is STRING.*also has mine"):
        monitored.refresh()
    assert DeltaTable(str(monitored.root / "profile")).version() == 0


def test_metric_tables_of_another_kind_of_monitor_are_refused(monitored: Monitored) -> None:
    monitored.refresh(
        MonitorDefinition(kind="time_series", timestamp_column="timestamp", granularities=("1 day",))
    )
    with pytest.raises(MetricTableMismatchError, match="lacks model_id"):
        monitored.refresh()


def test_what_the_table_lacks_is_named(monitored: Monitored) -> None:
    with pytest.raises(ColumnNotFoundError, match="labl"):
        monitored.refresh(dataclasses.replace(LOG, label_column="labl"))
    with pytest.raises(ColumnNotFoundError, match="ages"):
        monitored.refresh(dataclasses.replace(LOG, slicing_exprs=("ages > 3",)))
    assert not (monitored.root / "profile").exists()


def test_a_model_named_like_all_models_is_refused(monitored: Monitored) -> None:
    monitored.append([row(1, 10, model_id="*")])
    with pytest.raises(MetricError, match=r"'\*'"):
        monitored.refresh()


def test_times_without_a_zone_are_refused(monitored: Monitored) -> None:
    with pytest.raises(InvalidValueError, match="now"):
        monitored.refresh(now=datetime(2026, 11, 1))  # noqa: DTZ001 - what is refused


def test_the_report_names_the_conventions(monitored: Monitored) -> None:
    report = monitored.refresh()
    assert report.conventions["PSI_BINS"] == "10"
    assert report.primary_version == monitored.delta().version()
    assert (report.profile_version, report.drift_version) == monitored.versions()


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (pa.map_(pa.string(), pa.float64()), [("yes", 0.8), ("no", 0.2)]),
        (pa.struct([("yes", pa.float64()), ("no", pa.float64())]), {"yes": 0.8, "no": 0.2}),
        (pa.float64(), 0.8),
    ],
    ids=["map", "struct", "number"],
)
def test_quality_of_probabilities(tmp_path: Path, kind: pa.DataType, value: object) -> None:
    monitored = Monitored(tmp_path)
    schema = SCHEMA.append(pa.field("proba", kind))
    monitored.append(
        [row(number, 10, label=["yes", "no"][number], proba=value) for number in range(2)]
        + [row(3, 10, label="yes"), row(4, 10, proba=value)],
        schema=schema,
    )
    monitored.refresh(dataclasses.replace(LOG, prediction_proba_column="proba"))
    [found] = monitored.query(
        "SELECT log_loss, roc_auc_score AS r FROM profile WHERE column_name = ':table' AND model_id = '*'"
    )
    assert found["log_loss"] == pytest.approx(-(math.log(0.8) + math.log(0.2)) / 2)
    assert dict(found["r"]["one_vs_all"]) == {"no": 0.5, "yes": 0.5}


PROBA = dataclasses.replace(LOG, prediction_proba_column="proba")
WITH_PROBA = SCHEMA.append(pa.field("proba", pa.float64()))


def losses(monitored: Monitored) -> list[float | None]:
    found = monitored.query(
        "SELECT log_loss FROM profile WHERE column_name = ':table' AND model_id = '*' "
        'ORDER BY "window".start'
    )
    return [cell["log_loss"] for cell in found]


def test_one_class_is_enough_where_its_name_tells_which_it_is(tmp_path: Path) -> None:
    monitored = Monitored(tmp_path)
    monitored.append(
        [row(0, 10, prediction="no", label="no", proba=0.2)],
        schema=WITH_PROBA,
    )
    report = monitored.refresh(PROBA)
    assert losses(monitored) == [pytest.approx(-math.log(0.8))]
    assert "cannot be told" not in report.message


def test_one_class_of_any_name_waits_for_the_other(tmp_path: Path) -> None:
    monitored = Monitored(tmp_path)
    monitored.append([row(0, 10, prediction="stay", label="stay", proba=0.2)], schema=WITH_PROBA)
    report = monitored.refresh(PROBA)
    assert "cannot be told before both have occurred" in report.message
    assert losses(monitored) == [None]
    # Another day's rows say that the class is the positive one of two: what was computed before is not final.
    monitored.append([row(1, 12, prediction="churn", label="churn", proba=0.1)], schema=WITH_PROBA)
    report = monitored.refresh(PROBA)
    assert report.windows == {"1 day": [day(10), day(12)]}
    assert losses(monitored) == [pytest.approx(-math.log(0.2)), pytest.approx(-math.log(0.9))]


def test_a_baseline_may_tell_the_classes(tmp_path: Path) -> None:
    monitored = Monitored(tmp_path, has_baseline=True)
    monitored.append([row(0, 10, prediction="stay", label="stay", proba=0.2)], schema=WITH_PROBA)
    monitored.append(
        [row(0, 1, prediction="churn", label="churn", proba=0.2)],
        to="baseline",
        schema=WITH_PROBA.remove(WITH_PROBA.get_field_index("timestamp")),
    )
    monitored.refresh(PROBA)
    assert sorted(map(str, losses(monitored))) == sorted(map(str, [-math.log(0.2), -math.log(0.8)]))


def test_a_single_probability_is_for_two_classes(tmp_path: Path) -> None:
    monitored = Monitored(tmp_path)
    monitored.append(
        [row(number, 10, prediction=name, proba=0.5) for number, name in enumerate("abc")], schema=WITH_PROBA
    )
    with pytest.raises(UnsupportedColumnError, match=r"3 classes: a, b, c\. Give a map"):
        monitored.refresh(PROBA)


def test_nan_is_no_class(tmp_path: Path) -> None:
    monitored = Monitored(tmp_path)
    kinds = SCHEMA.set(6, pa.field("prediction", pa.float64())).set(7, pa.field("label", pa.float64()))
    monitored.append(
        [
            row(0, 10, prediction=1.0, label=math.nan),
            row(1, 10, prediction=1.0, label=1.0),
            row(2, 10, prediction=math.nan, label=0.0),
        ],
        schema=kinds,
    )
    monitored.refresh()
    [found] = monitored.query(
        "SELECT accuracy_score AS a, confusion_matrix AS c FROM profile WHERE column_name = ':table' "
        "AND model_id = '*'"
    )
    assert found == {"a": 1.0, "c": [{"prediction": "1.0", "label": "1.0", "count": 1}]}


def test_probabilities_of_another_type_are_refused(monitored: Monitored) -> None:
    with pytest.raises(UnsupportedColumnError, match=r"'city'.*map<string,double>"):
        monitored.refresh(dataclasses.replace(LOG, prediction_proba_column="city"))


def append_broken(
    monitored: Monitored, some: list[dict[str, Any]], column: str, *, schema: pa.Schema = SCHEMA
) -> None:
    """Append a data file that holds text where the log says something else."""
    place = schema.get_field_index(column)
    table = pa.Table.from_pylist(some, schema=schema)
    table = table.set_column(place, column, pa.array(["many"] * len(some)))
    path = monitored.root / "primary" / f"broken-{column}.parquet"
    pq.write_table(table, path)
    delta = monitored.delta()
    action = AddAction(path.name, path.stat().st_size, {}, 0, data_change=True, stats="{}")
    delta.create_write_transaction([action], "append", delta.schema())


def profiled(monitored: Monitored, number: int) -> set[str]:
    found = monitored.query('SELECT column_name AS c, "window".start AS s FROM profile')
    return {cell["c"] for cell in found if cell["s"] == day(number).start}


def test_a_column_that_cannot_be_read_does_not_stop_the_others(monitored: Monitored) -> None:
    append_broken(monitored, rows(3, 13), "income")
    report = monitored.refresh()
    assert list(report.unprofiled) == ["income"]
    assert "Column income could not be profiled" in report.message
    everything = {*SCHEMA.names, ":table"}
    assert profiled(monitored, 13) == everything - {"income"}
    assert profiled(monitored, 12) == profiled(monitored, 14) == everything


def test_a_column_that_a_week_lacks_its_other_days_have(monitored: Monitored) -> None:
    append_broken(monitored, rows(3, 13), "income")
    monitored.refresh(dataclasses.replace(LOG, granularities=("1 week", "1 day")))
    found = monitored.query("SELECT \"window\".start AS s FROM profile WHERE column_name = 'income'")
    starts = {cell["s"] for cell in found}
    assert {day(12).start, day(14).start} <= starts
    assert day(13).start not in starts


def test_a_column_that_cannot_be_read_leaves_refreshes_incremental(
    monitored: Monitored, tmp_path: Path
) -> None:
    monitored.refresh()
    append_broken(monitored, rows(3, 13), "income")
    assert monitored.refresh().windows == {"1 day": [day(13)]}
    monitored.append(rows(3, 14, first=7))
    assert monitored.refresh().windows == {"1 day": [day(14)]}
    versions = monitored.versions()
    monitored.refresh()
    assert monitored.versions() == versions
    shutil.copytree(monitored.root / "primary", tmp_path / "at_once" / "primary")
    at_once = Monitored(tmp_path / "at_once")
    at_once.refresh()
    for name in ("profile", "drift"):
        without = VERSION if name == "profile" else ()
        assert at_once.everything(name, without=without) == monitored.everything(name, without=without)


def test_a_label_that_cannot_be_read_leaves_a_window_without_quality(tmp_path: Path) -> None:
    monitored = Monitored(tmp_path)
    schema = SCHEMA.set(6, pa.field("prediction", pa.float64())).set(7, pa.field("label", pa.float64()))
    monitored.append(rows(4, 10, prediction=3.0, label=2.0), schema=schema)
    append_broken(monitored, rows(3, 11, prediction=3.0, label=2.0), "label", schema=schema)
    report = monitored.refresh(dataclasses.replace(LOG, problem_type="regression"))
    assert list(report.unprofiled) == ["label"]
    found = monitored.query(
        "SELECT mean_squared_error AS e FROM profile WHERE column_name = ':table' AND model_id = '*' "
        'ORDER BY "window".start'
    )
    assert [cell["e"] for cell in found] == [1.0, None]


def test_a_custom_metric_over_a_column_that_cannot_be_read_is_null(monitored: Monitored) -> None:
    append_broken(monitored, rows(3, 13), "income")
    metrics = (
        CustomMetric("aggregate", "income_sum", (":table",), "sum(income)", "double"),
        CustomMetric("aggregate", "last_seen", ("age",), "max(timestamp)", "timestamp"),
    )
    monitored.refresh(dataclasses.replace(LOG, custom_metrics=metrics))
    found = monitored.query(
        'SELECT "window".start AS s, max(income_sum) AS v, max(last_seen) AS t FROM profile '
        "WHERE model_id = '*' GROUP BY s ORDER BY s"
    )
    assert [cell["v"] is None for cell in found] == [False, False, False, True, False]
    assert all(cell["t"].date() == cell["s"].date() for cell in found)


def test_columns_of_types_without_statistics_are_counted(tmp_path: Path) -> None:
    """No writer here makes such columns, so the log is written by hand, as the protocol says."""
    primary = tmp_path / "primary"
    (primary / "_delta_log").mkdir(parents=True)
    variant = pa.array([{"metadata": b"a", "value": b"b"}, None, {"metadata": b"a", "value": b"c"}])
    pq.write_table(pa.table({"x": [1, 2, 3], "v": variant}), primary / "part.parquet")
    fields = [
        {"name": n, "type": t, "nullable": True, "metadata": {}}
        for n, t in (("x", "long"), ("v", "variant"), ("nothing", "void"))
    ]
    features = ["variantType"]
    actions = [
        {
            "protocol": {
                "minReaderVersion": 3,
                "minWriterVersion": 7,
                "readerFeatures": features,
                "writerFeatures": features,
            }
        },
        {
            "metaData": {
                "id": "t",
                "format": {"provider": "parquet", "options": {}},
                "partitionColumns": [],
                "schemaString": json.dumps({"type": "struct", "fields": fields}),
                "configuration": {},
                "createdTime": 0,
            }
        },
        {
            "add": {
                "path": "part.parquet",
                "partitionValues": {},
                "modificationTime": 0,
                "dataChange": True,
                "size": (primary / "part.parquet").stat().st_size,
            }
        },
    ]
    log = primary / "_delta_log" / f"{0:020}.json"
    log.write_text("\n".join(map(json.dumps, actions)))
    monitored = Monitored(tmp_path)
    monitored.refresh(MonitorDefinition(kind="snapshot"))
    found = {cell["column_name"]: cell for cell in monitored.query("SELECT * FROM profile")}
    assert [
        (found[n]["data_type"], found[n]["count"], found[n]["num_nulls"]) for n in ("x", "v", "nothing")
    ] == [
        ("bigint", 3, 0),
        ("variant", 2, 1),
        ("void", 0, 3),
    ]
    assert found["v"]["distinct_count"] is None


def test_maintenance_of_the_metric_tables_changes_nothing(monitored: Monitored) -> None:
    monitored.refresh()
    monitored.append(rows(3, 13))
    monitored.refresh()
    for name in ("profile", "drift"):
        monitored.delta(name).optimize.compact()
    before = monitored.versions()
    assert monitored.refresh().profile_rows == 0
    assert monitored.versions() == before
    monitored.append(rows(3, 13))
    assert monitored.refresh().windows == {"1 day": [day(13)]}
