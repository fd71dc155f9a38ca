"""Dashboards as text: a change of what is written to Databricks must be seen."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from databricks_monitoring.dashboard.definition import MonitorDashboard, monitor_dashboard
from databricks_monitoring.names import TableName

FOLDER = Path(__file__).parent / "dashboard"

CLASSIFICATION = MonitorDashboard(
    title="inference_logs monitoring",
    monitored_table=TableName.parse("mlops_dev.ml.inference_logs"),
    profile_table=TableName.parse("mlops_dev.monitoring.inference_logs_profile_metrics"),
    drift_table=TableName.parse("mlops_dev.monitoring.inference_logs_drift_metrics"),
    granularity="1 day",
    problem_type="classification",
    timestamp_column="timestamp",
    prediction_column="prediction",
    label_column="label",
    model_id_column="model_id",
    ignored_columns=("row_id", "client_request_id"),
    baseline_table=TableName.parse("mlops_dev.ml.test_set_scored"),
)
REGRESSION = replace(
    CLASSIFICATION, problem_type="regression", has_baseline=False, baseline_table=None, has_slices=True
)
SNAPSHOT = replace(
    CLASSIFICATION,
    granularity=None,
    problem_type=None,
    timestamp_column=None,
    prediction_column=None,
    label_column=None,
    model_id_column=None,
)
CASES = {"classification": CLASSIFICATION, "regression": REGRESSION, "snapshot": SNAPSHOT}


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_dashboard_is_as_recorded(name: str, pytestconfig: pytest.Config) -> None:
    path = FOLDER / f"{name}.lvdash.json"
    text = monitor_dashboard(CASES[name]) + "\n"
    if pytestconfig.getoption("--update", default=False):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), "Run pytest with --update if this change is meant."


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_dashboard_keeps_the_rules_of_the_format(name: str) -> None:
    dashboard = json.loads(monitor_dashboard(CASES[name]))
    datasets = {dataset["name"] for dataset in dashboard["datasets"]}
    taken: set[tuple[int, int]] = set()
    for page in dashboard["pages"]:
        assert page["layoutVersion"] == "GRID_V1"
        for item in page["layout"]:
            place, widget = item["position"], item["widget"]
            cells = {
                (place["x"] + column, place["y"] + row)
                for column in range(place["width"])
                for row in range(place["height"])
            }
            assert not cells & taken
            assert max(column for column, _ in cells) < 12
            taken |= cells
            assert len(widget["name"]) <= 60
            if "queries" in widget:
                query = widget["queries"][0]["query"]
                assert query["datasetName"] in datasets
                named = {field["name"] for field in query["fields"]}
                assert set(_field_names(widget["spec"]["encodings"])) == named
    names = [item["widget"]["name"] for page in dashboard["pages"] for item in page["layout"]]
    assert len(names) == len(set(names))


def _field_names(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [node["fieldName"]] if "fieldName" in node else []
        return own + [name for value in node.values() for name in _field_names(value)]
    if isinstance(node, list):
        return [name for value in node for name in _field_names(value)]
    return []


def test_lines_of_a_statement_join_to_it() -> None:
    dashboard = json.loads(monitor_dashboard(CLASSIFICATION))
    for dataset in dashboard["datasets"]:
        assert all(line[-1].isspace() for line in dataset["queryLines"][:-1])
