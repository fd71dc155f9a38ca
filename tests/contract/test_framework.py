from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from databricks_monitoring.alerting.rules import load_rules
from databricks_monitoring.errors import (
    InvalidValueError,
    ModelVersionNotFoundError,
    TableNotFoundError,
    UnknownKeyError,
)
from databricks_monitoring.monitoring.framework import MonitoringFramework
from databricks_monitoring.monitoring.lakehouse_monitor import LakehouseMonitor
from databricks_monitoring.monitoring.monitored_tables import find_layouts
from databricks_monitoring.names import SchemaName
from databricks_monitoring.serving.model_serving_setup import ServingSetup
from databricks_monitoring.unity_catalog import schema_exists
from tests.contract.conftest import MONITORING

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

    from databricks_monitoring.names import TableName
    from tests.contract.conftest import Served

pytestmark = pytest.mark.usefixtures("environment")

SERVING = {"endpoint_name": "tall-serving", "workload_size": "Small", "scale_to_zero": False}
INFERENCE_TABLE = {"name": "inference_logs", "enabled": True}
ROW = {"Height": 1.9, "Universe": "Earth-616", "Teams": 2, "Magic": True}


def framework(client: WorkspaceClient, model: TableName) -> MonitoringFramework:
    return MonitoringFramework(
        catalog=model.catalog, schema=model.schema, model_name=model.name, client=client
    )


def test_everything_is_there(served: Served) -> None:
    made, client = served.deployment, served.client
    assert made["inference_table"] == made["monitor_name"] == "mlops_aut.characters.inference_logs"
    assert made["payload_table"] == "mlops_aut.characters.inference_logs_payload"
    assert made["profile_metrics_table"] == "mlops_aut.characters_monitoring.inference_logs_profile_metrics"
    assert made["drift_metrics_table"] == "mlops_aut.characters_monitoring.inference_logs_drift_metrics"
    assert (made["model_name"], made["model_version"]) == ("mlops_aut.characters.tall", "1")
    host = client.config.host
    assert made["endpoint_url"] == f"{host}/serving-endpoints/tall-serving/invocations"
    assert made["dashboard_url"] == f"{host}/sql/dashboardsv3/{made['dashboard_id']}"
    dashboard = client.lakeview.get(made["dashboard_id"])
    assert (dashboard.path or "").startswith(
        "/Shared/lakehouse_monitoring/mlops_aut_characters_inference_logs/"
    )
    assert json.loads(dashboard.serialized_dashboard or "")["pages"]
    assert client.lakeview.get_published(made["dashboard_id"])
    [layout] = find_layouts(client, served.table.parent, monitor="inference_logs")
    assert layout.dashboard_url == made["dashboard_url"]
    rules = load_rules(served.sql, SchemaName("mlops_aut", "characters_monitoring"))
    assert [rule.name for rule in rules[made["monitor_name"]]] == made["alert_rules"]


def test_a_refresh_takes_in_what_the_endpoint_has_logged(served: Served) -> None:
    known = f"SELECT count(*) FROM {served.table.quoted} WHERE client_request_id = 'just-asked'"  # noqa: S608
    asked = ServingSetup(client=served.client).invoke_endpoint(
        endpoint_name=served.deployment["endpoint_name"],
        payload={"dataframe_records": [ROW, ROW]},
        client_request_id="just-asked",
    )
    assert len(asked["predictions"]) == 2
    monitor = LakehouseMonitor(served.table.catalog, served.table.schema, client=served.client)
    monitor.refresh_monitor(served.deployment["monitor_name"], unpack_payloads=False)
    assert served.sql.execute(known).scalar() == 0
    monitor.refresh_monitor(served.deployment["monitor_name"])
    assert served.sql.execute(known).scalar() == 2


def test_the_same_again_changes_nothing(served: Served, baseline: TableName, tall_model: TableName) -> None:
    client, made = served.client, served.deployment
    monitor = LakehouseMonitor("mlops_aut", "characters", client)
    version = monitor.get_config(made["monitor_name"]).monitor_version
    before = client.serving_endpoints.get("tall-serving").as_dict()
    drawn = client.lakeview.get(made["dashboard_id"])
    again = framework(client, tall_model).deploy_with_monitoring(
        model_version="latest-model",
        serving_config=SERVING,
        inference_table_config=INFERENCE_TABLE,
        monitoring_config={**MONITORING, "baseline_table": str(baseline)},
        tags={"environment": "aut"},
    )
    assert again == made
    assert monitor.get_config(made["monitor_name"]).monitor_version == version
    assert client.serving_endpoints.get("tall-serving").as_dict() == before
    assert client.lakeview.get(made["dashboard_id"]).etag == drawn.etag


@pytest.mark.parametrize(
    ("version", "changes", "error", "says"),
    [
        ("9", {}, ModelVersionNotFoundError, "1, 2, 3"),
        ("1", {"baseline_table": "baselin"}, TableNotFoundError, "Did you mean 'baseline'"),
        ("1", {"alertz": []}, UnknownKeyError, "'alerts'"),
        ("1", {"granularities": ["1 fortnight"]}, InvalidValueError, "2 weeks"),
    ],
)
def test_wrong_input_makes_nothing(
    served: Served, version: str, changes: dict[str, object], error: type[Exception], says: str
) -> None:
    deploy = framework(served.client, served.table.parent.table("tall")).deploy_with_monitoring
    with pytest.raises(error, match=says):
        deploy(
            model_version=version,
            serving_config={**SERVING, "endpoint_name": "never-made"},
            inference_table_config={"name": "never_made"},
            monitoring_config={**MONITORING, "output_schema": "never_made", **changes},
        )
    assert "never-made" not in {item.name for item in served.client.serving_endpoints.list()}
    assert not schema_exists(served.client, SchemaName("mlops_aut", "never_made"))


def test_monitoring_needs_the_requests(served: Served) -> None:
    with pytest.raises(InvalidValueError, match=r"inference_table_config\.enabled"):
        framework(served.client, served.table.parent.table("tall")).deploy_with_monitoring(
            model_version="1",
            serving_config=SERVING,
            inference_table_config={"name": "inference_logs", "enabled": False},
            monitoring_config=MONITORING,
        )
