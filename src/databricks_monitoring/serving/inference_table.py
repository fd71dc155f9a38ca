"""The inference table: one row per prediction, unpacked from the payloads that an endpoint logs."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from databricks_monitoring.errors import ConfigError, InvalidValueError
from databricks_monitoring.names import RETAINED_SINCE_PROPERTY, TableName
from databricks_monitoring.serving import progress
from databricks_monitoring.serving.payload_sql import (
    QUARANTINE_COLUMNS,
    RESERVED_COLUMNS,
    RESULT_COLUMNS,
    Reading,
    merge_quarantine_statement,
    merge_rows_statement,
)
from databricks_monitoring.serving.payload_values import PROBABILITY_TYPE, literal
from databricks_monitoring.serving.unpacking import PROBABILITIES, UNPACKING_PROPERTY, Unpacking
from databricks_monitoring.unity_catalog import column_names, find_table, require_columns, require_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from databricks.sdk.service.catalog import TableInfo

    from databricks_monitoring.clients import Rows, SqlClient
    from databricks_monitoring.config import InferenceTableConfig
    from databricks_monitoring.serving.signature import ProblemType, Signature

logger = logging.getLogger(__name__)

PAYLOAD_PROPERTY = "databricks_monitoring.payload_table"
"""Property of an inference table that tells where its payloads are."""

_QUARANTINE_SUFFIX = "_quarantine"
_PREDICTION_TYPES = {"classification": "STRING", "regression": "DOUBLE"}
_NOT_IN_COLUMN_NAMES = " ,;{}()\n\t="
_MAPPING = "delta.columnMapping.mode"
_WIDER = {
    "TINYINT": ("SMALLINT", "INT", "BIGINT", "DOUBLE", "STRING"),
    "SMALLINT": ("INT", "BIGINT", "DOUBLE", "STRING"),
    "INT": ("BIGINT", "DOUBLE", "STRING"),
    "BIGINT": ("DOUBLE", "STRING"),
    "FLOAT": ("DOUBLE", "STRING"),
    "DOUBLE": ("STRING",),
    "BOOLEAN": ("STRING",),
    "TIMESTAMP": ("STRING",),
}
_SAME_TYPES = {"LONG": "BIGINT", "INTEGER": "INT", "SHORT": "SMALLINT", "BYTE": "TINYINT", "REAL": "FLOAT"}


@dataclass(frozen=True)
class Unpacked:
    """What one run of `unpack` did."""

    rows_added: int
    payloads_read: int
    payloads_quarantined: int


def quarantine_table(table: TableName) -> TableName:
    """Return the table of payloads that could not become rows of `table`."""
    return table.parent.table(table.name + _QUARANTINE_SUFFIX)


def expected_columns(
    signature: Signature, problem_type: ProblemType, extra: Sequence[str] = ()
) -> dict[str, str]:
    """Return the SQL type of every column of an inference table, in order.

    Parameters
    ----------
    extra : sequence of str
        Fields of the request's rows that the model does not take; kept as texts.

    Raises
    ------
    ConfigError
        If the model has a column that the table needs for itself, or two that differ in case only.
    """
    folded: set[str] = set(RESERVED_COLUMNS)
    if signature.probability_field is not None:
        folded.add(PROBABILITIES)
    for column in signature.inputs:
        if column.name.lower() in folded:
            raise ConfigError(
                f"The model's input column {column.name!r} cannot be kept in an inference table: the name is "
                f"taken. Reserved are {', '.join(RESERVED_COLUMNS)}, and upper and lower case are the same; "
                "rename the column of the model."
            )
        folded.add(column.name.lower())
    prediction = _PREDICTION_TYPES[problem_type]
    return {
        "row_id": "STRING",
        "client_request_id": "STRING",
        "timestamp": "TIMESTAMP",
        "model_id": "STRING",
        **{column.name: column.sql_type for column in signature.inputs},
        **{name: "STRING" for name in extra if name.lower() not in folded},
        "prediction": prediction,
        **{name: kind for name, (_, kind) in output_columns(signature, extra).items()},
        **({PROBABILITIES: PROBABILITY_TYPE} if signature.probability_field is not None else {}),
        "label": prediction,
    }


def kept_columns(config: InferenceTableConfig) -> list[str]:
    """Return the fields of requests that a configuration keeps beside the model's: extra ones, keys."""
    keys = config.labels.key_columns if config.labels else ()
    wanted = dict.fromkeys([*config.extra_columns, *keys])
    return [name for name in wanted if name.lower() not in RESERVED_COLUMNS]


def output_columns(signature: Signature, extra: Sequence[str] = ()) -> dict[str, tuple[str, str]]:
    """Return field and SQL type of every column that a field of the answer becomes, by name.

    A field that is called as another column becomes `output_<field>`.
    """
    taken = {*RESERVED_COLUMNS, PROBABILITIES, *(name.lower() for name in extra)}
    taken |= {column.name.lower() for column in signature.inputs}
    found: dict[str, tuple[str, str]] = {}
    for field in signature.outputs:
        name = field.name
        while name.lower() in taken:
            name = f"output_{name}"
        taken.add(name.lower())
        found[name] = field.name, field.sql_type
    return found


def create_inference_table(
    sql: SqlClient,
    table: TableName,
    payload: TableName,
    signature: Signature,
    problem_type: ProblemType,
    *,
    extra: Sequence[str] = (),
    classes: Sequence[str] = (),
) -> bool:
    """Make the inference table and its companions exist, and say whether the table was created.

    An existing table gets the columns that a newer model version has and it lacks; it loses none. A column
    that a newer version no longer has stays, NULL in the rows of that version. One that it has with a type
    that fits into the column's, such as INT into BIGINT, stays as well.

    Parameters
    ----------
    payload : TableName
        Where the endpoint logs; kept as a property of the table.
    extra : sequence of str
        Fields of the request's rows that the model does not take and that are kept as texts, such as keys.
    classes : sequence of str
        Names of the classes, in the order of the model's probabilities.

    Raises
    ------
    InvalidValueError
        If a column exists with a type that the newer version's values do not fit.
    """
    columns = expected_columns(signature, problem_type, extra)
    ensure_companions(sql, table)
    unpacking = Unpacking(
        inputs=tuple(column.name for column in signature.inputs),
        outputs={name: field for name, (field, _) in output_columns(signature, extra).items()},
        prediction_field=signature.prediction_field,
        probability_field=signature.probability_field,
        classes=tuple(classes),
    )
    existing = find_table(sql.client, table)
    if existing is not None:
        _extend(sql, existing, table, columns, unpacking)
        return False
    properties = {
        "delta.enableChangeDataFeed": "true",
        # Each unpacking adds a file.
        "delta.autoOptimize.autoCompact": "true",
        PAYLOAD_PROPERTY: str(payload),
        UNPACKING_PROPERTY: unpacking.property_text(),
    }
    if _needs_mapping(columns):
        properties[_MAPPING] = "name"
    listed = ", ".join(f"{literal(key)} = {literal(value)}" for key, value in properties.items())
    # What an earlier table of this name had of the payloads went with it.
    progress.forget(sql, table)
    sql.execute(
        f"CREATE TABLE {table.quoted} ({_definitions(columns)}) "
        f"COMMENT {literal(f'One row per prediction, unpacked from {payload}')} TBLPROPERTIES ({listed})"
    )
    logger.info("created inference table %s", table)
    return True


def ensure_companions(sql: SqlClient, table: TableName) -> None:
    """Make the quarantine of an inference table, and what remembers the days that were unpacked, exist.

    If the quarantine had gone, all days are read again, so that what belongs into it is there again.
    """
    quarantine = quarantine_table(table)
    found = find_table(sql.client, quarantine)
    if found is None:
        sql.execute(
            f"CREATE TABLE IF NOT EXISTS {quarantine.quoted} ({_definitions(QUARANTINE_COLUMNS)}) "
            f"COMMENT {literal(f'Payloads that are no rows of {table}, or not as they are, with the reason')}"
        )
    else:
        present = set(column_names(found))
        lacking = {name: kind for name, kind in QUARANTINE_COLUMNS.items() if name not in present}
        if lacking:
            sql.execute(f"ALTER TABLE {quarantine.quoted} ADD COLUMNS ({_definitions(lacking)})")
    if find_table(sql.client, progress.progress_table(table)) is None:
        progress.create(sql, table)
    elif found is None:
        progress.forget(sql, table)


def unpack(sql: SqlClient, table: TableName, *, since: datetime | None = None) -> Unpacked:
    """Add a row for every new prediction in the payload table; idempotent.

    Days on which the payload table has as many payloads as when they were last unpacked are not read again.
    So a payload is found however late it arrives, and a run without news costs one count by day.

    Parameters
    ----------
    table : TableName
        An inference table made by `create_inference_table`.
    since : datetime, optional
        Read all payloads from this day on, whether or not they were read before. Never read are days whose
        rows `delete_expired` has deleted.

    Returns
    -------
    Unpacked
        Rows added; payloads on the days that this run read; payloads newly in quarantine.

    Raises
    ------
    TableNotFoundError
        If the inference table or its payload table does not exist, naming what does.
    """
    info = require_table(sql.client, table)
    payload = payload_of(info)
    require_columns(info, RESERVED_COLUMNS)
    payload_columns = tuple(column_names(require_table(sql.client, payload)))
    ensure_companions(sql, table)
    source = progress.Source(table, payload, payload_columns, quarantine_table(table))
    retained = retained_since(info)
    news = progress.unread_days(sql, source, since=since, retained=retained)
    if not news:
        return Unpacked(0, 0, 0)
    ranges = progress.ranges(news)
    reading = _reading(info, table, payload, payload_columns, len(ranges))
    parameters = progress.bounds(ranges)
    kept = sql.execute(merge_quarantine_statement(quarantine_table(table), reading), parameters)
    added = sql.execute(merge_rows_statement(reading), parameters)
    progress.remember(sql, table, news)
    result = Unpacked(
        changed(added, "num_inserted_rows"), sum(news.values()), changed(kept, "num_inserted_rows")
    )
    logger.info("unpacked %s into %s: %s", payload, table, result)
    return result


def _reading(
    info: TableInfo, table: TableName, payload: TableName, payload_columns: tuple[str, ...], days: int
) -> Reading:
    unpacking = Unpacking.of(info)
    types = _types(info)
    folded = {name.lower() for name in unpacking.outputs}
    has_probabilities = unpacking.probability_field is not None
    special = {*RESERVED_COLUMNS, *folded, *([PROBABILITIES] if has_probabilities else [])}
    answers = {name: kind for name, kind in types.items() if name.lower() in folded}
    if has_probabilities:
        answers[PROBABILITIES] = PROBABILITY_TYPE
    return Reading(
        table=table,
        payload=payload,
        columns=payload_columns,
        inputs={name: kind for name, kind in types.items() if name.lower() not in special},
        answers={"prediction": types["prediction"], **answers},
        unpacking=unpacking,
        days=days,
    )


def changed(rows: Rows, column: str) -> int:
    """Return a number of rows that a MERGE reports.

    Examples
    --------
    >>> from databricks_monitoring.clients import Rows
    >>> changed(Rows(["num_inserted_rows"], [{"num_inserted_rows": 3}]), "num_inserted_rows")
    3
    """
    return int(str(rows[0][column]))


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


def _types(info: TableInfo) -> dict[str, str]:
    found = {column.name or "": (column.type_text or "string").upper() for column in info.columns or []}
    return {name: _SAME_TYPES.get(kind, kind) for name, kind in found.items()}


def _needs_mapping(columns: Iterable[str]) -> bool:
    """Say whether a name among these can be kept under Delta's column mapping only."""
    return any(character in name for name in columns for character in _NOT_IN_COLUMN_NAMES)


def _definitions(columns: dict[str, str]) -> str:
    return ", ".join(f"`{name.replace('`', '``')}` {kind}" for name, kind in columns.items())


def require_fit(info: TableInfo, columns: dict[str, str]) -> None:
    """Do nothing if the values of a model's columns fit into the columns that an inference table has.

    Raises
    ------
    InvalidValueError
        For the first that does not.
    """
    existing = {name.lower(): kind for name, kind in _types(info).items()}
    for name, kind in columns.items():
        found = existing.get(name.lower(), kind)
        fits = () if name in RESULT_COLUMNS else _WIDER.get(kind, ())
        if found not in {kind, *fits}:
            raise InvalidValueError(
                f"column {name} of {info.full_name}",
                found,
                f"{kind}, as the model has it; its values would not fit. Use another inference table",
            )


def _extend(
    sql: SqlClient, info: TableInfo, table: TableName, columns: dict[str, str], unpacking: Unpacking
) -> None:
    payload_of(info)
    require_fit(info, columns)
    existing = {name.lower() for name in column_names(info)}
    new = {name: kind for name, kind in columns.items() if name.lower() not in existing}
    if new:
        if _needs_mapping(new) and (info.properties or {}).get(_MAPPING, "none") == "none":
            sql.execute(f"ALTER TABLE {table.quoted} SET TBLPROPERTIES ('{_MAPPING}' = 'name')")
        sql.execute(f"ALTER TABLE {table.quoted} ADD COLUMNS ({_definitions(new)})")
        logger.info("added %s to %s", ", ".join(new), table)
    known = Unpacking.of(info)
    # Rows of earlier versions may still arrive, so the fields that they answer with stay known.
    wanted = unpacking.model_copy(update={"outputs": known.outputs | unpacking.outputs})
    if wanted != known:
        sql.execute(
            f"ALTER TABLE {table.quoted} SET TBLPROPERTIES "
            f"({literal(UNPACKING_PROPERTY)} = {literal(wanted.property_text())})"
        )
