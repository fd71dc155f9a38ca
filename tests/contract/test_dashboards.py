"""Dashboards through the SDK."""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING

import pytest
from databricks.sdk.errors import InvalidParameterValue, NotFound, ResourceAlreadyExists, ResourceConflict
from databricks.sdk.service.dashboards import Dashboard, LifecycleState

from databricks_monitoring.dashboard.definition import MonitorDashboard, monitor_dashboard
from databricks_monitoring.names import TableName
from tests.contract.monitored import inference_config, inference_table, monitor, run, succeeded

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

CONTENT = json.dumps(
    {
        "datasets": [{"name": "one", "displayName": "One", "queryLines": ["SELECT 1 AS n"]}],
        "pages": [{"name": "p", "displayName": "P", "layout": []}],
    }
)


@pytest.fixture
def folder(client: WorkspaceClient) -> str:
    path = f"/Shared/boards/{uuid.uuid4().hex[:8]}"
    client.workspace.mkdirs(path)
    return path


def wanted(folder: str, name: str = "Board") -> Dashboard:
    return Dashboard(display_name=name, parent_path=folder, serialized_dashboard=CONTENT, warehouse_id="w")


def test_a_dashboard_lives(client: WorkspaceClient, folder: str) -> None:
    created = client.lakeview.create(wanted(f"/Workspace{folder}"))
    assert re.fullmatch("[0-9a-f]{32}", str(created.dashboard_id))
    assert created.parent_path == folder
    assert created.path == f"{folder}/Board.lvdash.json"
    assert created.lifecycle_state is LifecycleState.ACTIVE
    assert str(created.serialized_dashboard).endswith("}\n")
    assert json.loads(str(created.serialized_dashboard))["pages"][0]["pageType"] == "PAGE_TYPE_CANVAS"
    identity = str(created.dashboard_id)
    assert client.lakeview.get(identity) == created

    updated = client.lakeview.update(identity, Dashboard(display_name="Renamed", etag=created.etag))
    assert updated.etag != created.etag
    assert updated.path == f"{folder}/Renamed.lvdash.json"
    assert updated.serialized_dashboard == created.serialized_dashboard
    with pytest.raises(ResourceConflict, match="was changed since"):
        client.lakeview.update(identity, Dashboard(display_name="Late", etag=created.etag))

    published = client.lakeview.publish(identity, embed_credentials=False, warehouse_id="other")
    assert published.display_name == "Renamed"
    assert published.embed_credentials is False
    assert client.lakeview.get_published(identity) == published
    client.lakeview.unpublish(identity)
    with pytest.raises(NotFound):
        client.lakeview.get_published(identity)

    client.lakeview.trash(identity)
    assert client.lakeview.get(identity).lifecycle_state is LifecycleState.TRASHED
    assert identity not in {board.dashboard_id for board in client.lakeview.list()}
    assert identity in {board.dashboard_id for board in client.lakeview.list(show_trashed=True)}


def test_a_listing_has_no_contents_and_comes_in_pages(client: WorkspaceClient, folder: str) -> None:
    made = {client.lakeview.create(wanted(folder, f"Board {n}")).dashboard_id for n in range(3)}
    listed = [board for board in client.lakeview.list(page_size=1) if board.dashboard_id in made]
    assert [board.display_name for board in listed] == ["Board 0", "Board 1", "Board 2"]
    assert all(board.serialized_dashboard is None and board.path is None for board in listed)


def test_the_default_catalog_reaches_every_dataset(client: WorkspaceClient, folder: str) -> None:
    created = client.lakeview.create(wanted(folder), dataset_catalog="main", dataset_schema="other")
    dataset = json.loads(str(created.serialized_dashboard))["datasets"][0]
    assert (dataset["catalog"], dataset["schema"]) == ("main", "other")


def test_faults_are_named(client: WorkspaceClient, folder: str) -> None:
    with pytest.raises(NotFound, match="/Shared/nowhere"):
        client.lakeview.create(wanted("/Shared/nowhere"))
    client.lakeview.create(wanted(folder))
    with pytest.raises(ResourceAlreadyExists, match=f"{folder}/Board"):
        client.lakeview.create(wanted(folder))
    with pytest.raises(InvalidParameterValue, match="not JSON"):
        client.lakeview.create(Dashboard(display_name="Broken", parent_path=folder, serialized_dashboard="{"))
    with pytest.raises(NotFound, match="0" * 32):
        client.lakeview.get("0" * 32)


@pytest.mark.parametrize("has_baseline", [True, False])
def test_every_statement_of_a_monitors_dashboard_runs(client: WorkspaceClient, *, has_baseline: bool) -> None:
    name = f"main.default.board_{uuid.uuid4().hex[:8]}"
    table_id = inference_table(client, name)
    config = inference_config(client, name)
    if not has_baseline:
        config.baseline_table_name = None
    monitor(client, table_id, config)
    succeeded(client, table_id)
    table = TableName.parse(name)
    spec = MonitorDashboard(
        title="board",
        monitored_table=table,
        profile_table=table.parent.table(f"{table.name}_profile_metrics"),
        drift_table=table.parent.table(f"{table.name}_drift_metrics"),
        granularity="1 day",
        problem_type="classification",
        timestamp_column="timestamp",
        prediction_column="prediction",
        label_column="label",
        model_id_column="model_id",
        has_baseline=has_baseline,
        ignored_columns=("row_id",),
    )
    rows = {
        dataset["name"]: run(client, "".join(dataset["queryLines"]))
        for dataset in json.loads(monitor_dashboard(spec))["datasets"]
    }
    may_be_empty = set() if has_baseline else {"most_drifted"}
    assert {dataset for dataset, found in rows.items() if not found} <= may_be_empty
    assert rows["rows_last_window"][0] == ["60", "60"]
    assert rows["highest_null_rate"][0] == ["0.1", "height_cm"]
    accuracy = float(rows["quality_last_window"][0][0])
    # Every tenth row is a hero called a villain: id divisible by 5 and by 2.
    assert accuracy == pytest.approx(0.9)
