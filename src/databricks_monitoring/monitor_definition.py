"""From a monitor's configuration, as the API words it, to the definition that the metric engine takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks.sdk.service.dataquality import (
    DataProfilingConfig,
    DataProfilingCustomMetricType,
    InferenceProblemType,
)

from databricks_monitoring.metrics.definition import CustomMetric, MonitorDefinition

if TYPE_CHECKING:
    from databricks.sdk.service.dataquality import DataProfilingCustomMetric

    from databricks_monitoring.metrics.definition import CustomMetricKind, ProblemType

_METRIC_KIND: dict[DataProfilingCustomMetricType, CustomMetricKind] = {
    DataProfilingCustomMetricType.DATA_PROFILING_CUSTOM_METRIC_TYPE_AGGREGATE: "aggregate",
    DataProfilingCustomMetricType.DATA_PROFILING_CUSTOM_METRIC_TYPE_DERIVED: "derived",
    DataProfilingCustomMetricType.DATA_PROFILING_CUSTOM_METRIC_TYPE_DRIFT: "drift",
}
_PROBLEM: dict[InferenceProblemType, ProblemType] = {
    InferenceProblemType.INFERENCE_PROBLEM_TYPE_CLASSIFICATION: "classification",
    InferenceProblemType.INFERENCE_PROBLEM_TYPE_REGRESSION: "regression",
}


def granularity_text(value: str) -> str:
    """Return a granularity as metric tables spell it.

    Examples
    --------
    >>> granularity_text("AGGREGATION_GRANULARITY_30_MINUTES")
    '30 minutes'
    """
    return value.removeprefix("AGGREGATION_GRANULARITY_").replace("_", " ").lower()


def monitor_definition(
    config: DataProfilingConfig, *, prediction_proba_column: str | None = None
) -> MonitorDefinition:
    """Return the definition that `config` describes.

    Raises
    ------
    InvalidValueError
        If the metric engine refuses it.
    """
    slicing = tuple(config.slicing_exprs or ())
    custom = tuple(_custom_metric(metric) for metric in config.custom_metrics or ())
    version = config.monitor_version or 0
    if config.snapshot is not None:
        return MonitorDefinition(
            kind="snapshot", slicing_exprs=slicing, custom_metrics=custom, monitor_version=version
        )
    timed = config.inference_log or config.time_series
    granularities = (
        tuple(granularity_text(granularity.value) for granularity in timed.granularities) if timed else ()
    )
    log = config.inference_log
    return MonitorDefinition(
        kind="inference_log" if log else "time_series",
        timestamp_column=timed.timestamp_column if timed else None,
        granularities=granularities,
        problem_type=_PROBLEM[log.problem_type] if log else None,
        prediction_column=log.prediction_column if log else None,
        model_id_column=log.model_id_column if log else None,
        label_column=log.label_column if log else None,
        prediction_proba_column=prediction_proba_column,
        slicing_exprs=slicing,
        custom_metrics=custom,
        monitor_version=version,
    )


def _custom_metric(metric: DataProfilingCustomMetric) -> CustomMetric:
    return CustomMetric(
        kind=_METRIC_KIND[metric.type],
        name=metric.name,
        input_columns=tuple(metric.input_columns),
        definition=metric.definition,
        output_data_type=metric.output_data_type,
    )
