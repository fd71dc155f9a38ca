"""A monitor in a YAML file: what to compute, and the tables beside the monitored one."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from databricks_monitoring.errors import ConfigError, InvalidNameError
from databricks_monitoring.metrics import conventions
from databricks_monitoring.metrics.definition import CustomMetric, MonitorDefinition
from databricks_monitoring.names import DRIFT_METRICS_SUFFIX, PROFILE_METRICS_SUFFIX, TableName
from databricks_monitoring.parsing import parse

if TYPE_CHECKING:
    from pathlib import Path

_FOREVER = datetime(1970, 1, 1, tzinfo=UTC)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CustomMetricInFile(_Strict):
    """A custom metric."""

    type: Literal["aggregate", "derived", "drift"] = Field(description="What it reads.")
    name: str = Field(min_length=1, description="Its column.")
    input_columns: tuple[str, ...] = Field(min_length=1, description="Columns whose rows carry it.")
    definition: str = Field(min_length=1, description="A SQL expression.")
    output_data_type: str = Field(min_length=1, description="Its Spark type.")


class MonitorInFile(_Strict):
    """A monitor, with the meaning of `MonitorDefinition` and tables as the engine names them."""

    kind: Literal["snapshot", "time_series", "inference_log"] = Field(description="Kind of the monitor.")
    timestamp_column: str | None = None
    granularities: tuple[str, ...] = ()
    problem_type: Literal["classification", "regression"] | None = None
    prediction_column: str | None = None
    prediction_proba_column: str | None = None
    label_column: str | None = None
    model_id_column: str | None = None
    slicing_exprs: tuple[str, ...] = ()
    custom_metrics: tuple[CustomMetricInFile, ...] = ()
    week_anchor: date = conventions.WEEK_ANCHOR
    lookback_days: int = conventions.LOOKBACK_DAYS
    enforce_lookback: bool = conventions.ENFORCE_LOOKBACK
    baseline_table: str | None = None
    profile_table: str | None = None
    drift_table: str | None = None
    created_at: datetime = Field(
        default=_FOREVER, description="Rows before (less the lookback) are not read."
    )

    def definition(self) -> MonitorDefinition:
        """Return what the metric engine takes; raises InvalidValueError where it refuses."""
        return MonitorDefinition(
            kind=self.kind,
            timestamp_column=self.timestamp_column,
            granularities=self.granularities,
            problem_type=self.problem_type,
            prediction_column=self.prediction_column,
            prediction_proba_column=self.prediction_proba_column,
            label_column=self.label_column,
            model_id_column=self.model_id_column,
            slicing_exprs=self.slicing_exprs,
            custom_metrics=tuple(
                CustomMetric(
                    metric.type, metric.name, metric.input_columns, metric.definition, metric.output_data_type
                )
                for metric in self.custom_metrics
            ),
            week_anchor=self.week_anchor,
            lookback_days=self.lookback_days,
            enforce_lookback=self.enforce_lookback,
        )

    def metric_tables(self, primary: str) -> tuple[str, str]:
        """Return the profile and the drift table; beside the monitored one where the file names none."""
        return (
            self.profile_table or beside(primary, PROFILE_METRICS_SUFFIX),
            self.drift_table or beside(primary, DRIFT_METRICS_SUFFIX),
        )


def beside(table: str, suffix: str) -> str:
    """Return the name of a table beside another.

    Examples
    --------
    >>> beside("main.churn.inferences", "_profile_metrics"), beside("/data/inferences/", "_drift_metrics")
    ('main.churn.inferences_profile_metrics', '/data/inferences_drift_metrics')
    """
    try:
        name = TableName.parse(table)
    except InvalidNameError:
        return (
            table.rstrip("/") + suffix if not table.endswith("`") else table[:-1].rstrip("/") + suffix + "`"
        )
    if "/" in table:
        return table.rstrip("/") + suffix
    return str(name.parent.table(name.name + suffix))


def read_monitor(path: Path) -> MonitorInFile:
    """Return the monitor that a file describes.

    Raises
    ------
    ConfigError
        If the file cannot be read, a key is unknown or a value is wrong.
    """
    try:
        body = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read as YAML: {error}") from error
    found = parse(MonitorInFile, body, str(path))
    if found.created_at.tzinfo is None:
        return found.model_copy(update={"created_at": found.created_at.replace(tzinfo=UTC)})
    return found
