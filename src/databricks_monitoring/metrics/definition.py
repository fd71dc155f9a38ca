"""What a monitor computes: parsed once, frozen, checked."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import date  # noqa: TC003 - dataclass annotations are read by documentation tools
from typing import Literal, get_args

from databricks_monitoring.errors import ColumnNotFoundError, InvalidValueError
from databricks_monitoring.metrics import conventions
from databricks_monitoring.names import TABLE_ROW, Granularity

Kind = Literal["snapshot", "time_series", "inference_log"]
ProblemType = Literal["classification", "regression"]
CustomMetricKind = Literal["aggregate", "derived", "drift"]

GRANULARITIES: tuple[str, ...] = get_args(Granularity)
"""Every granularity, spelt as the column `granularity` holds it."""


def _one_of(where: str, found: object, accepted: tuple[str, ...]) -> None:
    if found not in accepted:
        raise InvalidValueError(where, found, "one of " + ", ".join(accepted))


def _no_repeats(where: str, values: tuple[str, ...]) -> None:
    repeated = [value for value, times in Counter(values).items() if times > 1]
    if repeated:
        raise InvalidValueError(where, repeated, "each value once")


@dataclass(frozen=True)
class CustomMetric:
    """A metric that the user defines by one SQL expression.

    Attributes
    ----------
    kind
        `aggregate` reads rows of the table, `derived` reads metrics of the same profile row, `drift` reads
        metrics of two profile rows.
    name
        Column of the metric table.
    input_columns
        Columns on whose rows the metric is written; `:table` for one over several columns.
    definition
        SQL expression in a template: `{{input_column}}`, `{{prediction_col}}`, `{{label_col}}` in an
        aggregate, `{{current_df}}` and `{{base_df}}` in a drift metric, plain names in a derived one.
    output_data_type
        Spark type, bare (`double`) or as the JSON of a StructField.
    """

    kind: CustomMetricKind
    name: str
    input_columns: tuple[str, ...]
    definition: str
    output_data_type: str

    def __post_init__(self) -> None:
        where = f"custom_metrics[{self.name!r}]"
        _one_of(f"{where}.kind", self.kind, get_args(CustomMetricKind))
        if not self.name or not self.definition or not self.input_columns:
            raise InvalidValueError(where, self, "a name, a definition and at least one input column")
        _no_repeats(f"{where}.input_columns", self.input_columns)

    @property
    def type_name(self) -> str:
        """Spark's name of the metric's type, whichever form it was given in."""
        text = self.output_data_type.strip()
        if not text.startswith("{"):
            return text
        where = f"custom_metrics[{self.name!r}].output_data_type"
        try:
            field = json.loads(text)
        except json.JSONDecodeError as error:
            raise InvalidValueError(where, text, "the JSON of a StructField, or a type's name") from error
        if not isinstance(field.get("type"), str):
            raise InvalidValueError(where, text, "a StructField with a simple type")
        return str(field["type"])


@dataclass(frozen=True)
class MonitorDefinition:
    """A monitor's configuration as the metric engine needs it.

    Attributes
    ----------
    kind
        Which rows a window has: all of them (`snapshot`) or those of a time span.
    timestamp_column
        Time of a row; not for snapshots.
    granularities
        Sizes of the windows, of `GRANULARITIES`; not for snapshots.
    problem_type, prediction_column, model_id_column, label_column
        Roles of columns; for inference logs only. Without a label no quality is computed.
    prediction_proba_column
        Class probabilities, for `log_loss` and `roc_auc_score`.
    binary_classes
        The two classes that a single probability a row is for, the positive one last. A refresh finds them in
        the tables if they are not given.
    slicing_exprs
        Databricks SQL expressions over one row, kept as written.
    monitor_version
        Version of the configuration, stored with every row.
    week_anchor
        A day on which a window of weeks starts.
    lookback_days, enforce_lookback
        See `conventions`.

    Raises
    ------
    InvalidValueError
        If a value is outside what is accepted, or the kind needs or forbids it.
    """

    kind: Kind
    timestamp_column: str | None = None
    granularities: tuple[str, ...] = ()
    problem_type: ProblemType | None = None
    prediction_column: str | None = None
    model_id_column: str | None = None
    label_column: str | None = None
    prediction_proba_column: str | None = None
    binary_classes: tuple[str, str] | None = None
    slicing_exprs: tuple[str, ...] = ()
    custom_metrics: tuple[CustomMetric, ...] = ()
    monitor_version: int = 0
    week_anchor: date = conventions.WEEK_ANCHOR
    lookback_days: int = conventions.LOOKBACK_DAYS
    enforce_lookback: bool = conventions.ENFORCE_LOOKBACK

    def __post_init__(self) -> None:
        _one_of("kind", self.kind, get_args(Kind))
        self._check_windows()
        self._check_roles()
        for expression in self.slicing_exprs:
            if not expression.strip():
                raise InvalidValueError("slicing_exprs", expression, "a SQL expression")
        _no_repeats("slicing_exprs", self.slicing_exprs)
        _no_repeats("custom_metrics", tuple(metric.name.casefold() for metric in self.custom_metrics))
        if self.lookback_days < 0:
            raise InvalidValueError("lookback_days", self.lookback_days, "zero or more")

    def _check_windows(self) -> None:
        timed = self.kind != "snapshot"
        if timed != (self.timestamp_column is not None):
            raise InvalidValueError(
                "timestamp_column", self.timestamp_column, "a column" if timed else "none for a snapshot"
            )
        if timed != bool(self.granularities):
            raise InvalidValueError(
                "granularities", self.granularities, "at least one" if timed else "none for a snapshot"
            )
        for granularity in self.granularities:
            _one_of("granularities", granularity, GRANULARITIES)
        _no_repeats("granularities", self.granularities)

    def _check_roles(self) -> None:
        required = {
            "problem_type": self.problem_type,
            "prediction_column": self.prediction_column,
            "model_id_column": self.model_id_column,
        }
        optional = {
            "label_column": self.label_column,
            "prediction_proba_column": self.prediction_proba_column,
        }
        if self.kind != "inference_log":
            for name, value in (required | optional).items():
                if value is not None:
                    raise InvalidValueError(name, value, f"none for a {self.kind} monitor")
            return
        for name, value in required.items():
            if not value:
                raise InvalidValueError(name, value, "a value, which an inference log needs")
        _one_of("problem_type", self.problem_type, get_args(ProblemType))
        if self.prediction_proba_column and self.problem_type != "classification":
            raise InvalidValueError(
                "prediction_proba_column", self.prediction_proba_column, "none for a regression"
            )

    @property
    def is_classification(self) -> bool:
        """Whether predictions and labels are classes."""
        return self.problem_type == "classification"

    @property
    def class_columns(self) -> frozenset[str]:
        """Columns that are categorical even when they are numbers."""
        if not self.is_classification:
            return frozenset()
        return frozenset(name for name in (self.prediction_column, self.label_column) if name)

    def metrics_of(self, kind: CustomMetricKind) -> tuple[CustomMetric, ...]:
        """Return the custom metrics of one kind, in their order."""
        return tuple(metric for metric in self.custom_metrics if metric.kind == kind)

    def fingerprint(self) -> str:
        """Return a text that two definitions share exactly if they compute the same rows."""
        return hashlib.sha256(json.dumps(asdict(self), default=str, sort_keys=True).encode()).hexdigest()


def check_columns(definition: MonitorDefinition, available: tuple[str, ...]) -> None:
    """Refuse roles and custom metrics whose columns the monitored table does not have.

    Raises
    ------
    ColumnNotFoundError
        Naming the role, the nearest column and the columns that exist.
    """
    roles: dict[str, str | None] = {
        "timestamp_column": definition.timestamp_column,
        "prediction_column": definition.prediction_column,
        "model_id_column": definition.model_id_column,
        "label_column": definition.label_column,
        "prediction_proba_column": definition.prediction_proba_column,
    }
    for metric in definition.custom_metrics:
        for column in metric.input_columns:
            roles[f"custom_metrics[{metric.name!r}].input_columns: {column}"] = column
    for role, named in roles.items():
        if named is not None and named != TABLE_ROW and named not in available:
            raise ColumnNotFoundError(named, available, where=f"the monitored table ({role})")
