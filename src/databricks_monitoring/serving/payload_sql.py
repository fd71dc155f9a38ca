"""The statements that turn logged payloads into rows, as text in Databricks SQL.

One request is one payload; a payload of k records becomes k rows. Both tables that are written, the rows and
the payloads that cannot become rows, read the same classification, so no payload is in neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from databricks_monitoring.errors import ConfigError
from databricks_monitoring.names import quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from databricks_monitoring.names import TableName

KEY_COLUMNS = ("row_id", "client_request_id", "timestamp", "model_id")
RESULT_COLUMNS = ("prediction", "label")
RESERVED_COLUMNS = (*KEY_COLUMNS, *RESULT_COLUMNS)

QUARANTINE_COLUMNS = {
    "databricks_request_id": "STRING",
    "client_request_id": "STRING",
    "request_time": "TIMESTAMP",
    "status_code": "INT",
    "served_entity_id": "STRING",
    "reason": "STRING",
    "request": "STRING",
    "response": "STRING",
}

REASONS = {
    "failed": "the endpoint did not answer 200",
    "not_logged": "request or response was too large to be logged",
    "unreadable_request": "the request is in none of the four formats, or its rows do not fit its columns",
    "unreadable_response": "the response has no list of predictions",
    "count_mismatch": "there are more or fewer predictions than rows",
    "unknown_model": "system.serving.served_entities does not tell which model version answered",
}
"""Why a payload is in quarantine, by the value of `reason`."""


def literal(text: str) -> str:
    """Return a SQL string literal."""
    return exp.Literal.string(text).sql(dialect="databricks")


_GATEWAY = """
    SELECT
      p.databricks_request_id, p.client_request_id, p.request_time, p.status_code, p.served_entity_id,
      p.request, p.response, m.model_id
    FROM {payload} AS p
    LEFT JOIN (
      SELECT
        served_entity_id,
        concat(
          split_part(max_by(entity_name, change_time), '.', -1), '_', max_by(entity_version, change_time)
        ) AS model_id
      FROM `system`.`serving`.`served_entities`
      GROUP BY served_entity_id
    ) AS m ON m.served_entity_id = p.served_entity_id
    {unknown}
    WHERE p.request_date >= :since
    QUALIFY row_number() OVER (PARTITION BY p.databricks_request_id ORDER BY p.request_time) = 1
"""

_LEGACY = """
    SELECT
      p.databricks_request_id, p.client_request_id, timestamp_millis(p.timestamp_ms) AS request_time,
      p.status_code, CAST(NULL AS STRING) AS served_entity_id, p.request, p.response,
      concat(split_part(p.request_metadata['model_name'], '.', -1), '_', p.request_metadata['model_version'])
        AS model_id
    FROM {payload} AS p
    {unknown}
    WHERE p.`date` >= :since
    QUALIFY row_number() OVER (PARTITION BY p.databricks_request_id ORDER BY p.timestamp_ms) = 1
"""

_UNKNOWN = """LEFT ANTI JOIN {table} AS known
      ON known.`row_id` = concat(p.databricks_request_id, '_0') AND known.`timestamp` >= :rows_since"""
"""Leaves out, before anything is parsed, what is rows already: all rows of a payload come in one commit."""

_CLASSIFIED = """
  WITH payloads AS ({payloads}),
  fields AS (
    SELECT
      *,
      from_json(get_json_object(request, '$.dataframe_split.columns'), 'ARRAY<STRING>') AS split_columns,
      from_json(get_json_object(request, '$.dataframe_split.data'), 'ARRAY<ARRAY<STRING>>') AS split_data,
      coalesce(
        get_json_object(request, '$.dataframe_records'),
        get_json_object(request, '$.instances'),
        get_json_object(request, '$.inputs')
      ) AS body,
      from_json(get_json_object(response, '$.predictions'), 'ARRAY<STRING>') AS predictions
    FROM payloads
  ),
  lists AS (
    SELECT
      *,
      CASE WHEN body LIKE '[%' THEN from_json(body, 'ARRAY<MAP<STRING,STRING>>') END AS records,
      CASE WHEN body LIKE '{{%' THEN from_json(body, 'MAP<STRING,ARRAY<STRING>>') END AS by_column
    FROM fields
  ),
  sizes AS (
    SELECT *, transform(map_values(by_column), v -> size(v)) AS lengths FROM lists
  ),
  unfolded AS (
    SELECT
      *,
      CASE
        WHEN split_columns IS NOT NULL
          AND size(array_distinct(split_columns)) = size(split_columns)
          AND forall(split_columns, c -> c IS NOT NULL)
          AND forall(split_data, r -> size(r) = size(split_columns))
          THEN transform(split_data, r -> map_from_arrays(split_columns, r))
        WHEN forall(records, r -> r IS NOT NULL) THEN records
        WHEN array_min(lengths) >= 0 AND array_min(lengths) = array_max(lengths)
          THEN transform(
            slice(sequence(0, array_max(lengths)), 1, array_max(lengths)),
            i -> transform_values(by_column, (k, v) -> get(v, i))
          )
      END AS records_in_order
    FROM sizes
  ),
  classified AS (
    SELECT
      *,
      CASE
        WHEN status_code IS NULL OR status_code <> 200 THEN 'failed'
        WHEN request IS NULL OR response IS NULL THEN 'not_logged'
        WHEN records_in_order IS NULL THEN 'unreadable_request'
        WHEN predictions IS NULL THEN 'unreadable_response'
        WHEN size(records_in_order) <> size(predictions) THEN 'count_mismatch'
        WHEN model_id IS NULL THEN 'unknown_model'
      END AS reason
    FROM unfolded
  )
"""


def _classified(table: TableName, payload: TableName, columns: Sequence[str]) -> str:
    names = {column.lower() for column in columns}
    if "request_time" in names:
        source = _GATEWAY
    elif "timestamp_ms" in names:
        source = _LEGACY
    else:
        hint = (
            " It looks like a table of the Unity AI Gateway's model services."
            if "event_time" in names
            else ""
        )
        raise ConfigError(
            f"Table {payload} is not the payload table of a serving endpoint: it has neither request_time "
            f"nor timestamp_ms.{hint}"
        )
    unknown = _UNKNOWN.format(table=table.quoted)
    return _CLASSIFIED.format(payloads=source.format(payload=payload.quoted, unknown=unknown))


def merge_rows_statement(
    table: TableName,
    payload: TableName,
    payload_columns: Sequence[str],
    *,
    inputs: Mapping[str, str],
    prediction_type: str,
    prediction_field: str | None,
) -> str:
    """Return the MERGE that adds a row for every prediction that the inference table does not have.

    Parameters
    ----------
    inputs : mapping
        SQL type of every column of the model's input, by name.
    prediction_type : str
        SQL type of the column `prediction`.
    prediction_field : str or None
        Field to take where a prediction is an object.

    Notes
    -----
    The bound parameter `since` (DATE) says from which day on payloads are read. Rows are looked for from
    `rows_since` on, a day earlier, since the session's day may begin at another moment than UTC's. A row is
    known by `<databricks_request_id>_<position>`, so running twice adds nothing.
    """
    names = [*KEY_COLUMNS, *inputs, *RESULT_COLUMNS]
    features = "".join(
        f"\n    {_cast(f'record[{literal(name)}]', kind)} AS {quote(name)}," for name, kind in inputs.items()
    )
    prediction = _cast(_prediction_text(prediction_field), prediction_type)
    return f"""MERGE INTO {table.quoted} AS t
USING ({_classified(table, payload, payload_columns)}
  SELECT
    concat(databricks_request_id, '_', CAST(position AS STRING)) AS `row_id`,
    client_request_id AS `client_request_id`,
    request_time AS `timestamp`,
    model_id AS `model_id`,{features}
    {prediction} AS `prediction`,
    CAST(NULL AS {prediction_type}) AS `label`
  FROM classified
  LATERAL VIEW posexplode(records_in_order) e AS position, record
  WHERE reason IS NULL
) AS s
ON t.`row_id` = s.`row_id` AND t.`timestamp` >= :rows_since
WHEN NOT MATCHED THEN INSERT ({", ".join(map(quote, names))})
VALUES ({", ".join(f"s.{quote(name)}" for name in names)})"""  # noqa: S608 - names quoted, values bound


def merge_quarantine_statement(
    quarantine: TableName, table: TableName, payload: TableName, payload_columns: Sequence[str]
) -> str:
    """Return the MERGE that keeps every payload which cannot become rows, once, with the reason.

    A payload whose reason has gone, because its model has become known, leaves quarantine. So this runs
    before the rows are added: afterwards such a payload is no longer looked at.
    """
    names = list(QUARANTINE_COLUMNS)
    selected = ", ".join(map(quote, names))
    return f"""MERGE INTO {quarantine.quoted} AS t
USING ({_classified(table, payload, payload_columns)}
  SELECT {selected} FROM classified
) AS s
ON t.`databricks_request_id` = s.`databricks_request_id`
WHEN MATCHED AND s.`reason` IS NULL THEN DELETE
WHEN NOT MATCHED AND s.`reason` IS NOT NULL THEN INSERT ({selected})
VALUES ({", ".join(f"s.{quote(name)}" for name in names)})"""  # noqa: S608 - names quoted, values bound


def _prediction_text(field: str | None) -> str:
    whole = "get(predictions, position)"
    if field is None:
        return whole
    path = literal(f"$.{field}" if field.isidentifier() else f"$['{field}']")
    return f"CASE WHEN {whole} LIKE '{{%' THEN get_json_object({whole}, {path}) ELSE {whole} END"


def _cast(value: str, sql_type: str) -> str:
    """Return `value`, a text, as another type; NULL where it is not one."""
    kind = sql_type.upper()
    as_double = f"try_cast({value} AS DOUBLE)"
    if kind in {"BIGINT", "INT", "SMALLINT", "TINYINT", "LONG"}:
        # A whole number may arrive as 3.0, from clients whose column also has missing values.
        whole = f"CASE WHEN {as_double} = floor({as_double}) THEN try_cast({as_double} AS {kind}) END"
        return f"coalesce(try_cast({value} AS {kind}), {whole})"
    if kind == "BOOLEAN":
        return (
            f"coalesce(try_cast({value} AS BOOLEAN), CASE {as_double} WHEN 1 THEN true WHEN 0 THEN false END)"
        )
    if kind == "TIMESTAMP":
        return f"coalesce(try_cast({value} AS TIMESTAMP), timestamp_millis(try_cast({value} AS BIGINT)))"
    if kind == "STRING":
        return value
    return f"try_cast({value} AS {kind})"
