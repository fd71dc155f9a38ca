"""Labels: the truth, merged into the rows whose prediction it judges, when it becomes known."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from databricks_monitoring.errors import ConfigError, InvalidValueError
from databricks_monitoring.names import TableName, quote
from databricks_monitoring.serving.inference_table import changed
from databricks_monitoring.serving.payload_values import cast
from databricks_monitoring.unity_catalog import require_columns, require_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from databricks.sdk.service.catalog import TableInfo

    from databricks_monitoring.clients import SqlClient
    from databricks_monitoring.config import LabelConfig

logger = logging.getLogger(__name__)

_FRACTIONS = ("double", "float", "decimal")


@dataclass(frozen=True)
class Labelled:
    """What one merge of labels did.

    Attributes
    ----------
    rows
        Rows whose label was set or corrected.
    labels
        Keys with a label in the label table.
    unmatched
        Those among them that no row has: not unpacked yet, deleted, or another kind of key.
    """

    rows: int
    labels: int
    unmatched: int

    def words(self) -> str:
        """Return it in words."""
        said = f"{self.rows:,} rows labelled"
        return (
            f"{said}, {self.unmatched:,} of {self.labels:,} labels match no row" if self.unmatched else said
        )


def merge_labels(
    sql: SqlClient,
    inference_table: TableName | str,
    label_table: TableName | str,
    on: str | Sequence[str] = "row_id",
    label_col: str = "label",
    *,
    timestamp_col: str | None = None,
    position_col: str | None = None,
) -> int:
    """Set the label of every row whose label is known and different, and return how many rows changed.

    A row without a label keeps NULL, which means unknown and never counts as wrong; a label that is NULL
    changes nothing. `merge_labels_counted` also tells how many labels match no row.

    Parameters
    ----------
    on : str or sequence of str
        Columns of both tables that say which rows a label is for: `row_id`, `client_request_id`, or columns
        of the model's input.
    label_col : str
        Column of the label table; cast to the type of `label`.
    timestamp_col : str, optional
        Column of the label table; of several labels for one key the latest wins.
    position_col : str, optional
        Column of the label table with the row's position in its request, from 0.

    Raises
    ------
    TableNotFoundError, ColumnNotFoundError
        Naming what exists.
    ConfigError
        If one key has different labels and no `timestamp_col` decides between them.
    """
    return merge_labels_counted(
        sql,
        inference_table,
        label_table,
        on,
        label_col,
        timestamp_col=timestamp_col,
        position_col=position_col,
    ).rows


def merge_labels_counted(
    sql: SqlClient,
    inference_table: TableName | str,
    label_table: TableName | str,
    on: str | Sequence[str] = "row_id",
    label_col: str = "label",
    *,
    timestamp_col: str | None = None,
    position_col: str | None = None,
) -> Labelled:
    """Merge labels as `merge_labels` does, and return also how many of them match no row."""
    target = TableName.parse(inference_table) if isinstance(inference_table, str) else inference_table
    source = (
        TableName.parse(label_table, within=target.parent) if isinstance(label_table, str) else label_table
    )
    keys = [on] if isinstance(on, str) else list(on)
    if not keys:
        raise InvalidValueError("on", keys, "at least one column that says which row a label is for")
    source_info, target_info = require_table(sql.client, source), require_table(sql.client, target)
    extra = [name for name in (timestamp_col, position_col) if name]
    require_columns(source_info, [*keys, label_col, *extra])
    require_columns(target_info, [*keys, "label", "row_id"])
    label = quote(label_col)
    types = _types(target_info)
    given = _types(source_info)
    groups = {key: _as_key(quote(key), given[key.lower()], types[key.lower()]) for key in keys}
    if position_col:
        groups[position_col] = f"try_cast({quote(position_col)} AS BIGINT)"
    known = " AND ".join(f"{column} IS NOT NULL" for column in [label, *groups.values()])
    if timestamp_col is None:
        _refuse_contradictions(sql, source, groups, label, known)
    value = _as_label(label, given[label_col.lower()], types["label"])
    order = f"{quote(timestamp_col)} DESC, {label}" if timestamp_col else label
    selected = ", ".join(f"{column} AS k{number}" for number, column in enumerate(groups.values()))
    matches = [
        f"{_as_key(f'r.{quote(key)}', types[key.lower()], given[key.lower()])} = k.k{number}"
        for number, key in enumerate(keys)
    ]
    if position_col:
        matches.append(f"try_cast(split_part(r.`row_id`, '_', -1) AS BIGINT) = k.k{len(keys)}")
    text = types["label"] == "string" and "prediction" in types
    new = _as_predicted("k.new_label", "r.`prediction`") if text else "k.new_label"
    # Rows to change are found first and then named by their id, so that nothing else is rewritten.
    rows = sql.execute(
        f"""MERGE INTO {target.quoted} AS t
USING (
  SELECT r.`row_id`, {new} AS new_label
  FROM {target.quoted} AS r
  JOIN (
    SELECT {selected}, {value} AS new_label
    FROM {source.quoted}
    WHERE {known}
    QUALIFY row_number() OVER (PARTITION BY {", ".join(groups.values())} ORDER BY {order}) = 1
  ) AS k ON {" AND ".join(matches)}
  WHERE NOT (r.`label` <=> {new})
) AS s
ON t.`row_id` = s.`row_id`
WHEN MATCHED THEN UPDATE SET `label` = s.new_label"""  # noqa: S608 - quoted
    )
    distinct = f"SELECT DISTINCT {selected} FROM {source.quoted} WHERE {known}"  # noqa: S608 - quoted
    [found] = sql.execute(
        f"SELECT (SELECT count(*) FROM ({distinct}) AS a) AS labels, count(*) AS unmatched "  # noqa: S608 - quoted
        f"FROM ({distinct}) AS k LEFT ANTI JOIN {target.quoted} AS r ON {' AND '.join(matches)}"
    )
    done = Labelled(
        changed(rows, "num_updated_rows"),
        int(str(found["labels"])),
        int(str(found["unmatched"])),
    )
    logger.info("%s: %s from %s", target, done.words(), source)
    return done


def merge_configured_labels(sql: SqlClient, inference_table: TableName, config: LabelConfig) -> Labelled:
    """Merge the labels that a configuration names; see `merge_labels`."""
    return merge_labels_counted(
        sql,
        inference_table,
        config.table,
        config.key_columns,
        config.label_col,
        timestamp_col=config.timestamp_col,
        position_col=config.position_col,
    )


def _refuse_contradictions(
    sql: SqlClient, source: TableName, groups: Mapping[str, str], label: str, known: str
) -> None:
    listed = ", ".join(f"{column} AS {quote(name)}" for name, column in groups.items())
    rows = sql.execute(
        f"SELECT {listed} FROM {source.quoted} WHERE {known} "  # noqa: S608 - quoted
        f"GROUP BY {', '.join(groups.values())} HAVING count(DISTINCT {label}) > 1 LIMIT 1"
    )
    if rows:
        shown = ", ".join(f"{name} = {value!r}" for name, value in rows[0].items())
        raise ConfigError(
            f"Table {source} has different labels for {shown}. Name the column that tells which is latest "
            "(timestamp_col), or remove the others."
        )


def _types(info: TableInfo) -> dict[str, str]:
    return {(column.name or "").lower(): (column.type_text or "").lower() for column in info.columns or []}


def _as_key(value: str, given: str, other: str) -> str:
    """Return a key as what it is compared with, if it is a text and that is none.

    Fields of requests that the model does not take are kept as texts, and one text that is no number must not
    keep all other labels from their rows.
    """
    return cast(value, other) if given == "string" and other != "string" else value


def _as_label(value: str, given: str, wanted: str) -> str:
    if wanted.lower() == "string" and given.lower().startswith(_FRACTIONS):
        # 1.0 and the prediction '1' are the same class.
        whole = f"CASE WHEN {value} % 1 = 0 THEN CAST(try_cast({value} AS BIGINT) AS STRING) END"
        return f"coalesce({whole}, CAST({value} AS STRING))"
    return f"CAST({value} AS {wanted})"


def _as_predicted(label: str, prediction: str) -> str:
    """Return a class as the prediction beside it is written: 1 as 1.0 if the model answers with fractions."""
    return (
        f"CASE WHEN {prediction} RLIKE '^-?[0-9]+[.]0$' AND {label} RLIKE '^-?[0-9]+$' "
        f"THEN concat({label}, '.0') ELSE {label} END"
    )
