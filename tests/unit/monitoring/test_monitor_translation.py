from __future__ import annotations

import json
from typing import get_args

import pytest
from databricks.sdk.service.dataquality import AggregationGranularity, DataProfilingConfig

from databricks_monitoring.config import MonitorConfig
from databricks_monitoring.monitoring.monitor_translation import (
    changed_fields,
    columns_needed,
    granularity,
    granularity_text,
    profiling_config,
)
from databricks_monitoring.names import Granularity
from databricks_monitoring.parsing import parse


def config(**changes: object) -> MonitorConfig:
    body: dict[str, object] = {
        "inference_table": "c.s.logs",
        "output_schema": "c.m",
        "problem_type": "classification",
        "schedule": "0 0 * * *",
        **changes,
    }
    return parse(MonitorConfig, body, "create_monitor")


def translated(**changes: object) -> DataProfilingConfig:
    return profiling_config(
        config(**changes),
        output_schema_id="00000000-0000-0000-0000-000000000001",
        baseline_table="c.s.train_set",
        assets_dir="/Workspace/Shared/lakehouse_monitoring/c_s_logs",
        skip_builtin_dashboard=True,
        warehouse_id=None,
    )


@pytest.mark.parametrize("text", get_args(Granularity))
def test_every_granularity_goes_there_and_back(text: str) -> None:
    assert granularity_text(granularity(text)) == text


def test_the_api_has_no_other_granularity() -> None:
    assert {granularity_text(value) for value in AggregationGranularity} == set(get_args(Granularity))


def test_an_inference_log() -> None:
    assert translated(slicing_exprs=["age < 25"]).as_dict() == {
        "output_schema_id": "00000000-0000-0000-0000-000000000001",
        "assets_dir": "/Workspace/Shared/lakehouse_monitoring/c_s_logs",
        "baseline_table_name": "c.s.train_set",
        "inference_log": {
            "problem_type": "INFERENCE_PROBLEM_TYPE_CLASSIFICATION",
            "timestamp_column": "timestamp",
            "granularities": ["AGGREGATION_GRANULARITY_1_DAY"],
            "prediction_column": "prediction",
            "model_id_column": "model_id",
            "label_column": "label",
        },
        "schedule": {"quartz_cron_expression": "0 0 0 * * ?", "timezone_id": "UTC"},
        "skip_builtin_dashboard": True,
        "slicing_exprs": ["age < 25"],
    }


def test_the_other_profile_types() -> None:
    series = translated(profile_type="TimeSeries", granularities=["1 hour", "1 week"])
    assert series.time_series is not None
    assert [value.value[-6:] for value in series.time_series.granularities] == ["1_HOUR", "1_WEEK"]
    snapshot = translated(profile_type="Snapshot")
    assert (snapshot.snapshot is not None, snapshot.inference_log, snapshot.time_series) == (True, None, None)
    assert columns_needed(config(profile_type="Snapshot")) == []
    assert columns_needed(config(label_col=None)) == ["timestamp", "prediction", "model_id"]


def test_a_type_is_sent_as_a_struct_field() -> None:
    metric = {"name": "m", "type": "aggregate", "input_columns": [":table"], "definition": "avg(a)"}
    [sent] = translated(custom_metrics=[metric]).custom_metrics or []
    assert json.loads(sent.output_data_type)["type"] == "double"


@pytest.mark.parametrize(
    ("changes", "mask"),
    [
        ({}, ""),
        ({"granularities": ["1 hour"]}, "data_profiling_config.inference_log"),
        ({"slicing_exprs": ["a"]}, "data_profiling_config.slicing_exprs"),
        ({"schedule": None}, "data_profiling_config.schedule"),
        (
            {"profile_type": "Snapshot", "schedule": "0 1 * * *"},
            "data_profiling_config.inference_log,data_profiling_config.snapshot,data_profiling_config.schedule",
        ),
    ],
)
def test_only_what_differs_is_updated(changes: dict[str, object], mask: str) -> None:
    current = DataProfilingConfig.from_dict(translated().as_dict())
    assert changed_fields(current, translated(**changes)) == mask
