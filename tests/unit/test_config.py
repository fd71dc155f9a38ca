from __future__ import annotations

import pytest

from databricks_monitoring.config import (
    InferenceTableConfig,
    LabelConfig,
    MonitorConfig,
    MonitoringConfig,
    ServingConfig,
)
from databricks_monitoring.errors import ConfigError, InvalidValueError, UnknownKeyError
from databricks_monitoring.parsing import parse

GOOD_RULE = {"metric": "prediction_drift", "threshold": 0.05, "recipients": ["ml-ops@example.com"]}


def test_documented_dictionaries_are_accepted() -> None:
    serving = parse(
        ServingConfig,
        {"endpoint_name": "ml-model-model-serving-prod", "workload_size": "Medium", "scale_to_zero": False},
        "serving_config",
    )
    table = parse(InferenceTableConfig, {"name": "inference_logs", "enabled": True}, "inference_table_config")
    monitoring = parse(
        MonitoringConfig,
        {
            "output_schema": "monitoring",
            "granularities": ["1 day"],
            "baseline_table": "mlops_prod.databricks_monitoring.train_set",
            "problem_type": "classification",
            "alerts": [{**GOOD_RULE, "notification_type": "email"}],
        },
        "monitoring_config",
    )
    assert (serving.workload_size, serving.scale_to_zero) == ("Medium", False)
    assert table.name == "inference_logs"
    assert monitoring.alerts[0].threshold == 0.05


def test_table_name_is_another_word_for_name() -> None:
    body = {"catalog": "c", "schema": "s", "table_name": "logs", "enabled": True}
    config = parse(InferenceTableConfig, body, "inference_table_config")
    assert (config.catalog, config.schema_name, config.name) == ("c", "s", "logs")


@pytest.mark.parametrize(
    ("model", "body", "key", "nearest", "where"),
    [
        (ServingConfig, {"endpoint_name": "e", "worklod_size": 1}, "worklod_size", "workload_size", "top"),
        (ServingConfig, {"endpoint_nam": "e"}, "endpoint_nam", "endpoint_name", "top"),
        (InferenceTableConfig, {"shema": "s"}, "shema", "schema", "top"),
        (InferenceTableConfig, {"labels": {"tabel": "t"}}, "tabel", "table", "top.labels"),
        (MonitoringConfig, {"granularity": ["1 day"]}, "granularity", "granularities", "top"),
        (MonitoringConfig, {"alerts": [{"treshold": 1}]}, "treshold", "threshold", "top.alerts[0]"),
        (
            ServingConfig,
            {"endpoint_name": "e", "served_entities": [{"name": "a", "trafic_percentage": 100}]},
            "trafic_percentage",
            "traffic_percentage",
            "top.served_entities[0]",
        ),
    ],
)  # fmt: skip
def test_an_unknown_key_names_the_nearest(
    model: type[ServingConfig], body: dict[str, object], key: str, nearest: str, where: str
) -> None:
    with pytest.raises(UnknownKeyError) as caught:
        parse(model, body, "top")
    assert (caught.value.key, caught.value.nearest, caught.value.where) == (key, nearest, where)


@pytest.mark.parametrize(
    ("model", "body", "says"),
    [
        (ServingConfig, {}, "top.endpoint_name: found None, expected a value"),
        (ServingConfig, {"endpoint_name": "e", "workload_size": "small"}, "did you mean 'Small'"),
        (ServingConfig, {"endpoint_name": "a b"}, "expected 1 to 63 letters, digits, `-` and `_`"),
        (MonitoringConfig, {"granularities": ["1 dya"]}, "did you mean '1 day'"),
        (MonitoringConfig, {"granularities": []}, "at least 1 item"),
        (MonitoringConfig, {"problem_type": "ranking"}, "'classification' or 'regression'"),
        (MonitoringConfig, {"refresh_schedule": "0 0 * *"}, "five fields"),
        (InferenceTableConfig, {"retention_days": 0}, "expected a number of at least 1"),
        (InferenceTableConfig, {"name": "a.b"}, "expected the last level of a table's name"),
    ],
)
def test_a_wrong_value_says_what_is_expected(
    model: type[ServingConfig], body: dict[str, object], says: str
) -> None:
    with pytest.raises(InvalidValueError) as caught:
        parse(model, body, "top")
    assert says in str(caught.value)


def test_a_wrong_recipient_is_not_repeated() -> None:
    rule = {**GOOD_RULE, "notification_type": "slack", "recipients": ["https://hooks.example.com/s3cret"]}
    with pytest.raises(ConfigError) as caught:
        parse(MonitoringConfig, {"alerts": [rule]}, "monitoring_config")
    assert "monitoring_config.alerts[0].recipients" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_wrong_combination_does_not_repeat_environment_variables() -> None:
    body = {"endpoint_name": "databricks-x", "environment_vars": {"API_KEY": "s3cret"}}
    with pytest.raises(ConfigError, match="reserved") as caught:
        parse(ServingConfig, body, "serving_config")
    assert "s3cret" not in str(caught.value)


def test_traffic_adds_up_to_a_hundred() -> None:
    halves = [
        {"name": "champion", "alias": "champion", "traffic_percentage": 90},
        {"name": "challenger", "model_version": 2, "traffic_percentage": 20},
    ]
    with pytest.raises(ConfigError, match="100"):
        parse(ServingConfig, {"endpoint_name": "e", "served_entities": halves}, "serving_config")


def test_schedules_become_quartz() -> None:
    config = parse(MonitoringConfig, {"refresh_schedule": "0 0 * * *"}, "monitoring_config")
    assert config.refresh_schedule == "0 0 0 * * ?"


def test_an_inference_log_needs_a_problem_type() -> None:
    body = {"inference_table": "c.s.t", "output_schema": "c.m"}
    with pytest.raises(ConfigError, match="problem_type"):
        parse(MonitorConfig, body, "create_monitor")
    assert parse(MonitorConfig, {**body, "profile_type": "Snapshot"}, "create_monitor").problem_type is None


def test_one_key_column_may_stand_alone() -> None:
    assert parse(LabelConfig, {"table": "t", "key_columns": "row_id"}, "labels").key_columns == ("row_id",)


def test_every_setting_is_described() -> None:
    for model in (ServingConfig, InferenceTableConfig, MonitoringConfig, MonitorConfig, LabelConfig):
        for name, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{name}"
