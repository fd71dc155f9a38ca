"""The documented words of monitors (`*_col`, `1 day`) and those of the current API (`*_column`, enums)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from databricks.sdk.service.dataquality import (
    AggregationGranularity,
    CronSchedule,
    DataProfilingConfig,
    DataProfilingCustomMetric,
    DataProfilingCustomMetricType,
    InferenceLogConfig,
    InferenceProblemType,
    SnapshotConfig,
    TimeSeriesConfig,
)

from databricks_monitoring.config import expression_columns
from databricks_monitoring.names import TABLE_ROW

if TYPE_CHECKING:
    from collections.abc import Iterable

    from databricks_monitoring.config import CustomMetric, MonitorConfig, MonitoringConfig

_MASK_ROOT = "data_profiling_config"
_UPDATED = (
    "output_schema_id",
    "inference_log",
    "time_series",
    "snapshot",
    "baseline_table_name",
    "slicing_exprs",
    "custom_metrics",
    "schedule",
)


def granularity(text: str) -> AggregationGranularity:
    """Return the API's word for a granularity.

    Examples
    --------
    >>> granularity("1 day").value
    'AGGREGATION_GRANULARITY_1_DAY'
    """
    return AggregationGranularity("AGGREGATION_GRANULARITY_" + text.upper().replace(" ", "_"))


def granularity_text(value: AggregationGranularity) -> str:
    """Return a granularity as metric tables spell it.

    Examples
    --------
    >>> granularity_text(AggregationGranularity.AGGREGATION_GRANULARITY_2_WEEKS)
    '2 weeks'
    """
    return value.value.removeprefix("AGGREGATION_GRANULARITY_").lower().replace("_", " ")


def profiling_config(
    config: MonitorConfig,
    *,
    output_schema_id: str,
    baseline_table: str | None,
    assets_dir: str,
    skip_builtin_dashboard: bool,
    warehouse_id: str | None,
) -> DataProfilingConfig:
    """Return a monitor's configuration in the words of the current API."""
    granularities = [granularity(text) for text in config.granularities]
    result = DataProfilingConfig(
        output_schema_id=output_schema_id,
        assets_dir=assets_dir,
        baseline_table_name=baseline_table,
        custom_metrics=[_custom_metric(metric) for metric in config.custom_metrics] or None,
        schedule=(
            CronSchedule(quartz_cron_expression=config.schedule, timezone_id=config.timezone)
            if config.schedule
            else None
        ),
        skip_builtin_dashboard=skip_builtin_dashboard,
        slicing_exprs=list(config.slicing_exprs) or None,
        warehouse_id=warehouse_id,
    )
    match config.profile_type:
        case "InferenceLog":
            problem = f"INFERENCE_PROBLEM_TYPE_{(config.problem_type or '').upper()}"
            result.inference_log = InferenceLogConfig(
                problem_type=InferenceProblemType(problem),
                timestamp_column=config.timestamp_col,
                granularities=granularities,
                prediction_column=config.prediction_col,
                model_id_column=config.model_id_col,
                label_column=config.label_col,
            )
        case "TimeSeries":
            result.time_series = TimeSeriesConfig(
                timestamp_column=config.timestamp_col, granularities=granularities
            )
        case "Snapshot":
            result.snapshot = SnapshotConfig()
    return result


def columns_needed(config: MonitorConfig | MonitoringConfig) -> list[str]:
    """Return the columns that the monitored table must have."""
    read = [name for text in config.slicing_exprs for name in expression_columns(text)]
    read += [name for metric in config.custom_metrics for name in metric.input_columns if name != TABLE_ROW]
    match config.profile_type:
        case "InferenceLog":
            found = [config.timestamp_col, config.prediction_col, config.model_id_col, config.label_col]
        case "TimeSeries":
            found = [config.timestamp_col]
        case _:
            found = []
    return [name for name in [*found, *read] if name]


def changed_fields(current: DataProfilingConfig, wanted: DataProfilingConfig) -> str:
    """Return the update mask of what differs; empty if nothing does."""
    return ",".join(
        f"{_MASK_ROOT}.{name}"
        for name in _UPDATED
        if _comparable(name, getattr(current, name)) != _comparable(name, getattr(wanted, name))
    )


def _comparable(name: str, value: object) -> object:
    if value is None or value == []:
        return None
    if isinstance(value, SnapshotConfig):
        return "snapshot"  # its body is empty
    if isinstance(value, CronSchedule):
        # A pause of the schedule is set in the workspace and left to it.
        return value.quartz_cron_expression, value.timezone_id
    if isinstance(value, list):
        return [_comparable(name, item) for item in value]
    if name == "baseline_table_name":
        return str(value).replace("`", "").lower()
    as_dict = getattr(value, "as_dict", None)
    return as_dict() if as_dict else value


def _custom_metric(metric: CustomMetric) -> DataProfilingCustomMetric:
    return DataProfilingCustomMetric(
        name=metric.name,
        definition=metric.definition,
        input_columns=list(metric.input_columns),
        output_data_type=_field_json(metric.output_data_type),
        type=DataProfilingCustomMetricType(f"DATA_PROFILING_CUSTOM_METRIC_TYPE_{metric.type.upper()}"),
    )


def _field_json(output_data_type: str) -> str:
    """Return a type as the JSON of a struct field; with a bare type name a monitor never initialises."""
    if output_data_type.lstrip().startswith("{"):
        return output_data_type
    body = {"metadata": {}, "name": "output", "nullable": True, "type": output_data_type}
    return json.dumps(body)


def names(granularities: Iterable[AggregationGranularity]) -> list[str]:
    """Return granularities as metric tables spell them."""
    return [granularity_text(value) for value in granularities]
