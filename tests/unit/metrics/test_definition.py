from __future__ import annotations

import dataclasses

import pytest

from databricks_monitoring.errors import ColumnNotFoundError, InvalidValueError
from databricks_monitoring.metrics.definition import CustomMetric, MonitorDefinition, check_columns

LOG = {
    "kind": "inference_log",
    "timestamp_column": "ts",
    "granularities": ("1 day",),
    "problem_type": "classification",
    "prediction_column": "p",
    "model_id_column": "m",
}


def definition(**options: object) -> MonitorDefinition:
    return MonitorDefinition(**(LOG | options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"kind": "stream"}, "kind"),
        ({"timestamp_column": None}, "timestamp_column"),
        ({"granularities": ()}, "granularities"),
        ({"granularities": ("15 minutes",)}, "15 minutes"),
        ({"granularities": ("1 day", "1 day")}, "1 day"),
        ({"problem_type": None}, "problem_type"),
        ({"problem_type": "ranking"}, "ranking"),
        ({"model_id_column": None}, "model_id_column"),
        ({"problem_type": "regression", "prediction_proba_column": "q"}, "prediction_proba_column"),
        ({"slicing_exprs": ("a", "a")}, "slicing_exprs"),
        ({"slicing_exprs": (" ",)}, "slicing_exprs"),
        ({"lookback_days": -1}, "lookback_days"),
        ({"kind": "time_series"}, "problem_type"),
        ({"kind": "snapshot"}, "timestamp_column"),
    ],
)
def test_what_does_not_fit_is_named(options: dict[str, object], named: str) -> None:
    with pytest.raises(InvalidValueError, match=named):
        definition(**options)


def test_two_custom_metrics_of_one_name_are_refused() -> None:
    metrics = tuple(CustomMetric("aggregate", name, ("x",), "avg(x)", "double") for name in ("m", "M"))
    with pytest.raises(InvalidValueError, match="custom_metrics"):
        definition(custom_metrics=metrics)


def test_fingerprint_follows_every_field() -> None:
    assert definition().fingerprint() == definition().fingerprint()
    changed = dataclasses.replace(definition(), monitor_version=1)
    assert changed.fingerprint() != definition().fingerprint()


def test_class_columns() -> None:
    assert definition(label_column="y").class_columns == {"p", "y"}
    assert definition(problem_type="regression", label_column="y").class_columns == frozenset()


def test_a_missing_column_is_named_with_the_nearest() -> None:
    with pytest.raises(ColumnNotFoundError, match=r"'label'.*Did you mean 'labels'"):
        check_columns(definition(label_column="label"), ("ts", "p", "m", "labels"))


def test_a_missing_input_column_of_a_custom_metric_is_named() -> None:
    metric = CustomMetric("aggregate", "square", (":table", "xx"), "avg(x)", "double")
    with pytest.raises(ColumnNotFoundError, match=r"xx.*square"):
        check_columns(definition(custom_metrics=(metric,)), ("ts", "p", "m", "x"))
