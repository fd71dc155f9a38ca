from __future__ import annotations

import pyarrow as pa
import pytest

from databricks_monitoring.errors import InvalidValueError
from databricks_monitoring.metrics import tables
from databricks_monitoring.metrics.definition import CustomMetric, MonitorDefinition

PROFILE = """
window STRUCT<start: TIMESTAMP, end: TIMESTAMP>
log_type STRING
logging_table_commit_version INT
monitor_version BIGINT
granularity STRING
slice_key STRING
slice_value STRING
column_name STRING
count BIGINT
data_type STRING
num_nulls BIGINT
avg DOUBLE
quantiles ARRAY<DOUBLE>
min DOUBLE
max DOUBLE
stddev DOUBLE
num_zeros BIGINT
num_nan BIGINT
min_length DOUBLE
max_length DOUBLE
avg_length DOUBLE
non_null_columns ARRAY<STRING>
frequent_items ARRAY<STRUCT<item: STRING, count: BIGINT>>
median DOUBLE
distinct_count BIGINT
percent_nan DOUBLE
percent_null DOUBLE
percent_zeros DOUBLE
percent_distinct DOUBLE
"""
DRIFT = """
window STRUCT<start: TIMESTAMP, end: TIMESTAMP>
granularity STRING
monitor_version BIGINT
slice_key STRING
slice_value STRING
column_name STRING
data_type STRING
window_cmp STRUCT<start: TIMESTAMP, end: TIMESTAMP>
drift_type STRING
count_delta BIGINT
avg_delta DOUBLE
percent_null_delta DOUBLE
percent_zeros_delta DOUBLE
percent_distinct_delta DOUBLE
non_null_columns_delta STRUCT<added: INT, missing: INT>
js_distance DOUBLE
ks_test STRUCT<statistic: DOUBLE, pvalue: DOUBLE>
wasserstein_distance DOUBLE
population_stability_index DOUBLE
chi_squared_test STRUCT<statistic: DOUBLE, pvalue: DOUBLE>
tv_distance DOUBLE
l_infinity_distance DOUBLE
"""


def lines(schema: pa.Schema) -> list[str]:
    return [f"{field.name} {tables.sql_type(field.type)}" for field in schema]


def time_series(**options: object) -> MonitorDefinition:
    return MonitorDefinition(
        kind="time_series",
        timestamp_column="ts",
        granularities=("1 day",),
        **options,  # type: ignore[arg-type]
    )


def inference_log(**options: object) -> MonitorDefinition:
    given = {"problem_type": "classification", "prediction_column": "p", "model_id_column": "Model_Version"}
    return MonitorDefinition(
        kind="inference_log",
        timestamp_column="ts",
        granularities=("1 day",),
        **(given | options),  # type: ignore[arg-type]
    )


def test_profile_columns_are_those_observed_in_their_order() -> None:
    assert lines(tables.profile_schema(time_series())) == PROFILE.split("\n")[1:-1]


def test_drift_columns_are_those_observed_in_their_order() -> None:
    assert lines(tables.drift_schema(time_series())) == DRIFT.split("\n")[1:-1]


def test_model_id_column_has_the_users_name_and_is_text() -> None:
    profile = lines(tables.profile_schema(inference_log()))
    drift = lines(tables.drift_schema(inference_log()))
    assert profile[profile.index("slice_value STRING") + 1] == "Model_Version STRING"
    assert drift[drift.index("drift_type STRING") + 1] == "Model_Version STRING"


def test_quality_needs_a_label() -> None:
    assert tables.quality_columns(inference_log()) == []
    names = [name for name, _ in tables.quality_columns(inference_log(label_column="y"))]
    assert names == ["accuracy_score", "confusion_matrix", "precision", "recall", "f1_score"]


def test_quality_of_probabilities() -> None:
    definition = inference_log(label_column="y", prediction_proba_column="proba")
    assert [name for name, _ in tables.quality_columns(definition)][-2:] == ["log_loss", "roc_auc_score"]


def test_quality_of_a_regression() -> None:
    names = [
        name for name, _ in tables.quality_columns(inference_log(problem_type="regression", label_column="y"))
    ]
    assert names == [
        "mean_squared_error",
        "root_mean_squared_error",
        "mean_average_error",
        "mean_absolute_percentage_error",
        "r2_score",
    ]


def test_fairness_needs_slices() -> None:
    assert tables.fairness_columns(inference_log()) == []
    assert lines(pa.schema(tables.fairness_columns(inference_log(slicing_exprs=("age < 25",))))) == [
        "predictive_parity MAP<STRING, DOUBLE>",
        "predictive_equality MAP<STRING, DOUBLE>",
        "equal_opportunity MAP<STRING, DOUBLE>",
        "statistical_parity MAP<STRING, DOUBLE>",
    ]


def test_averaged_scores_and_confusion_matrix_types() -> None:
    assert (
        tables.sql_type(tables.AVERAGED_SCORES)
        == "STRUCT<one_vs_all: MAP<STRING, DOUBLE>, macro: DOUBLE, weighted: DOUBLE>"
    )
    assert (
        tables.sql_type(tables.CONFUSION_MATRIX)
        == "ARRAY<STRUCT<prediction: STRING, label: STRING, count: BIGINT>>"
    )


def test_custom_metrics_follow_the_built_in_ones() -> None:
    structured = '{"metadata":{},"name":"output","nullable":true,"type":"double"}'
    metrics = (
        CustomMetric("derived", "root", (":table",), "sqrt(square)", "double"),
        CustomMetric("aggregate", "square", (":table",), "avg(a * a)", structured),
        CustomMetric("drift", "change", (":table",), "{{current_df}}.root - {{base_df}}.root", "long"),
    )
    definition = time_series(custom_metrics=metrics)
    assert lines(tables.profile_schema(definition))[-2:] == ["square DOUBLE", "root DOUBLE"]
    assert lines(tables.drift_schema(definition))[-1] == "change BIGINT"


@pytest.mark.parametrize("name", ["count", "Window", "js_distance"])
def test_a_model_id_column_named_like_a_metric_is_refused(name: str) -> None:
    definition = inference_log(model_id_column=name)
    with pytest.raises(InvalidValueError, match=name):
        (tables.profile_schema(definition), tables.drift_schema(definition))


def test_a_custom_metric_of_unknown_type_is_refused() -> None:
    metric = CustomMetric("aggregate", "m", ("x",), "avg(x)", "array<double>")
    with pytest.raises(InvalidValueError, match=r"'m'.*array<double>"):
        tables.profile_schema(time_series(custom_metrics=(metric,)))
