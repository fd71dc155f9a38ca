from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow.models import Model, ModelSignature
from mlflow.pyfunc import PyFuncModel
from mlflow.types import ColSpec, DataType, Schema

from databricks_monitoring.local_workspace.model_server.batching import Batcher
from databricks_monitoring.local_workspace.model_server.likeness import Likeness, cells_of
from databricks_monitoring.local_workspace.model_server.scoring import Scorer

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = Schema(
    [
        ColSpec(DataType.double, "x"),
        ColSpec(DataType.string, "name"),
        ColSpec(DataType.long, "n"),
        ColSpec(DataType.boolean, "flag"),
    ]
)
ROW = {"x": 1.5, "name": "a", "n": 2, "flag": True}
CELLS: dict[str, st.SearchStrategy[Any]] = {
    "x": st.one_of(st.none(), st.integers(-5, 5), st.floats(-2, 2)),
    "name": st.one_of(st.none(), st.sampled_from(["", "a", "None", "1"])),
    "n": st.integers(-(2**40), 2**40),
    "flag": st.booleans(),
}
# Now and then a value that does not fit, which must be answered as it would be alone.
ODD: dict[str, st.SearchStrategy[Any]] = {
    name: st.one_of(*[cell] * 6, st.sampled_from([1, 2.5, "x", None, True, 2**70]))
    for name, cell in CELLS.items()
}


class Echo:
    """Answers with the type and value of every cell it was given."""

    def predict(self, rows: pd.DataFrame, params: dict[str, Any] | None = None) -> list[str]:  # noqa: ARG002 - MLflow passes it
        names = list(rows.columns)
        return [
            " ".join(f"{name}={type(cell).__name__}:{cell!r}" for name, cell in zip(names, row, strict=True))
            for row in rows.astype(object).itertuples(index=False)
        ]


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    meta = Model(signature=ModelSignature(inputs=SCHEMA))
    meta.add_flavor("python_function", loader_module="mlflow.sklearn")
    return Scorer(PyFuncModel(model_meta=meta, model_impl=Echo()))


@pytest.fixture(scope="module")
def batcher(scorer: Scorer) -> Batcher:
    return Batcher(scorer)


def _request(rows: list[dict[str, Any]], request_format: str) -> dict[str, Any]:
    if request_format == "dataframe_split":
        return {request_format: {"columns": list(ROW), "data": [list(row.values()) for row in rows]}}
    if request_format == "inputs":
        return {request_format: {name: [row[name] for row in rows] for name in ROW}}
    return {request_format: rows}


def requests(cells: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[list[dict[str, Any]]]:
    formats = st.sampled_from(["dataframe_split", "dataframe_records", "inputs", "instances"])
    rows = st.lists(st.fixed_dictionaries(cells), min_size=1, max_size=3)
    return st.lists(st.builds(_request, rows, formats), min_size=2, max_size=6)


@settings(max_examples=60, deadline=None)
@given(waiting=st.one_of(requests(CELLS), requests(ODD)))
def test_nobody_can_tell_whether_requests_were_combined(
    batcher: Batcher, scorer: Scorer, waiting: list[dict[str, Any]]
) -> None:
    sent = [(json.dumps(one).encode(), "application/json") for one in waiting]
    by_mlflow = [scorer.answer(*one) for one in sent]
    assert batcher.answer([batcher.prepare(*one) for one in sent]) == by_mlflow
    assert [batcher.answer([batcher.prepare(*one)])[0] for one in sent] == by_mlflow


@pytest.mark.parametrize("request_format", ["dataframe_split", "dataframe_records", "inputs", "instances"])
def test_nulls_beside_values_and_whole_numbers_beside_fractions_are_combined(request_format: str) -> None:
    likeness = Likeness(SCHEMA)
    keys = set()
    for x in (1, 2.5, -0.5):
        cells = cells_of(_request([ROW | {"x": x}, ROW | {"x": None}], request_format))
        assert cells is not None
        assert cells.rows == 2
        keys.add(likeness.key(cells))
    assert len(keys) == 1
    assert None not in keys


@pytest.mark.parametrize("request_format", ["dataframe_split", "dataframe_records", "inputs", "instances"])
def test_nulls_among_texts_are_combined_where_mlflow_keeps_them_null(request_format: str) -> None:
    cells = cells_of(_request([ROW, ROW | {"name": None}], request_format))
    assert cells is not None
    assert (Likeness(SCHEMA).key(cells) is not None) == request_format.startswith("dataframe_")


def test_a_whole_number_that_four_bytes_round_twice_is_predicted_alone() -> None:
    likeness = Likeness(Schema([ColSpec(DataType.float, "x")]))
    exact, rounded = (cells_of({"inputs": {"x": [number]}}) for number in (2**53 - 1, 2**53))
    assert exact is not None
    assert rounded is not None
    assert likeness.key(exact) is not None
    assert likeness.key(rounded) is None


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"dataframe_records": []},
        {"dataframe_records": ROW},
        {"dataframe_records": [ROW, {"x": 1.0}]},
        {"dataframe_records": [ROW | {"x": "1"}]},
        {"dataframe_records": [ROW | {"x": [1]}]},
        {"dataframe_records": [ROW | {"x": True}]},
        {"dataframe_records": [ROW | {"n": None}]},
        {"dataframe_records": [ROW | {"n": 1.0}]},
        {"dataframe_records": [ROW | {"n": 2**63}]},
        {"dataframe_records": [ROW | {"unknown": 1}]},
        {"dataframe_split": {"columns": ["x"], "data": [[1]], "index": [0]}},
        {"dataframe_split": {"columns": ["x"], "data": [[1, 2]]}},
        {"dataframe_split": {"columns": ["x", "x"], "data": [[1, 2]]}},
        {"dataframe_split": {"data": [[1]]}},
        {"inputs": {"x": [1], "n": [1, 2]}},
        {"inputs": [[1.0]]},
        {"instances": [[1.0]]},
    ],
)
def test_what_is_unusual_is_predicted_alone(data: dict[str, Any]) -> None:
    cells = cells_of(data)
    assert cells is None or Likeness(SCHEMA).key(cells) is None


def test_a_model_without_columns_is_asked_one_by_one() -> None:
    cells = cells_of({"dataframe_records": [ROW]})
    assert cells is not None
    assert Likeness(None).key(cells) is None
