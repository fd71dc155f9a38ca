"""The current monitor API through the SDK."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from databricks.sdk.errors import AlreadyExists, InvalidParameterValue, NotFound
from databricks.sdk.errors import NotImplemented as Unimplemented
from databricks.sdk.service.dataquality import (
    CronSchedule,
    DataProfilingConfig,
    DataProfilingStatus,
    Monitor,
    NotificationDestination,
    NotificationSettings,
    Refresh,
    RefreshState,
    RefreshTrigger,
)

from tests.contract.monitored import inference_config, inference_table, monitor, run, succeeded, waited

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient


@pytest.fixture
def table(client: WorkspaceClient) -> tuple[str, str]:
    """Return the name and the id of a new inference table."""
    name = f"main.default.logs_{uuid.uuid4().hex[:8]}"
    return name, inference_table(client, name, days=2)


def config_of(client: WorkspaceClient, table_id: str) -> DataProfilingConfig:
    found = client.data_quality.get_monitor("table", table_id).data_profiling_config
    assert found is not None
    return found


def test_a_monitor_lives(client: WorkspaceClient, table: tuple[str, str]) -> None:
    name, table_id = table
    wanted = replace(
        inference_config(client, name),
        schedule=CronSchedule("0 0 12 * * ?", "UTC"),
        notification_settings=NotificationSettings(NotificationDestination(["a@example.com"])),
        slicing_exprs=["age < 30"],
    )
    created = monitor(client, table_id, wanted).data_profiling_config
    assert created is not None
    assert created.status is DataProfilingStatus.DATA_PROFILING_STATUS_PENDING
    assert created.monitor_version == 0
    assert created.monitored_table_name == name
    assert created.profile_metrics_table_name == f"{name}_profile_metrics"
    assert created.drift_metrics_table_name == f"{name}_drift_metrics"
    waited(
        lambda: config_of(client, table_id).status is DataProfilingStatus.DATA_PROFILING_STATUS_ACTIVE or None
    )
    first = succeeded(client, table_id)
    assert first.trigger is RefreshTrigger.MONITOR_REFRESH_TRIGGER_MANUAL
    assert "profile rows" in str(first.message)
    assert first.end_time_ms
    statement = f"SELECT slice_key, slice_value FROM {name}_profile_metrics WHERE slice_key <> ''"  # noqa: S608
    rows = run(client, statement)
    assert {tuple(row) for row in rows} == {("age < 30", "true"), ("age < 30", "false")}
    assert client.tables.get(f"{name}_drift_metrics").table_id

    second = client.data_quality.create_refresh("table", table_id, Refresh("table", table_id))
    assert second.state is RefreshState.MONITOR_REFRESH_STATE_PENDING
    assert succeeded(client, table_id).refresh_id == second.refresh_id
    assert [one.refresh_id for one in client.data_quality.list_refresh("table", table_id, page_size=1)] == [
        second.refresh_id,
        first.refresh_id,
    ]
    assert client.data_quality.get_refresh("table", table_id, int(first.refresh_id or 0)) == first

    client.data_quality.delete_monitor("table", table_id)
    with pytest.raises(NotFound, match=rf"^Cannot find Monitor with ID: /metastores:.*/tables:{table_id}/$"):
        client.data_quality.get_monitor("table", table_id)
    assert client.tables.get(f"{name}_profile_metrics").table_id


def test_an_update_changes_what_its_mask_names(client: WorkspaceClient, table: tuple[str, str]) -> None:
    name, table_id = table
    wanted = replace(inference_config(client, name), slicing_exprs=["age < 30"])
    monitor(client, table_id, wanted)
    succeeded(client, table_id)
    before = list(client.data_quality.list_refresh("table", table_id))
    changed = replace(wanted, slicing_exprs=["universe"], baseline_table_name=None)
    body = Monitor(object_type="table", object_id=table_id, data_profiling_config=changed)
    updated = client.data_quality.update_monitor(
        "table", table_id, body, update_mask="data_profiling_config.slicing_exprs"
    ).data_profiling_config
    assert updated is not None
    assert updated.slicing_exprs == ["universe"]
    assert updated.baseline_table_name == f"{name}_baseline"
    assert updated.monitor_version == 1
    assert list(client.data_quality.list_refresh("table", table_id)) == before
    body = Monitor(
        object_type="table", object_id=table_id, data_profiling_config=replace(changed, slicing_exprs=None)
    )
    client.data_quality.update_monitor(
        "table", table_id, body, update_mask="data_profiling_config.slicing_exprs"
    )
    assert not config_of(client, table_id).slicing_exprs


def test_what_the_service_does_not_implement_is_refused(
    client: WorkspaceClient, table: tuple[str, str]
) -> None:
    _, table_id = table
    with pytest.raises(Unimplemented):
        list(client.data_quality.list_monitor())
    with pytest.raises(Unimplemented):
        client.data_quality.delete_refresh("table", table_id, 1)
    with pytest.raises(Unimplemented):
        client.data_quality.update_refresh(
            "table", table_id, 1, Refresh("table", table_id), update_mask="state"
        )
    with pytest.raises(Unimplemented):
        client.data_quality.get_monitor("schema", table_id)


def test_a_second_monitor_is_refused_in_the_services_words(
    client: WorkspaceClient, table: tuple[str, str]
) -> None:
    name, table_id = table
    monitor(client, table_id, inference_config(client, name))
    with pytest.raises(AlreadyExists, match=f"^Data Monitor '{name}' already exists$"):
        monitor(client, table_id, inference_config(client, name))


def test_names_are_no_ids(client: WorkspaceClient, table: tuple[str, str]) -> None:
    name, table_id = table
    with pytest.raises(InvalidParameterValue, match=r"object_id.*is not a UUID"):
        monitor(client, name, inference_config(client, name))
    with pytest.raises(NotFound, match="does not exist"):
        monitor(client, str(uuid.uuid4()), inference_config(client, name))
    with pytest.raises(InvalidParameterValue, match=r"output_schema_id.*is not a UUID"):
        monitor(client, table_id, replace(inference_config(client, name), output_schema_id="main.default"))
    with pytest.raises(NotFound, match="Schema with ID"):
        monitor(client, table_id, replace(inference_config(client, name), output_schema_id=str(uuid.uuid4())))


def test_an_unknown_granularity_is_refused_instead_of_dropped(
    client: WorkspaceClient, table: tuple[str, str]
) -> None:
    name, table_id = table
    config = inference_config(client, name).as_dict()
    config["inference_log"]["granularities"] = ["AGGREGATION_GRANULARITY_15_MINUTES"]
    body = {"object_type": "table", "object_id": table_id, "data_profiling_config": config}
    with pytest.raises(InvalidParameterValue, match="AGGREGATION_GRANULARITY_15_MINUTES"):
        client.api_client.do("POST", "/api/data-quality/v1/monitors", body=body)


def test_a_refresh_that_is_not_there_says_which_are(client: WorkspaceClient, table: tuple[str, str]) -> None:
    name, table_id = table
    monitor(client, table_id, inference_config(client, name))
    newest = succeeded(client, table_id).refresh_id
    with pytest.raises(NotFound, match=f"Refresh 99999 does not exist.*{newest}"):
        client.data_quality.get_refresh("table", table_id, 99999)
