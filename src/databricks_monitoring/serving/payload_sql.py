"""The statements that turn logged payloads into rows, as text in Databricks SQL.

One request is one payload; a payload of k records becomes k rows. Both tables that are written, the rows and
the payloads that cannot become rows, read the same classification, so no payload is in neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from databricks_monitoring.errors import ConfigError
from databricks_monitoring.names import quote
from databricks_monitoring.serving.payload_values import (
    AnswerColumn,
    cast,
    faults,
    literal,
    output,
    prediction,
    probabilities,
)
from databricks_monitoring.serving.unpacking import PROBABILITIES, Unpacking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

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
    "request": "STRING",
    "response": "STRING",
    "reason": "STRING",
    "detail": "STRING",
}

UNCASTABLE = "uncastable"
UNKNOWN_MODEL = "unknown_model"
_SHOWN_FAULTS = 5

REASONS = {
    "failed": "the endpoint did not answer 200",
    "not_logged": "request or response was too large to be logged",
    "unreadable_request": "the request is in none of the four formats, or its rows do not fit its columns",
    "unreadable_response": "the response has no list of predictions",
    "count_mismatch": "there are more or fewer predictions than rows",
    UNKNOWN_MODEL: "system.serving.served_entities does not tell which model version answered",
    UNCASTABLE: "values are not of their column's type; its rows are kept, with NULL in their place",
}
"""Why a payload is in quarantine, by the value of `reason`."""


@dataclass(frozen=True)
class Reading:
    """Everything the statements of one inference table are made from.

    Attributes
    ----------
    columns
        Columns of the payload table; they tell which kind it is.
    inputs
        SQL type of every column of the request, by name.
    answers
        SQL type of every column of the answer, by name: `prediction`, fields, probabilities.
    days
        How many ranges of days the bound parameters `since_0`, `until_0` ... give.
    """

    table: TableName
    payload: TableName
    columns: tuple[str, ...]
    inputs: Mapping[str, str]
    answers: Mapping[str, str]
    unpacking: Unpacking
    days: int = 1

    @property
    def answer_columns(self) -> dict[str, AnswerColumn]:
        """Every column of the answer with its expression."""
        return {name: AnswerColumn(kind, self._text(name)) for name, kind in self.answers.items()}

    def _text(self, name: str) -> Callable[[str], str]:
        if name == "prediction":
            return lambda answer: prediction(answer, self.unpacking)
        if name == PROBABILITIES and self.unpacking.probability_field is not None:
            return lambda answer: probabilities(answer, self.unpacking)
        return lambda answer: output(answer, self.unpacking.outputs[name])


def day_column(payload: TableName, columns: Iterable[str]) -> str:
    """Return the column with the day of a payload, quoted.

    Raises
    ------
    ConfigError
        If the table is not a payload table of either kind.
    """
    names = {column.lower() for column in columns}
    if "request_time" in names:
        return "`request_date`"
    if "timestamp_ms" in names:
        return "`date`"
    hint = " It looks like a table of the Unity AI Gateway's model services." if "event_time" in names else ""
    raise ConfigError(
        f"Table {payload} is not the payload table of a serving endpoint: it has neither request_time "
        f"nor timestamp_ms.{hint}"
    )


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
    WHERE {days}
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
    WHERE {days}
    QUALIFY row_number() OVER (PARTITION BY p.databricks_request_id ORDER BY p.timestamp_ms) = 1
"""

_UNKNOWN = """LEFT ANTI JOIN {table} AS known
      ON known.`row_id` = concat(p.databricks_request_id, '_0') AND known.`timestamp` >= :rows_since
      AND known.`timestamp` < :rows_until"""
"""Leaves out, before anything is parsed, what is rows already: all rows of a payload come in one commit."""

# Searching a text for a key costs far less than parsing it, and most requests have one key.
_CLASSIFIED = """
  WITH payloads AS ({payloads}),
  fields AS (
    SELECT
      *,
      from_json(
        CASE
          WHEN request LIKE '%"dataframe_split"%' THEN get_json_object(request, '$.dataframe_split.columns')
          WHEN request LIKE '%"columns"%' THEN get_json_object(request, '$.columns')
        END,
        'ARRAY<STRING>'
      ) AS split_columns,
      from_json(
        CASE
          WHEN request LIKE '%"dataframe_split"%' THEN get_json_object(request, '$.dataframe_split.data')
          WHEN request LIKE '%"columns"%' THEN get_json_object(request, '$.data')
        END,
        'ARRAY<ARRAY<STRING>>'
      ) AS split_data,
      coalesce(
        get_json_object(request, '$.dataframe_records'),
        get_json_object(request, '$.instances'),
        get_json_object(request, '$.inputs')
      ) AS body,
      get_json_object(response, '$.predictions') AS answered
    FROM payloads
  ),
  lists AS (
    SELECT
      *,
      CASE
        WHEN body LIKE '[{{%' OR body = '[]' THEN from_json(body, 'ARRAY<MAP<STRING,STRING>>')
      END AS records,
      CASE WHEN body LIKE '[[%' THEN from_json(body, 'ARRAY<ARRAY<STRING>>') END AS unnamed,
      CASE WHEN body LIKE '{{%' THEN from_json(body, 'MAP<STRING,ARRAY<STRING>>') END AS by_column,
      CASE
        WHEN answered LIKE '{{%' THEN from_json(answered, 'MAP<STRING,ARRAY<STRING>>')
      END AS answers_by_field
    FROM fields
  ),
  sizes AS (
    SELECT
      *,
      transform(map_values(by_column), v -> size(v)) AS lengths,
      transform(map_values(answers_by_field), v -> size(v)) AS answer_lengths
    FROM lists
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
        WHEN forall(unnamed, r -> size(r) = {width})
          THEN transform(unnamed, r -> map_from_arrays({names}, r))
        WHEN array_min(lengths) >= 0 AND array_min(lengths) = array_max(lengths)
          THEN transform(
            slice(sequence(0, array_max(lengths)), 1, array_max(lengths)),
            i -> transform_values(by_column, (k, v) -> get(v, i))
          )
        WHEN body LIKE '{{%' AND coalesce(array_max(lengths), -1) < 0
          THEN array(from_json(body, 'MAP<STRING,STRING>'))
      END AS records_in_order,
      CASE
        WHEN answered LIKE '[%' THEN from_json(answered, 'ARRAY<STRING>')
        WHEN array_min(answer_lengths) >= 0 AND array_min(answer_lengths) = array_max(answer_lengths)
          THEN transform(
            slice(sequence(0, array_max(answer_lengths)), 1, array_max(answer_lengths)),
            i -> to_json(transform_values(answers_by_field, (k, v) -> get(v, i)))
          )
        WHEN answered IS NOT NULL AND coalesce(array_max(answer_lengths), -1) < 0 THEN array(answered)
      END AS predictions
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


def _classified(reading: Reading) -> str:
    day = day_column(reading.payload, reading.columns)
    source = _GATEWAY if day == "`request_date`" else _LEGACY
    ranges = [f"p.{day} BETWEEN :since_{number} AND :until_{number}" for number in range(reading.days)]
    names = reading.unpacking.inputs or tuple(reading.inputs)
    return _CLASSIFIED.format(
        payloads=source.format(
            payload=reading.payload.quoted,
            unknown=_UNKNOWN.format(table=reading.table.quoted),
            days=ranges[0] if len(ranges) == 1 else f"({' OR '.join(ranges)})",
        ),
        width=len(names),
        names=f"array({', '.join(map(literal, names))})",
    )


def merge_rows_statement(reading: Reading) -> str:
    """Return the MERGE that adds a row for every prediction that the inference table does not have.

    Notes
    -----
    The bound parameters `since_0`, `until_0` ... (DATE) give the days whose payloads are read, both included.
    Rows are looked for from `rows_since` to `rows_until` (TIMESTAMP), which spans these days and one more on
    both sides, since the session's day may begin at another moment than UTC's. A row is known by
    `<databricks_request_id>_<position>`, so running twice adds nothing.
    """
    answers = reading.answer_columns
    names = [*KEY_COLUMNS, *reading.inputs, *answers, "label"]
    values = {name: cast(f"record[{literal(name)}]", kind) for name, kind in reading.inputs.items()}
    values |= {name: column.value("answer") for name, column in answers.items()}
    columns = "".join(f"\n    {value} AS {quote(name)}," for name, value in values.items())
    return f"""MERGE INTO {reading.table.quoted} AS t
USING ({_classified(reading)},
  exploded AS (
    SELECT
      databricks_request_id, client_request_id, request_time, model_id, position, record,
      get(predictions, position) AS answer
    FROM classified
    LATERAL VIEW posexplode(records_in_order) e AS position, record
    WHERE reason IS NULL
  )
  SELECT
    concat(databricks_request_id, '_', CAST(position AS STRING)) AS `row_id`,
    client_request_id AS `client_request_id`,
    request_time AS `timestamp`,
    model_id AS `model_id`,{columns}
    CAST(NULL AS {reading.answers["prediction"]}) AS `label`
  FROM exploded
) AS s
ON t.`row_id` = s.`row_id` AND t.`timestamp` >= :rows_since AND t.`timestamp` < :rows_until
WHEN NOT MATCHED THEN INSERT ({", ".join(map(quote, names))})
VALUES ({", ".join(f"s.{quote(name)}" for name in names)})"""  # noqa: S608 - names quoted, values bound


def merge_quarantine_statement(quarantine: TableName, reading: Reading) -> str:
    """Return the MERGE that keeps every payload which cannot become rows as it is, once, with the reason.

    A payload whose reason has gone, because its model has become known, leaves quarantine. So this runs
    before the rows are added: afterwards such a payload is no longer looked at.
    """
    names = list(QUARANTINE_COLUMNS)
    selected = ", ".join(map(quote, names[:-2]))
    return f"""MERGE INTO {quarantine.quoted} AS t
USING ({_classified(reading)},
  checked AS (
    SELECT *, CASE WHEN reason IS NULL
        THEN {faults(reading.inputs, reading.answer_columns)}
      END AS faults
    FROM classified
  ),
  judged AS (
    SELECT {selected}, coalesce(reason, CASE WHEN size(faults) > 0 THEN '{UNCASTABLE}' END) AS `reason`,
      CASE WHEN size(faults) > {_SHOWN_FAULTS}
        THEN concat(array_join(slice(faults, 1, {_SHOWN_FAULTS}), '; '), '; ',
          CAST(size(faults) - {_SHOWN_FAULTS} AS STRING), ' more')
        WHEN size(faults) > 0 THEN array_join(faults, '; ')
      END AS `detail`
    FROM checked
  )
  SELECT * FROM judged
  WHERE reason IS NOT NULL
    OR databricks_request_id IN (SELECT databricks_request_id FROM {quarantine.quoted})
) AS s
ON t.`databricks_request_id` = s.`databricks_request_id`
WHEN MATCHED AND s.`reason` IS NULL THEN DELETE
WHEN MATCHED AND s.`reason` <> t.`reason` THEN UPDATE SET `reason` = s.`reason`, `detail` = s.`detail`
WHEN NOT MATCHED AND s.`reason` IS NOT NULL THEN INSERT ({", ".join(map(quote, names))})
VALUES ({", ".join(f"s.{quote(name)}" for name in names)})"""  # noqa: S608 - names quoted, values bound
