from __future__ import annotations

import json

import pytest
import yaml

from databricks_monitoring.errors import ConfigError
from databricks_monitoring.serving.inference_table import expected_columns
from databricks_monitoring.serving.signature import Signature, choose_fields, parse_signature


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


def tensor(name: str | None, kind: str, *shape: int) -> dict[str, object]:
    found: dict[str, object] = {"type": "tensor", "tensor-spec": {"dtype": kind, "shape": [-1, *shape]}}
    return found if name is None else {**found, "name": name}


def answering(outputs: object) -> Signature:
    return parse_signature(mlmodel([column("x", "double")], outputs), "c.s.m")


def test_probabilities_are_told_from_numbers() -> None:
    scores = answering([tensor(None, "float64", 3)])
    assert (scores.problem_type, scores.prediction_field, scores.probability_field) == (
        "classification", None, "$",
    )  # fmt: skip
    assert expected_columns(scores, "classification")["prediction_proba"] == "MAP<STRING,DOUBLE>"
    number = answering([tensor(None, "float32", 1)])
    assert (number.problem_type, number.probability_field) == ("regression", None)


def test_other_fields_of_an_answer_become_columns() -> None:
    found = answering(
        [column("score", "double"), tensor("probabilities", "float64", 2), column("x", "long"),
         column("prediction", "string"), {"type": "array", "items": {"type": "string"}, "name": "reasons"}]
    )  # fmt: skip
    assert (found.prediction_field, found.probability_field) == ("prediction", "probabilities")
    assert expected_columns(found, found.problem_type, ["order", "X"]) == {
        "row_id": "STRING", "client_request_id": "STRING", "timestamp": "TIMESTAMP", "model_id": "STRING",
        "x": "DOUBLE", "order": "STRING", "prediction": "STRING", "score": "DOUBLE", "output_x": "BIGINT",
        "reasons": "STRING", "prediction_proba": "MAP<STRING,DOUBLE>", "label": "STRING",
    }  # fmt: skip


def test_a_configuration_may_choose_the_fields() -> None:
    found = answering([column("prediction", "string"), column("risk", "double"), column("odds", "string")])
    chosen = choose_fields(found, "c.s.m", prediction_field="risk", probability_field="odds")
    assert (chosen.problem_type, chosen.prediction_field, chosen.probability_field) == (
        "regression", "risk", "odds",
    )  # fmt: skip
    assert [(field.name, field.sql_type) for field in chosen.outputs] == [("prediction", "STRING")]
    with pytest.raises(ConfigError, match=r"no field 'rsik'. They have 'prediction', 'risk', 'odds'"):
        choose_fields(found, "c.s.m", prediction_field="rsik", probability_field=None)
    lists = answering([tensor(None, "float64", 2)])
    second = choose_fields(lists, "c.s.m", prediction_field="1", probability_field=None)
    assert second.prediction_field == "1"


def test_probabilities_alone_tell_the_prediction() -> None:
    found = answering([{"type": "map", "values": {"type": "double"}, "name": "probabilities"}])
    assert (found.prediction_field, found.probability_field) == (None, "probabilities")


def test_columns_may_be_numbers() -> None:
    """A DataFrame without names has them, as input and as answer."""
    numbered = [{"type": "double", "name": place, "required": True} for place in range(2)]
    found = parse_signature(mlmodel(numbered, numbered), "c.s.m")
    assert [item.name for item in found.inputs] == ["0", "1"]
    assert (found.prediction_field, [item.name for item in found.outputs]) == ("0", ["1"])


def lists(name: str | None, kind: str) -> dict[str, object]:
    found: dict[str, object] = {"type": "array", "items": {"type": kind}, "required": True}
    return found if name is None else {**found, "name": name}


def test_lists_of_fractions_are_probabilities() -> None:
    found = answering([lists(None, "double")])
    assert (found.problem_type, found.probability_field) == ("classification", "$")
    assert answering([lists(None, "string")]).probability_field is None


def test_an_object_of_lists_has_the_types_of_their_elements() -> None:
    found = answering([lists("score", "long"), lists("prediction", "double")])
    assert (found.problem_type, found.prediction_field) == ("regression", "prediction")
    assert [(item.name, item.sql_type) for item in found.outputs] == [("score", "BIGINT")]
    kept = answering([lists("probabilities", "double"), column("prediction", "string")])
    assert kept.probability_field == "probabilities"
    alone = answering([lists("probabilities", "double")])
    assert (alone.prediction_field, alone.probability_field) == (None, "probabilities")


def test_every_field_may_be_the_probability_of_a_class() -> None:
    found = answering([column("small", "double"), column("tall", "double")])
    chosen = choose_fields(found, "c.s.m", prediction_field=None, probability_field="$")
    assert (chosen.problem_type, chosen.prediction_field, chosen.outputs) == ("classification", None, ())
    assert list(expected_columns(chosen, chosen.problem_type))[-3:] == [
        "prediction", "prediction_proba", "label",
    ]  # fmt: skip


def test_a_field_finds_a_name_that_no_column_has() -> None:
    text = mlmodel(
        [column("x", "double"), column("output_x", "string")],
        [column("prediction", "string"), column("x", "long")],
    )
    found = parse_signature(text, "c.s.m")
    kinds = expected_columns(found, found.problem_type)
    assert (kinds["x"], kinds["output_x"], kinds["output_output_x"]) == ("DOUBLE", "STRING", "BIGINT")
