"""The columns a model takes and gives, read from its MLflow signature."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import yaml

from databricks_monitoring.errors import ConfigError
from databricks_monitoring.serving.unpacking import WHOLE_ANSWER

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
_TENSOR_TYPES = {
    "bool": "BOOLEAN",
    "int8": "INT",
    "int16": "INT",
    "int32": "INT",
    "int64": "BIGINT",
    "uint8": "INT",
    "uint16": "INT",
    "float16": "FLOAT",
    "float32": "FLOAT",
    "float64": "DOUBLE",
}
_FRACTIONS = ("float", "double")
_MATRIX = 2
_NESTED = frozenset({"array", "object", "map", "tensor"})
_PREDICTION_FIELDS = ("prediction", "predictions", "predicted", "predicted_label", "label", "class", "output")
_PROBABILITY_FIELDS = (
    "probabilities",
    "probability",
    "prediction_proba",
    "prediction_probabilities",
    "predict_proba",
    "proba",
)


@dataclass(frozen=True)
class InputColumn:
    """One column of a model's input; nested and binary values are kept as their JSON text."""

    name: str
    sql_type: str


@dataclass(frozen=True)
class OutputField:
    """One field of an answer that is an object; nested values are kept as their JSON text."""

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
        `regression` if the prediction is a number with a fraction and not one of several probabilities.
    prediction_field
        The field of a prediction to keep where predictions are objects; None where they are plain values.
    prediction_type
        SQL type of that field.
    outputs
        The other fields of the answer.
    probability_field
        The field that holds the probabilities of the classes, `$` where each answer is a list of them.
    """

    inputs: tuple[InputColumn, ...]
    problem_type: ProblemType
    prediction_field: str | None = None
    prediction_type: str = "STRING"
    outputs: tuple[OutputField, ...] = ()
    probability_field: str | None = None


def read_signature(client: WorkspaceClient, version: ModelVersion) -> Signature:
    """Return the signature of a registered model version.

    Raises
    ------
    ConfigError
        If the model has no signature, or one without column names.
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
    if not inputs or not all(_name(column) for column in inputs):
        given = "tensors, lists or objects without names" if inputs else "none"
        raise ConfigError(
            f"Model {model}: its signature has {given} for inputs, but a monitored table needs named "
            "columns. Log the model with a data frame as input example."
        )
    return Signature(
        tuple(InputColumn(_name(column), _sql_type(column)) for column in inputs),
        **_answer(json.loads(found.get("outputs") or "[]")),
    )


def choose_fields(
    signature: Signature, model: str, *, prediction_field: str | None, probability_field: str | None
) -> Signature:
    """Return a signature whose prediction or probabilities are those that a configuration names.

    Raises
    ------
    ConfigError
        If the model names its fields and this is none of them.
    """
    named = [
        field
        for field in (signature.prediction_field, signature.probability_field)
        if field not in {None, "$"}
    ]
    known = {field.name: field for field in signature.outputs}
    fields = [*named, *known]
    for key, wanted in (("prediction_field", prediction_field), ("probability_field", probability_field)):
        if wanted is not None and wanted != WHOLE_ANSWER and fields and wanted not in fields:
            raise ConfigError(
                f"inference_table_config.{key}: the answers of model {model} have no field {wanted!r}. "
                f"They have {', '.join(map(repr, fields))}."
            )
    changed = signature
    if probability_field == WHOLE_ANSWER:
        # Every field is the probability of the class that it is called like.
        changed = signature = replace(
            signature,
            problem_type="classification",
            prediction_field=None,
            prediction_type="STRING",
            outputs=(),
            probability_field=WHOLE_ANSWER,
        )
    if prediction_field is not None and prediction_field != signature.prediction_field:
        kind = known[prediction_field].sql_type if prediction_field in known else None
        left = [field for field in changed.outputs if field.name != prediction_field]
        if signature.prediction_field is not None:
            left.insert(0, OutputField(signature.prediction_field, signature.prediction_type))
        changed = replace(
            changed,
            prediction_field=prediction_field,
            prediction_type=kind or signature.prediction_type,
            outputs=tuple(left),
            problem_type=_problem(kind) if kind else signature.problem_type,
        )
    if probability_field is not None:
        changed = replace(
            changed,
            probability_field=probability_field,
            outputs=tuple(field for field in changed.outputs if field.name != probability_field),
        )
    return changed


class _Answer(TypedDict):
    problem_type: ProblemType
    prediction_type: str
    prediction_field: str | None
    outputs: tuple[OutputField, ...]
    probability_field: str | None


def _answer(outputs: list[dict[str, Any]]) -> _Answer:
    fields = {_name(column): column for column in outputs if _name(column)}
    if not fields:
        return _unnamed(outputs[0] if outputs else {})
    fields = _of_one_row(fields)
    folded = {name.lower(): name for name in reversed(fields)}
    scores = next(
        (folded[name] for name in _PROBABILITY_FIELDS if name in folded and _is_nested(fields[folded[name]])),
        None,
    )
    chosen = next((folded[name] for name in _PREDICTION_FIELDS if name in folded), None)
    if chosen is None:
        plain = [name for name, column in fields.items() if not _is_nested(column) and name != scores]
        # Probabilities alone tell the prediction: it is the likeliest class.
        chosen = plain[0] if plain else None if scores else next(iter(fields))
    kind = _sql_type(fields[chosen]) if chosen else "STRING"
    return {
        "problem_type": _problem(kind),
        "prediction_type": kind,
        "prediction_field": chosen,
        "outputs": tuple(
            OutputField(name, _sql_type(column))
            for name, column in fields.items()
            if name not in {chosen, scores}
        ),
        "probability_field": scores,
    }


def _name(column: dict[str, Any]) -> str:
    """Return a column's name, which is a number where a DataFrame had no names; empty if it has none."""
    name = column.get("name")
    return "" if name is None else str(name)


def _of_one_row(fields: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the fields of one prediction, also where the answer is an object of lists.

    A signature does not tell a list of objects from an object of lists. If all fields are lists, also the one
    that is called a prediction, which is seldom a list in itself, each list has an element for every row.
    """
    lists = all(column.get("type") == "array" for column in fields.values())
    if not lists or not any(name.lower() in _PREDICTION_FIELDS for name in fields):
        return fields
    return {name: {"name": name, **_items(column)} for name, column in fields.items()}


def _items(column: dict[str, Any]) -> dict[str, Any]:
    items = column.get("items")
    return items if isinstance(items, dict) else {}


def _unnamed(column: dict[str, Any]) -> _Answer:
    shape = column.get("tensor-spec", {}).get("shape") or []
    several = len(shape) == _MATRIX and shape[1] != 1
    kind = _tensor_type(column) if column.get("type") == "tensor" else _sql_type(column)
    if column.get("type") == "array":
        several, kind = True, _sql_type(_items(column))
    scores = several and _problem(kind) == "regression"
    return {
        "problem_type": "classification" if scores else _problem(kind),
        "prediction_type": "STRING" if scores else kind,
        "prediction_field": None,
        "outputs": (),
        "probability_field": WHOLE_ANSWER if scores else None,
    }


def _problem(sql_type: str) -> ProblemType:
    return "regression" if sql_type.lower().startswith(_FRACTIONS) else "classification"


def _is_nested(column: dict[str, Any]) -> bool:
    if column.get("type") == "tensor":
        return len(column.get("tensor-spec", {}).get("shape") or []) > 1
    return str(column.get("type")) in _NESTED


def _sql_type(column: dict[str, Any]) -> str:
    if column.get("type") == "tensor":
        return "STRING" if _is_nested(column) else _tensor_type(column)
    return _SQL_TYPES.get(str(column.get("type")), "STRING")


def _tensor_type(column: dict[str, Any]) -> str:
    return _TENSOR_TYPES.get(str(column.get("tensor-spec", {}).get("dtype", "")), "STRING")
