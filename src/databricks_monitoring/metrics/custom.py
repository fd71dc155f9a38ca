"""Custom metrics: one SQL expression each, over rows, over a profile row, or over two profile rows.

An expression is Databricks SQL in a template. It is read as a tree, its columns are resolved, and it runs in
DuckDB: aggregates over the monitored rows, the others over the metric rows that are about to be written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlglot
from sqlglot import expressions as exp

from databricks_monitoring.errors import ColumnNotFoundError, InvalidValueError, MetricError
from databricks_monitoring.metrics import tables
from databricks_monitoring.metrics.dialect import duckdb_sql, with_known_aggregates
from databricks_monitoring.metrics.engines.delta_scan import literal
from databricks_monitoring.metrics.engines.duckdb import DuckDBEngine, connect, no_rows
from databricks_monitoring.metrics.groups import Group
from databricks_monitoring.metrics.slices import resolve_columns
from databricks_monitoring.names import TABLE_ROW, quote

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from databricks_monitoring.metrics.arrays import Integers
    from databricks_monitoring.metrics.columns import Column
    from databricks_monitoring.metrics.definition import CustomMetric, MonitorDefinition
    from databricks_monitoring.metrics.profile.cells import Cells
    from databricks_monitoring.metrics.slices import Slicing
    from databricks_monitoring.metrics.windows import Calendar

CURRENT, BASE = "current_df", "base_df"

_ERROR_OF = {
    "aggregate": "UNDEFINED_TEMPLATE_VARIABLE",
    "derived": "INVALID_DERIVED_METRIC, UNDEFINED_TEMPLATE_VARIABLE",
    "drift": "INVALID_DRIFT_METRIC, UNDEFINED_TEMPLATE_VARIABLE",
}
"""What Databricks calls the use of a variable that a metric of this kind does not have."""

_VARIABLE = re.compile(r"`?\{\{\s*(\w+)\s*\}\}`?")
_DUCKDB_NAMES = {
    pa.string(): "VARCHAR",
    pa.bool_(): "BOOLEAN",
    pa.int8(): "TINYINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.date32(): "DATE",
    pa.binary(): "BLOB",
    tables.TIMESTAMP: "TIMESTAMPTZ",
}


def _where(metric: CustomMetric) -> str:
    return f"custom_metrics[{metric.name!r}].definition"


def rendered(metric: CustomMetric, variables: Mapping[str, str | None]) -> str:
    """Return the definition with its template variables replaced by quoted names.

    Raises
    ------
    InvalidValueError
        If it uses a variable that this kind of metric does not have, or another part of Jinja.
    """

    def named(match: re.Match[str]) -> str:
        name = variables.get(match.group(1))
        if name is None:
            known = ", ".join("{{" + variable + "}}" for variable, value in variables.items() if value)
            raise InvalidValueError(
                _where(metric), match.group(0), f"only {known or 'plain names'} ({_ERROR_OF[metric.kind]})"
            )
        return quote(name)

    if "{%" in metric.definition or "{#" in metric.definition:
        raise InvalidValueError(_where(metric), metric.definition, "template variables and no other Jinja")
    return _VARIABLE.sub(named, metric.definition)


def _tree(metric: CustomMetric, text: str) -> exp.Expr:
    try:
        parsed = sqlglot.parse_one(text, dialect="databricks", into=exp.Condition)
    except sqlglot.errors.SqlglotError as error:
        raise InvalidValueError(_where(metric), metric.definition, "one SQL expression") from error
    tree = with_known_aggregates(parsed)
    if tree.find(exp.Query, exp.Window):
        raise InvalidValueError(_where(metric), metric.definition, "no subquery and no window function")
    if isinstance(tree, exp.Star):
        raise InvalidValueError(_where(metric), metric.definition, "one SQL expression")
    if metric.kind != "aggregate" and tree.find(exp.AggFunc):
        raise InvalidValueError(_where(metric), metric.definition, "no aggregate: it reads finished metrics")
    return tree


def _sql(metric: CustomMetric, tree: exp.Expr) -> str:
    """Return an expression in DuckDB's SQL, cast as Databricks casts to the type of the metric."""
    kind = tables.custom_metric_type(metric)
    name = f"DECIMAL({kind.precision}, {kind.scale})" if pa.types.is_decimal(kind) else _DUCKDB_NAMES[kind]
    return duckdb_sql(exp.cast(tree, name, dialect="duckdb"), _where(metric))


@dataclass(frozen=True)
class Aggregate:
    """An aggregate metric of one input column, in DuckDB's SQL.

    Attributes
    ----------
    metric
        Its name.
    column_name
        The column on whose row it stands.
    sql
        The expression.
    columns
        The columns it reads.
    """

    metric: str
    column_name: str
    sql: str
    columns: frozenset[str] = frozenset()


def aggregates(definition: MonitorDefinition, columns: Iterable[str]) -> list[Aggregate]:
    """Return the aggregate metrics over a table with these columns.

    Raises
    ------
    InvalidValueError, ColumnNotFoundError
        If one cannot be computed there.
    """
    names = list(columns)
    return [
        _aggregate(metric, column, definition, names)
        for metric in definition.metrics_of("aggregate")
        for column in metric.input_columns
    ]


def _aggregate(
    metric: CustomMetric, column: str, definition: MonitorDefinition, names: Iterable[str]
) -> Aggregate:
    variables = {
        "input_column": None if column == TABLE_ROW else column,
        "prediction_col": definition.prediction_column,
        "label_col": definition.label_column,
    }
    tree = _tree(metric, rendered(metric, variables))
    resolve_columns(tree, names, _where(metric))
    read = frozenset(part.parts[0].name for part in tree.find_all(exp.Column))
    return Aggregate(metric.name, column, _sql(metric, tree), read)


def aggregates_of_baseline(
    definition: MonitorDefinition, columns: Mapping[str, Column]
) -> tuple[list[Aggregate], list[str]]:
    """Return the aggregate metrics that a baseline with these columns has, and why it lacks the others."""
    found, lacking = [], []
    shape = DuckDBEngine(no_rows(columns), columns, version=None, timestamp_column=None)
    try:
        for metric in definition.metrics_of("aggregate"):
            for column in metric.input_columns:
                try:
                    one = _aggregate(metric, column, definition, columns)
                    shape.types([one.sql])
                except (ColumnNotFoundError, duckdb.Error) as error:
                    why = str(error).splitlines()[0]
                    lacking.append(f"The baseline has no custom metric {metric.name} on {column}: {why}")
                else:
                    found.append(one)
    finally:
        shape.close()
    return found, lacking


def aggregate_cells(
    engine: DuckDBEngine,
    wanted: Sequence[Aggregate],
    *,
    model: str | None,
    whole: str | None,
    slicings: Sequence[Slicing],
    calendar: Calendar | None,
    span: tuple[int, int] | None,
    unreadable: Collection[str] = (),
    chosen: Mapping[str, Collection[str]] | None = None,
) -> dict[tuple[int | None, Group], dict[str, Cells]]:
    """Return the aggregate metrics by window and group, then by the column on whose row they stand.

    Parameters
    ----------
    engine, wanted
        The table, and what to compute over it.
    model
        SQL of the model id; None where the table has none.
    whole
        Model id of all models together; None where metric rows carry no model id.
    slicings
        Slicing expressions.
    calendar, span
        The windows, by their start; without a calendar the whole table is one, None.
    unreadable
        Columns that cannot be read somewhere; a metric that fails over one of them is NULL.
    chosen
        The values of slicing expressions that have more than get rows; of others nothing is computed.

    Raises
    ------
    MetricError
        If another metric fails, named.

    Notes
    -----
    Sums are added in the order in which DuckDB meets the rows: last digits may differ between refreshes.
    """
    wanted = _computable(engine, wanted, span, unreadable)
    if not wanted:
        return {}
    start = engine.window_start(calendar) if calendar else "CAST(NULL AS BIGINT)"
    found: dict[tuple[int | None, Group], dict[str, Cells]] = {}
    expressions = [one.sql for one in wanted]
    for slicing in (None, *slicings):
        for by_model in (False, True) if model else (False,):
            value_key = _only(slicing.text_sql, (chosen or {}).get(slicing.key)) if slicing else "NULL"
            keys = [start, value_key, str(model) if by_model else "NULL"]
            try:
                rows = engine.aggregate(expressions, keys, span)
            except duckdb.Error as error:
                failing = [one for one in wanted if _fails(engine, one, span)] or wanted
                names = ", ".join(dict.fromkeys(one.metric for one in failing))
                raise MetricError(f"Custom metrics that cannot be computed: {names}. {error}") from error
            for window, value, model_id, *values in rows:
                group = Group(
                    slicing.key if slicing else None,
                    None if value is None else str(value),
                    str(model_id) if by_model and model_id is not None else whole,
                )
                if (slicing and value is None) or (by_model and model_id is None):
                    continue
                cells = found.setdefault((None if window is None else int(str(window)), group), {})
                for one, result in zip(wanted, values, strict=True):
                    cells.setdefault(one.column_name, {})[one.metric] = result
    return found


def _only(text: str, values: Collection[str] | None) -> str:
    """Return the SQL of a text that is NULL where it is none of some values, if any are given."""
    if values is None:
        return text
    return f"CASE WHEN {text} IN ({', '.join(map(literal, sorted(values)))}) THEN {text} END"


def _computable(
    engine: DuckDBEngine,
    wanted: Sequence[Aggregate],
    span: tuple[int, int] | None,
    unreadable: Collection[str],
) -> list[Aggregate]:
    """Return the metrics that do not fail because a column cannot be read."""
    return [one for one in wanted if not (one.columns.intersection(unreadable) and _fails(engine, one, span))]


def _fails(engine: DuckDBEngine, one: Aggregate, span: tuple[int, int] | None) -> bool:
    try:
        engine.aggregate([one.sql], [], span)
    except duckdb.Error:
        return True
    return False


class Derived:
    """Adds derived metrics to profile rows.

    Parameters
    ----------
    definition
        The monitor.
    schema
        Columns of the profile table, which derived metrics may name.
    """

    def __init__(self, definition: MonitorDefinition, schema: pa.Schema) -> None:
        self._schema = schema
        self._connection = connect()
        self._metrics = [
            (metric, self._expression(metric, schema)) for metric in definition.metrics_of("derived")
        ]

    def _expression(self, metric: CustomMetric, schema: pa.Schema) -> tuple[str, list[str]]:
        tree = _tree(metric, rendered(metric, {}))
        resolve_columns(tree, schema.names, _where(metric))
        used = sorted({column.parts[0].name for column in tree.find_all(exp.Column)})
        return _sql(metric, tree), used

    def added(self, rows: pa.RecordBatch, column: str) -> pa.RecordBatch:
        """Return the profile rows of one column with their derived metrics, each after those it may name."""
        for metric, (sql, used) in self._metrics:
            if column in metric.input_columns and rows.num_rows:
                source = pa.Table.from_batches([rows.select(used)])
                values = _computed(self._connection, metric, sql, source)
                at = rows.schema.get_field_index(metric.name)
                kind = rows.schema.field(at).type
                rows = rows.set_column(at, rows.schema.field(at), values.combine_chunks().cast(kind))
        return rows


class DriftMetrics:
    """Computes custom drift metrics of pairs of profile rows.

    Parameters
    ----------
    definition
        The monitor.
    schema
        Columns of the profile table, which drift metrics may name of either row.
    """

    def __init__(self, definition: MonitorDefinition, schema: pa.Schema) -> None:
        self._schema = schema
        self._connection = connect()
        self._metrics = []
        self.used: set[str] = set()
        for metric in definition.metrics_of("drift"):
            sql, used = self._expression(metric)
            self._metrics.append((metric, sql, used))
            self.used |= {name for _, name in used}

    def _expression(self, metric: CustomMetric) -> tuple[str, list[tuple[str, str]]]:
        """Return the SQL over columns named `frame.metric`, and which these are."""
        tree = _tree(metric, rendered(metric, {CURRENT: CURRENT, BASE: BASE}))
        by_fold = {name.casefold(): name for name in self._schema.names}
        used = set()
        for column in list(tree.find_all(exp.Column)):
            frame, *path = (part.name for part in column.parts)
            if frame not in (CURRENT, BASE) or not path:
                expected = "every metric read from {{current_df}} or {{base_df}}"
                raise InvalidValueError(_where(metric), column.sql(dialect="databricks"), expected)
            if path[0].casefold() not in by_fold:
                expected = "a column of the profile table: " + ", ".join(self._schema.names)
                raise InvalidValueError(_where(metric), path[0], expected)
            name = by_fold[path[0].casefold()]
            used.add((frame, name))
            read: exp.Expr = exp.column(exp.to_identifier(f"{frame}.{name}", quoted=True))
            for part in path[1:]:
                read = exp.Dot(this=read, expression=exp.to_identifier(part, quoted=True))
            if column is tree:
                tree = read
            else:
                column.replace(read)
        if {frame for frame, _ in used} != {CURRENT, BASE}:
            expected = "an expression over both {{current_df}} and {{base_df}} (INVALID_DRIFT_METRIC)"
            raise InvalidValueError(_where(metric), metric.definition, expected)
        return _sql(metric, tree), sorted(used)

    def computed(self, profiles: pa.Table, current: Integers, comparison: Integers) -> dict[str, pa.Array]:
        """Return the custom metrics of drift rows, NULL on rows of columns that one is not for.

        Parameters
        ----------
        profiles
            Profile rows: their column names, and the columns that metrics read.
        current, comparison
            The places of the two rows that each drift row compares.
        """
        found = {}
        for metric, sql, used in self._metrics:
            wanted = pc.is_in(profiles.column("column_name"), pa.array(metric.input_columns, pa.string()))
            chosen = np.flatnonzero(wanted.to_numpy()[current])
            sides = {CURRENT: pa.array(current[chosen]), BASE: pa.array(comparison[chosen])}
            read = {f"{frame}.{name}": profiles.column(name).take(sides[frame]) for frame, name in used}
            values = _over_table(self._connection, metric, sql, pa.table(read))
            at = np.full(len(current), -1)
            at[chosen] = np.arange(len(chosen))
            found[metric.name] = values.take(pa.array(at, mask=at < 0))
        return found


def _over_table(
    connection: duckdb.DuckDBPyConnection, metric: CustomMetric, sql: str, table: pa.Table
) -> pa.Array:
    """Return an expression's value over each row of a table."""
    kind = tables.custom_metric_type(metric)
    if not table.num_rows:
        return pa.nulls(0, kind)
    # A row number keeps the order.
    numbered = table.append_column("@row", pa.array(range(table.num_rows)))
    try:
        found = connection.from_arrow(numbered).project(f'{sql} AS value, "@row"').order('"@row"')
        return found.to_arrow_table().column(0).combine_chunks().cast(kind)
    except duckdb.Error as error:
        raise MetricError(f"Custom metric {metric.name} cannot be computed: {error}") from error


def _computed(
    connection: duckdb.DuckDBPyConnection, metric: CustomMetric, sql: str, rows: pa.Table
) -> pa.ChunkedArray:
    # A row number keeps the order, and is there for expressions that name no column.
    numbered = rows.append_column("@row", pa.array(range(len(rows)), pa.int64()))
    try:
        found = connection.from_arrow(numbered).project(f'{sql} AS value, "@row"').order('"@row"')
        return found.to_arrow_table().column(0)
    except duckdb.Error as error:
        raise MetricError(f"Custom metric {metric.name} cannot be computed: {error}") from error
