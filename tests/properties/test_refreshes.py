"""What must hold of whole refreshes over real tables, whatever the rows and however they came."""

from __future__ import annotations

import dataclasses
import math
import re
import tempfile
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from deltalake.schema import Field, PrimitiveType
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from databricks_monitoring.metrics.definition import CustomMetric, MonitorDefinition
from tests.unit.metrics.delta import TIMESTAMP, Monitored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hypothesis.strategies import DataObject

Row = dict[str, Any]

SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("timestamp", TIMESTAMP),
        ("model_id", pa.string()),
        ("score", pa.float64()),
        ("age", pa.int32()),
        ("city", pa.string()),
        ("vip", pa.bool_()),
        ("tags", pa.list_(pa.string())),
        ("prediction", pa.string()),
        ("label", pa.string()),
        ("proba", pa.map_(pa.string(), pa.float64())),
    ]
)
LOG = MonitorDefinition(
    kind="inference_log",
    timestamp_column="timestamp",
    granularities=("1 day", "1 week"),
    problem_type="classification",
    prediction_column="prediction",
    label_column="label",
    model_id_column="model_id",
    prediction_proba_column="proba",
    slicing_exprs=("city", "vip"),
    custom_metrics=(
        CustomMetric("aggregate", "distinct_cities", (":table",), "count(DISTINCT city)", "bigint"),
        CustomMetric("derived", "cities_squared", (":table",), "distinct_cities * distinct_cities", "bigint"),
        CustomMetric(
            "drift",
            "cities_gained",
            (":table",),
            "{{current_df}}.distinct_cities - {{base_df}}.distinct_cities",
            "bigint",
        ),
    ),
)
# A Sunday, a Monday (of another week) and the days after.
DAYS = [datetime(2026, 11, day, 6, tzinfo=UTC) for day in (15, 16, 17, 19)]
CLASSES = ("no", "yes", "maybe")

_SCORES = st.one_of(
    st.none(),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([0.0, -0.0, 1.0, 1.0, 5e-324, 1.7e308, math.nan]),
)
_CELLS = st.fixed_dictionaries(
    {
        "timestamp": st.one_of(st.none(), *[st.sampled_from(DAYS)] * 5),
        "model_id": st.sampled_from(["a_1", "a_1", "a_2", None]),
        "score": _SCORES,
        "age": st.one_of(st.none(), st.integers(-3, 3)),
        "city": st.sampled_from(["Bern", "Zürich", "東京", "", None]),
        "vip": st.sampled_from([True, False, None]),
        "tags": st.sampled_from([[], ["x"], None]),
        "prediction": st.sampled_from([*CLASSES, None]),
        "label": st.sampled_from([*CLASSES, None, None]),
        "proba": st.one_of(
            st.none(),
            st.dictionaries(st.sampled_from(CLASSES), st.sampled_from([0.0, 0.25, 0.5, 1.0]), max_size=3),
        ),
    }
)
_ROWS = st.lists(_CELLS, min_size=1, max_size=6)
_CHANGES = st.one_of(
    _ROWS.map(lambda rows: ("append", rows)),
    _ROWS.map(lambda rows: ("append", rows)),
    st.tuples(st.just("label"), st.sampled_from(CLASSES), st.integers(0, 3)),
    st.tuples(st.just("delete"), st.integers(0, 3)),
    st.tuples(st.just("move"), st.sampled_from(DAYS), st.integers(0, 3)),
    st.tuples(st.just("rewrite")),
    st.tuples(st.just("vacuum")),
    st.tuples(st.just("column"), st.sampled_from(["later", "still later"])),
)
_FEW = settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))


@contextmanager
def tables(*, has_baseline: bool = False) -> Iterator[Monitored]:
    with tempfile.TemporaryDirectory() as root:
        yield Monitored(Path(root), has_baseline=has_baseline)


def numbered(rows: list[Row], first: int = 0) -> list[Row]:
    return [
        row | {"id": first + at, "proba": None if row["proba"] is None else sorted(row["proba"].items())}
        for at, row in enumerate(rows)
    ]


def changed(monitored: Monitored, change: tuple[Any, ...], first: int) -> int:
    """Change the monitored table and return the number that the next row gets."""
    kind, *about = change
    table = monitored.delta()
    if kind == "append":
        monitored.append(numbered(about[0], first), schema=SCHEMA)
        return first + len(about[0])
    if kind == "label":
        table.update(predicate=f"id % 4 = {about[1]}", updates={"label": f"'{about[0]}'"})
    elif kind == "move":
        moment = f"to_timestamp_micros({int(about[0].timestamp()) * 1_000_000})"
        table.update(
            predicate=f"id % 4 = {about[1]}",
            updates={"timestamp": f"arrow_cast({moment}, 'Timestamp(Microsecond, Some(\"UTC\"))')"},
        )
    elif kind == "delete":
        table.delete(f"id % 4 = {about[0]}")
    elif kind == "vacuum":
        table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    elif kind == "column":
        if about[0] not in [column.name for column in table.schema().fields]:
            table.alter.add_columns([Field(about[0], PrimitiveType("double"))])
    else:
        table.optimize.compact()
    return first


_NEGATIVE_ZERO = re.compile(r"-0\.0(?![0-9e])")


def contents(monitored: Monitored) -> dict[str, list[str]]:
    """Return the rows of both metric tables as texts, in which both zeros are one."""
    found = {
        "profile": monitored.everything("profile", without=("logging_table_commit_version",)),
        "drift": monitored.everything("drift"),
    }
    return {name: sorted(_NEGATIVE_ZERO.sub("0.0", row) for row in rows) for name, rows in found.items()}


@_FEW
@given(_ROWS, st.lists(st.tuples(_CHANGES, st.booleans()), min_size=2, max_size=7), _ROWS)
def test_refreshing_in_parts_gives_what_refreshing_at_once_gives(
    rows: list[Row], changes: list[tuple[tuple[Any, ...], bool]], baseline: list[Row]
) -> None:
    with tables(has_baseline=True) as parts, tables(has_baseline=True) as whole:
        for monitored in (parts, whole):
            monitored.append(numbered(rows), schema=SCHEMA)
            monitored.append(numbered(baseline), to="baseline", schema=SCHEMA)
        first = len(rows)
        for change, refreshed in changes:
            after = changed(parts, change, first)
            changed(whole, change, first)
            first = after
            if refreshed:
                parts.refresh(LOG)
        parts.refresh(LOG)
        whole.refresh(LOG)
        assert contents(parts) == contents(whole)
        versions = parts.versions()
        parts.refresh(LOG)
        assert parts.versions() == versions


@_FEW
@given(st.data(), st.lists(_CELLS, min_size=2, max_size=14))
def test_the_order_of_rows_and_files_changes_nothing(data: DataObject, rows: list[Row]) -> None:
    shuffled = data.draw(st.permutations(numbered(rows)))
    cut = data.draw(st.integers(1, len(rows) - 1))
    with tables() as one, tables() as two:
        one.append(numbered(rows), schema=SCHEMA)
        two.append(list(shuffled[:cut]), schema=SCHEMA)
        two.append(list(shuffled[cut:]), schema=SCHEMA)
        one.refresh(LOG)
        two.refresh(LOG)
        assert contents(one) == contents(two)


def added_up(cells: list[Row], name: str) -> int:
    return sum(int(cell[name] or 0) for cell in cells)


def items(cells: list[Row]) -> Counter[str]:
    found: Counter[str] = Counter()
    for cell in cells:
        for item in cell["frequent_items"] or ():
            found[item["item"]] += item["count"]
    return found


def pairs(cells: list[Row]) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for cell in cells:
        for pair in cell["confusion_matrix"] or ():
            found[pair["prediction"], pair["label"]] += pair["count"]
    return found


def assert_they_add_up(parts: list[Row], whole: Row) -> None:
    for name in ("count", "num_nulls", "num_zeros", "num_nan"):
        assert added_up(parts, name) == added_up([whole], name), name
    assert items(parts) == items([whole])
    assert pairs(parts) == pairs([whole])
    for name, pick in (("min", min), ("max", max), ("min_length", min), ("max_length", max)):
        assert extreme(parts, name, pick) == extreme([whole], name, pick), name
    present: set[str] = set().union(*(cell["non_null_columns"] or () for cell in parts))
    assert present == set(whole["non_null_columns"] or ())


def extreme(cells: list[Row], name: str, pick: Callable[[list[float]], float]) -> float | None:
    there = [cell[name] for cell in cells if cell[name] is not None]
    return pick(there) if there else None


@_FEW
@given(st.lists(_CELLS, min_size=1, max_size=20))
def test_slices_and_models_add_up_to_the_whole(rows: list[Row]) -> None:
    complete = [
        row | {"city": row["city"] or "", "vip": bool(row["vip"]), "model_id": row["model_id"] or "a_3"}
        for row in numbered(rows)
    ]
    with tables() as monitored:
        monitored.append(complete, schema=SCHEMA)
        monitored.refresh(LOG)
        cells = monitored.delta("profile").to_pyarrow_table().to_pylist()
    places = ("granularity", "window", "column_name", "model_id", "slice_key", "slice_value")
    by_place = {repr([cell[name] for name in places]): cell for cell in cells}
    for part in ("model_id", "slice_value"):
        parts: dict[str, list[Row]] = {}
        for cell in cells:
            if cell[part] not in ("*", None):
                whole = cell | ({"model_id": "*"} if part == "model_id" else {"slice_value": None})
                parts.setdefault(repr([whole[name] for name in places]), []).append(cell)
        for place, some in parts.items():
            # The whole of a slicing expression's slices is not of that expression.
            whole_place = place if part == "model_id" else whole_of_slices(some[0], places)
            assert_they_add_up(some, by_place[whole_place])


def whole_of_slices(cell: Row, places: tuple[str, ...]) -> str:
    return repr([None if name.startswith("slice") else cell[name] for name in places])


@_FEW
@given(st.lists(_CELLS, min_size=1, max_size=12))
def test_rows_that_repeat_themselves_have_not_drifted(rows: list[Row]) -> None:
    day = [row | {"timestamp": DAYS[1]} for row in numbered(rows)]
    with tables(has_baseline=True) as monitored:
        monitored.append(day, schema=SCHEMA)
        monitored.append([row | {"timestamp": DAYS[1] + timedelta(days=1)} for row in day], schema=SCHEMA)
        monitored.append(day, to="baseline", schema=SCHEMA)
        monitored.refresh(dataclasses.replace(LOG, granularities=("1 day",)))
        drift = monitored.delta("drift").to_pyarrow_table().to_pylist()
    assert {cell["drift_type"] for cell in drift} == {"BASELINE", "CONSECUTIVE"}
    for cell in drift:
        if cell["column_name"] == "timestamp":
            assert cell["drift_type"] == "CONSECUTIVE"
        assert cell["count_delta"] == 0
        assert not cell["avg_delta"] or math.isnan(cell["avg_delta"])
        for name in ("percent_null_delta", "percent_zeros_delta", "percent_distinct_delta", "cities_gained"):
            assert not cell[name], name
        for name in ("js_distance", "tv_distance", "l_infinity_distance", "wasserstein_distance"):
            assert not cell[name], name
        assert not cell["population_stability_index"]
        assert cell["ks_test"] is None or cell["ks_test"] == {"statistic": 0.0, "pvalue": 1.0}
        assert cell["chi_squared_test"] is None or cell["chi_squared_test"] == {
            "statistic": 0.0,
            "pvalue": 1.0,
        }
        assert cell["non_null_columns_delta"] in (None, {"added": 0, "missing": 0})
