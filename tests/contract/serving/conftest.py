from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.contract.serving.running import Running, deployed, register

if TYPE_CHECKING:
    from collections.abc import Iterator

    from databricks.sdk import WorkspaceClient


@pytest.fixture(scope="session")
def saved_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model that does what its input says, saved as MLflow saves it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow.pyfunc  # noqa: PLC0415 - takes seconds, and only here
        from mlflow.models import ModelSignature  # noqa: PLC0415
        from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema  # noqa: PLC0415

        path = tmp_path_factory.mktemp("saved") / "model"
        signature = ModelSignature(
            inputs=Schema(
                [ColSpec(DataType.double, "x"), ColSpec(DataType.string, "action", required=False)]
            ),
            outputs=Schema([ColSpec(DataType.double)]),
            params=ParamSchema([ParamSpec("factor", DataType.double, 2.0)]),
        )
        mlflow.pyfunc.save_model(
            path,
            python_model=str(Path(__file__).with_name("obedient_model.py")),
            signature=signature,
            pip_requirements=[],
        )
    return path


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, saved_model: Path) -> Iterator[Running]:
    """Run a workspace whose endpoint `basic` has one served entity and logs to `basic_payload`."""
    root = tmp_path_factory.mktemp("workspace")
    register(root, saved_model)
    register(root, saved_model, version="2")
    register(root, saved_model, version="3")
    (root / "models/main/default/obedient/3/obedient_model.py").write_text(
        "import a_module_that_is_missing\n"
    )
    register(root, saved_model, name="main.default.unsigned")
    _drop_signature(root / "models/main/default/unsigned/1/MLmodel")
    running = Running(root, SHORT)
    running.start()
    running.post("/api/2.0/serving-endpoints", BASIC)
    deployed(running.client(), "basic")
    yield running
    running.end()


@pytest.fixture(scope="session")
def rough(served: Running, client: WorkspaceClient) -> str:
    """Deploy an endpoint that tests may treat badly; it logs to `rough_payload`."""
    body = json.loads(json.dumps(BASIC).replace("basic", "rough"))
    served.post("/api/2.0/serving-endpoints", body)
    deployed(client, "rough")
    return "rough"


@pytest.fixture(scope="session")
def client(served: Running) -> WorkspaceClient:
    return served.client()


SHORT = {
    "DATABRICKS_MONITORING_SERVING_REQUEST_SECONDS": "3",
    "DATABRICKS_MONITORING_SERVING_RESTART_SECONDS": "0.2",
    "DATABRICKS_MONITORING_SERVING_RESTART_SECONDS_AT_MOST": "0.8",
    "DATABRICKS_MONITORING_SERVING_MEMORY_MIB": "800",
    "DATABRICKS_MONITORING_SERVING_LOG_MIB": "1",
}

BASIC = {
    "name": "basic",
    "config": {
        "served_entities": [
            {
                "name": "one",
                "entity_name": "main.default.obedient",
                "entity_version": "1",
                "workload_size": "Small",
                "scale_to_zero_enabled": False,
            }
        ]
    },
    "ai_gateway": {
        "inference_table_config": {
            "enabled": True,
            "catalog_name": "main",
            "schema_name": "default",
            "table_name_prefix": "basic",
        }
    },
    "tags": [{"key": "environment", "value": "test"}],
}


def _drop_signature(mlmodel: Path) -> None:
    kept, dropping = [], False
    for line in mlmodel.read_text().splitlines():
        dropping = line.startswith("signature:") or (dropping and line.startswith(" "))
        if not dropping:
            kept.append(line)
    mlmodel.write_text("\n".join(kept))
