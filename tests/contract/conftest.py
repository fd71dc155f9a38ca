from __future__ import annotations

import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from databricks_monitoring.clients import SqlClient
from databricks_monitoring.monitoring.framework import MonitoringFramework
from databricks_monitoring.names import SchemaName, TableName

if TYPE_CHECKING:
    from collections.abc import Iterator

    from databricks.sdk import WorkspaceClient

    from databricks_monitoring.monitoring.framework import Deployment

SCHEMA = SchemaName("mlops_aut", "characters")
MODEL = SCHEMA.table("tall")


@dataclass(frozen=True)
class Served:
    """A deployed model under watch."""

    client: WorkspaceClient
    deployment: Deployment

    @property
    def sql(self) -> SqlClient:
        return SqlClient(self.client)

    @property
    def table(self) -> TableName:
        return TableName.parse(self.deployment["inference_table"])


@pytest.fixture(scope="session")
def tall_model(client: WorkspaceClient, tmp_path_factory: pytest.TempPathFactory) -> TableName:
    """Register a model: versions 1 and 2 alike, version 3 cannot be loaded; `latest-model` is 1."""
    return register_tall(client, tmp_path_factory, MODEL)


def register_tall(
    client: WorkspaceClient, tmp_path_factory: pytest.TempPathFactory, model: TableName
) -> TableName:
    """Create the model's schema and register three versions in it."""
    import mlflow  # noqa: PLC0415 - takes seconds, and only here
    from mlflow.types import ColSpec, DataType, Schema  # noqa: PLC0415

    kinds = {
        "Height": DataType.double,
        "Universe": DataType.string,
        "Teams": DataType.long,
        "Magic": DataType.boolean,
    }
    good = tmp_path_factory.mktemp("tall") / "model"
    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setenv("DATABRICKS_HOST", client.config.host or "")
        patch.setenv("DATABRICKS_TOKEN", client.config.token or "")
        mlflow.set_tracking_uri("databricks")
        mlflow.set_registry_uri("databricks-uc")
        signature = mlflow.models.ModelSignature(
            inputs=Schema([ColSpec(kind, name, required=False) for name, kind in kinds.items()]),
            outputs=Schema([ColSpec(DataType.long)]),
        )
        code = str(Path(__file__).with_name("characters_model.py"))
        mlflow.pyfunc.save_model(good, python_model=code, signature=signature, pip_requirements=[])
        broken = Path(shutil.copytree(good, good.with_name("broken")))
        (broken / "characters_model.py").write_text("import a_module_that_is_missing\n", encoding="utf-8")
        client.schemas.create(model.schema, model.catalog)
        for path in (good, good, broken):
            # Registering takes the files away.
            copy = shutil.copytree(path, tmp_path_factory.mktemp("version") / "model")
            mlflow.register_model(Path(copy).as_uri(), str(model))
        mlflow.MlflowClient().set_registered_model_alias(str(model), "latest-model", "1")
        mlflow.set_tracking_uri(before[0])
        mlflow.set_registry_uri(before[1])
    return model


@pytest.fixture(scope="module")
def environment(client: WorkspaceClient) -> Iterator[pytest.MonkeyPatch]:
    """Let the environment name the session's workspace, as commands and MLflow expect."""
    import mlflow  # noqa: PLC0415 - takes seconds, and only here

    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABRICKS_HOST", client.config.host or "")
        patch.setenv("DATABRICKS_TOKEN", client.config.token or "")
        yield patch
    mlflow.set_tracking_uri(before[0])
    mlflow.set_registry_uri(before[1])


@pytest.fixture(scope="session")
def baseline(client: WorkspaceClient, tall_model: TableName) -> TableName:
    """Write a scored test set of a thousand characters."""
    return write_baseline(client, tall_model.parent.table("baseline"))


def write_baseline(client: WorkspaceClient, table: TableName) -> TableName:
    """Write a scored test set of a thousand characters to a table."""
    SqlClient(client).execute(
        f"CREATE TABLE {table.quoted} AS SELECT 1.5D + id % 60 / 100.0D AS `Height`, "  # noqa: S608 - quoted
        "CASE WHEN id % 3 = 0 THEN 'Earth-616' ELSE 'Earth-1610' END AS `Universe`, id % 5 AS `Teams`, "
        "id % 2 = 0 AS `Magic`, 'tall_1' AS model_id, "
        "CASE WHEN id % 60 > 30 THEN '1' ELSE '0' END AS prediction, "
        "CASE WHEN id % 60 > 33 THEN '1' ELSE '0' END AS label FROM range(1000)"
    )
    return table


MONITORING = {
    "output_schema": "characters_monitoring",
    "granularities": ["1 day"],
    "problem_type": "classification",
    "refresh_schedule": "0 0 * * *",
    "alerts": [{"metric": "prediction_drift", "threshold": 0.05, "recipients": ["ml-ops@example.com"]}],
}


@pytest.fixture(scope="session")
def served(client: WorkspaceClient, tall_model: TableName, baseline: TableName) -> Served:
    """Deploy the model with everything around it, as the documentation shows."""
    import mlflow  # noqa: PLC0415 - takes seconds, and only here

    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABRICKS_HOST", client.config.host or "")
        patch.setenv("DATABRICKS_TOKEN", client.config.token or "")
        framework = MonitoringFramework(
            catalog=tall_model.catalog, schema=tall_model.schema, model_name=tall_model.name, client=client
        )
        deployment = framework.deploy_with_monitoring(
            model_version="latest-model",
            serving_config={
                "endpoint_name": "tall-serving",
                "workload_size": "Small",
                "scale_to_zero": False,
            },
            inference_table_config={"name": "inference_logs", "enabled": True},
            monitoring_config={**MONITORING, "baseline_table": str(baseline)},
            tags={"environment": "aut"},
        )
        mlflow.set_tracking_uri(before[0])
        mlflow.set_registry_uri(before[1])
    return Served(client, deployment)
