"""Rows of a monitor's two metric tables, read by SQL and typed: closed windows, all models, no slice."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from databricks_monitoring.errors import InvalidValueError, TableNotFoundError
from databricks_monitoring.monitoring import schema_facts
from databricks_monitoring.names import (
    ALL_MODELS,
    TABLE_ROW,
    TableName,
    drift_metrics_table,
    profile_metrics_table,
    quote,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from databricks_monitoring.clients import SqlClient
    from databricks_monitoring.monitoring.schema_facts import SchemaMismatch
    from databricks_monitoring.names import SchemaName

BEFORE = timedelta(days=31)
"""How far before the analysed days row counts and model quality are read, as something to compare with."""

PREFERRED_GRANULARITY = "1 day"

_QUALITY = {
    "accuracy": ("accuracy_score", "accuracy_score"),
    "f1": ("f1_score", "f1_score.weighted"),
    "rmse": ("root_mean_squared_error", "root_mean_squared_error"),
}


@dataclass(frozen=True, order=True)
class Window:
    """A half-open span of time, `[start, end)`, aware and in UTC."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        whole_days = self.start.time() == self.end.time() == datetime.min.time()
        if whole_days and self.end - self.start == timedelta(days=1):
            return f"{self.start:%Y-%m-%d}"
        if whole_days:
            return f"{self.start:%Y-%m-%d} to {self.end:%Y-%m-%d}"
        end = f"{self.end:%H:%M}" if self.start.date() == self.end.date() else f"{self.end:%Y-%m-%d %H:%M}"
        return f"{self.start:%Y-%m-%d %H:%M} to {end} UTC"


@dataclass(frozen=True)
class Layout:
    """Which columns of a monitored table play a part, and where its metrics are."""

    table: TableName
    output_schema: SchemaName
    timestamp_column: str | None = "timestamp"
    prediction_column: str | None = "prediction"
    label_column: str | None = "label"
    model_id_column: str | None = "model_id"
    dashboard_url: str | None = None
    baseline: TableName | None = None
    label_delay: timedelta = timedelta(0)

    @property
    def profile(self) -> TableName:
        """The profile metric table."""
        return profile_metrics_table(self.output_schema, self.table)

    @property
    def drift(self) -> TableName:
        """The drift metric table."""
        return drift_metrics_table(self.output_schema, self.table)


@dataclass(frozen=True)
class ProfileRow:
    """One column (or `:table`) in one window, or in the baseline."""

    column: str
    window: Window | None
    data_type: str | None
    count: int
    nulls: int
    mean: float | None = None
    stddev: float | None = None
    median: float | None = None
    distinct: int | None = None
    items: Mapping[str, int] = field(default_factory=dict)
    accuracy: float | None = None
    f1: float | None = None
    rmse: float | None = None

    @property
    def null_share(self) -> float:
        """Share of rows without a value, 0 to 1."""
        rows = self.count + self.nulls
        return self.nulls / rows if rows else 0.0


@dataclass(frozen=True)
class DriftRow:
    """One column in one window against the baseline (`comparison` None) or an earlier window."""

    column: str
    window: Window
    comparison: Window | None
    psi: float | None
    ks: float | None
    ks_pvalue: float | None
    js: float | None
    tv: float | None


@dataclass(frozen=True)
class MonitorMetrics:
    """What a monitor's tables say about its newest closed windows.

    Attributes
    ----------
    schemas
        By window, the columns in which the table differs from the baseline; only windows of which that is
        known.
    """

    layout: Layout
    now: datetime
    start: datetime
    granularity: str | None
    drift_type: str
    profiles: Mapping[tuple[str, Window | None], ProfileRow]
    drifts: Sequence[DriftRow]
    newest_end: datetime | None
    models: Sequence[str]
    schemas: Mapping[Window, Mapping[str, SchemaMismatch]] = field(default_factory=dict)

    def labels_due(self, window: Window) -> bool:
        """Say whether the labels of a window's rows should be known by now."""
        return window.end + self.layout.label_delay <= self.now

    @property
    def waiting_for_labels(self) -> list[Window]:
        """Windows whose model quality is not judged yet, oldest first."""
        if self.layout.label_column is None:
            return []
        return [window for window in self.windows if not self.labels_due(window)]

    @property
    def windows(self) -> list[Window]:
        """Closed windows of the analysed days that have rows, oldest first."""
        ends = {window for _, window in self.profiles if window is not None and window.end > self.start}
        return sorted(ends)


def read_metrics(
    sql: SqlClient, layout: Layout, *, days: float, granularity: str | None = None
) -> MonitorMetrics:
    """Read the closed windows of the last `days` days, by the workspace's time.

    Parameters
    ----------
    granularity : str, optional
        Such as `"1 day"`; by default that one if the monitor has it, else the finest it has.

    Raises
    ------
    TableNotFoundError
        If a metric table does not exist.
    InvalidValueError
        If the monitor has no such granularity; the message lists those it has.
    """
    now = sql.workspace_time()
    columns = _columns(sql, layout)
    scope = _Scope(layout, columns, now, now - timedelta(days=days), _granularity(sql, layout, granularity))
    drifts, drift_type = _drift_rows(sql, scope)
    profiles = {(row.column, row.window): row for row in _profile_rows(sql, scope)}
    return MonitorMetrics(
        layout=layout,
        now=now,
        start=scope.start,
        granularity=scope.granularity,
        drift_type=drift_type,
        profiles=profiles,
        drifts=drifts,
        newest_end=_newest_end(sql, scope),
        models=_models(sql, scope),
        schemas=_schemas(sql, scope, [window for _, window in profiles if window]),
    )


@dataclass(frozen=True)
class _Scope:
    layout: Layout
    columns: Mapping[TableName, frozenset[str]]
    now: datetime
    start: datetime
    granularity: str | None

    def condition(self, table: TableName) -> str:
        """Return the filters every read of a metric table needs."""
        parts = ["slice_key IS NULL", "slice_value IS NULL"]
        model_id = self.layout.model_id_column
        if model_id and model_id in self.columns[table]:
            parts.append(f"{quote(model_id)} = '{ALL_MODELS}'")
        return " AND ".join(parts)

    @property
    def of_granularity(self) -> str:
        return "granularity IS NULL" if self.granularity is None else "granularity = :granularity"

    def bound(self, **more: datetime | str) -> Mapping[str, datetime | str]:
        return more if self.granularity is None else more | {"granularity": self.granularity}


def _columns(sql: SqlClient, layout: Layout) -> dict[TableName, frozenset[str]]:
    rows = sql.execute(
        "SELECT table_name, column_name FROM system.information_schema.columns "
        "WHERE table_catalog = :catalog AND table_schema = :schema "
        "AND table_name IN (:profile, :drift)",
        {
            "catalog": layout.output_schema.catalog,
            "schema": layout.output_schema.schema,
            "profile": layout.profile.name,
            "drift": layout.drift.name,
        },
    )
    found = {
        table: frozenset(str(row["column_name"]) for row in rows if row["table_name"] == table.name)
        for table in (layout.profile, layout.drift)
    }
    for table, columns in found.items():
        if not columns:
            raise TableNotFoundError(
                str(table),
                [str(other) for other, theirs in found.items() if theirs],
                hint=f"{layout.table} has no metrics yet: create a monitor on it and refresh it.",
            )
    return found


def _granularity(sql: SqlClient, layout: Layout, wanted: str | None) -> str | None:
    rows = sql.execute(
        f"SELECT DISTINCT granularity FROM {layout.profile.quoted} "  # noqa: S608 - a quoted name
        "WHERE log_type = 'INPUT' AND granularity IS NOT NULL"
    )
    existing = sorted((str(row["granularity"]) for row in rows), key=_length)
    if wanted is not None:
        if existing and wanted not in existing:
            raise InvalidValueError("granularity", wanted, "one of " + ", ".join(existing))
        return wanted
    if PREFERRED_GRANULARITY in existing:
        return PREFERRED_GRANULARITY
    return existing[0] if existing else None


def _length(granularity: str) -> float:
    number, _, unit = granularity.partition(" ")
    minutes = {"minute": 1, "hour": 60, "day": 1440, "week": 10_080, "month": 43_200, "year": 525_600}
    return float(number) * minutes.get(unit.rstrip("s"), 0)


def _profile_rows(sql: SqlClient, scope: _Scope) -> list[ProfileRow]:
    table = scope.layout.profile
    quality = ", ".join(
        f"{source if column in scope.columns[table] else 'CAST(NULL AS DOUBLE)'} AS {name}"
        for name, (column, source) in _QUALITY.items()
    )
    rows = sql.execute(
        "SELECT `window`.`start` AS window_start, `window`.`end` AS window_end, column_name, data_type, "  # noqa: S608 - quoted names, bound values
        "`count` AS value_count, num_nulls, `avg` AS mean, stddev, median, distinct_count, frequent_items, "
        f"{quality} FROM {table.quoted} WHERE {scope.condition(table)} AND (log_type = 'BASELINE' OR ("
        f"log_type = 'INPUT' AND {scope.of_granularity} AND `window`.`end` <= :now "
        "AND `window`.`end` > :before "
        "AND (`window`.`end` > :earliest OR column_name IN (:table_row, :label))))",
        scope.bound(
            now=scope.now,
            before=scope.start - BEFORE,
            # One window earlier than analysed: the comparison of the first, where there is no baseline.
            earliest=scope.start - timedelta(minutes=_length(scope.granularity or "1 day")),
            table_row=TABLE_ROW,
            label=scope.layout.label_column or TABLE_ROW,
        ),
    )
    return [_profile_row(row) for row in rows]


def _profile_row(row: Mapping[str, object]) -> ProfileRow:
    return ProfileRow(
        column=str(row["column_name"]),
        window=_window(row["window_start"], row["window_end"]),
        data_type=str(row["data_type"]) if row["data_type"] is not None else None,
        count=_integer(row["value_count"]) or 0,
        nulls=_integer(row["num_nulls"]) or 0,
        mean=_number(row["mean"]),
        stddev=_number(row["stddev"]),
        median=_number(row["median"]),
        distinct=_integer(row["distinct_count"]),
        items=_items(row["frequent_items"]),
        accuracy=_number(row["accuracy"]),
        f1=_number(row["f1"]),
        rmse=_number(row["rmse"]),
    )


def _schemas(
    sql: SqlClient, scope: _Scope, windows: Sequence[Window]
) -> dict[Window, dict[str, SchemaMismatch]]:
    """Return how the schema differs from the baseline's, as the metrics tell it or else the catalog."""
    table, layout = scope.layout.profile, scope.layout
    if scope.columns[table].issuperset(schema_facts.FACT_COLUMNS):
        rows = sql.execute(
            "SELECT `window`.`start` AS window_start, `window`.`end` AS window_end, column_name, "  # noqa: S608 - quoted names, bound values
            f"`count` AS value_count, schema_mismatches, percent_uncastable FROM {table.quoted} "
            f"WHERE {scope.condition(table)} AND log_type = 'INPUT' AND {scope.of_granularity} "
            "AND `window`.`end` <= :now AND `window`.`end` > :start "
            "AND (schema_mismatches IS NOT NULL OR percent_uncastable IS NOT NULL)",
            scope.bound(now=scope.now, start=scope.start),
        )
        told = {
            window: found
            for (start, end), part in schema_facts.by_window(rows).items()
            if (window := _window(start, end)) and (found := schema_facts.facts_of_window(part)) is not None
        }
        if told:
            return told
    if layout.baseline is None or not windows:
        return {}
    found = schema_facts.compared_in_catalog(
        sql.client, layout.table, layout.baseline, timestamp_column=layout.timestamp_column
    )
    # The catalog knows the present alone.
    return {} if found is None else {max(windows): found}


def _drift_rows(sql: SqlClient, scope: _Scope) -> tuple[list[DriftRow], str]:
    table = scope.layout.drift
    for drift_type in ("BASELINE", "CONSECUTIVE"):
        rows = sql.execute(
            "SELECT `window`.`start` AS window_start, `window`.`end` AS window_end, "  # noqa: S608 - quoted names, bound values
            "window_cmp.`start` AS cmp_start, window_cmp.`end` AS cmp_end, column_name, "
            "population_stability_index AS psi, ks_test.statistic AS ks, ks_test.pvalue AS ks_pvalue, "
            f"js_distance AS js, tv_distance AS tv FROM {table.quoted} WHERE {scope.condition(table)} "
            f"AND {scope.of_granularity} AND drift_type = :drift_type AND column_name <> :table_row "
            "AND `window`.`end` <= :now AND `window`.`end` > :start",
            scope.bound(drift_type=drift_type, table_row=TABLE_ROW, now=scope.now, start=scope.start),
        )
        if rows:
            return [found for row in rows if (found := _drift_row(row))], drift_type
    return [], "CONSECUTIVE"


def _drift_row(row: Mapping[str, object]) -> DriftRow | None:
    window = _window(row["window_start"], row["window_end"])
    if window is None:
        return None
    return DriftRow(
        column=str(row["column_name"]),
        window=window,
        comparison=_window(row["cmp_start"], row["cmp_end"]),
        psi=_number(row["psi"]),
        ks=_number(row["ks"]),
        ks_pvalue=_number(row["ks_pvalue"]),
        js=_number(row["js"]),
        tv=_number(row["tv"]),
    )


def _newest_end(sql: SqlClient, scope: _Scope) -> datetime | None:
    table = scope.layout.profile
    rows = sql.execute(
        f"SELECT max(`window`.`end`) AS newest FROM {table.quoted} "  # noqa: S608 - quoted names, bound values
        f"WHERE {scope.condition(table)} AND {scope.of_granularity} AND log_type = 'INPUT'",
        scope.bound(),
    )
    newest = rows[0]["newest"]
    return newest if isinstance(newest, datetime) else None


def _models(sql: SqlClient, scope: _Scope) -> list[str]:
    """Return the model ids with rows in the analysed days, in order of name."""
    table, model_id = scope.layout.profile, scope.layout.model_id_column
    if not model_id or model_id not in scope.columns[table]:
        return []
    rows = sql.execute(
        f"SELECT DISTINCT {quote(model_id)} AS model FROM {table.quoted} "  # noqa: S608 - quoted names, bound values
        f"WHERE log_type = 'INPUT' AND column_name = :table_row AND {quote(model_id)} <> :all_models "
        "AND `window`.`end` <= :now AND `window`.`end` > :start",
        {"table_row": TABLE_ROW, "all_models": ALL_MODELS, "now": scope.now, "start": scope.start},
    )
    return sorted(str(row["model"]) for row in rows)


def _window(start: object, end: object) -> Window | None:
    return Window(start, end) if isinstance(start, datetime) and isinstance(end, datetime) else None


def _number(value: object) -> float | None:
    """Return a float; None for NULL and for NaN, which says no more than NULL."""
    if value is None:
        return None
    number = float(str(value))
    return None if number != number else number  # noqa: PLR0124 - NaN alone differs from itself


def _integer(value: object) -> int | None:
    return None if value is None else int(str(value))


def _items(value: object) -> dict[str, int]:
    if not isinstance(value, list):
        return {}
    return {
        str(entry["item"]): int(entry["count"])
        for entry in value
        if isinstance(entry, dict) and entry.get("item") is not None
    }
