"""What a monitor's configuration must satisfy before it is stored, each fault in words."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import sqlglot
from databricks.sdk.errors import InvalidParameterValue
from databricks.sdk.service.dataquality import DataProfilingCustomMetricType, InferenceProblemType
from sqlglot import expressions as exp

from databricks_monitoring.errors import InvalidValueError, nearest
from databricks_monitoring.monitor_definition import monitor_definition
from databricks_monitoring.names import TABLE_ROW

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from databricks.sdk.service.catalog import TableInfo
    from databricks.sdk.service.dataquality import (
        CronSchedule,
        DataProfilingConfig,
        DataProfilingCustomMetric,
        InferenceLogConfig,
        NotificationSettings,
        TimeSeriesConfig,
    )

NUMERIC = frozenset({"BYTE", "SHORT", "INT", "LONG", "FLOAT", "DOUBLE", "DECIMAL"})
NESTED = frozenset({"ARRAY", "MAP", "STRUCT", "VARIANT", "OBJECT", "BINARY"})
TIME_LIKE = frozenset(
    {"TIMESTAMP", "TIMESTAMP_NTZ", "DATE", "STRING", "SHORT", "INT", "LONG", "FLOAT", "DOUBLE"}
)
"""Types that Spark's `to_timestamp` accepts."""

_EMAILS_PER_EVENT = 5
_QUARTZ_FIELDS = (6, 7)

Types = dict[str, str]
"""Column names of a table to their type names, `DOUBLE` or `STRING`."""


def types_of(table: TableInfo) -> Types:
    """Return the type name of every column."""
    return {
        str(column.name): column.type_name.value if column.type_name else "" for column in table.columns or []
    }


def check(config: DataProfilingConfig, monitored: TableInfo, *, proba_column: str | None = None) -> None:
    """Refuse a configuration that cannot be computed over `monitored`.

    Raises
    ------
    InvalidParameterValue
        With what was found, what was expected, and the names that exist.
    """
    types = types_of(monitored)
    where = str(monitored.full_name)
    _check_analysis(config, types, where, proba_column)
    for expression in config.slicing_exprs or []:
        _check_slice(expression, types, where)
    _refuse_repeats("slicing_exprs", config.slicing_exprs or [])
    _check_custom_metrics(config.custom_metrics or [], types, where)
    try:
        monitor_definition(config, prediction_proba_column=proba_column)
    except InvalidValueError as error:
        raise InvalidParameterValue(str(error)) from error
    if config.schedule is not None:
        _check_schedule(config.schedule)
    if config.notification_settings is not None:
        _check_notifications(config.notification_settings)


def check_baseline(monitored: TableInfo, baseline: TableInfo) -> None:
    """Refuse a baseline that cannot be compared with the monitored table."""
    if baseline.full_name == monitored.full_name:
        raise InvalidParameterValue(
            f"baseline_table_name: {baseline.full_name} is the monitored table itself."
        )
    mine, theirs = types_of(monitored), types_of(baseline)
    if not mine.keys() & theirs.keys():
        raise InvalidParameterValue(
            f"baseline_table_name: {baseline.full_name} shares no column with {monitored.full_name}. "
            f"Its columns: {', '.join(theirs) or 'none'}. Expected: {', '.join(mine)}."
        )


def _check_analysis(config: DataProfilingConfig, types: Types, where: str, proba: str | None) -> None:
    given = [
        name for name in ("inference_log", "time_series", "snapshot") if getattr(config, name) is not None
    ]
    if len(given) != 1:
        raise InvalidParameterValue(
            "Exactly one of inference_log, time_series and snapshot is required; "
            f"found {' and '.join(given) or 'none'}."
        )
    if config.time_series is not None:
        _check_time(config.time_series, "time_series", types, where)
    if config.inference_log is not None:
        _check_time(config.inference_log, "inference_log", types, where)
        _check_inference_log(config.inference_log, types, where, proba)


def _check_time(part: TimeSeriesConfig | InferenceLogConfig, name: str, types: Types, where: str) -> None:
    kind = _column(part.timestamp_column, f"{name}.timestamp_column", types, where)
    if kind not in TIME_LIKE:
        raise InvalidParameterValue(
            f"{name}.timestamp_column: column {part.timestamp_column!r} of {where} is {kind}; "
            "expected TIMESTAMP, or a type that to_timestamp converts."
        )
    if not part.granularities:
        raise InvalidParameterValue(f"{name}.granularities: at least one granularity is required.")
    _refuse_repeats(f"{name}.granularities", [granularity.value for granularity in part.granularities])


def _check_inference_log(log: InferenceLogConfig, types: Types, where: str, proba: str | None) -> None:
    if log.problem_type is None:
        known = ", ".join(problem.value for problem in InferenceProblemType)
        raise InvalidParameterValue(
            f"inference_log.problem_type is missing or unknown; expected one of {known}."
        )
    roles = {
        "timestamp_column": log.timestamp_column,
        "prediction_column": log.prediction_column,
        "model_id_column": log.model_id_column,
    }
    if log.label_column:
        roles["label_column"] = log.label_column
    for role, column in roles.items():
        kind = _column(column, f"inference_log.{role}", types, where)
        if role != "timestamp_column" and kind in NESTED:
            raise InvalidParameterValue(
                f"inference_log.{role}: column {column!r} of {where} is {kind}; expected one value a row."
            )
    for column, times in Counter(roles.values()).items():
        if times > 1:
            sharing = " and ".join(role for role, name in roles.items() if name == column)
            raise InvalidParameterValue(
                f"inference_log: {sharing} are all {column!r}; each needs its own column."
            )
    if log.problem_type is InferenceProblemType.INFERENCE_PROBLEM_TYPE_REGRESSION:
        for role in ("prediction_column", "label_column"):
            _check_number(roles.get(role), role, types, where)
    if proba is not None:
        _check_proba(proba, log, types, where)


def _check_number(column: str | None, role: str, types: Types, where: str) -> None:
    if column is not None and types[column] not in NUMERIC:
        raise InvalidParameterValue(
            f"inference_log.{role}: column {column!r} of {where} is {types[column]}; a regression needs "
            "numbers. For classes use INFERENCE_PROBLEM_TYPE_CLASSIFICATION."
        )


def _check_proba(column: str, log: InferenceLogConfig, types: Types, where: str) -> None:
    if log.problem_type is not InferenceProblemType.INFERENCE_PROBLEM_TYPE_CLASSIFICATION:
        raise InvalidParameterValue(
            "inference_log.prediction_proba_col: only a classification has probabilities."
        )
    kind = _column(column, "inference_log.prediction_proba_col", types, where)
    if kind not in {"MAP", "STRUCT", "DOUBLE", "FLOAT"}:
        raise InvalidParameterValue(
            f"inference_log.prediction_proba_col: column {column!r} of {where} is {kind}; expected "
            "map<string,double>, a struct with a double per class, or a double with the probability of "
            "the positive class."
        )


def _column(name: str | None, where_given: str, types: Types, table: str) -> str:
    if not name:
        raise InvalidParameterValue(f"{where_given} is required.")
    if name not in types:
        guess = nearest(name, types)
        hint = f" Did you mean {guess!r}?" if guess else ""
        raise InvalidParameterValue(
            f"{where_given}: column {name!r} does not exist in {table}.{hint} "
            f"Columns: {', '.join(types) or 'none'}."
        )
    return types[name]


def _refuse_repeats(where: str, values: Sequence[str]) -> None:
    repeated = [value for value, times in Counter(values).items() if times > 1]
    if repeated:
        raise InvalidParameterValue(f"{where}: given more than once: {', '.join(repeated)}.")


def _check_slice(expression: str, types: Types, where: str) -> None:
    try:
        tree = sqlglot.parse_one(expression, dialect="databricks", into=exp.Condition)
    except sqlglot.errors.ParseError as error:
        raise InvalidParameterValue(
            f"slicing_exprs: {expression!r} is not a SQL expression: {error}"
        ) from error
    if tree.find(exp.AggFunc, exp.Query, exp.Window):
        raise InvalidParameterValue(
            f"slicing_exprs: {expression!r} looks at more than one row; "
            "expected an expression over the columns of a row."
        )
    fold = {name.casefold(): name for name in types}
    for column in tree.find_all(exp.Column):
        root = column.parts[0].name
        if root.casefold() not in fold:
            _column(root, f"slicing_exprs: {expression!r}", types, where)


def _check_custom_metrics(metrics: Sequence[DataProfilingCustomMetric], types: Types, where: str) -> None:
    _refuse_repeats("custom_metrics", [metric.name for metric in metrics])
    for metric in metrics:
        _check_custom_metric(metric, types, where)


def _check_custom_metric(metric: DataProfilingCustomMetric, types: Types, where: str) -> None:
    name = f"custom_metrics[{metric.name!r}]"
    for field in ("name", "definition", "input_columns", "output_data_type", "type"):
        if not getattr(metric, field):
            raise InvalidParameterValue(f"{name}.{field} is required.")
    for column in metric.input_columns:
        if column != TABLE_ROW:
            _column(column, f"{name}.input_columns", types, where)
    kind = metric.type
    if (
        kind is DataProfilingCustomMetricType.DATA_PROFILING_CUSTOM_METRIC_TYPE_DERIVED
        and "{{" in metric.definition
    ):
        raise InvalidParameterValue(
            f"INVALID_DERIVED_METRIC: {name} uses a template variable (UNDEFINED_TEMPLATE_VARIABLE); "
            "a derived metric names other metrics plainly."
        )
    if kind is DataProfilingCustomMetricType.DATA_PROFILING_CUSTOM_METRIC_TYPE_DRIFT:
        missing = [frame for frame in ("current_df", "base_df") if frame not in metric.definition]
        if missing:
            wanted = " and ".join("{{" + frame + "}}" for frame in missing)
            raise InvalidParameterValue(
                f"INVALID_DRIFT_METRIC: {name} lacks {wanted}; drift compares two rows."
            )
    if metric.output_data_type.lstrip().startswith("{"):
        _check_field_json(metric.output_data_type, name)


def _check_field_json(text: str, name: str) -> None:
    try:
        field: Mapping[str, object] = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidParameterValue(f"{name}.output_data_type is not JSON: {error}") from error
    if "type" not in field:
        raise InvalidParameterValue(
            f"{name}.output_data_type: expected the JSON of a StructField, with a `type`."
        )


def _check_schedule(schedule: CronSchedule) -> None:
    fields = (schedule.quartz_cron_expression or "").split()
    if len(fields) not in _QUARTZ_FIELDS:
        raise InvalidParameterValue(
            f"schedule.quartz_cron_expression: {schedule.quartz_cron_expression!r} has {len(fields)} fields; "
            "a Quartz expression has 6 or 7: second minute hour day month weekday "
            "[year], such as '0 0 12 * * ?'."
        )
    if (fields[3] == "?") == (fields[5] == "?"):
        raise InvalidParameterValue(
            f"schedule.quartz_cron_expression: {schedule.quartz_cron_expression!r} needs `?` in exactly "
            "one of day of month and day of week."
        )
    try:
        ZoneInfo(schedule.timezone_id)
    except (ZoneInfoNotFoundError, ValueError, TypeError) as error:
        raise InvalidParameterValue(
            f"schedule.timezone_id: {schedule.timezone_id!r} is no time zone such as 'Europe/Paris'."
        ) from error


def _check_notifications(settings: NotificationSettings) -> None:
    addresses = settings.on_failure.email_addresses or [] if settings.on_failure else []
    if len(addresses) > _EMAILS_PER_EVENT:
        raise InvalidParameterValue(
            f"notification_settings.on_failure: {len(addresses)} addresses; at most {_EMAILS_PER_EVENT}."
        )
