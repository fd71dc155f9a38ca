"""A model under watch, from nothing: train, register, deploy with monitoring, ask, refresh, read.

Runs against whatever workspace DATABRICKS_HOST and DATABRICKS_TOKEN (or any other login of the SDK) name,
local or on Databricks. It makes its own tables, endpoint and monitor, named after the model; run again, it
registers a new version and updates the rest.
"""

from __future__ import annotations

import argparse
import io
import math
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from databricks.sdk.errors import NotFound
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service.catalog import VolumeType
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from databricks_monitoring.clients import SqlClient, connect
from databricks_monitoring.errors import MonitoringError
from databricks_monitoring.mlflow_tracking import MLFlowTracker
from databricks_monitoring.model_registry import ModelRegistry
from databricks_monitoring.monitoring.framework import MonitoringFramework
from databricks_monitoring.monitoring.lakehouse_monitor import LakehouseMonitor
from databricks_monitoring.names import SchemaName, TableName, model_id, quote
from databricks_monitoring.serving.inference_table import unpack
from databricks_monitoring.serving.model_serving_setup import ServingSetup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from databricks.sdk import WorkspaceClient

    from databricks_monitoring.monitoring.framework import Deployment

FEATURES = ["distance_km", "weight_kg", "vehicle"]
MINUTES_PER_KM = {"bicycle": 4.0, "scooter": 2.5, "van": 1.8}
REQUESTS = 20
ROWS_PER_REQUEST = 10
POLL_SECONDS = 3.0


def make_deliveries(rows: int, *, seed: int, mean_km: float = 4.0) -> pd.DataFrame:
    """Return deliveries with the minutes each took: a longer way and a slower vehicle take more."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "distance_km": random.gamma(2.0, mean_km / 2, rows),
            "weight_kg": random.uniform(0.1, 20.0, rows),
            "vehicle": random.choice(list(MINUTES_PER_KM), rows),
        }
    )
    noise = random.normal(0, 1, rows)
    frame["minutes"] = 5 + frame.distance_km * frame.vehicle.map(MINUTES_PER_KM) + noise
    return frame


def write_table(client: WorkspaceClient, sql: SqlClient, frame: pd.DataFrame, table: TableName) -> None:
    """Make `table` hold exactly the rows of `frame`: a Parquet file in a volume, then SQL."""
    try:
        client.volumes.read(f"{table.parent}.landing")
    except NotFound:
        client.volumes.create(table.catalog, table.schema, "landing", VolumeType.MANAGED)
    path = f"/Volumes/{table.catalog}/{table.schema}/landing/{table.name}.parquet"
    client.files.upload(path, io.BytesIO(frame.to_parquet(index=False)), overwrite=True)
    columns = ", ".join(map(quote, frame.columns))
    rows = f"SELECT {columns} FROM read_files('{path}', format => 'parquet')"  # noqa: S608 - the path is a name's
    sql.execute(f"CREATE OR REPLACE TABLE {table.quoted} AS {rows}")


def train(client: WorkspaceClient, sql: SqlClient, model: TableName) -> str:
    """Train, log and register the model, write the test set it scored as the baseline; return the version."""
    train_table, test_table = (model.parent.table(f"{model.name}_{part}") for part in ("train", "test"))
    train_df, test_df = make_deliveries(2000, seed=1), make_deliveries(1000, seed=2)
    write_table(client, sql, train_df, train_table)
    write_table(client, sql, test_df, test_table)

    pipeline = Pipeline(
        [
            (
                "columns",
                ColumnTransformer([("vehicle", OneHotEncoder(), ["vehicle"])], remainder="passthrough"),
            ),
            ("regression", LinearRegression()),
        ]
    )
    tracker = MLFlowTracker(experiment_name=f"/Shared/{model.name}", client=client)
    with tracker.start_run():
        tracker.log_training_data(train_df, test_df, str(train_table), str(test_table))
        pipeline.fit(train_df[FEATURES], train_df["minutes"])
        predicted = pipeline.predict(test_df[FEATURES])
        tracker.log_model_metrics({"mean_absolute_error": mean_absolute_error(test_df["minutes"], predicted)})
        logged = tracker.log_model_artifacts(model=pipeline, X_sample=train_df[FEATURES].head(50))

    registry = ModelRegistry(catalog=model.catalog, schema=model.schema, client=client)
    version = str(registry.register_model(model_uri=logged.model_uri, model_name=model.name).version)
    registry.set_model_alias(model_name=model.name, version=version, alias="latest-model")

    baseline = test_df[FEATURES].assign(
        prediction=predicted, label=test_df["minutes"], model_id=model_id(str(model), version)
    )
    write_table(client, sql, baseline, baseline_table(model))
    return version


def baseline_table(model: TableName) -> TableName:
    """Return the name of the table that live requests are compared with."""
    return model.parent.table(f"{model.name}_baseline")


def deploy(client: WorkspaceClient, model: TableName, version: str) -> Deployment:
    """Put the version behind an endpoint, log its requests and monitor them."""
    framework = MonitoringFramework(
        catalog=model.catalog, schema=model.schema, model_name=model.name, client=client, progress=print
    )
    return framework.deploy_with_monitoring(
        model_version=version,
        serving_config={"endpoint_name": model.name.replace("_", "-"), "workload_size": "Small"},
        inference_table_config={"name": f"{model.name}_requests", "enabled": True},
        monitoring_config={
            "output_schema": f"{model.schema}_monitoring",
            "granularities": ["1 day"],
            "baseline_table": str(baseline_table(model)),
            "problem_type": "regression",
        },
    )


def ask(client: WorkspaceClient, endpoint_name: str) -> None:
    """Send requests from a town where the ways are three times as long as those the model was trained on."""
    serving = ServingSetup(client=client)
    serving.wait_for_endpoint_ready(endpoint_name, timeout=3600)
    deliveries = make_deliveries(REQUESTS * ROWS_PER_REQUEST, seed=3, mean_km=12.0)[FEATURES]
    for first in range(0, len(deliveries), ROWS_PER_REQUEST):
        rows = deliveries[first : first + ROWS_PER_REQUEST]
        serving.invoke_endpoint(
            endpoint_name=endpoint_name, payload={"dataframe_records": rows.to_dict(orient="records")}
        )


def collect(sql: SqlClient, table: TableName, *, wanted: int, patience: float) -> int:
    """Unpack payloads until `wanted` rows have come or `patience` seconds are over; return how many came."""
    end = time.monotonic() + patience
    came = unpack(sql, table).rows_added
    while came < wanted and time.monotonic() < end:
        time.sleep(POLL_SECONDS)
        came += unpack(sql, table).rows_added
    return came


def report(client: WorkspaceClient, deployment: Deployment) -> list[str]:
    """Refresh the monitor and return a line for each column: how far it is from the baseline."""
    table = TableName.parse(deployment["inference_table"])
    monitor = LakehouseMonitor(catalog=table.catalog, schema=table.schema, client=client)
    monitor.refresh_monitor(deployment["monitor_name"])
    metrics = monitor.get_monitor_metrics(deployment["monitor_name"], columns=[*FEATURES, "prediction"])
    newest: dict[str, dict[str, object]] = {}
    for row in metrics.drift:
        if row["drift_type"] == "BASELINE" and row["slice_key"] is None and row["model_id"] == "*":
            newest[str(row["column_name"])] = row
    return [f"  {column:<12} {_distance(row)}" for column, row in sorted(newest.items())]


def _distance(row: dict[str, object]) -> str:
    for metric in ("population_stability_index", "js_distance"):
        value = row[metric]
        if isinstance(value, float) and math.isfinite(value):
            return f"{metric} {value:.3f}"
    return "not comparable"


def parser() -> argparse.ArgumentParser:
    """Return the parser of the arguments."""
    found = argparse.ArgumentParser(
        description="Train a small model, deploy it with monitoring, see it drift."
    )
    found.add_argument("--catalog", default="mlops_dev", help="existing catalog (default: mlops_dev)")
    found.add_argument("--schema", default="examples", help="made if missing (default: examples)")
    found.add_argument(
        "--model-name", default="delivery_minutes", help="names everything (default: delivery_minutes)"
    )
    found.add_argument(
        "--patience",
        type=float,
        default=3600.0,
        help="seconds to wait for logged requests, which on Databricks can take an hour (default: 3600)",
    )
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the example and return its exit code."""
    arguments = parser().parse_args(argv)
    try:
        schema = SchemaName.of(arguments.catalog, arguments.schema)
        model = schema.table(arguments.model_name)
        client = connect()
        sql = SqlClient(client)
        sql.execute(f"CREATE SCHEMA IF NOT EXISTS {schema.quoted}")
        deployment = deploy(client, model, train(client, sql, model))
        ask(client, deployment["endpoint_name"])
        wanted = REQUESTS * ROWS_PER_REQUEST
        came = collect(
            sql, TableName.parse(deployment["inference_table"]), wanted=wanted, patience=arguments.patience
        )
        print(f"{came} of {wanted} predictions are in {deployment['inference_table']}.")
        print("Distance of the newest day from the baseline (0.1 is a change, 0.2 a large one):")
        print("\n".join(report(client, deployment)))
        print(f"Dashboard: {deployment['dashboard_url']}")
    except (MonitoringError, DatabricksError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
