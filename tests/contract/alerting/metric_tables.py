"""Metric rows of a sample written by SQL into tables of the real schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_monitoring.metrics.definition import MonitorDefinition
from databricks_monitoring.metrics.tables import ddl, drift_schema, profile_schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from databricks_monitoring.clients import SqlClient
    from databricks_monitoring.monitoring.metric_rows import (
        DriftRow,
        Layout,
        MonitorMetrics,
        ProfileRow,
        Window,
    )

DEFINITION = MonitorDefinition(
    kind="inference_log",
    timestamp_column="timestamp",
    granularities=("1 day",),
    problem_type="classification",
    prediction_column="prediction",
    model_id_column="model_id",
    label_column="label",
)


def write_metrics(sql: SqlClient, layout: Layout, metrics: MonitorMetrics) -> None:
    """Make the metric tables of `layout` hold exactly these rows, and some that no reader should look at."""
    for table, schema in (
        (layout.profile, profile_schema(DEFINITION)),
        (layout.drift, drift_schema(DEFINITION)),
    ):
        sql.execute(f"DROP TABLE IF EXISTS {table.quoted}")
        sql.execute(f"CREATE TABLE {table.quoted} ({ddl(schema)})")
    profiles = [_profile(row, "*") for row in metrics.profiles.values()]
    # Rows of one model and of a slice: their values must not be taken for the whole.
    profiles += [_profile(row, model) for row in metrics.profiles.values() for model in metrics.models]
    _insert(sql, layout.profile.quoted, _PROFILE_COLUMNS, profiles)
    _insert(sql, layout.drift.quoted, _DRIFT_COLUMNS, [_drift(row) for row in metrics.drifts])


_PROFILE_COLUMNS = (
    "window, log_type, granularity, model_id, column_name, count, data_type, num_nulls, avg, stddev, median, "
    "distinct_count, frequent_items, accuracy_score"
)
_DRIFT_COLUMNS = (
    "window, granularity, column_name, drift_type, model_id, population_stability_index, ks_test, "
    "js_distance, tv_distance"
)


def _insert(sql: SqlClient, table: str, columns: str, rows: Sequence[str]) -> None:
    quoted = ", ".join(f"`{name}`" for name in columns.split(", "))
    for first in range(0, len(rows), 100):
        values = ", ".join(rows[first : first + 100])
        sql.execute(f"INSERT INTO {table} ({quoted}) VALUES {values}")  # noqa: S608 - made of this test's rows


def _window(window: Window | None) -> str:
    if window is None:
        return "NULL"
    start, end = (f"TIMESTAMP '{moment:%Y-%m-%dT%H:%M:%SZ}'" for moment in (window.start, window.end))
    return f"named_struct('start', {start}, 'end', {end})"


def _text(value: str | None) -> str:
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def _number(value: float | None) -> str:
    return "NULL" if value is None else f"CAST('{value!r}' AS DOUBLE)"


def _profile(row: ProfileRow, model: str) -> str:
    items = ", ".join(
        f"named_struct('item', {_text(item)}, 'count', {count})" for item, count in row.items.items()
    )
    values = [
        _window(row.window),
        "'BASELINE'" if row.window is None else "'INPUT'",
        "NULL" if row.window is None else "'1 day'",
        _text(model),
        _text(row.column),
        str(row.count if model == "*" else row.count // 2),
        _text(row.data_type),
        str(row.nulls),
        _number(row.mean),
        _number(row.stddev),
        _number(row.median),
        "NULL" if row.distinct is None else str(row.distinct),
        f"array({items})" if items else "NULL",
        _number(row.accuracy),
    ]
    return "(" + ", ".join(values) + ")"


def _drift(row: DriftRow) -> str:
    test = (
        f"named_struct('statistic', {_number(row.ks)}, 'pvalue', {_number(row.ks_pvalue)})"
        if row.ks is not None
        else "NULL"
    )
    values = [
        _window(row.window),
        "'1 day'",
        _text(row.column),
        "'BASELINE'",
        "'*'",
        _number(row.psi),
        test,
        _number(row.js),
        _number(row.tv),
    ]
    return "(" + ", ".join(values) + ")"
