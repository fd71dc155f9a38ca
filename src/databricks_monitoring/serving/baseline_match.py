"""Whether an inference table has the columns of the baseline that it is compared with."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from databricks.sdk.errors import NotFound

from databricks_monitoring.names import TableName
from databricks_monitoring.serving import logged_traffic as traffic
from databricks_monitoring.serving.payload_sql import KEY_COLUMNS
from databricks_monitoring.unity_catalog import find_table

if TYPE_CHECKING:
    from databricks.sdk.service.catalog import ColumnInfo, TableInfo

    from databricks_monitoring.clients import SqlClient

RECENT_ROWS = timedelta(days=7)
"""Rows this much older than the newest still say whether a column is filled."""

_NUMBERS = ("tinyint", "smallint", "int", "bigint", "float", "double", "decimal", "byte", "short", "long")
_NOT_COMPARED = frozenset({*KEY_COLUMNS, "label"})


def baseline_findings(
    sql: SqlClient, info: TableInfo, newest: datetime | None
) -> tuple[list[str], list[str]]:
    """Return faults and warnings about the columns of a monitored table and of its baseline, if it has one.

    Parameters
    ----------
    newest : datetime or None
        The newest row of the table.
    """
    baseline = _baseline(sql, info)
    if baseline is None:
        return [], []
    ours, theirs = _columns(info), _columns(baseline)
    name = baseline.full_name
    faults = [
        f"column {theirs[key].name} is missing: the baseline {name} has it, the inference table does not; "
        "has the served model lost it?"
        for key in theirs.keys() - ours.keys()
        if key not in _NOT_COMPARED
    ]
    warnings = [
        f"column {ours[key].name} is not in the baseline {name}, so its drift is not judged against it"
        for key in ours.keys() - theirs.keys()
        if key not in _NOT_COMPARED and not _is_map(ours[key])
    ]
    both = [key for key in ours if key in theirs and key not in _NOT_COMPARED]
    faults += [
        f"column {ours[key].name} is {_kind(ours[key])} here and {_kind(theirs[key])} in the baseline "
        f"{name}; numbers and texts cannot be compared"
        for key in both
        if _is_number(ours[key]) != _is_number(theirs[key])
    ]
    if newest is not None and both:
        faults += _empty_columns(sql, info, baseline, both, newest)
    return sorted(faults), sorted(warnings)


def _empty_columns(
    sql: SqlClient, info: TableInfo, baseline: TableInfo, both: list[str], newest: datetime
) -> list[str]:
    ours, theirs = _columns(info), _columns(baseline)
    total, here = traffic.filled(
        sql,
        TableName.parse(info.full_name or ""),
        [ours[key].name or "" for key in both],
        since=newest - RECENT_ROWS,
    )
    empty = [key for key in both if total and not here[ours[key].name or ""]]
    if not empty:
        return []
    names = [theirs[key].name or "" for key in empty]
    rows, there = traffic.filled(sql, TableName.parse(baseline.full_name or ""), names)
    return [
        f"column {name} is missing from the requests: none of the {total:,} newest rows has a value, the "
        f"baseline {baseline.full_name} has one in {there[name] / rows:.0%} of its rows"
        for name in names
        if rows and there[name]
    ]


def _baseline(sql: SqlClient, info: TableInfo) -> TableInfo | None:
    try:
        monitor = sql.client.data_quality.get_monitor("table", info.table_id or "")
    except NotFound:
        return None
    config = monitor.data_profiling_config
    name = config.baseline_table_name if config else None
    return find_table(sql.client, TableName.parse(name)) if name else None


def _columns(info: TableInfo) -> dict[str, ColumnInfo]:
    return {(column.name or "").lower(): column for column in info.columns or []}


def _kind(column: ColumnInfo) -> str:
    return (column.type_text or "string").upper()


def _is_number(column: ColumnInfo) -> bool:
    return (column.type_text or "").lower().startswith(_NUMBERS)


def _is_map(column: ColumnInfo) -> bool:
    return (column.type_text or "").lower().startswith("map")
