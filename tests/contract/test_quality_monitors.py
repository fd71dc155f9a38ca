"""The older monitor API through the SDK; it and the current one show the same monitors."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest
from databricks.sdk.errors import InvalidParameterValue, NotFound
from databricks.sdk.errors import NotImplemented as Unimplemented
from databricks.sdk.service.catalog import (
    MonitorCronSchedule,
    MonitorDataClassificationConfig,
    MonitorDestination,
    MonitorInferenceLog,
    MonitorInferenceLogProblemType,
    MonitorInfo,
    MonitorInfoStatus,
    MonitorMetric,
    MonitorMetricType,
    MonitorNotifications,
    MonitorRefreshInfoState,
    MonitorSnapshot,
)
from databricks.sdk.service.dataquality import InferenceProblemType

from tests.contract.monitored import inference_table, succeeded, waited

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

LOG = MonitorInferenceLog(
    problem_type=MonitorInferenceLogProblemType.PROBLEM_TYPE_CLASSIFICATION,
    timestamp_col="timestamp",
    granularities=["1 day"],
    prediction_col="prediction",
    model_id_col="model_id",
    label_col="label",
)
OUTPUT = "main.default"


@pytest.fixture
def table(client: WorkspaceClient) -> str:
    name = f"main.default.logs_{uuid.uuid4().hex[:8]}"
    inference_table(client, name, days=1)
    return name


def active(client: WorkspaceClient, table: str) -> MonitorInfo:
    def find() -> MonitorInfo | None:
        info = client.quality_monitors.get(table)
        return info if info.status is MonitorInfoStatus.MONITOR_STATUS_ACTIVE else None

    return waited(find)


def test_a_monitor_lives(client: WorkspaceClient, table: str) -> None:
    metric = MonitorMetric(
        name="mean_age",
        definition="avg(`{{input_column}}`)",
        input_columns=["age"],
        output_data_type='{"metadata":{},"name":"output","nullable":true,"type":"double"}',
        type=MonitorMetricType.CUSTOM_METRIC_TYPE_AGGREGATE,
    )
    created = client.quality_monitors.create(
        table_name=table,
        assets_dir="/Workspace/Shared/monitoring",
        output_schema_name=OUTPUT,
        inference_log=LOG,
        baseline_table_name=f"{table}_baseline",
        custom_metrics=[metric],
        schedule=MonitorCronSchedule("0 0 8 ? * MON", "Europe/Paris"),
        notifications=MonitorNotifications(on_failure=MonitorDestination(["a@example.com"])),
        skip_builtin_dashboard=True,
    )
    assert created.status is MonitorInfoStatus.MONITOR_STATUS_PENDING
    assert created.inference_log == LOG
    assert created.custom_metrics == [metric]
    assert created.schedule is not None
    assert created.schedule.quartz_cron_expression == "0 0 8 ? * MON"
    assert created.profile_metrics_table_name == f"{table}_profile_metrics"
    info = active(client, table)
    assert info.dashboard_id is None
    newest = succeeded(client, str(client.tables.get(table).table_id))
    listed = client.quality_monitors.list_refreshes(table).refreshes or []
    assert [one.refresh_id for one in listed] == [newest.refresh_id]
    assert listed[0].state is MonitorRefreshInfoState.SUCCESS
    again = client.quality_monitors.run_refresh(table)
    assert again.state is MonitorRefreshInfoState.PENDING
    succeeded(client, str(client.tables.get(table).table_id))
    assert (
        client.quality_monitors.get_refresh(table, again.refresh_id).state is MonitorRefreshInfoState.SUCCESS
    )
    client.quality_monitors.cancel_refresh(table, again.refresh_id)
    client.quality_monitors.delete(table)
    with pytest.raises(NotFound, match="Cannot find Monitor with ID"):
        client.quality_monitors.get(table)


def test_both_apis_show_one_monitor(client: WorkspaceClient, table: str) -> None:
    client.quality_monitors.create(
        table, OUTPUT, "/Shared/monitoring", inference_log=LOG, skip_builtin_dashboard=True
    )
    table_id = str(client.tables.get(table).table_id)
    config = client.data_quality.get_monitor("table", table_id).data_profiling_config
    assert config is not None
    assert config.inference_log is not None
    assert config.inference_log.timestamp_column == "timestamp"
    assert config.inference_log.problem_type is InferenceProblemType.INFERENCE_PROBLEM_TYPE_CLASSIFICATION
    assert config.output_schema_id == client.schemas.get(OUTPUT).schema_id


def test_an_update_resets_what_it_leaves_out(client: WorkspaceClient, table: str) -> None:
    client.quality_monitors.create(
        table,
        OUTPUT,
        "/Shared/monitoring",
        inference_log=LOG,
        slicing_exprs=["age < 30"],
        skip_builtin_dashboard=True,
    )
    updated = client.quality_monitors.update(table, OUTPUT, inference_log=LOG)
    assert not updated.slicing_exprs
    assert updated.monitor_version == 1
    assert updated.assets_dir == "/Shared/monitoring"


def test_a_monitor_makes_its_dashboard_and_makes_it_again(client: WorkspaceClient, table: str) -> None:
    client.quality_monitors.create(table, OUTPUT, "/Shared/monitoring", inference_log=LOG)
    dashboard_id = active(client, table).dashboard_id
    assert dashboard_id is not None
    bare = table.rpartition(".")[2]
    assert client.lakeview.get(dashboard_id).parent_path == f"/Shared/monitoring/{bare}"
    again = client.quality_monitors.regenerate_dashboard(table)
    assert again.parent_folder == f"/Shared/monitoring/{bare}"
    assert client.lakeview.get_published(str(again.dashboard_id)).display_name == f"{bare} monitoring"


def test_a_snapshot_is_an_empty_object(client: WorkspaceClient, table: str) -> None:
    created = client.quality_monitors.create(
        table, OUTPUT, "/Shared/m", snapshot=MonitorSnapshot(), skip_builtin_dashboard=True
    )
    assert created.snapshot == MonitorSnapshot()
    assert created.inference_log is None


def test_faults_are_named(client: WorkspaceClient, table: str) -> None:
    with pytest.raises(InvalidParameterValue, match="assets_dir"):
        client.quality_monitors.create(table, OUTPUT, "relative", inference_log=LOG)
    wrong = MonitorInferenceLog.from_dict(LOG.as_dict() | {"granularities": ["15 minutes"]})
    with pytest.raises(InvalidParameterValue, match="unknown '15 minutes'"):
        client.quality_monitors.create(table, OUTPUT, "/Shared/m", inference_log=wrong)
    wrong = MonitorInferenceLog.from_dict(LOG.as_dict() | {"prediction_proba_col": "universe"})
    with pytest.raises(InvalidParameterValue, match="prediction_proba_col"):
        client.quality_monitors.create(table, OUTPUT, "/Shared/m", inference_log=wrong)
    with pytest.raises(Unimplemented, match="Data classification"):
        client.quality_monitors.create(
            table,
            OUTPUT,
            "/Shared/m",
            inference_log=LOG,
            data_classification_config=MonitorDataClassificationConfig(enabled=True),
        )
    with pytest.raises(NotFound, match="no_such_table"):
        client.quality_monitors.get("main.default.no_such_table")
