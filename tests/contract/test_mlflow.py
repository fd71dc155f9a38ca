"""The unmodified MLflow client against a live local workspace."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

import mlflow
import pandas as pd
import pytest
import requests
from databricks.sdk.errors import NotFound, NotImplemented, ResourceDoesNotExist  # noqa: A004 - the SDK's name
from mlflow.data.delta_dataset_source import DeltaDatasetSource
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression

from databricks_monitoring.errors import (
    AliasNotFoundError,
    ConfigError,
    InvalidNameError,
    InvalidValueError,
    ModelNotFoundError,
    ModelVersionNotFoundError,
    SchemaNotFoundError,
    TableNotFoundError,
)
from databricks_monitoring.mlflow_tracking import MLFlowTracker
from databricks_monitoring.model_registry import ModelRegistry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from databricks.sdk import WorkspaceClient
    from mlflow.models.model import ModelInfo

FEATURES = pd.DataFrame({"height": [1.0, 2.0, 3.0, 4.0], "power": [4.0, 3.0, 2.0, 1.0]})
LABELS = ["no", "no", "yes", "yes"]


@pytest.fixture(autouse=True)
def _environment(client: WorkspaceClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DATABRICKS_HOST", client.config.host or "")
    monkeypatch.setenv("DATABRICKS_TOKEN", client.config.token or "")
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", "/nonexistent")
    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    mlflow.set_tracking_uri("databricks")
    mlflow.set_registry_uri("databricks-uc")
    yield
    while mlflow.active_run():
        mlflow.end_run()
    mlflow.set_tracking_uri(before[0])
    mlflow.set_registry_uri(before[1])


@pytest.fixture
def api() -> mlflow.MlflowClient:
    return mlflow.MlflowClient()


@pytest.fixture
def experiment(api: mlflow.MlflowClient) -> str:
    return str(api.create_experiment(f"/Shared/{uuid.uuid4().hex}"))


@pytest.fixture
def schema(client: WorkspaceClient) -> str:
    name = f"s{uuid.uuid4().hex[:8]}"
    client.schemas.create(name=name, catalog_name="main")
    return f"main.{name}"


@pytest.fixture
def model() -> LogisticRegression:
    return LogisticRegression().fit(FEATURES, LABELS)


def _log(model: LogisticRegression, experiment: str, registered_name: str | None = None) -> ModelInfo:
    with mlflow.start_run(experiment_id=experiment):
        info: ModelInfo = mlflow.sklearn.log_model(
            model,
            name="model",
            signature=infer_signature(FEATURES, model.predict(FEATURES).astype(str)),
            serialization_format="cloudpickle",
            pip_requirements=["scikit-learn"],
            registered_model_name=registered_name,
        )
        return info


def test_runs_are_kept_and_found(experiment: str, api: mlflow.MlflowClient) -> None:
    with mlflow.start_run(experiment_id=experiment, run_name="first", tags={"team": "a"}) as run:
        mlflow.log_params({"depth": 6})
        for step, value in enumerate([0.1, 0.2]):
            mlflow.log_metric("loss", value, step=step)
    found = api.get_run(run.info.run_id)
    assert (found.info.status, found.info.run_name) == ("FINISHED", "first")
    assert found.data.params == {"depth": "6"}
    assert [metric.value for metric in api.get_metric_history(run.info.run_id, "loss")] == [0.1, 0.2]
    searched = api.search_runs([experiment], "tags.team = 'a' and metrics.loss > 0.15 and params.depth = '6'")
    assert [item.info.run_id for item in searched] == [run.info.run_id]


def test_a_run_that_raises_ends_failed(experiment: str, api: mlflow.MlflowClient) -> None:
    with pytest.raises(ZeroDivisionError), mlflow.start_run(experiment_id=experiment) as run:
        1 / 0  # noqa: B018 - the point
    assert api.get_run(run.info.run_id).info.status == "FAILED"


@pytest.mark.parametrize("by_signed_url", [False, True])
def test_artifacts_go_up_and_come_down_over_http(
    experiment: str,
    api: mlflow.MlflowClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    by_signed_url: bool,
) -> None:
    monkeypatch.setenv("MLFLOW_DISABLE_DATABRICKS_SDK_FOR_RUN_ARTIFACTS", str(by_signed_url).lower())
    (tmp_path / "up/deep").mkdir(parents=True)
    (tmp_path / "up/a b.txt").write_text("spaced")
    (tmp_path / "up/deep/empty").touch()
    (tmp_path / "up/deep/ünïcode.bin").write_bytes(bytes(range(256)) * 1000)
    run = api.create_run(experiment)
    run_id = run.info.run_id
    api.log_artifacts(run_id, str(tmp_path / "up"), "files")
    assert run.info.artifact_uri.startswith("dbfs:/databricks/mlflow-tracking/")
    assert {item.path for item in api.list_artifacts(run_id, "files")} == {"files/a b.txt", "files/deep"}
    sizes = {item.path: item.file_size for item in api.list_artifacts(run_id, "files/deep")}
    assert sizes == {"files/deep/empty": 0, "files/deep/ünïcode.bin": 256000}
    assert api.list_artifacts(run_id, "files/a b.txt") == []
    assert api.list_artifacts(run_id, "none") == []
    down = tmp_path / "down"
    down.mkdir()
    api.download_artifacts(run_id, "files", str(down))
    for name in ("a b.txt", "deep/empty", "deep/ünïcode.bin"):
        assert (down / "files" / name).read_bytes() == (tmp_path / "up" / name).read_bytes()


def test_a_signed_url_needs_no_token_and_serves_nothing_else(
    client: WorkspaceClient, experiment: str, api: mlflow.MlflowClient
) -> None:
    run = api.create_run(experiment)
    body = {"run_id": run.info.run_id, "path": ["a.txt"]}
    answer = client.api_client.do("POST", "/api/2.0/mlflow/artifacts/credentials-for-write", body=body)
    assert isinstance(answer, dict)
    url = answer["credential_infos"][0]["signed_uri"]
    assert requests.put(url, data=b"0123456789", timeout=10).status_code == 200
    assert requests.get(url, timeout=10).status_code == 403
    assert requests.put(url.replace("a.txt", "b.txt"), data=b"no", timeout=10).status_code == 403
    answer = client.api_client.do("POST", "/api/2.0/mlflow/artifacts/credentials-for-read", body=body)
    assert isinstance(answer, dict)
    url = answer["credential_infos"][0]["signed_uri"]
    part = requests.get(url, headers={"Range": "bytes=2-4"}, timeout=10)
    assert (part.status_code, part.content) == (206, b"234")
    with pytest.raises(NotFound):
        client.api_client.do(
            "POST", "/api/2.0/mlflow/artifacts/credentials-for-read", body=body | {"run_id": "none"}
        )


def test_errors_are_json_with_databricks_codes(client: WorkspaceClient, api: mlflow.MlflowClient) -> None:
    with pytest.raises(NotFound, match="No API found"):
        client.api_client.do("GET", "/api/2.0/mlflow/no-such-thing")
    with pytest.raises(MlflowException, match="absolute path"):
        api.create_experiment("not-a-path")
    with pytest.raises(MlflowException, match="not found") as raised:
        api.get_run("none")
    assert raised.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_a_logged_model_is_registered_loaded_and_found(
    model: LogisticRegression, experiment: str, schema: str, api: mlflow.MlflowClient
) -> None:
    name = f"{schema}.churn"
    info = _log(model, experiment, name)
    assert str(info.registered_model_version) == "1"
    assert [item.name for item in mlflow.search_logged_models([experiment], output_format="list")] == [
        "model"
    ]
    api.set_registered_model_alias(name, "champion", "1")
    api.set_model_version_tag(name, "1", "git_sha", "abc")
    api.set_registered_model_tag(name, "team", "a")
    api.update_model_version(name, "1", "the first")
    version = api.get_model_version_by_alias(name, "champion")
    assert (version.version, version.status, version.aliases) == ("1", "READY", ["champion"])
    assert (version.tags, version.description) == ({"git_sha": "abc"}, "the first")
    assert (version.run_id, version.source) == (info.run_id, info.model_uri)
    for uri in (f"models:/{name}@champion", f"models:/{name}/1", info.model_uri):
        assert list(mlflow.pyfunc.load_model(uri).predict(FEATURES)) == LABELS
    second = mlflow.register_model(info.model_uri, name, tags={"again": "yes"})
    assert second.version == "2"
    assert [item.version for item in api.search_model_versions(f"name = '{name}'")] == ["2", "1"]
    assert len(api.search_model_versions(f"name = '{name}' AND run_id = '{info.run_id}'")) == 2
    assert api.search_model_versions("name = 'main.default.none'") == []
    api.delete_model_version_tag(name, "1", "git_sha")
    api.delete_registered_model_alias(name, "champion")
    api.delete_model_version(name, "1")
    assert api.get_registered_model(name).tags == {"team": "a"}
    assert [item.version for item in api.search_model_versions(f"name = '{name}'")] == ["2"]
    with pytest.raises(MlflowException, match="Existing: 2"):
        api.get_model_version(name, "1")
    api.delete_registered_model(name)
    with pytest.raises(MlflowException, match="does not exist"):
        api.get_registered_model(name)


def test_the_registry_refuses_what_unity_catalog_refuses(
    model: LogisticRegression, experiment: str, schema: str, client: WorkspaceClient
) -> None:
    info = _log(model, experiment)
    with pytest.raises(MlflowException, match="specify all three levels"):
        mlflow.register_model(info.model_uri, "default.churn")
    with pytest.raises(MlflowException, match=r"Schema 'main\.nowhere' does not exist"):
        mlflow.register_model(info.model_uri, "main.nowhere.churn")
    with pytest.raises(MlflowException, match="filter"):
        mlflow.MlflowClient().search_model_versions("name LIKE 'x%'")
    credentials = "/api/2.0/mlflow/unity-catalog/model-versions/generate-temporary-credentials"
    with pytest.raises(NotImplemented, match="Files API"):
        client.api_client.do("POST", credentials, body={"name": f"{schema}.churn", "version": "1"})
    base = "/api/2.0/mlflow/unity-catalog"
    name = f"{schema}.unfinished"
    client.api_client.do("POST", f"{base}/registered-models/create", body={"name": name})
    client.api_client.do("POST", f"{base}/model-versions/create", body={"name": name, "source": "x"})
    with pytest.raises(MlflowException, match="no MLmodel"):
        mlflow.MlflowClient()._get_registry_client().store._finalize_model_version(name, "1")
    assert mlflow.MlflowClient().get_model_version(name, "1").status == "FAILED_REGISTRATION"


def test_the_sdk_sees_the_same_registry(
    model: LogisticRegression, experiment: str, schema: str, client: WorkspaceClient
) -> None:
    catalog, _, name = schema.partition(".")
    created = client.registered_models.create(
        catalog_name=catalog, schema_name=name, name="churn", comment="who leaves"
    )
    full_name = created.full_name or ""
    _log(model, experiment, full_name)
    alias = client.registered_models.set_alias(full_name, "champion", 1)
    assert (alias.alias_name, alias.version_num) == ("champion", 1)
    found = client.registered_models.get(full_name, include_aliases=True)
    assert found.comment == "who leaves"
    assert [item.alias_name for item in found.aliases or []] == ["champion"]
    assert client.model_versions.get_by_alias(full_name, "champion").version == 1
    assert [item.version for item in client.model_versions.list(full_name)] == [1]
    listed = client.registered_models.list(catalog_name=catalog, schema_name=name)
    assert [item.full_name for item in listed] == [full_name]
    client.model_versions.update(full_name, 1, comment="the first")
    assert client.model_versions.get(full_name, 1).comment == "the first"
    assert mlflow.MlflowClient().get_model_version(full_name, "1").description == "the first"
    client.registered_models.delete(full_name)
    with pytest.raises(ResourceDoesNotExist):
        client.registered_models.get(full_name)


def test_the_tracker_logs_data_parameters_metrics_and_the_model(
    model: LogisticRegression, schema: str, client: WorkspaceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_SHA", "abc123")
    for table in ("train_set", "test_set"):
        _create_table(client, f"{schema}.{table}")
    tracker = MLFlowTracker(f"/Shared/{schema}", client=client)
    assert MLFlowTracker(f"/Shared/{schema}", client=client).experiment_id == tracker.experiment_id
    with tracker.start_run(run_name="training", tags={"owner": "a"}) as run:
        train, test = tracker.log_training_data(
            FEATURES, FEATURES.head(2), f"{schema}.train_set", f"{schema}.test_set"
        )
        tracker.log_model_params({"tree": {"depth": 6}})
        tracker.log_model_metrics({"f1": 0.85})
        info = tracker.log_model_artifacts(model, FEATURES, f"{schema}.churn", aliases=["latest-model"])
        with pytest.raises(TableNotFoundError, match=r"train_set"):
            tracker.log_training_data(FEATURES, FEATURES, f"{schema}.trainset", f"{schema}.test_set")
    logged = mlflow.MlflowClient().get_run(run.info.run_id)
    assert logged.data.params == {"tree.depth": "6"}
    assert logged.data.metrics == {"f1": 0.85}
    assert {key: logged.data.tags[key] for key in ("git_sha", "owner")} == {"git_sha": "abc123", "owner": "a"}
    assert (train.rows, test.rows) == (4, 2)
    assert logged.inputs is not None
    sources = {
        item.dataset.name: (json.loads(item.dataset.source), item.tags[0].value)
        for item in logged.inputs.dataset_inputs
    }
    for table, context in (("train_set", "training"), ("test_set", "testing")):
        source, found_context = sources[table]
        info_of_table = client.tables.get(f"{schema}.{table}")
        assert found_context == context
        assert source["delta_table_name"] == f"{schema}.{table}"
        assert source["delta_table_version"] == train.version
        assert source["delta_table_id"] == info_of_table.table_id
    read_back = mlflow.data.get_source(logged.inputs.dataset_inputs[0])
    assert isinstance(read_back, DeltaDatasetSource)
    assert read_back.delta_table_version == train.version
    assert str(info.registered_model_version) == "1"
    assert info.signature.inputs.input_names() == ["height", "power"]
    assert info.signature.outputs is not None
    registry = ModelRegistry(*schema.split("."), client=client)
    assert registry.resolve("churn", "latest-model") == "1"
    assert list(registry.load_model_for_inference("churn", alias="latest-model").predict(FEATURES)) == LABELS


def test_the_tracker_refuses_before_it_logs(
    model: LogisticRegression, schema: str, client: WorkspaceClient
) -> None:
    with pytest.raises(InvalidValueError, match="absolute path"):
        MLFlowTracker("my-experiment", client=client)
    tracker = MLFlowTracker(f"/Shared/{schema}", client=client)
    with pytest.raises(InvalidValueError, match="start_run"):
        tracker.log_model_params({"a": 1})
    with tracker.start_run() as run:
        with pytest.raises(InvalidNameError, match=r"catalog\.schema\.model"):
            tracker.log_model_artifacts(model, FEATURES, "churn")
        with pytest.raises(SchemaNotFoundError, match="nowhere"):
            tracker.log_model_artifacts(model, FEATURES, "main.nowhere.churn")
        with pytest.raises(InvalidValueError, match="registered_model_name"):
            tracker.log_model_artifacts(model, FEATURES, aliases=["champion"])
    outputs = mlflow.MlflowClient().get_run(run.info.run_id).outputs
    assert outputs is not None
    assert outputs.model_outputs == []


def test_the_registry_of_the_framework_is_idempotent_and_names_what_exists(
    model: LogisticRegression, experiment: str, schema: str, client: WorkspaceClient
) -> None:
    info = _log(model, experiment)
    registry = ModelRegistry(*schema.split("."), client=client)
    first = registry.register_model(info.model_uri, "churn", tags={"git_sha": "abc"}, description="one")
    again = registry.register_model(f"runs:/{info.run_id}/any", "churn", tags={"git_sha": "def"})
    assert (first.version, again.version) == ("1", "1")
    assert (again.description, again.tags) == ("one", {"git_sha": "def"})
    registry.set_model_alias(model_name="churn", version=first.version, alias="latest-model")
    assert registry.get_model_version_by_alias(f"{schema}.churn", "latest-model").version == "1"
    assert [version.tags for version in registry.list_model_versions("churn")] == [{"git_sha": "def"}]
    with pytest.raises(ModelNotFoundError, match=rf"Did you mean '{schema}\.churn'"):
        registry.resolve("chrun", "1")
    with pytest.raises(ModelVersionNotFoundError, match="Existing: 1"):
        registry.load_model_for_inference("churn", version=2)
    with pytest.raises(AliasNotFoundError, match="Existing: latest-model"):
        registry.load_model_for_inference("churn", alias="champion")
    with pytest.raises(InvalidValueError, match="either an alias or a version"):
        registry.load_model_for_inference("churn")
    with pytest.raises(InvalidValueError, match="other than `latest`"):
        registry.set_model_alias("churn", 1, "v1")
    with pytest.raises(InvalidValueError, match="placeholder"):
        registry.register_model("runs:/{run_id}/model", "churn")
    with pytest.raises(InvalidNameError):
        registry.resolve("default.churn", "1")


def test_mlflow_and_the_client_must_mean_the_same_workspace(
    client: WorkspaceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", "http://127.0.0.1:9")
    with pytest.raises(ConfigError, match=r"MLflow would talk to http://127\.0\.0\.1:9"):
        ModelRegistry("main", "default", client=client)


def _create_table(client: WorkspaceClient, full_name: str) -> None:
    from databricks_monitoring.clients import SqlClient  # noqa: PLC0415 - only here

    SqlClient(client).execute(f"CREATE TABLE IF NOT EXISTS {full_name} (height DOUBLE, power DOUBLE)")
