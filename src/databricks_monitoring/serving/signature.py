"""The columns a model takes and gives, read from its MLflow signature."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml

from databricks_monitoring.errors import ConfigError

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

    from databricks_monitoring.serving.model_version import ModelVersion

ProblemType = Literal["classification", "regression"]

_SQL_TYPES = {
    "boolean": "BOOLEAN",
    "integer": "INT",
    "long": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "string": "STRING",
    "datetime": "TIMESTAMP",
}
_FRACTIONS = ("float", "double")
_PREDICTION_FIELDS = ("prediction", "predictions")


@dataclass(frozen=True)
class InputColumn:
    """One column of a model's input; nested and binary values are kept as their JSON text."""

    name: str
    sql_type: str


@dataclass(frozen=True)
class Signature:
    """What a model takes and gives.

    Attributes
    ----------
    inputs
        The columns, in order.
    problem_type
        `regression` if the prediction is a number with a fraction.
    prediction_field
        The field of a prediction to keep where predictions are objects; None where they are plain values.
    """

    inputs: tuple[InputColumn, ...]
    problem_type: ProblemType
    prediction_field: str | None = None


def read_signature(client: WorkspaceClient, version: ModelVersion) -> Signature:
    """Return the signature of a registered model version.

    Raises
    ------
    ConfigError
        If the model has no signature, or one of tensors without column names.
    """
    # MLflow takes a second to import, and most callers do not need it.
    import mlflow.artifacts  # noqa: PLC0415

    from databricks_monitoring.mlflow_client import point_mlflow_at  # noqa: PLC0415

    point_mlflow_at(client)
    with tempfile.TemporaryDirectory() as folder:
        path = mlflow.artifacts.download_artifacts(artifact_uri=f"{version.uri}/MLmodel", dst_path=folder)
        text = Path(path).read_text(encoding="utf-8")
    return parse_signature(text, str(version.model))


def parse_signature(mlmodel: str, model: str) -> Signature:
    """Return the signature in the text of an `MLmodel` file; see `read_signature`.

    Examples
    --------
    >>> text = '''
    ... signature:
    ...   inputs: '[{"type": "double", "name": "x", "required": true}]'
    ...   outputs: '[{"type": "long", "required": true}]'
    ... '''
    >>> parse_signature(text, "main.sales.churn").inputs
    (InputColumn(name='x', sql_type='DOUBLE'),)
    """
    found = (yaml.safe_load(mlmodel) or {}).get("signature") or {}
    inputs = json.loads(found.get("inputs") or "[]")
    if not inputs or not all(column.get("name") for column in inputs):
        given = "unnamed tensors" if inputs else "none"
        raise ConfigError(
            f"Model {model}: its signature has {given} for inputs, but a monitored table needs named "
            "columns. Log the model with a data frame as input example."
        )
    outputs = json.loads(found.get("outputs") or "[]")
    chosen = _prediction_column(outputs)
    return Signature(
        tuple(
            InputColumn(column["name"], _SQL_TYPES.get(str(column["type"]), "STRING")) for column in inputs
        ),
        "regression" if _type(chosen).startswith(_FRACTIONS) else "classification",
        chosen.get("name"),
    )


def _prediction_column(outputs: list[dict[str, Any]]) -> dict[str, Any]:
    named = {str(column.get("name", "")).lower(): column for column in outputs}
    for field in _PREDICTION_FIELDS:
        if field in named:
            return named[field]
    return outputs[0] if outputs else {}


def _type(column: dict[str, Any]) -> str:
    if column.get("type") == "tensor":
        return str(column.get("tensor-spec", {}).get("dtype", ""))
    return str(column.get("type", ""))
