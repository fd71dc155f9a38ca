"""The two models that are served: trained, logged and registered as a user would do it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import mlflow
import numpy as np
import pandas as pd
from lightgbm import LGBMRegressor
from mlflow.models import Model

from databricks_monitoring.clients import SqlClient
from databricks_monitoring.demo.characters import FEATURES, make_characters
from databricks_monitoring.demo.data_set import Landing
from databricks_monitoring.demo.training import EXPERIMENT, MODEL, train_and_register
from databricks_monitoring.mlflow_tracking import MLFlowTracker
from databricks_monitoring.model_registry import ModelRegistry
from databricks_monitoring.names import SchemaName

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from databricks.sdk import WorkspaceClient

SCHEMA = SchemaName("bench", "serving")
PLAIN = "plain_20_features"
SEED = 7
TRAINED_ON = 4_000
FEATURE_COUNT = 20
_V2_TYPES = {"double": "FP64", "long": "INT64", "boolean": "BOOL", "string": "BYTES"}


@dataclass(frozen=True)
class BenchmarkModel:
    """A registered model and rows to ask it about.

    Attributes
    ----------
    folder
        The model's files, as downloaded from the registry: what the other servers load.
    columns
        The types of its input columns, in order.
    rows
        Cells as JSON knows them.
    """

    name: str
    version: str
    folder: Path
    columns: dict[str, str]
    rows: list[list[Any]]

    def request(self, count: int) -> bytes:
        """Return the body of a request with the first `count` rows, in MLflow's split format."""
        body = {"dataframe_split": {"columns": list(self.columns), "data": self.rows[:count]}}
        return json.dumps(body).encode()

    def v2_request(self, count: int) -> bytes:
        """Return the same rows as a V2 inference request, one tensor a column."""
        inputs = []
        for at, name in enumerate(self.columns):
            cells = [row[at] for row in self.rows[:count]]
            datatype = _V2_TYPES[self.columns[name]]
            tensor: dict[str, object] = {
                "name": name,
                "shape": [count, 1],
                "datatype": datatype,
                "data": cells,
            }
            if datatype == "BYTES":
                tensor["parameters"] = {"content_type": "str"}
            inputs.append(tensor)
        return json.dumps({"parameters": {"content_type": "pd"}, "inputs": inputs}).encode()


def register(client: WorkspaceClient, downloads: Path, names: Iterable[str]) -> list[BenchmarkModel]:
    """Train and register models in the workspace; return them with their files downloaded."""
    SqlClient(client).execute(f"CREATE CATALOG IF NOT EXISTS `{SCHEMA.catalog}`")
    SqlClient(client).execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA.quoted}")
    return [_registered(client, name, downloads) for name in names]


def _registered(client: WorkspaceClient, name: str, downloads: Path) -> BenchmarkModel:
    version, rows = {MODEL: _demo, PLAIN: _plain}[name](client)
    folder = downloads / name
    folder.mkdir(parents=True)
    mlflow.artifacts.download_artifacts(f"models:/{SCHEMA}.{name}/{version}", dst_path=str(folder))
    schema = Model.load(str(folder)).get_input_schema()
    columns = {column["name"]: column["type"] for column in schema.to_dict()}
    return BenchmarkModel(name, version, folder, columns, rows)


def _demo(client: WorkspaceClient) -> tuple[str, list[list[Any]]]:
    """Train the demo's pipeline: one-hot encoded categories, then LightGBM."""
    characters = make_characters(TRAINED_ON, seed=SEED)
    at = TRAINED_ON // 2
    train, test = characters[:at], characters[at:].reset_index(drop=True)
    landing = Landing(client, SqlClient(client), SCHEMA)
    landing.write_table(train, SCHEMA.table("train_set"))
    landing.write_table(test, SCHEMA.table("test_set"))
    _, version = train_and_register(train, test, SCHEMA, client)
    # As JSON knows them: missing values are null.
    rows = json.loads(characters[list(FEATURES)].head(1000).to_json(orient="values"))
    return version, rows


def _plain(client: WorkspaceClient) -> tuple[str, list[list[Any]]]:
    """Train LightGBM alone on numbers, logged in MLflow's own flavor for it."""
    rng = np.random.default_rng(SEED)
    names = [f"feature_{number:02d}" for number in range(FEATURE_COUNT)]
    features = pd.DataFrame(rng.normal(size=(TRAINED_ON, FEATURE_COUNT)), columns=names)
    target = features.to_numpy() @ rng.normal(size=FEATURE_COUNT) + rng.normal(size=TRAINED_ON)
    # One thread, as in the demo: the machine's processors are for the servers and their client.
    model = LGBMRegressor(n_estimators=100, n_jobs=1, verbose=-1, random_state=SEED).fit(features, target)
    tracker = MLFlowTracker(experiment_name=EXPERIMENT, client=client)
    with tracker.start_run(run_name=PLAIN):
        logged = tracker.log_model_artifacts(model=model, X_sample=features.head(100))
    registry = ModelRegistry(catalog=SCHEMA.catalog, schema=SCHEMA.schema, client=client)
    version = registry.register_model(model_uri=logged.model_uri, model_name=PLAIN)
    return str(version.version), features.head(1000).round(6).to_numpy().tolist()
