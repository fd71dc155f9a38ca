"""Monitored tables that reach every branch of a refresh, and what each engine makes of them."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, write_deltalake

from databricks_monitoring.metrics.definition import CustomMetric, MonitorDefinition
from databricks_monitoring.metrics.refresh import RefreshReport, TableLocations, refresh, refresh_with

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

CREATED = datetime(2026, 11, 20, tzinfo=UTC)
_RELATIVE = 1e-12
_SCHEMA = pa.schema(
    [
        ("row_id", pa.string()),
        ("timestamp", pa.timestamp("us", tz="UTC")),
        ("model_id", pa.string()),
        ("age", pa.int32()),
        ("income", pa.float64()),
        ("ratio", pa.float32()),
        ("price", pa.decimal128(10, 2)),
        ("city", pa.string()),
        ("member", pa.bool_()),
        ("since", pa.date32()),
        ("blob", pa.binary()),
        ("tags", pa.list_(pa.string())),
        ("place", pa.struct([("x", pa.float64())])),
        ("prediction", pa.string()),
        ("label", pa.string()),
        ("scores", pa.map_(pa.string(), pa.float64())),
        ("nothing", pa.string()),
    ]
)
_CITIES = ("Bern", "Zürich", "東京", "", "🎈", None)
_INCOMES = (1000.5, math.nan, math.inf, -math.inf, 0.0, -0.0, None, 3.25e17)


def classified(count: int, first: datetime, *, seed: int = 0) -> list[dict[str, Any]]:
    """Return rows of a classifier's log, seven hours apart."""
    return [
        {
            "row_id": f"r{seed + n}",
            "timestamp": first + timedelta(hours=7 * n),
            "model_id": f"churn_{1 + n % 2}" if n % 11 else None,
            "age": None if n % 9 == 0 else 20 + (seed + 7 * n) % 30,
            "income": _INCOMES[(n + seed) % len(_INCOMES)],
            "ratio": 0.1 * n,
            "price": Decimal(n * 37) / 100,
            "city": _CITIES[n % len(_CITIES)],
            "member": None if n % 7 == 0 else n % 3 == 0,
            "since": date(2020, 1, 1) + timedelta(days=n),
            "blob": bytes(n % 5),
            "tags": None if n % 4 == 0 else ["a"] * (n % 3),
            "place": {"x": float(n)} if n % 2 else None,
            "prediction": "yes" if n % 2 else "no",
            "label": None if n % 5 == 0 else ("yes" if n % 3 else "no"),
            "scores": [("yes", 0.25 + 0.5 * (n % 2)), ("no", 0.75 - 0.5 * (n % 2))],
            "nothing": None,
        }
        for n in range(count)
    ]


_METRICS = (
    CustomMetric("aggregate", "mean_income", ("age",), "avg(abs({{input_column}}))", "double"),
    CustomMetric("aggregate", "rows_of_members", (":table",), "count_if(`member`)", "bigint"),
    CustomMetric("derived", "doubled", ("age",), "mean_income * 2 + `count`", "double"),
    CustomMetric("drift", "moved", ("age",), "{{current_df}}.doubled - {{base_df}}.doubled", "double"),
)
CLASSIFICATION = MonitorDefinition(
    kind="inference_log",
    timestamp_column="timestamp",
    granularities=("1 day", "1 month", "2 weeks"),
    problem_type="classification",
    prediction_column="prediction",
    label_column="label",
    model_id_column="model_id",
    prediction_proba_column="scores",
    slicing_exprs=("city", "age > 30"),
    custom_metrics=_METRICS,
)
REGRESSION = MonitorDefinition(
    kind="inference_log",
    timestamp_column="at",
    granularities=("1 hour", "1 year"),
    problem_type="regression",
    prediction_column="predicted",
    label_column="actual",
    model_id_column="model",
    lookback_days=400,
)
SERIES = MonitorDefinition(
    kind="time_series", timestamp_column="day", granularities=("1 week", "1 month"), lookback_days=400
)
SNAPSHOT = MonitorDefinition(kind="snapshot", slicing_exprs=("kind",))


@dataclass(frozen=True)
class Case:
    """A monitor, its tables, and how they change before each further refresh."""

    definition: MonitorDefinition
    primary: pa.Table
    baseline: pa.Table | None = None
    changes: Sequence[Callable[[Path], None]] = ()


def _append(rows: pa.Table) -> Callable[[Path], None]:
    return lambda path: write_deltalake(str(path), rows, mode="append")


def _labels(path: Path) -> None:
    DeltaTable(str(path)).update(predicate="label IS NULL AND row_id < 'r2'", updates={"label": "'no'"})


def _delete(predicate: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        DeltaTable(str(path)).delete(predicate)

    return change


def _log(count: int, first: datetime, seed: int = 0) -> pa.Table:
    return pa.Table.from_pylist(classified(count, first, seed=seed), schema=_SCHEMA)


def _classification() -> Case:
    primary = _log(36, datetime(2026, 10, 27, 1, tzinfo=UTC))
    untimed = primary.slice(0, 1).set_column(
        1, "timestamp", pa.array([None], _SCHEMA.field("timestamp").type)
    )
    baseline = _log(40, datetime(2026, 9, 1, tzinfo=UTC), seed=5).drop(["timestamp", "nothing"])
    age = baseline.column("age").cast(pa.string())
    baseline = baseline.set_column(baseline.schema.get_field_index("age"), "age", age.cast(pa.int64()))
    return Case(
        CLASSIFICATION,
        pa.concat_tables([primary, untimed]),
        baseline,
        (_labels, _append(_log(4, datetime(2026, 11, 6, tzinfo=UTC), 90)), _delete("row_id = 'r3'")),
    )


def _regression() -> Case:
    values = [None, math.nan, 1.5, -2.0, 7.25]
    rows = [
        {
            "at": ["2026-11-05 10:30:00", "2026-11-05T11:59:59.999999+01:00", "2026-11-06", "never", None][
                n % 5
            ],
            "model": "m",
            "predicted": float(n),
            "actual": values[n % 5],
        }
        for n in range(24)
    ]
    more = [{"at": "2025-12-31 23:59:59", "model": "m", "predicted": 1.0, "actual": 2.0}]
    kind = pa.schema(
        [("at", pa.string()), ("model", pa.string()), ("predicted", pa.float64()), ("actual", pa.float64())]
    )
    primary = pa.Table.from_pylist(rows, schema=kind)
    return Case(REGRESSION, primary, changes=(_append(pa.Table.from_pylist(more, schema=kind)),))


def _series() -> Case:
    days = [date(2026, 1, 31) + timedelta(days=5 * n) for n in range(30)]
    primary = pa.table({"day": pa.array(days, pa.date32()), "value": [math.sin(n) for n in range(30)]})
    return Case(SERIES, primary, changes=(_delete("day > '2026-05-01'"),))


def _snapshot() -> Case:
    primary = pa.table({"kind": ["a", "b", "a", None], "value": pa.array([1, 2, None, 4], pa.int64())})
    nothing = primary.slice(0, 0)
    return Case(SNAPSHOT, primary, nothing)


_ODD = ("a.b", "c`d", 'e"f', "g h", "s", "Ünï")


def _names() -> Case:
    """Names that engines take apart, times at the calendar's end, and a column that comes later."""

    def rows(count: int, **more: pa.Array) -> pa.Table:
        end = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
        times = [end, *(datetime(2299, 12, 31, 12 * (n % 2), tzinfo=UTC) for n in range(count - 1))]
        cells = {"at": pa.array(times, pa.timestamp("us", tz="UTC"))}
        cells |= {name: pa.array([n + at for n in range(count)], pa.int64()) for at, name in enumerate(_ODD)}
        return pa.table({**cells, **more})

    more = rows(3, extra=pa.array([1.5, None, 2.5]))
    series = replace(
        SERIES,
        timestamp_column="at",
        granularities=("1 day", "1 month", "1 year"),
        slicing_exprs=("`a.b` > 3", "floor(`c``d` / 4)"),
        custom_metrics=(CustomMetric("aggregate", "greatest", _ODD, "max(`{{input_column}}`) / 2", "int"),),
    )

    def merge(path: Path) -> None:
        write_deltalake(str(path), more, mode="append", schema_mode="merge")

    return Case(series, rows(8), rows(5).drop(["at", "g h"]), (merge,))


def _roles() -> Case:
    """Names that engines take apart, of columns with a role."""
    rows = [
        {
            "t s.x": f"2026-11-{10 + n % 3} 10:00:00",
            "m.id": "ab"[n % 2],
            "p`r.e": "xy"[n % 2],
            'la"b.el': "xy"[n % 3 % 2],
            "pr.oba": [("x", 0.5), ("y", 0.25)],
            "feat.ure": n,
        }
        for n in range(14)
    ]
    kinds = [pa.string()] * 4 + [pa.map_(pa.string(), pa.float64()), pa.int64()]
    primary = pa.Table.from_pylist(rows, schema=pa.schema(list(zip(rows[0], kinds, strict=True))))
    definition = replace(
        CLASSIFICATION,
        timestamp_column="t s.x",
        granularities=("1 day",),
        prediction_column="p`r.e",
        label_column='la"b.el',
        model_id_column="m.id",
        prediction_proba_column="pr.oba",
        slicing_exprs=("`feat.ure` > 3",),
        custom_metrics=(
            CustomMetric(
                "aggregate", "wrong", (":table",), "count_if({{prediction_col}} <> {{label_col}})", "int"
            ),
        ),
    )
    return Case(definition, primary, primary.slice(0, 6))


CASES: dict[str, Callable[[], Case]] = {
    "classification": _classification,
    "regression": _regression,
    "series": _series,
    "snapshot": _snapshot,
    "names": _names,
    "roles": _roles,
    "empty": lambda: replace(_series(), primary=_series().primary.slice(0, 0), changes=()),
}


class House:
    """Delta tables of a case, refreshed on one machine and by a Spark session beside."""

    def __init__(self, root: Path, case: Case) -> None:
        self.root = root
        self.case = case
        self.primary, self.baseline = root / "primary", root / "baseline"
        write_deltalake(str(self.primary), case.primary)
        if case.baseline is not None:
            write_deltalake(str(self.baseline), case.baseline)
        self._refreshes = 0

    def on_one_machine(self, now: datetime = CREATED) -> RefreshReport:
        baseline = self.baseline if self.case.baseline is not None else None
        profile, drift = self.root / "duckdb_profile", self.root / "duckdb_drift"
        locations = TableLocations(self.primary, baseline, profile, drift)
        return refresh(self.case.definition, locations, now=now, created_at=CREATED)

    def on_delta(self, spark: Any, now: datetime = CREATED) -> RefreshReport:  # noqa: ANN401 - a session
        from databricks_monitoring.metrics.engines.spark import (  # noqa: PLC0415 - not installed everywhere
            SparkEngine,
            SparkTables,
        )

        baseline = str(self.baseline) if self.case.baseline is not None else None
        tables = SparkTables(
            str(self.primary), baseline, str(self.root / "spark_profile"), str(self.root / "spark_drift")
        )
        return refresh_with(
            SparkEngine(spark, tables, columns_at_once=6), self.case.definition, now=now, created_at=CREATED
        )

    def on_parquet(self, spark: Any, now: datetime = CREATED) -> RefreshReport:  # noqa: ANN401 - a session
        from databricks_monitoring.metrics.engines.spark import (  # noqa: PLC0415 - not installed everywhere
            SparkEngine,
            SparkTables,
        )

        for name in ("primary", "baseline"):
            if name == "primary" or self.case.baseline is not None:
                shutil.rmtree(self.root / "files" / name, ignore_errors=True)
                (self.root / "files" / name).mkdir(parents=True)
                rows = DeltaTable(str(self.root / name)).to_pyarrow_table()
                pq.write_table(rows, self.root / "files" / name / "part.parquet")

        def files(name: str) -> str:
            return f"parquet.`{self.root / 'files' / name}`"

        baseline = files("baseline") if self.case.baseline is not None else None
        tables = SparkTables(files("primary"), baseline, files("profile"), files("drift"))
        return refresh_with(SparkEngine(spark, tables), self.case.definition, now=now, created_at=CREATED)

    def rows(self, name: str) -> dict[tuple[str, ...], dict[str, Any]]:
        """Return the rows of a metric table by their key."""
        path = self.root / name
        table = (
            DeltaTable(str(path)).to_pyarrow_table() if path.parent == self.root else pq.read_table(str(path))
        )
        found: dict[tuple[str, ...], dict[str, Any]] = {}
        for row in table.to_pylist():
            key = tuple(str(row.get(name)) for name in (*_KEY, self.case.definition.model_id_column))
            assert key not in found, key
            found[key] = row
        return found


_KEY = (
    "window",
    "granularity",
    "log_type",
    "slice_key",
    "slice_value",
    "column_name",
    "drift_type",
    "window_cmp",
)


def same(left: Any, right: Any) -> bool:  # noqa: ANN401 - cells of any type
    """Whether two cells are equal: floats within 1e-12 relative, all else exactly."""
    if isinstance(left, float) and isinstance(right, float):
        both_nan = math.isnan(left) and math.isnan(right)
        return both_nan or math.isclose(left, right, rel_tol=_RELATIVE)
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[name], right[name]) for name in left)
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and bool(left == right)


def differences(
    left: dict[tuple[str, ...], dict[str, Any]],
    right: dict[tuple[str, ...], dict[str, Any]],
    without: frozenset[str] = frozenset(),
) -> list[str]:
    """Return where two metric tables differ, in words."""
    found = [f"only here: {key}" for key in left.keys() - right.keys()]
    found += [f"only there: {key}" for key in right.keys() - left.keys()]
    for key in left.keys() & right.keys():
        here, there = left[key], right[key]
        if here.keys() != there.keys():
            found.append(f"columns: {here.keys() ^ there.keys()}")
        found += [
            f"{key} {name}: {here[name]!r} is not {there[name]!r}"
            for name in here.keys() & there.keys() - without
            if not same(here[name], there[name])
        ]
    return found
