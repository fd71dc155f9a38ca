"""The rows that a dashboard's widgets show."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlglot
from databricks.sdk.service.sql import StatementParameterListItem
from sqlglot import expressions as exp

from databricks_monitoring.local_workspace.sql.errors import SqlError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from databricks_monitoring.local_workspace.sql.engine import SqlEngine

Json = dict[str, Any]

_ROWS_AT_MOST = 20_000
_AT_ONCE = 4
_DIALECT = "databricks"


@dataclass(frozen=True)
class Answer:
    """What one widget's query gave: rows, or the reason there are none.

    Attributes
    ----------
    cut
        There were more rows than are shown.
    """

    columns: tuple[str, ...] = ()
    rows: list[Json] = field(default_factory=list)
    error: str | None = None
    cut: bool = False


@dataclass(frozen=True)
class _Query:
    """A statement with what it needs to run; equal ones run once."""

    sql: str
    catalog: str | None
    schema: str | None
    parameters: tuple[tuple[str, str, str], ...]


def answers(engine: SqlEngine, dashboard: Json, widgets: Iterable[Json]) -> dict[str, Answer]:
    """Return the answer of each widget by its name.

    One that fails carries its error and stops nobody else's.
    """
    datasets = {dataset["name"]: dataset for dataset in dashboard.get("datasets", [])}
    queries: dict[str, _Query] = {}
    found: dict[str, Answer] = {}
    for widget in widgets:
        try:
            queries[widget["name"]] = _query(widget, datasets)
        except (KeyError, IndexError) as error:
            found[widget["name"]] = Answer(
                error=f"The widget has no query that could be run: {error} is missing."
            )
        except sqlglot.errors.SqlglotError as error:
            found[widget["name"]] = Answer(error=f"The dataset is not a statement: {error}")
    distinct = list(dict.fromkeys(queries.values()))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        given = dict(zip(distinct, pool.map(lambda query: _run(engine, query), distinct), strict=True))
    return found | {name: given[query] for name, query in queries.items()}


def dataset_sql(dataset: Json) -> str:
    """Return the statement of a dataset, whichever way it is written."""
    return "".join(dataset["queryLines"]) if "queryLines" in dataset else str(dataset["query"])


def _query(widget: Json, datasets: dict[str, Json]) -> _Query:
    query = widget["queries"][0]["query"]
    dataset = datasets[query["datasetName"]]
    sql = dataset_sql(dataset).strip().rstrip(";")
    fields = query.get("fields", [])
    if not query.get("disaggregated") or not all(_is_plain(item) for item in fields):
        sql = _aggregated(sql, fields)
    return _Query(sql, dataset.get("catalog"), dataset.get("schema"), _defaults(dataset))


def _is_plain(item: Json) -> bool:
    return str(item["expression"]).strip("`") == str(item["name"])


def _aggregated(sql: str, fields: list[Json]) -> str:
    """Return a query over the dataset: expressions by name, grouped by those that aggregate nothing."""
    parsed = {item["name"]: sqlglot.parse_one(item["expression"], dialect=_DIALECT) for item in fields}
    source = sqlglot.parse_one(sql, dialect=_DIALECT)
    if not isinstance(source, exp.Query):
        return sql
    keys = [expression.copy() for expression in parsed.values() if not expression.find(exp.AggFunc)]
    select = exp.select(*(exp.alias_(tree, name, quoted=True) for name, tree in parsed.items()))
    select = select.from_(source.subquery("dataset"))
    if keys and len(keys) < len(parsed):
        select = select.group_by(*keys)
    elif keys:
        select = select.distinct()
    return select.sql(dialect=_DIALECT)


def _defaults(dataset: Json) -> tuple[tuple[str, str, str], ...]:
    """Return name, type and default value of each parameter that has one."""
    given = []
    for parameter in dataset.get("parameters", []):
        values = parameter.get("defaultSelection", {}).get("values", {})
        given += [
            (parameter["keyword"], parameter.get("dataType", "STRING"), str(value["value"]))
            for value in values.get("values", [])[:1]
        ]
    return tuple(given)


def _run(engine: SqlEngine, query: _Query) -> Answer:
    parameters = [
        StatementParameterListItem(name=name, type=kind, value=value)
        for name, kind, value in query.parameters
    ]
    try:
        result = engine.run(
            query.sql,
            catalog=query.catalog,
            schema=query.schema,
            parameters=parameters,
            row_limit=_ROWS_AT_MOST + 1,
        )
    except SqlError as error:
        return Answer(error=str(error))
    rows = [{name: plain(value) for name, value in row.items()} for row in result.table.to_pylist()]
    return Answer(tuple(result.table.column_names), rows[:_ROWS_AT_MOST], cut=len(rows) > _ROWS_AT_MOST)


def plain(value: Any) -> Any:  # noqa: ANN401 - whatever a cell holds
    """Return a cell's value as JSON knows it; NaN and the infinities are null, times ISO 8601 in UTC."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime):
        moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return moment.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)
