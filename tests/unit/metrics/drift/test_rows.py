"""Drift rows made many at once, against the definition applied to one pair after the other."""

from __future__ import annotations

import dataclasses
import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from databricks_monitoring.metrics import tables
from databricks_monitoring.metrics.custom import DriftMetrics
from databricks_monitoring.metrics.definition import CustomMetric
from databricks_monitoring.metrics.drift.chi_squared import chi_squared_test
from databricks_monitoring.metrics.drift.deltas import delta, non_null_columns_delta
from databricks_monitoring.metrics.drift.jensen_shannon import js_distance
from databricks_monitoring.metrics.drift.kolmogorov_smirnov import ks_pvalue, ks_statistic
from databricks_monitoring.metrics.drift.l_infinity import l_infinity_distance
from databricks_monitoring.metrics.drift.population_stability_index import population_stability_index
from databricks_monitoring.metrics.drift.profiles import START
from databricks_monitoring.metrics.drift.rows import DriftRows, columns_read
from databricks_monitoring.metrics.drift.total_variation import tv_distance
from databricks_monitoring.metrics.drift.wasserstein import wasserstein_distance
from databricks_monitoring.metrics.engines import spark_worker
from databricks_monitoring.metrics.windows import microseconds
from tests.unit.metrics.delta import LOG

Cells = dict[str, Any]
Key = tuple[Any, ...]

DAY = 86_400_000_000
STARTS = (0, DAY, 3 * DAY)
WINDOWS = {0: None, DAY: 0, 3 * DAY: None}
BESIDES = CustomMetric(
    "drift", "doubled", ("amount", ":table"), "2 * ({{current_df}}.count - {{base_df}}.count)", "bigint"
)
DEFINITION = dataclasses.replace(LOG, custom_metrics=(BESIDES,))
PROFILE_SCHEMA = tables.profile_schema(DEFINITION, has_baseline=True)
DRIFT_SCHEMA = tables.drift_schema(DEFINITION)
SLICES = ((None, None), ("vip", "true"), ("vip", "false"), ("city = 'x'", "🙂"))
WORDS = ["", "Zürich", "東京", "🙂", "a", "b", *(f"i{number:03}" for number in range(150))]


def made_row(rng: np.random.Generator, column: str) -> Cells:
    count = int(rng.integers(150, 5_000))
    cells: Cells = {"count": count, "data_type": "double" if column == "amount" else "string"}
    for name in ("percent_null", "percent_zeros", "percent_distinct"):
        cells[name] = None if rng.random() < 0.2 else float(rng.random() * 100)
    if column in {"amount", "mixed"}:
        drawn = np.sort(rng.integers(-3, 4, 1000) if rng.random() < 0.5 else rng.normal(0, 1, 1000)).astype(
            float
        )
        drawn[-1] = np.inf if rng.random() < 0.2 else drawn[-1]
        lists = [None, [], drawn.tolist()]
        cells["quantiles"] = lists[int(rng.choice(3, p=[0.1, 0.1, 0.8]))]
        cells["avg"] = [None, math.nan, math.inf, float(rng.normal())][int(rng.integers(0, 4))]
        cells["num_nan"] = [None, 0, 3][int(rng.integers(0, 3))]
    if column in {"city", "mixed"}:
        size = int(rng.choice([0, 1, 2, 7, 99, 100]))
        picked = rng.choice(len(WORDS), size, replace=False)
        times = np.sort(rng.integers(1, 5_000, size))[::-1]
        items = [{"item": WORDS[at], "count": int(n)} for at, n in zip(picked, times, strict=True)]
        rest = int(rng.integers(0, 20_000)) if size == 100 and rng.random() < 0.7 else 0
        cells["frequent_items"] = None if rng.random() < 0.1 else items
        cells["count"] = int(times.sum()) + rest if size else count
    if column == ":table" and rng.random() < 0.8:
        names = ["amount", "city", "mixed", "timestamp", "später"]
        cells["non_null_columns"] = [name for name in names if rng.random() < 0.6]
    return cells


def made_rows(seed: int, *, baseline_models: tuple[str, ...]) -> list[Cells]:
    """Return profile rows of three days and a baseline: some are missing, some say what `*` says."""
    rng = np.random.default_rng(seed)
    found = []
    for start in (*STARTS, None):
        models = baseline_models if start is None else ("*", "m_1", "m_2")
        for key, value in SLICES:
            for column in (":table", "amount", "city", "mixed"):
                together = made_row(rng, column)
                for model in models:
                    if rng.random() < 0.15:
                        continue
                    cells = together if model != "m_2" and rng.random() < 0.7 else made_row(rng, column)
                    names = {"slice_key": key, "slice_value": value, "model_id": model}
                    found.append(cells | names | {START: start, "column_name": column})
    return [found[at] for at in rng.permutation(len(found))]


def arrow(rows: list[Cells]) -> pa.Table:
    names = columns_read(DEFINITION, ["count"])
    schema = pa.schema([(START, pa.int64()), *((name, PROFILE_SCHEMA.field(name).type) for name in names)])
    return pa.Table.from_pylist(rows, schema=schema)


def key_of(cells: Cells) -> Key:
    return cells["slice_key"], cells["slice_value"], cells["model_id"], cells["column_name"]


def expected_rows(rows: list[Cells]) -> dict[Key, Cells]:
    by_window = {
        start: {key_of(row): row for row in rows if row[START] == start} for start in (*STARTS, None)
    }
    baseline = by_window[None]
    models, columns = {key[2] for key in baseline}, {key[3] for key in baseline}
    found = {}
    for start, before in WINDOWS.items():
        for key, row in by_window[start].items():
            earlier = by_window[before].get(key) if before is not None else None
            if earlier is not None:
                found[start, "CONSECUTIVE", *key] = expected_cells(row, earlier, None)
            other = baseline.get((*key[:2], key[2] if key[2] in models else "*", key[3]))
            if other is not None:
                found[start, "BASELINE", *key] = expected_cells(row, other, columns)
    return found


def expected_cells(row: Cells, other: Cells, known: set[str] | None) -> Cells:
    cells: Cells = {"data_type": row["data_type"], "count_delta": row["count"] - other["count"]}
    for name in ("avg", "percent_null", "percent_zeros", "percent_distinct"):
        cells[f"{name}_delta"] = delta(row.get(name), other.get(name))
    if row.get("non_null_columns") is not None and other.get("non_null_columns") is not None:
        now = [name for name in row["non_null_columns"] if known is None or name in known]
        cells["non_null_columns_delta"] = non_null_columns_delta(now, other["non_null_columns"])
    if row.get("quantiles") and other.get("quantiles"):
        mine, theirs = np.array(row["quantiles"]), np.array(other["quantiles"])
        statistic = ks_statistic(mine, theirs)
        sizes = [each["count"] - (each["num_nan"] or 0) for each in (row, other)]
        cells["ks_test"] = {"statistic": statistic, "pvalue": ks_pvalue(statistic, sizes[0], sizes[1])}
        cells["wasserstein_distance"] = wasserstein_distance(mine, theirs)
        cells["population_stability_index"] = population_stability_index(mine, theirs)
    if row.get("frequent_items") and other.get("frequent_items"):
        mine, theirs = aligned_plainly(row, other), aligned_plainly(other, row)
        cells["js_distance"] = js_distance(mine, theirs)
        cells["tv_distance"] = tv_distance(mine, theirs)
        cells["l_infinity_distance"] = l_infinity_distance(mine, theirs)
        tested = chi_squared_test(mine, theirs)
        cells["chi_squared_test"] = tested and dict(zip(("statistic", "pvalue"), tested, strict=True))
    if row["column_name"] in BESIDES.input_columns:
        cells["doubled"] = 2 * (row["count"] - other["count"])
    return cells


def aligned_plainly(side: Cells, other: Cells) -> np.typing.NDArray[np.float64]:
    mine, theirs = (
        {item["item"]: item["count"] for item in each["frequent_items"]} for each in (side, other)
    )
    rest = side["count"] - sum(mine.values())
    least = min(rest, *mine.values())
    cut = rest > 0 and len(mine) >= 100
    wanted = {
        item: min(times / other["count"] * side["count"], least) if cut else 0.0
        for item, times in theirs.items()
        if item not in mine
    }
    total = math.fsum(wanted.values())
    scale = rest / total if total > rest else 1.0
    counts = [mine[item] if item in mine else wanted[item] * scale for item in sorted(mine | theirs)]
    return np.array([*counts, max(0.0, rest - total)], dtype=np.float64)


def same(found: object, expected: object) -> bool:
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(same(found[name], expected[name]) for name in expected)
    if isinstance(expected, float) and isinstance(found, float):
        return found == pytest.approx(expected, rel=1e-9, abs=1e-12, nan_ok=True)
    return found == expected


def check(made: pa.RecordBatch | pa.Table, expected: dict[Key, Cells]) -> None:
    assert made.schema == DRIFT_SCHEMA
    names = [name for name in DRIFT_SCHEMA.names if name.endswith(("_delta", "_test", "_distance"))]
    names += ["data_type", "population_stability_index", "doubled"]
    rows = made.to_pylist()
    assert len(rows) == len(expected)
    for row in rows:
        start = microseconds(row["window"]["start"])
        cells = expected[start, row["drift_type"], *key_of(row)]
        for name in names:
            assert same(row[name], cells.get(name)), (name, row[name], cells.get(name))
        assert (row["window"]["end"] - row["window"]["start"]).days == 1
        assert (row["window_cmp"] is None) == (row["drift_type"] == "BASELINE")
        if row["window_cmp"]:
            assert row["window_cmp"]["end"] == row["window"]["start"]
        assert (row["granularity"], row["monitor_version"]) == ("1 day", DEFINITION.monitor_version)


@pytest.mark.parametrize("baseline_models", [("*",), ("*", "m_1"), ("m_1",), ()])
@pytest.mark.parametrize("in_threads", [False, True])
def test_rows_made_at_once_are_those_made_pair_by_pair(
    baseline_models: tuple[str, ...],
    in_threads: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    rows = made_rows(len(baseline_models), baseline_models=baseline_models)
    table = arrow(rows)
    of_baseline = table.column(START).is_null()
    # Rows come in pieces, as they lie in files.
    profiles = table.filter(pc.invert(of_baseline))
    profiles = pa.concat_tables([profiles.slice(0, 40), profiles.slice(40, 1), profiles.slice(41)])
    made_by = DriftRows(
        DEFINITION, DriftMetrics(DEFINITION, PROFILE_SCHEMA), DRIFT_SCHEMA, table.filter(of_baseline)
    )
    with ThreadPoolExecutor(max_workers=2) as threads:
        made = made_by.of_windows("1 day", WINDOWS, profiles, threads if in_threads else None)
    expected = expected_rows(rows)
    assert {name for _, name, *_ in expected} == {"CONSECUTIVE", *(["BASELINE"] if baseline_models else [])}
    check(made, expected)


def test_a_worker_makes_the_rows_of_one_window() -> None:
    rows = made_rows(9, baseline_models=("*",))
    sent = [row for row in rows if row[START] in {None, 0, DAY}]
    made = spark_worker.drift_rows(DEFINITION, PROFILE_SCHEMA, DRIFT_SCHEMA, ("1 day", DAY), arrow(sent))
    check(made, {key: cells for key, cells in expected_rows(rows).items() if key[0] == DAY})


def test_without_rows_there_are_none() -> None:
    nothing = arrow([])
    made_by = DriftRows(DEFINITION, DriftMetrics(DEFINITION, PROFILE_SCHEMA), DRIFT_SCHEMA, nothing)
    assert made_by.of_windows("1 day", {0: None}, nothing).num_rows == 0


def test_a_model_that_says_what_all_say_is_compared_like_all() -> None:
    rows = [
        {**made_row(np.random.default_rng(start), "mixed"), START: start, "column_name": "mixed"}
        | {"slice_key": None, "slice_value": None, "model_id": model}
        for start in (0, DAY)
        for model in ("*", "m_1")
    ]
    made_by = DriftRows(DEFINITION, DriftMetrics(DEFINITION, PROFILE_SCHEMA), DRIFT_SCHEMA, arrow([]))
    one, other = made_by.of_windows("1 day", {DAY: 0}, arrow(rows)).to_pylist()
    assert {one.pop("model_id"), other.pop("model_id")} == {"*", "m_1"}
    assert str(one) == str(other)
