"""What users do wrong: the answer says what was found and what exists, and nothing is left behind."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service.serving import EndpointTag

from databricks_monitoring.cli import main
from databricks_monitoring.clients import SqlClient
from databricks_monitoring.errors import (
    ColumnNotFoundError,
    ConfigError,
    InvalidNameError,
    InvalidValueError,
    MonitoringError,
    StatementError,
    TableNotFoundError,
    UnknownKeyError,
)
from databricks_monitoring.local_workspace.root_folder import server_pid
from databricks_monitoring.model_registry import ModelRegistry
from databricks_monitoring.monitoring.framework import MonitoringFramework
from databricks_monitoring.monitoring.lakehouse_monitor import LakehouseMonitor
from databricks_monitoring.names import SchemaName
from databricks_monitoring.scripts import (
    analyze_drift,
    deploy_serving,
    refresh_all_monitors,
    send_alerts,
    setup_monitoring,
    validate_inference_table,
)
from tests.contract.conftest import MONITORING as GOOD_MONITORING
from tests.contract.conftest import Served, environment, register_tall, write_baseline

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from databricks.sdk import WorkspaceClient

    from tests.conftest import RunningWorkspace

__all__ = ["environment"]  # a fixture

SCHEMA = SchemaName("mlops_aut", "bad_input")
MODEL = SCHEMA.table("tall")
MONITORING = {**GOOD_MONITORING, "output_schema": "bad_input_monitoring"}
SERVING = {"endpoint_name": "bad-input-serving", "workload_size": "Small", "scale_to_zero": False}
WHERE = ["--catalog", "mlops_aut", "--schema", "bad_input"]
RULE = {"metric": "prediction_drift", "threshold": 0.1, "recipients": ["ml-ops@example.com"]}
ENTITY = {"name": "a", "model_version": "1", "traffic_percentage": 100}
METRIC = {
    "name": "m",
    "type": "aggregate",
    "input_columns": ["Height"],
    "definition": "avg(`{{input_column}}`)",
}
NEVER = {"endpoint_name": "never-made", "scale_to_zero": False}
MOST_BYTES = 16 * 1024 * 1024


@pytest.fixture(scope="module")
def served(
    client: WorkspaceClient,
    tmp_path_factory: pytest.TempPathFactory,
    environment: pytest.MonkeyPatch,  # noqa: ARG001 - MLflow finds the workspace by it
) -> Served:
    """Deploy a model with everything around it, in a schema of its own."""
    register_tall(client, tmp_path_factory, MODEL)
    write_baseline(client, SCHEMA.table("baseline"))
    framework = MonitoringFramework(SCHEMA.catalog, SCHEMA.schema, MODEL.name, client)
    table = {"name": "inference_logs"}
    monitoring = {**MONITORING, "baseline_table": "baseline"}
    return Served(client, framework.deploy_with_monitoring("latest-model", SERVING, table, monitoring))


def deploy(served: Served, **changed: Any) -> None:  # noqa: ANN401 - wrong on purpose
    """Deploy under names that nothing has, with what a test gets wrong."""
    given: dict[str, Any] = {"catalog": "mlops_aut", "schema": "bad_input", "model_name": "tall"}
    framework = MonitoringFramework(
        **{key: changed.pop(key, value) for key, value in given.items()}, client=served.client
    )
    framework.deploy_with_monitoring(
        model_version=changed.get("model_version", "1"),
        serving_config={**NEVER, **changed.get("serving", {})},
        inference_table_config={"name": "never_made", **changed.get("table", {})},
        monitoring_config={**MONITORING, "output_schema": "never_made", **changed.get("monitoring", {})},
        tags=changed.get("tags"),
    )


def left_behind(client: WorkspaceClient) -> set[str]:
    """Return what a refused deployment must not have made."""
    found = {endpoint.name or "" for endpoint in client.serving_endpoints.list()}
    found |= {schema.name or "" for schema in client.schemas.list("mlops_aut")}
    found |= {table.name or "" for table in client.tables.list("mlops_aut", "bad_input")}
    return {name for name in found if name.startswith("never")}


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("changed", "error", "says"),
    [
        ({"serving": {"workload_sise": "Small"}}, UnknownKeyError, "'workload_size'"),
        ({"serving": {"served_entities": [{**ENTITY, "trafic": 1}]}}, UnknownKeyError, "traffic_percentage"),
        ({"serving": {3: 4}}, UnknownKeyError, "Unknown key '3'"),
        ({"table": {"retension_days": 3}}, UnknownKeyError, "'retention_days'"),
        ({"table": {"labels": {"tabel": "x"}}}, UnknownKeyError, "'table'"),
        ({"monitoring": {"baseline": "x"}}, UnknownKeyError, "'baseline_table'"),
        ({"monitoring": {"timestamp": "x"}}, UnknownKeyError, "timezone"),
        ({"monitoring": {"alerts": [{**RULE, "treshold": 1}]}}, UnknownKeyError, "'threshold'"),
        ({"monitoring": {"custom_metrics": [{**METRIC, "input": 1}]}}, UnknownKeyError, "'input_columns'"),
        ({"serving": {"workload_size": "Tiny"}}, InvalidValueError, "'Small', 'Medium' or 'Large'"),
        ({"serving": {"scale_to_zero": "maybe"}}, InvalidValueError, "expected true or false"),
        ({"table": {"table_name": "x"}}, ConfigError, "one of name and table_name"),
        ({"table": {"retention_days": True}}, InvalidValueError, "expected a number"),
        ({"table": {"catalog": ""}}, InvalidValueError, "a text that is not empty"),
        ({"monitoring": {"alerts": [{**RULE, "threshold": "high"}]}}, InvalidValueError, "expected a number"),
        ({"monitoring": {"alerts": [{**RULE, "threshold": 5}]}}, InvalidValueError, "0 to 1"),
        ({"monitoring": {"alerts": [{**RULE, "threshold": True}]}}, InvalidValueError, "expected a number"),
        ({"monitoring": {"alerts": [{**RULE, "recipients": ["not an address"]}]}}, ConfigError, "e-mail"),
        ({"monitoring": {"alerts": ["prediction_drift"]}}, InvalidValueError, "expected a dictionary"),
        ({"monitoring": {"granularities": ["15 minutes"]}}, InvalidValueError, "'30 minutes'"),
        ({"monitoring": {"granularities": ["1 day", "1 day"]}}, InvalidValueError, "each granularity once"),
        ({"monitoring": {"problem_type": "clasification"}}, InvalidValueError, "did you mean 'classif"),
        ({"monitoring": {"refresh_schedule": "every day"}}, InvalidValueError, "five fields"),
        ({"monitoring": {"timezone": "Europe/Pariss"}}, InvalidValueError, "did you mean 'Europe/Paris'"),
        ({"monitoring": {"baseline_table": ""}}, InvalidValueError, "a text that is not empty"),
        ({"monitoring": {"slicing_exprs": ["Height >"]}}, InvalidValueError, "is none"),
        ({"monitoring": {"slicing_exprs": ["Hieght > 1"]}}, ColumnNotFoundError, "'Height'"),
        ({"monitoring": {"timestamp_col": "timestmp"}}, ColumnNotFoundError, "'timestamp'"),
        (
            {"monitoring": {"custom_metrics": [{**METRIC, "input_columns": ["Hieght"]}]}},
            ColumnNotFoundError,
            "'Height'",
        ),
        ({"monitoring": {"output_schema": "a.b.c"}}, InvalidNameError, "catalog.schema"),
        ({"monitoring": {"output_schema": "nowhere.x"}}, MonitoringError, "mlops_aut"),
        ({"monitoring": {"baseline_table": "main.bad_in.baseline"}}, MonitoringError, "Schema"),
        ({"catalog": "mlops_out"}, MonitoringError, "Did you mean 'mlops_aut'"),
        ({"schema": "bad_inputs"}, MonitoringError, "Did you mean 'bad_input'"),
        ({"schema": "mlops_aut.bad_input"}, InvalidNameError, "one level"),
        ({"catalog": ""}, InvalidNameError, "name of a catalog"),
        ({"model_name": "tal"}, MonitoringError, "Did you mean 'tall'"),
        ({"model_version": "latest"}, MonitoringError, "latest-model"),
        ({"model_version": ["1"]}, InvalidValueError, "a version or an alias"),
        ({"model_version": ""}, InvalidValueError, "a version or an alias"),
        ({"tags": ["prod"]}, InvalidValueError, "a dictionary"),
        ({"tags": {"team": None}}, InvalidValueError, "team"),
    ],
)  # fmt: skip
def test_a_wrong_deployment_is_refused_before_anything_is_made(
    served: Served, changed: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error) as caught:
        deploy(served, **changed)
    assert says in str(caught.value)
    assert not left_behind(served.client)


@pytest.mark.usefixtures("environment")
def test_a_wrong_monitor_is_refused(served: Served) -> None:
    monitors = LakehouseMonitor("mlops_aut", "bad_input", served.client)
    create: Callable[..., str] = monitors.create_monitor
    good = {"output_schema": "mlops_aut.never_made", "problem_type": "classification"}
    for changed, says in (
        ({"granularities": "1 day"}, "expected a list"),
        ({"custom_metrics": METRIC}, "expected a list"),
        ({"profile_type": "Inference"}, "'InferenceLog'"),
        ({"timestamp_col": "timestampp"}, "'timestamp'"),
        ({"slicing_exprs": ["Hieght > 1"]}, "'Height'"),
        ({"output_schema": ""}, "catalog.schema"),
    ):
        with pytest.raises(MonitoringError) as caught:
            create("inference_logs", **{**good, **changed})
        assert says in str(caught.value)
    with pytest.raises(MonitoringError, match="Did you mean 'inference_logs'"):
        create("inference_log", **good)
    with pytest.raises(ColumnNotFoundError, match="'Height'"):
        monitors.get_monitor_metrics("inference_logs", columns=["Hieght"])
    with pytest.raises(InvalidValueError, match="a list of columns"):
        monitors.get_monitor_metrics("inference_logs", columns="Height")
    assert not left_behind(served.client)


@pytest.mark.usefixtures("environment")
def test_nothing_is_registered_where_no_model_is(served: Served) -> None:
    registry = ModelRegistry("mlops_aut", "bad_input", client=served.client)
    for uri in ("model", "/nonexistent/model", ""):
        with pytest.raises(InvalidValueError, match="model_uri"):
            registry.register_model(uri, "never_registered")
    models = served.client.registered_models.list(catalog_name="mlops_aut", schema_name="bad_input")
    assert "never_registered" not in {model.name for model in models}


@pytest.mark.usefixtures("environment")
def test_a_baseline_without_predictions_is_said(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    sql = served.sql
    sql.execute(
        "CREATE OR REPLACE TABLE mlops_aut.bad_input.raw_train_set AS "
        "SELECT Height, Universe, Teams, Magic FROM mlops_aut.bad_input.baseline"
    )
    config = {**MONITORING, "baseline_table": "raw_train_set"}
    said: list[str] = []
    for progress in (None, said.append):
        framework = MonitoringFramework("mlops_aut", "bad_input", "tall", served.client, progress=progress)
        with caplog.at_level(logging.WARNING):
            made = framework.deploy_with_monitoring("1", SERVING, {"name": "raw_logs"}, config)
        assert made["monitor_name"] == "mlops_aut.bad_input.raw_logs"
    words = "predictions have no baseline to be compared with. prediction_drift alerts cannot fire"
    assert words in caplog.text
    assert any(words in line for line in said)
    # The endpoint goes back to where the other tests expect its payloads.
    MonitoringFramework("mlops_aut", "bad_input", "tall", served.client).deploy_with_monitoring(
        "1", SERVING, {"name": "inference_logs"}, {**MONITORING, "baseline_table": "baseline"}
    )


GOOD_ROW = {"Height": 1.75, "Universe": "Earth-616", "Teams": 1, "Magic": True}


def post(
    server: RunningWorkspace, path: str, body: bytes, content_type: str = "application/json"
) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(
        server.url + path,
        data=body,
        headers={"Authorization": f"Bearer {server.token}", "Content-Type": content_type},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"", 400, "valid JSON"),
        (b'{"dataframe_records": [', 400, "valid JSON"),
        (b"[1]", 400, "JSON dictionary"),
        (b"{}", 400, "exactly one of the input fields"),
        (json.dumps({"dataframe_records": [GOOD_ROW], "instances": [GOOD_ROW]}).encode(), 400, "exactly one"),
        (json.dumps({"dataframe_records": GOOD_ROW}).encode(), 400, "list of records"),
        (json.dumps({"dataframe_records": [{**GOOD_ROW, "Height": "tall"}]}).encode(), 400, "Height"),
        (b'{"dataframe_split": {"columns": ["Height", "Teams"], "data": [[1]]}}', 400, "2 columns passed"),
        (b'{"dataframe_records": [{"Universe": "\xff"}]}', 400, "valid JSON"),
        (b" " * (MOST_BYTES + 1), 413, "16777216 bytes"),
    ],
    ids=["none", "cut", "list", "empty", "two", "no list", "type", "ragged", "bytes", "large"],
)
def test_a_malformed_request_is_answered_in_json(
    served: Served, workspace_server: RunningWorkspace, body: bytes, status: int, says: str
) -> None:
    path = f"/serving-endpoints/{served.deployment['endpoint_name']}/invocations"
    code, answer = post(workspace_server, path, body)
    assert (code, says in answer["message"]) == (status, True), answer
    assert answer["error_code"]
    assert "Traceback" not in str(answer)
    assert str(workspace_server.root) not in str(answer)


def test_what_does_not_exist_on_the_server(served: Served, workspace_server: RunningWorkspace) -> None:
    code, answer = post(workspace_server, "/serving-endpoints/nope/invocations", b"{}")
    assert (code, answer["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert served.deployment["endpoint_name"] in answer["message"]
    code, answer = post(workspace_server, "/api/2.1/jobs/create", b"{}")
    assert (code, answer["error_code"]) == (404, "ENDPOINT_NOT_FOUND")
    path = f"/serving-endpoints/{served.deployment['endpoint_name']}/invocations"
    assert post(workspace_server, path, b"{}", "text/plain")[0] == 415
    code, answer = post(workspace_server, "/api/2.0/sql/statements", b'{"statement":')
    assert (code, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert "not JSON" in answer["message"]


def test_what_could_not_be_read_again_is_not_kept(served: Served, workspace_server: RunningWorkspace) -> None:
    with pytest.raises(DatabricksError, match="add_tags: key and value are texts"):
        served.client.serving_endpoints.patch(
            served.deployment["endpoint_name"],
            add_tags=[EndpointTag("team", 1)],  # type: ignore[arg-type] # on purpose
        )
    entity = {"entity_name": "mlops_aut.bad_input.tall", "entity_version": "1", "workload_size": "Small"}
    for body, says in (
        ({"tags": [{"key": "team", "value": 1}]}, "tags"),
        ({"description": 5}, "description"),
        ({"config": {"served_entities": [{**entity, "entity_version": 1}]}}, "entity_version"),
        ({"config": {"served_entities": [{**entity, "scale_to_zero_enabled": "yes"}]}}, "scale_to_zero"),
    ):
        whole = {"name": "never-made", "config": {"served_entities": [entity]}, **body}
        code, answer = post(workspace_server, "/api/2.0/serving-endpoints", json.dumps(whole).encode())
        assert (code, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), answer
        assert says in answer["message"]
    assert not left_behind(served.client)


def test_a_statement_that_fails_leaves_tables_as_they_were(client: WorkspaceClient) -> None:
    sql = SqlClient(client)
    sql.execute("CREATE SCHEMA IF NOT EXISTS main.bad_input")
    sql.execute("CREATE OR REPLACE TABLE main.bad_input.t (id INT, v DOUBLE, s STRING)")
    sql.execute("INSERT INTO main.bad_input.t VALUES (1, 1.0, 'a'), (2, 2.0, 'b')")

    def state() -> tuple[list[dict[str, object]], int]:
        rows = list(sql.execute("SELECT * FROM main.bad_input.t ORDER BY id"))
        return rows, len(sql.execute("DESCRIBE HISTORY main.bad_input.t"))

    before = state()
    merge = (
        "MERGE INTO main.bad_input.t AS t USING (VALUES (1, 9.0), (1, 8.0)) AS s(id, v) ON t.id = s.id "
        "WHEN MATCHED THEN UPDATE SET v = s.v"
    )
    for statement, says in (
        ("SELEC 1", "PARSE_SYNTAX_ERROR"),
        ("SELECT vv FROM main.bad_input.t", "`v`"),
        ("INSERT INTO main.bad_input.t SELECT id, v / 0, s FROM main.bad_input.t", "DIVIDE_BY_ZERO"),
        ("INSERT INTO main.bad_input.t SELECT CAST(s AS INT), v, s FROM main.bad_input.t", "CAST_INVALID"),
        ("UPDATE main.bad_input.t SET v = CAST(s AS DOUBLE)", "CAST_INVALID_INPUT"),
        (merge, "MULTIPLE_SOURCE_ROW"),
        ("CREATE OR REPLACE TABLE main.bad_input.t AS SELECT 1 / 0 AS id", "DIVIDE_BY_ZERO"),
    ):
        with pytest.raises(StatementError) as caught:
            sql.execute(statement)
        assert says in str(caught.value)
        raw = client.statement_execution.execute_statement(statement=statement, warehouse_id=sql.warehouse_id)
        assert raw.status is not None
        assert raw.status.error is not None
        assert says in (raw.status.error.message or "")
        assert state() == before
    with pytest.raises(TableNotFoundError, match="Did you mean 't'"):
        sql.execute("INSERT INTO main.bad_input.tt VALUES (1)")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("environments:\n  dev:\n    serving: {endpoint_name: x\n", "config.yml:4 is not YAML"),
        ("environments:\n  dev:\n\tserving: {}\n", "config.yml:3 is not YAML"),
        ("serving: {endpoint_name: x, wrkload_size: Small}\n", "workload_size"),
        ("enviroments:\n  dev: {}\n", "environments"),
        ("environments:\n  dev:\n    servng: {}\n", "serving"),
        ("environments: {qa: {serving: {endpoint_name: x}}}\n", "Existing: qa"),
    ],
)
def test_a_wrong_configuration_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, says: str
) -> None:
    path = tmp_path / "config.yml"
    path.write_text(text)
    for command in (deploy_serving, setup_monitoring):
        assert command.main([*WHERE, "--environment", "dev", "--config", str(path)]) == 2
        said = capsys.readouterr().err
        assert says in said
        assert "unicode string" not in said
    path.write_bytes(b"\xff\xfe\x00")
    assert deploy_serving.main([*WHERE, "--environment", "dev", "--config", str(path)]) == 2
    assert "UTF-8" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("main_of", "arguments", "says"),
    [
        (analyze_drift.main, ["--days", "seven"], "a number above 0"),
        (analyze_drift.main, ["--days", "0"], "a number above 0"),
        (analyze_drift.main, ["--granularity", "15 minutes"], "30 minutes"),
        (analyze_drift.main, ["--catalog", ""], "one level"),
        (validate_inference_table.main, ["--schema", "a.b"], "one level"),
        (refresh_all_monitors.main, ["--timeout", "-1"], "a number above 0"),
        (send_alerts.main, [], "--environment"),
    ],
)
def test_wrong_arguments(
    capsys: pytest.CaptureFixture[str],
    main_of: Callable[[list[str]], int],
    arguments: list[str],
    says: str,
) -> None:
    with pytest.raises(SystemExit) as ended:
        main_of([*WHERE, *arguments])
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variables", "code", "says"),
    [
        ({}, 2, "Set DATABRICKS_HOST"),
        ({"DATABRICKS_HOST": "http://127.0.0.1:9", "DATABRICKS_TOKEN": "x"}, 1, "Nothing answers"),
        ({"DATABRICKS_HOST": "http://no-such-host.invalid", "DATABRICKS_TOKEN": "x"}, 1, "Nothing answers"),
    ],
)
def test_no_workspace(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variables: dict[str, str],
    code: int,
    says: str,
) -> None:
    for name in (
        "DATABRICKS_HOST",
        "DATABRICKS_TOKEN",
        "http_proxy",
        "https_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert analyze_drift.main(WHERE) == code
    assert says in capsys.readouterr().err


def test_a_wrong_token(
    workspace_server: RunningWorkspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", workspace_server.url)
    monkeypatch.setenv("DATABRICKS_TOKEN", "somebody-elses")
    assert analyze_drift.main(WHERE) == 1
    said = capsys.readouterr().err
    assert "DATABRICKS_TOKEN" in said
    assert "somebody-elses" not in said


def test_the_demo_leaves_what_it_did_not_make(
    workspace_server: RunningWorkspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In particular a running workspace, which it must not stop either."""
    pid = server_pid(workspace_server.root)
    command = [sys.executable, "-m", "databricks_monitoring", "demo", "--root", str(workspace_server.root)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "did not make" in done.stderr
    assert server_pid(workspace_server.root) == pid
    (tmp_path / "own.txt").write_text("mine")
    assert main(["demo", "--root", str(tmp_path)]) == 1
    assert (tmp_path / "own.txt").read_text() == "mine"
    assert main(["local", "up", "--root", ""]) == 2
    assert "name of a folder" in capsys.readouterr().err
