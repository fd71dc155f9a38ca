"""The columns of the two metric tables: names, order and types, said once.

The columns are those that Databricks writes, in its order. Custom metrics follow them, then model quality,
then fairness. Where the monitor has a baseline, what its schema says comes last; the managed service has no
such columns. All are nullable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from databricks_monitoring.errors import InvalidValueError, MetricError
from databricks_monitoring.names import quote

if TYPE_CHECKING:
    from databricks_monitoring.metrics.definition import CustomMetric, MonitorDefinition

TIMESTAMP = pa.timestamp("us", tz="UTC")
WINDOW = pa.struct([("start", TIMESTAMP), ("end", TIMESTAMP)])
TEST = pa.struct([("statistic", pa.float64()), ("pvalue", pa.float64())])
CLASS_SCORES = pa.map_(pa.string(), pa.float64())
AVERAGED_SCORES = pa.struct(
    [("one_vs_all", CLASS_SCORES), ("macro", pa.float64()), ("weighted", pa.float64())]
)
CONFUSION_MATRIX = pa.list_(
    pa.struct([("prediction", pa.string()), ("label", pa.string()), ("count", pa.int64())])
)
FREQUENT_ITEMS = pa.list_(pa.struct([("item", pa.string()), ("count", pa.int64())]))
SCHEMA_MISMATCHES = pa.list_(
    pa.struct(
        [
            ("column_name", pa.string()),
            ("mismatch", pa.string()),
            ("data_type", pa.string()),
            ("baseline_data_type", pa.string()),
        ]
    )
)

_PROFILE_KEYS = [
    ("window", WINDOW),
    ("log_type", pa.string()),
    ("logging_table_commit_version", pa.int32()),
    ("monitor_version", pa.int64()),
    ("granularity", pa.string()),
    ("slice_key", pa.string()),
    ("slice_value", pa.string()),
]
_PROFILE_STATISTICS = [
    ("column_name", pa.string()),
    ("count", pa.int64()),
    ("data_type", pa.string()),
    ("num_nulls", pa.int64()),
    ("avg", pa.float64()),
    ("quantiles", pa.list_(pa.float64())),
    ("min", pa.float64()),
    ("max", pa.float64()),
    ("stddev", pa.float64()),
    ("num_zeros", pa.int64()),
    ("num_nan", pa.int64()),
    ("min_length", pa.float64()),
    ("max_length", pa.float64()),
    ("avg_length", pa.float64()),
    ("non_null_columns", pa.list_(pa.string())),
    ("frequent_items", FREQUENT_ITEMS),
    ("median", pa.float64()),
    ("distinct_count", pa.int64()),
    ("percent_nan", pa.float64()),
    ("percent_null", pa.float64()),
    ("percent_zeros", pa.float64()),
    ("percent_distinct", pa.float64()),
]
_CLASSIFICATION_QUALITY = [
    ("accuracy_score", pa.float64()),
    ("confusion_matrix", CONFUSION_MATRIX),
    ("precision", AVERAGED_SCORES),
    ("recall", AVERAGED_SCORES),
    ("f1_score", AVERAGED_SCORES),
]
_PROBABILITY_QUALITY = [("log_loss", pa.float64()), ("roc_auc_score", AVERAGED_SCORES)]
_REGRESSION_QUALITY = [
    ("mean_squared_error", pa.float64()),
    ("root_mean_squared_error", pa.float64()),
    ("mean_average_error", pa.float64()),
    ("mean_absolute_percentage_error", pa.float64()),
    ("r2_score", pa.float64()),
]
_FAIRNESS = [
    ("predictive_parity", CLASS_SCORES),
    ("predictive_equality", CLASS_SCORES),
    ("equal_opportunity", CLASS_SCORES),
    ("statistical_parity", CLASS_SCORES),
]
_SCHEMA_FACTS = [
    ("baseline_data_type", pa.string()),
    ("percent_uncastable", pa.float64()),
    ("schema_mismatches", SCHEMA_MISMATCHES),
]
OPTIONAL_NAMES = frozenset(
    name
    for name, _ in [
        *_CLASSIFICATION_QUALITY,
        *_PROBABILITY_QUALITY,
        *_REGRESSION_QUALITY,
        *_FAIRNESS,
        *_SCHEMA_FACTS,
    ]
)
"""Columns that are there only under some options of a monitor."""

_DRIFT_KEYS = [
    ("window", WINDOW),
    ("granularity", pa.string()),
    ("monitor_version", pa.int64()),
    ("slice_key", pa.string()),
    ("slice_value", pa.string()),
    ("column_name", pa.string()),
    ("data_type", pa.string()),
    ("window_cmp", WINDOW),
    ("drift_type", pa.string()),
]
_DRIFT_STATISTICS = [
    ("count_delta", pa.int64()),
    ("avg_delta", pa.float64()),
    ("percent_null_delta", pa.float64()),
    ("percent_zeros_delta", pa.float64()),
    ("percent_distinct_delta", pa.float64()),
    ("non_null_columns_delta", pa.struct([("added", pa.int32()), ("missing", pa.int32())])),
    ("js_distance", pa.float64()),
    ("ks_test", TEST),
    ("wasserstein_distance", pa.float64()),
    ("population_stability_index", pa.float64()),
    ("chi_squared_test", TEST),
    ("tv_distance", pa.float64()),
    ("l_infinity_distance", pa.float64()),
]

_SPARK_TYPES = {
    "string": pa.string(),
    "boolean": pa.bool_(),
    "byte": pa.int8(),
    "tinyint": pa.int8(),
    "short": pa.int16(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "int": pa.int32(),
    "long": pa.int64(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "timestamp": TIMESTAMP,
    "binary": pa.binary(),
}
_SQL_NAMES = {
    pa.string(): "STRING",
    pa.bool_(): "BOOLEAN",
    pa.int8(): "TINYINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INT",
    pa.int64(): "BIGINT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.date32(): "DATE",
    pa.binary(): "BINARY",
}


def profile_schema(definition: MonitorDefinition, *, has_baseline: bool = False) -> pa.Schema:
    """Return the columns of `_profile_metrics` for a monitor, in order."""
    return _schema(
        [
            *_PROFILE_KEYS,
            *_model_id(definition),
            *_PROFILE_STATISTICS,
            *_custom(definition.metrics_of("aggregate")),
            *_custom(definition.metrics_of("derived")),
            *quality_columns(definition),
            *fairness_columns(definition),
            *(_SCHEMA_FACTS if has_baseline else []),
        ]
    )


def drift_schema(definition: MonitorDefinition) -> pa.Schema:
    """Return the columns of `_drift_metrics` for a monitor, in order."""
    return _schema(
        [
            *_DRIFT_KEYS,
            *_model_id(definition),
            *_DRIFT_STATISTICS,
            *_custom(definition.metrics_of("drift")),
        ]
    )


def quality_columns(definition: MonitorDefinition) -> list[tuple[str, pa.DataType]]:
    """Return the model quality columns, none unless predictions and labels are both known."""
    if not definition.label_column:
        return []
    if not definition.is_classification:
        return list(_REGRESSION_QUALITY)
    return _CLASSIFICATION_QUALITY + (_PROBABILITY_QUALITY if definition.prediction_proba_column else [])


def fairness_columns(definition: MonitorDefinition) -> list[tuple[str, pa.DataType]]:
    """Return the fairness columns, none unless classes are predicted and slices are taken."""
    return list(_FAIRNESS) if definition.is_classification and definition.slicing_exprs else []


def core_columns(schema: pa.Schema, definition: MonitorDefinition) -> set[str]:
    """Return the columns that every monitor of this kind writes, whatever its options."""
    return set(schema.names) - {metric.name for metric in definition.custom_metrics} - OPTIONAL_NAMES


def ddl(schema: pa.Schema) -> str:
    r"""Return the column list of a `CREATE TABLE`, one column a line.

    Examples
    --------
    >>> ddl(pa.schema([("window", WINDOW), ("count", pa.int64())]))
    '`window` STRUCT<start: TIMESTAMP, end: TIMESTAMP>,\n`count` BIGINT'
    """
    return ",\n".join(f"{quote(field.name)} {sql_type(field.type)}" for field in schema)


def sql_type(kind: pa.DataType) -> str:
    """Return Databricks SQL's name of a type.

    Examples
    --------
    >>> sql_type(FREQUENT_ITEMS)
    'ARRAY<STRUCT<item: STRING, count: BIGINT>>'
    """
    if pa.types.is_timestamp(kind):
        return "TIMESTAMP" if kind.tz else "TIMESTAMP_NTZ"
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision},{kind.scale})"
    if pa.types.is_map(kind):
        return f"MAP<{sql_type(kind.key_type)}, {sql_type(kind.item_type)}>"
    if pa.types.is_list(kind):
        return f"ARRAY<{sql_type(kind.value_type)}>"
    if pa.types.is_struct(kind):
        return f"STRUCT<{', '.join(f'{field.name}: {sql_type(field.type)}' for field in kind)}>"
    if kind not in _SQL_NAMES:
        raise MetricError(f"Databricks SQL has no name for the type {kind}.")
    return _SQL_NAMES[kind]


def custom_metric_type(metric: CustomMetric) -> pa.DataType:
    """Return the type of a custom metric's column.

    Raises
    ------
    InvalidValueError
        If the type is not a simple one.
    """
    name = metric.type_name.lower()
    if name.startswith("decimal(") and name.endswith(")"):
        precision, _, scale = name[len("decimal(") : -1].partition(",")
        if precision.strip().isdigit() and scale.strip().isdigit():
            return pa.decimal128(int(precision), int(scale))
    if name not in _SPARK_TYPES:
        where = f"custom_metrics[{metric.name!r}].output_data_type"
        raise InvalidValueError(where, name, "one of " + ", ".join(_SPARK_TYPES) + ", decimal(p,s)")
    return _SPARK_TYPES[name]


def _model_id(definition: MonitorDefinition) -> list[tuple[str, pa.DataType]]:
    return [(definition.model_id_column, pa.string())] if definition.model_id_column else []


def _custom(metrics: tuple[CustomMetric, ...]) -> list[tuple[str, pa.DataType]]:
    return [(metric.name, custom_metric_type(metric)) for metric in metrics]


def _schema(columns: list[tuple[str, pa.DataType]]) -> pa.Schema:
    seen: set[str] = set()
    for name, _ in columns:
        if name.casefold() in seen:
            raise InvalidValueError(
                "metric table",
                name,
                "a name for the model id column or custom metric that no column of the metric table has",
            )
        seen.add(name.casefold())
    return pa.schema(columns)
