"""Which columns of a monitored table an analysis looks at, and what each is to the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from databricks_monitoring.names import TABLE_ROW

if TYPE_CHECKING:
    from databricks_monitoring.monitoring.metric_rows import Layout, MonitorMetrics, ProfileRow

Role = Literal["feature", "prediction", "label"]

BOOKKEEPING = frozenset(
    {"row_id", "client_request_id", "databricks_request_id", "request_id", "request_date", "date"}
)
"""Columns that identify a row or a request; they change by design."""

NEAR_UNIQUE = 0.5
"""A text column with a distinct value for at least this share of its rows is taken for an identifier."""

UNIQUE_FROM = 50
"""Distinct values from which a column can be near-unique at all."""

_TEMPORAL = frozenset({"date", "timestamp", "timestamp_ntz"})
_WHOLE = frozenset({"byte", "short", "int", "long", "tinyint", "smallint", "bigint"})


def role_of(column: str, layout: Layout) -> Role:
    """Return what a column is to the model."""
    if column == layout.prediction_column:
        return "prediction"
    return "label" if column == layout.label_column else "feature"


def left_out(metrics: MonitorMetrics) -> dict[str, str]:
    """Return the columns that are not analysed, each with the reason."""
    largest: dict[str, ProfileRow] = {}
    for (column, _), row in metrics.profiles.items():
        if column != TABLE_ROW and (column not in largest or row.count > largest[column].count):
            largest[column] = row
    reasons = {column: _reason(row, metrics.layout) for column, row in largest.items()}
    return {column: reason for column, reason in sorted(reasons.items()) if reason}


def _reason(row: ProfileRow, layout: Layout) -> str | None:
    kind = (row.data_type or "").lower()
    if row.column in BOOKKEEPING or row.column in {layout.timestamp_column, layout.model_id_column}:
        return "identifies a row, a request or a model"
    if kind in _TEMPORAL:
        return "a point in time"
    distinct = row.distinct or 0
    known_role = row.column in {layout.prediction_column, layout.label_column}
    if known_role or distinct < UNIQUE_FROM or distinct < NEAR_UNIQUE * row.count:
        return None
    if kind == "string":
        return f"nearly every value is distinct ({distinct:,} of {row.count:,})"
    if kind in _WHOLE and (row.column.lower() == "id" or row.column.lower().endswith("_id")):
        return f"an identifier by its name and its {distinct:,} distinct values"
    return None


def columns_of(metrics: MonitorMetrics, role: Role | None = None) -> list[str]:
    """Return the analysed columns, of one role or of all, in order of name."""
    skipped = left_out(metrics)
    names = {column for column, window in metrics.profiles if window is not None and column != TABLE_ROW}
    return sorted(
        name
        for name in names
        if name not in skipped and (role is None or role_of(name, metrics.layout) == role)
    )
