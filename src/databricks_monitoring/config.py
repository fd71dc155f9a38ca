"""Every dictionary of the public API and every section of the configuration files, as models.

The descriptions are the settings' reference. Unknown keys are refused; see `parsing` for the messages and
`config_file` for files.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from databricks_monitoring.alerting.rules import AlertRule, parse_rules
from databricks_monitoring.cron import to_quartz
from databricks_monitoring.errors import nearest
from databricks_monitoring.names import Granularity
from databricks_monitoring.parsing import not_bool
from databricks_monitoring.serving.label_delay import parse_delay

if TYPE_CHECKING:
    from typing import Self

ProblemType = Literal["classification", "regression"]
ModelType = Literal["classification", "regression", "forecasting"]
WorkloadSize = Literal["Small", "Medium", "Large"]
WorkloadType = Literal[
    "CPU",
    "CPU_MEDIUM",
    "CPU_LARGE",
    "GPU_SMALL",
    "GPU_MEDIUM",
    "GPU_LARGE",
    "GPU_XLARGE",
    "GPU_XLARGE_8",
    "MULTIGPU_MEDIUM",
]
ProfileType = Literal["InferenceLog", "TimeSeries", "Snapshot"]


def _entity_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,63}", text):
        raise ValueError("1 to 63 letters, digits, `-` and `_`")
    return text


def _table_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_]+", text):
        raise ValueError("the last level of a table's name: letters, digits and `_`")
    return text


def _timezone(text: str) -> str:
    known = available_timezones()
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # A machine without time zone data cannot tell; the service then will.
        if known:
            guess = nearest(text, known)
            hint = f"; did you mean {guess!r}?" if guess else ""
            raise ValueError(f"a time zone such as 'UTC' or 'Europe/Paris'{hint}") from None
    return text


def _delay(text: str) -> str:
    parse_delay(text)
    return text


Text = Annotated[str, Field(min_length=1)]
EntityName = Annotated[str, AfterValidator(_entity_name)]
Schedule = Annotated[str, AfterValidator(to_quartz)]
Delay = Annotated[str, AfterValidator(_delay)]
Count = Annotated[int, BeforeValidator(not_bool)]
Number = Annotated[float, BeforeValidator(not_bool)]

DEFAULT_ALIAS = "latest-model"
DEFAULT_INFERENCE_TABLE = "inference_logs"


class _Strict(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, coerce_numbers_to_str=True, protected_namespaces=()
    )


class ModelSettings(_Strict):
    """The section `model` of a configuration file: what is deployed."""

    name: str = Field(description="Registered model: its last level, or `catalog.schema.name`.", min_length=1)
    type: ModelType | None = Field(
        default=None,
        description="What the model does. Decides the monitor's problem type where that is not given; "
        "a forecast is monitored as a regression.",
    )
    alias: str = Field(default=DEFAULT_ALIAS, description="Alias of the version to deploy.")
    version: str | None = Field(default=None, description="Version to deploy, instead of the alias.")


class ServedEntity(_Strict):
    """One of several model versions behind an endpoint, as for champion and challenger."""

    name: EntityName = Field(description="Name of the served entity, unique within the endpoint.")
    model_name: str | None = Field(
        default=None, description="Full name of the model; the endpoint's if absent."
    )
    model_version: str | None = Field(default=None, description="Version; give this or `alias`.")
    alias: str | None = Field(default=None, description="Alias that is resolved to a version at deployment.")
    traffic_percentage: Count = Field(
        ge=0, le=100, description="Share of the requests; all of them make 100."
    )
    workload_size: WorkloadSize | None = Field(default=None, description="The endpoint's if absent.")
    scale_to_zero: bool | None = Field(default=None, description="The endpoint's if absent.")
    environment_vars: dict[str, str] = Field(default_factory=dict, description="Added to the endpoint's.")

    @model_validator(mode="after")
    def _one_version(self) -> Self:
        if (self.model_version is None) == (self.alias is None):
            raise ValueError("exactly one of model_version and alias")
        return self


class ServingConfig(_Strict):
    """`serving_config`, and the section `serving`: the endpoint."""

    endpoint_name: EntityName = Field(description="Letters, digits, `-` and `_`; unique in the workspace.")
    workload_size: WorkloadSize = Field(
        default="Small", description="Requests answered at once: Small 4, Medium 8 to 16, Large 16 to 64."
    )
    workload_type: WorkloadType = Field(default="CPU", description="Kind of compute.")
    scale_to_zero: bool = Field(
        default=True,
        description="Whether an idle endpoint gives its compute back; the next request then waits.",
    )
    environment_vars: dict[str, str] = Field(
        default_factory=dict, description="Environment of the model; secrets as `{{secrets/scope/key}}`."
    )
    served_entities: tuple[ServedEntity, ...] = Field(
        default=(), max_length=10, description="Several versions with traffic between them, instead of one."
    )
    timeout_seconds: Number = Field(
        default=2400.0,
        gt=0,
        description="How long a deployment may take; on Databricks a build can take 30 minutes.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.endpoint_name.startswith("databricks-"):
            raise ValueError("an endpoint_name that does not begin with 'databricks-', which is reserved")
        names = [entity.name for entity in self.served_entities]
        if len(set(names)) != len(names):
            raise ValueError("served_entities with different names")
        shares = [entity.traffic_percentage for entity in self.served_entities]
        if names and sum(shares) != 100:  # noqa: PLR2004
            said = " + ".join(map(str, shares))
            raise ValueError(f"served_entities whose traffic_percentage adds up to 100, not {said}")
        return self


class LabelConfig(_Strict):
    """The key `labels` of an inference table: where the truth arrives, late."""

    table: Text = Field(
        description="Table with the labels; its schema and catalog default to the inference table's."
    )
    key_columns: tuple[Text, ...] = Field(
        default=("row_id",),
        min_length=1,
        description="Columns that both tables have and that identify a row: `row_id`, `client_request_id` or "
        "columns of the model's input.",
    )
    label_col: Text = Field(default="label", description="Column of the label table that holds the label.")
    timestamp_col: Text | None = Field(
        default=None,
        description="Column of the label table that orders several labels of one row; the latest wins.",
    )
    position_col: Text | None = Field(
        default=None,
        description="Column of the label table with the row's position in its request, from 0; for "
        "`client_request_id` when requests carry several rows.",
    )

    @model_validator(mode="before")
    @classmethod
    def _one_key_may_stand_alone(cls, body: object) -> object:
        if isinstance(body, dict) and isinstance(body.get("key_columns"), str):
            return {**body, "key_columns": (body["key_columns"],)}
        return body


class InferenceTableConfig(_Strict):
    """`inference_table_config`, and the section `inference_table`: where requests are kept."""

    name: Annotated[str, AfterValidator(_table_name)] = Field(
        default=DEFAULT_INFERENCE_TABLE,
        validation_alias=AliasChoices("name", "table_name"),
        description="Name of the inference table (also accepted as `table_name`); the endpoint writes raw "
        "payloads to `<name>_payload`.",
    )
    enabled: bool = Field(
        default=True, description="Whether requests are logged. May be changed at any time."
    )
    catalog: Text | None = Field(default=None, description="The deployment's catalog if absent.")
    schema_name: Text | None = Field(
        default=None, alias="schema", description="The deployment's schema if absent."
    )
    retention_days: Count | None = Field(
        default=None,
        ge=1,
        description="Payloads and rows older than this many days are deleted by `apply_retention`; metrics "
        "stay.",
    )
    prediction_field: Text | None = Field(
        default=None,
        description="Where the model answers with several fields, the one that becomes the column "
        "`prediction`; where it answers with lists, a position from 0. By default a field called "
        "`prediction`, else the first plain one.",
    )
    probability_field: Text | None = Field(
        default=None,
        description="The field of the answer with the probability of each class, an object or a list; it "
        "becomes the column `prediction_proba`. By default a nested field called `probabilities` or alike. "
        "`$` if every field of the answer is the probability of the class that it is called like.",
    )
    classes: tuple[Text, ...] = Field(
        default=(),
        description="Names of the classes in the order of a list of probabilities; else numbered from 0.",
    )
    extra_columns: tuple[Text, ...] = Field(
        default=(),
        description="Fields of the requests' rows that the model does not take and that are kept as texts, "
        "such as business keys for labels.",
    )
    labels: LabelConfig | None = Field(default=None, description="Table of labels, merged at each refresh.")

    @field_validator("classes", "extra_columns")
    @classmethod
    def _different(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len({name.lower() for name in value}) != len(value):
            raise ValueError("different names")
        return value

    @model_validator(mode="before")
    @classmethod
    def _one_name(cls, body: object) -> object:
        if isinstance(body, dict) and {"name", "table_name"} <= body.keys():
            raise ValueError("one of name and table_name, which mean the same")
        return body


class CustomMetric(_Strict):
    """One of `custom_metrics`: a column of the metric tables that you define."""

    name: str = Field(min_length=1, description="Name of the metric's column.")
    type: Literal["aggregate", "derived", "drift"] = Field(
        description="aggregate: over rows; derived: from aggregates of one row; drift: from two metric rows."
    )
    input_columns: tuple[str, ...] = Field(
        min_length=1, description="Columns it is computed for, or `:table` for the table as a whole."
    )
    definition: str = Field(
        min_length=1, description="One SQL expression; aggregates may say `{{input_column}}`."
    )
    output_data_type: str = Field(default="double", description="Type of the result, such as `double`.")


def expression_columns(text: str) -> list[str]:
    """Return the columns that a SQL expression reads.

    Raises
    ------
    ValueError
        If it is not an expression.
    """
    # Most of the dictionaries hold no SQL, and sqlglot takes a while to import.
    import sqlglot  # noqa: PLC0415
    from sqlglot import exp  # noqa: PLC0415

    try:
        parsed = sqlglot.parse_one(text, dialect="databricks", into=exp.Condition)
    except sqlglot.ParseError:
        raise ValueError(f"SQL expressions such as '`Height` > 1.8'; {text!r} is none") from None
    # Of a field of a struct the column is the first part.
    return [column.parts[0].name for column in parsed.find_all(exp.Column)]


class _Profile(_Strict):
    granularities: tuple[Granularity, ...] = Field(
        default=("1 day",), min_length=1, description="Lengths of the windows, each computed for itself."
    )
    baseline_table: Text | None = Field(
        default=None, description="Table that windows are compared with: best the scored test set."
    )
    problem_type: ProblemType | None = Field(
        default=None,
        description="Taken from the model where absent: numbers with a fraction mean regression.",
    )
    prediction_col: Text = Field(default="prediction", description="Column with the prediction.")
    timestamp_col: Text = Field(default="timestamp", description="Column that decides a row's window.")
    model_id_col: Text = Field(
        default="model_id", description="Column that tells which model version answered."
    )
    label_col: Text | None = Field(
        default="label", description="Column with the truth, NULL until it is known."
    )
    label_delay: Delay | None = Field(
        default=None,
        description="How long labels take to become known, such as `3 days`. Model quality and the drift of "
        "labels are judged only in windows that ended this long ago; at once if absent.",
    )
    slicing_exprs: tuple[Text, ...] = Field(
        default=(), description="SQL expressions; every value of each is also profiled on its own."
    )
    custom_metrics: tuple[CustomMetric, ...] = Field(default=(), description="Metrics of your own.")
    timezone: Annotated[str, AfterValidator(_timezone)] = Field(
        default="UTC", description="Time zone of the schedule; windows are always UTC."
    )

    @field_validator("granularities")
    @classmethod
    def _each_once(cls, value: tuple[Granularity, ...]) -> tuple[Granularity, ...]:
        if len(set(value)) != len(value):
            raise ValueError("each granularity once")
        return value

    @field_validator("slicing_exprs")
    @classmethod
    def _expressions(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            expression_columns(text)
        return value


class MonitoringConfig(_Profile):
    """`monitoring_config`, and the section `monitoring`: what is computed, when, and who is told."""

    output_schema: str = Field(
        default="monitoring",
        min_length=1,
        description="Schema of the metric tables, in the deployment's catalog or as `catalog.schema`; "
        "created if absent.",
    )
    profile_type: ProfileType = Field(default="InferenceLog", description="How the table is profiled.")
    refresh_schedule: Schedule | None = Field(
        default=None,
        description="Cron expression, Unix (`0 0 * * *`) or Quartz (`0 0 0 * * ?`); no schedule if absent.",
    )
    alerts: tuple[AlertRule, ...] = Field(default=(), description="Alert rules.")

    @model_validator(mode="after")
    def _rules_fit_together(self) -> Self:
        parse_rules([rule.model_dump() for rule in self.alerts])
        return self


class MonitorConfig(_Profile):
    """The arguments of `LakehouseMonitor.create_monitor`."""

    inference_table: str = Field(description="The monitored table.")
    output_schema: str = Field(description="Schema of the metric tables.")
    profile_type: ProfileType = Field(default="InferenceLog", description="How the table is profiled.")
    schedule: Schedule | None = Field(default=None, description="Cron expression, Unix or Quartz.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.profile_type == "InferenceLog" and self.problem_type is None:
            raise ValueError(
                "a problem_type ('classification' or 'regression') with profile_type 'InferenceLog'"
            )
        return self


class EnvironmentSettings(_Strict):
    """One of `environments` in a configuration file, or the whole file where it has none."""

    catalog: str | None = Field(default=None, description="Catalog of the tables and the model.")
    schema_name: str | None = Field(
        default=None, alias="schema", description="Schema of the tables and the model."
    )
    model: ModelSettings | None = Field(default=None, description="What is deployed.")
    serving: ServingConfig = Field(description="The endpoint.")
    inference_table: InferenceTableConfig = Field(
        default_factory=InferenceTableConfig, description="Where requests and predictions are kept."
    )
    monitoring: MonitoringConfig = Field(default_factory=MonitoringConfig, description="What is computed.")
    tags: dict[str, str] = Field(default_factory=dict, description="Tags of the endpoint.")

    @property
    def problem_type(self) -> ProblemType | None:
        """The problem that is monitored, as the monitoring section or else the model's type says."""
        if self.monitoring.problem_type is not None or self.model is None or self.model.type is None:
            return self.monitoring.problem_type
        return "classification" if self.model.type == "classification" else "regression"

    @property
    def version_to_deploy(self) -> str:
        """The version or alias that is deployed."""
        return (self.model.version or self.model.alias) if self.model else DEFAULT_ALIAS
