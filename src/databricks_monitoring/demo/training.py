"""A LightGBM pipeline on the characters, logged and registered as a user would do it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lightgbm import LGBMClassifier
from sklearn.compose import ColumnTransformer
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from databricks_monitoring.demo.characters import FEATURES, TARGET
from databricks_monitoring.mlflow_tracking import MLFlowTracker
from databricks_monitoring.model_registry import ModelRegistry

if TYPE_CHECKING:
    import pandas as pd
    from databricks.sdk import WorkspaceClient

    from databricks_monitoring.names import SchemaName

EXPERIMENT = "/Shared/ml-model-characters-basic"
MODEL = "ml_character_model_basic"
ALIAS = "latest-model"
PARAMETERS = {"learning_rate": 0.08, "n_estimators": 120, "num_leaves": 31, "random_state": 7}
_CATEGORICAL = ["Universe", "Identity", "Gender", "Marital_Status", "Origin"]


def make_pipeline() -> Pipeline:
    """Return the untrained pipeline: categories one-hot, rare ones together, numbers as they are."""
    encode = OneHotEncoder(handle_unknown="ignore", min_frequency=20, sparse_output=False)
    # One thread: the model is small, and a server's requests come side by side anyway.
    classifier = LGBMClassifier(n_jobs=1, verbose=-1).set_params(**PARAMETERS)
    columns = ColumnTransformer([("categories", encode, _CATEGORICAL)], remainder="passthrough")
    return Pipeline([("columns", columns), ("classifier", classifier)])


def train_and_register(
    train: pd.DataFrame, test: pd.DataFrame, schema: SchemaName, client: WorkspaceClient
) -> tuple[Any, str]:
    """Train on `train`, log everything, register the model and point the alias at it.

    Returns
    -------
    tuple
        The model as MLflow loads it back from the registry, and its version.
    """
    tracker = MLFlowTracker(experiment_name=EXPERIMENT, client=client)
    pipeline = make_pipeline()
    features = list(FEATURES)
    with tracker.start_run(run_name="training-run-001"):
        tracker.log_training_data(
            train_df=train,
            test_df=test,
            train_table_name=f"{schema}.train_set",
            test_table_name=f"{schema}.test_set",
        )
        tracker.log_model_params(PARAMETERS)
        pipeline.fit(train[features], train[TARGET])
        predicted = pipeline.predict(test[features])
        tracker.log_model_metrics(
            {
                "accuracy": float(accuracy_score(test[TARGET], predicted)),
                "f1_score": float(f1_score(test[TARGET], predicted)),
                "precision": float(precision_score(test[TARGET], predicted)),
                "recall": float(recall_score(test[TARGET], predicted)),
            }
        )
        logged = tracker.log_model_artifacts(model=pipeline, X_sample=train[features].head(100))
    registry = ModelRegistry(catalog=schema.catalog, schema=schema.schema, client=client)
    version = registry.register_model(
        model_uri=logged.model_uri,
        model_name=MODEL,
        tags={"environment": "dev"},
        description="LightGBM classifier of who is alive among synthetic characters",
    )
    registry.set_model_alias(model_name=MODEL, version=version.version, alias=ALIAS)
    return registry.load_model_for_inference(model_name=MODEL, alias=ALIAS), str(version.version)
