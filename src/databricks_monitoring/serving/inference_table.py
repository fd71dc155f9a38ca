"""The inference table: one row per prediction, unpacked from the payloads that an endpoint logs."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from databricks_monitoring.errors import ConfigError, InvalidValueError
from databricks_monitoring.names import RETAINED_SINCE_PROPERTY, TableName
from databricks_monitoring.serving.payload_sql import (
    QUARANTINE_COLUMNS,
    RESERVED_COLUMNS,
    literal,
    merge_quarantine_statement,
    merge_rows_statement,
)
from databricks_monitoring.unity_catalog import column_names, find_table, require_columns, require_table

if TYPE_CHECKING:
    from databricks.sdk.service.catalog import TableInfo

    from databricks_monitoring.clients import Rows, SqlClient
    from databricks_monitoring.serving.signature import ProblemType, Signature

logger = logging.getLogger(__name__)

PAYLOAD_PROPERTY = "databricks_monitoring.payload_table"
PREDICTION_FIELD_PROPERTY = "databricks_monitoring.prediction_field"
"""Properties of an inference table that tell where its payloads are and how to read predictions."""

OVERLAP = timedelta(days=3)
"""Payloads that arrive this much later than newer ones are still unpacked. Delivery is best effort."""

_QUARANTINE_SUFFIX = "_quarantine"
_BEGINNING = date(1970, 1, 1)
_PREDICTION_TYPES = {"classification": "STRING", "regression": "DOUBLE"}
_NOT_IN_COLUMN_NAMES = " ,;{}()\n\t="
_SAME_TYPES = {"LONG": "BIGINT", "INTEGER": "INT", "SHORT": "SMALLINT", "BYTE": "TINYINT", "REAL": "FLOAT"}


@dataclass(frozen=True)
class Unpacked:
    """What one run of `unpack` did."""

    rows_added: int
    payloads_read: int
    payloads_quarantined: int


@dataclass(frozen=True)
class Expired:
    """What one run of `delete_expired` deleted: rows of the inference table, payloads in quarantine."""

    rows: int
    payloads: int


def quarantine_table(table: TableName) -> TableName:
    """Return the table of payloads that could not become rows of `table`."""
    return table.parent.table(table.name + _QUARANTINE_SUFFIX)


def expected_columns(signature: Signature, problem_type: ProblemType) -> dict[str, str]:
    """Return the SQL type of every column of an inference table, in order.

    Raises
    ------
    ConfigError
        If the model has a column that the table needs for itself, or two that differ in case only.
    """
    folded: set[str] = set(RESERVED_COLUMNS)
    for column in signature.inputs:
        if column.name.lower() in folded:
            raise ConfigError(
                f"The model's input column {column.name!r} cannot be kept in an inference table: the name is "
                f"taken. Reserved are {', '.join(RESERVED_COLUMNS)}; rename the column of the model."
            )
        folded.add(column.name.lower())
    prediction = _PREDICTION_TYPES[problem_type]
    return {
        "row_id": "STRING",
        "client_request_id": "STRING",
        "timestamp": "TIMESTAMP",
        "model_id": "STRING",
        **{column.name: column.sql_type for column in signature.inputs},
        "prediction": prediction,
        "label": prediction,
    }


def create_inference_table(
    sql: SqlClient, table: TableName, payload: TableName, signature: Signature, problem_type: ProblemType
) -> bool:
    """Make the inference table and its quarantine exist, and say whether the table was created.

    An existing table gets the columns that a newer model version has and it lacks; it loses none.

    Parameters
    ----------
    payload : TableName
        Where the endpoint logs; kept as a property of the table.

    Raises
    ------
    InvalidValueError
        If a column exists with another type.
    """
    columns = expected_columns(signature, problem_type)
    quarantine = ", ".join(f"`{name}` {kind}" for name, kind in QUARANTINE_COLUMNS.items())
    sql.execute(
        f"CREATE TABLE IF NOT EXISTS {quarantine_table(table).quoted} ({quarantine}) "
        f"COMMENT {literal(f'Payloads that could not become rows of {table}, with the reason')}"
    )
    existing = find_table(sql.client, table)
    if existing is not None:
        _extend(sql, existing, table, columns)
        return False
    properties = {"delta.enableChangeDataFeed": "true", PAYLOAD_PROPERTY: str(payload)}
    if signature.prediction_field is not None:
        properties[PREDICTION_FIELD_PROPERTY] = signature.prediction_field
    if any(character in name for name in columns for character in _NOT_IN_COLUMN_NAMES):
        properties["delta.columnMapping.mode"] = "name"
    listed = ", ".join(f"{literal(key)} = {literal(value)}" for key, value in properties.items())
    sql.execute(
        f"CREATE TABLE {table.quoted} ({_definitions(columns)}) "
        f"COMMENT {literal(f'One row per prediction, unpacked from {payload}')} TBLPROPERTIES ({listed})"
    )
    logger.info("created inference table %s", table)
    return True


def unpack(sql: SqlClient, table: TableName, *, since: datetime | None = None) -> Unpacked:
    """Add a row for every new prediction in the payload table; idempotent.

    Parameters
    ----------
    table : TableName
        An inference table made by `create_inference_table`.
    since : datetime, optional
        Read payloads from this day on; else from `OVERLAP` before the newest row, but none that would become
        rows that `delete_expired` has deleted.

    Returns
    -------
    Unpacked
        Rows added; payloads that this run read (again, where days overlap); payloads newly in quarantine.

    Raises
    ------
    TableNotFoundError
        If the inference table or its payload table does not exist, naming what does.
    """
    info = require_table(sql.client, table)
    payload = payload_of(info)
    payload_columns = column_names(require_table(sql.client, payload))
    from_day = since.date() if since else _first_day(sql, table, retained_since(info))
    parameters = {"since": from_day, "rows_since": max(from_day - timedelta(days=1), _BEGINNING)}
    types = _types(info)
    require_columns(info, RESERVED_COLUMNS)
    inputs = {name: kind for name, kind in types.items() if name.lower() not in RESERVED_COLUMNS}
    kept = sql.execute(
        merge_quarantine_statement(quarantine_table(table), table, payload, payload_columns), parameters
    )
    added = sql.execute(
        merge_rows_statement(
            table,
            payload,
            payload_columns,
            inputs=inputs,
            prediction_type=types["prediction"],
            prediction_field=(info.properties or {}).get(PREDICTION_FIELD_PROPERTY),
        ),
        parameters,
    )
    day_column = "request_date" if "request_date" in payload_columns else "`date`"
    read = sql.execute(
        f"SELECT count(DISTINCT databricks_request_id) FROM {payload.quoted} "  # noqa: S608 - quoted, bound
        f"WHERE {day_column} >= :since",
        {"since": from_day},
    ).scalar()
    result = Unpacked(changed(added, "num_inserted_rows"), int(str(read)), changed(kept, "num_inserted_rows"))
    logger.info("unpacked %s into %s: %s", payload, table, result)
    return result


def changed(rows: Rows, column: str) -> int:
    """Return a number of rows that a MERGE reports.

    Examples
    --------
    >>> from databricks_monitoring.clients import Rows
    >>> changed(Rows(["num_inserted_rows"], [{"num_inserted_rows": 3}]), "num_inserted_rows")
    3
    """
    return int(str(rows[0][column]))


def delete_expired(sql: SqlClient, table: TableName, retention_days: int) -> Expired:
    """Delete what is older than whole days before today from an inference table and its quarantine.

    If there are such rows, the table first gets the property `RETAINED_SINCE_PROPERTY`, so that metrics of
    windows that began earlier are kept and not recomputed from what is left. Refresh before, or these windows
    stay as they were at the latest refresh.

    Parameters
    ----------
    retention_days : int
        Days to keep before today, which begins at midnight UTC of the workspace's time.

    Raises
    ------
    InvalidValueError
        If it is less than one day, or the property is not a time.
    """
    if retention_days < 1:
        raise InvalidValueError("retention_days", retention_days, "at least 1")
    cut = sql.workspace_time().replace(hour=0, minute=0, second=0, microsecond=0)
    cut -= timedelta(days=retention_days)
    oldest = sql.execute(f"SELECT min(`timestamp`) FROM {table.quoted}").scalar()  # noqa: S608 - quoted
    if isinstance(oldest, datetime) and oldest < cut:
        known = retained_since(require_table(sql.client, table))
        if known is None or known < cut:
            sql.execute(
                f"ALTER TABLE {table.quoted} SET TBLPROPERTIES "
                f"({literal(RETAINED_SINCE_PROPERTY)} = {literal(cut.isoformat())})"
            )
    rows = sql.execute(f"DELETE FROM {table.quoted} WHERE `timestamp` < :cut", {"cut": cut})  # noqa: S608
    payloads = sql.execute(
        f"DELETE FROM {quarantine_table(table).quoted} WHERE `request_time` < :cut",  # noqa: S608 - quoted
        {"cut": cut},
    )
    return Expired(changed(rows, "num_affected_rows"), changed(payloads, "num_affected_rows"))


def retained_since(info: TableInfo) -> datetime | None:
    """Return the time (UTC) before which `delete_expired` deleted rows of a table; None if it never did.

    Raises
    ------
    InvalidValueError
        If the property that says so is not a time.
    """
    text = (info.properties or {}).get(RETAINED_SINCE_PROPERTY)
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        where = f"property {RETAINED_SINCE_PROPERTY} of {info.full_name}"
        raise InvalidValueError(where, text, "a time such as 2026-11-01T00:00:00+00:00") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def payload_of(info: TableInfo) -> TableName:
    """Return the payload table of an inference table.

    Raises
    ------
    ConfigError
        If the table is not an inference table.
    """
    found = (info.properties or {}).get(PAYLOAD_PROPERTY)
    if not found:
        raise ConfigError(
            f"Table {info.full_name} is not an inference table: it lacks the property {PAYLOAD_PROPERTY}. "
            "`deploy_serving` creates inference tables."
        )
    return TableName.parse(found)


def is_inference_table(info: TableInfo) -> bool:
    """Say whether a table was made by `create_inference_table`."""
    return PAYLOAD_PROPERTY in (info.properties or {})


def _first_day(sql: SqlClient, table: TableName, retained: datetime | None) -> date:
    newest = sql.execute(f"SELECT max(`timestamp`) FROM {table.quoted}").scalar()  # noqa: S608 - quoted
    first = (newest - OVERLAP).astimezone(UTC).date() if isinstance(newest, datetime) else _BEGINNING
    return max(first, retained.astimezone(UTC).date()) if retained else first


def _types(info: TableInfo) -> dict[str, str]:
    found = {column.name or "": (column.type_text or "string").upper() for column in info.columns or []}
    return {name: _SAME_TYPES.get(kind, kind) for name, kind in found.items()}


def _definitions(columns: dict[str, str]) -> str:
    return ", ".join(f"`{name.replace('`', '``')}` {kind}" for name, kind in columns.items())


def _extend(sql: SqlClient, info: TableInfo, table: TableName, columns: dict[str, str]) -> None:
    payload_of(info)
    existing = {name.lower(): kind for name, kind in _types(info).items()}
    for name, kind in columns.items():
        found = existing.get(name.lower(), kind)
        if found != kind:
            raise InvalidValueError(
                f"column {name} of {table}",
                found,
                f"{kind}, as the model has it; use another inference table",
            )
    new = {name: kind for name, kind in columns.items() if name.lower() not in existing}
    if new:
        sql.execute(f"ALTER TABLE {table.quoted} ADD COLUMNS ({_definitions(new)})")
        logger.info("added %s to %s", ", ".join(new), table)
