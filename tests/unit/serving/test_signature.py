from __future__ import annotations

import json

import pytest
import yaml

from databricks_monitoring.errors import ConfigError
from databricks_monitoring.serving.inference_table import expected_columns
from databricks_monitoring.serving.signature import parse_signature


def mlmodel(inputs: object, outputs: object) -> str:
    signature = {"inputs": json.dumps(inputs), "outputs": json.dumps(outputs), "params": None}
    return yaml.safe_dump({"flavors": {}, "signature": signature})


def column(name: str, kind: str) -> dict[str, object]:
    return {"type": kind, "name": name, "required": True}


def test_every_type_has_a_column() -> None:
    kinds = ["boolean", "integer", "long", "float", "double", "string", "datetime", "binary", "array"]
    found = parse_signature(mlmodel([column(kind, kind) for kind in kinds], [{"type": "double"}]), "c.s.m")
    assert {item.name: item.sql_type for item in found.inputs} == {
        "boolean": "BOOLEAN", "integer": "INT", "long": "BIGINT", "float": "FLOAT", "double": "DOUBLE",
        "string": "STRING", "datetime": "TIMESTAMP", "binary": "STRING", "array": "STRING",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("outputs", "problem", "field"),
    [
        ([{"type": "double"}], "regression", None),
        ([{"type": "long"}], "classification", None),
        ([{"type": "string"}], "classification", None),
        ([{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1]}}], "regression", None),
        ([{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}], "classification", None),
        ([column("probability", "double"), column("prediction", "string")], "classification", "prediction"),
        ([column("score", "double"), column("band", "string")], "regression", "score"),
        ([], "classification", None),
    ],
)
def test_outputs_tell_the_problem(outputs: object, problem: str, field: str | None) -> None:
    found = parse_signature(mlmodel([column("x", "double")], outputs), "c.s.m")
    assert (found.problem_type, found.prediction_field) == (problem, field)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        mlmodel([], []),
        mlmodel([{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 3]}}], []),
    ],
)
def test_columns_without_names_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="named columns"):
        parse_signature(text, "c.s.m")


@pytest.mark.parametrize("names", [["Label"], ["x", "X"]])
def test_columns_that_would_collide_are_refused(names: list[str]) -> None:
    found = parse_signature(mlmodel([column(name, "double") for name in names], []), "c.s.m")
    with pytest.raises(ConfigError, match="taken"):
        expected_columns(found, "regression")


def test_predictions_are_numbers_or_classes() -> None:
    found = parse_signature(mlmodel([column("x", "long")], [{"type": "long"}]), "c.s.m")
    assert list(expected_columns(found, "classification").items())[-3:] == [
        ("x", "BIGINT"),
        ("prediction", "STRING"),
        ("label", "STRING"),
    ]
    assert expected_columns(found, "regression")["label"] == "DOUBLE"
