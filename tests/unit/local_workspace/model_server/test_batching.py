from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.models import Model, ModelSignature
from mlflow.pyfunc import PyFuncModel
from mlflow.types import ColSpec, DataType, Schema

from databricks_monitoring.local_workspace.model_server.batching import Batcher, split
from databricks_monitoring.local_workspace.model_server.scoring import (
    Answer,
    Scorer,
    common_doubles,
    dump,
    dump_doubles,
)


class Counting:
    """Doubles `x`, refuses what is negative, remembers how many rows each call had."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def predict(self, rows: pd.DataFrame, params: dict[str, Any] | None = None) -> np.ndarray:  # noqa: ARG002 - MLflow passes it
        self.calls.append(len(rows))
        if (rows["x"] < 0).any():
            raise ValueError("negative")
        return np.asarray(rows["x"]) * 2


@pytest.fixture
def counting() -> Counting:
    return Counting()


@pytest.fixture
def batcher(counting: Counting) -> Batcher:
    inputs = Schema([ColSpec(DataType.double, "x"), ColSpec(DataType.string, "name", required=False)])
    meta = Model(signature=ModelSignature(inputs=inputs))
    meta.add_flavor("python_function", loader_module="mlflow.sklearn")
    return Batcher(Scorer(PyFuncModel(model_meta=meta, model_impl=counting)))


def _request(**body: object) -> tuple[bytes, str]:
    return json.dumps(body).encode(), "application/json"


def _answered(batcher: Batcher, waiting: list[tuple[bytes, str]]) -> list[Answer]:
    return batcher.answer([batcher.prepare(*one) for one in waiting])


def test_alike_requests_are_predicted_together(batcher: Batcher, counting: Counting) -> None:
    waiting = [_request(dataframe_records=[{"x": float(n)} for n in range(size)]) for size in (1, 3, 2)]
    answers = _answered(batcher, waiting)
    assert [json.loads(answer.body)["predictions"] for answer in answers] == [
        [0.0],
        [0.0, 2.0, 4.0],
        [0.0, 2.0],
    ]
    assert counting.calls == [6]


def test_unlike_requests_are_answered_in_their_order(batcher: Batcher, counting: Counting) -> None:
    answers = _answered(
        batcher,
        [
            _request(dataframe_records=[{"x": 1.0}], client_request_id="a"),
            _request(inputs={"x": [2.0]}),
            (b"{", "application/json"),
            _request(dataframe_split={"columns": ["x"], "data": [[3.0]]}),
            (b"x\n4.0\n", "text/csv"),
            _request(dataframe_records=[{"x": 5.0}], client_request_id="b"),
            (b"", "text/plain"),
        ],
    )
    assert [answer.status for answer in answers] == [200, 200, 400, 200, 200, 200, 415]
    assert [json.loads(answer.body)["predictions"] for answer in answers if answer.status == 200] == [
        [2.0],
        [4.0],
        [6.0],
        [8.0],
        [10.0],
    ]
    assert [answer.client_request_id for answer in answers] == ["a", None, None, None, None, "b", None]
    assert sorted(counting.calls) == [1, 1, 1, 2]  # the two of the same format together


def test_a_bad_request_does_not_fail_its_neighbours(batcher: Batcher) -> None:
    answers = _answered(batcher, [_request(dataframe_records=[{"x": x}]) for x in (1.0, -1.0, 3.0)])
    assert [answer.status for answer in answers] == [200, 400, 200]
    assert json.loads(answers[2].body) == {"predictions": [6.0]}


def test_combined_answers_equal_those_alone(batcher: Batcher) -> None:
    waiting = [
        _request(dataframe_records=[{"x": 1, "name": "a"}]),
        _request(dataframe_records=[{"x": 2.5, "name": "b"}]),
        _request(dataframe_records=[{"x": None, "name": "c"}]),
        _request(dataframe_records=[{"x": 4, "name": None}]),
        _request(dataframe_records=[{"name": "d"}]),
        _request(dataframe_records=[]),
    ]
    together = _answered(batcher, waiting)
    assert together == [_answered(batcher, [one])[0] for one in waiting]


def test_predictions_are_split_by_position() -> None:
    frame = pd.DataFrame({"a": [1, 2, 3]}, index=[5, 5, 5])
    parts = split(frame, [1, 2])
    assert parts is not None
    assert [part["a"].tolist() for part in parts if isinstance(part, pd.DataFrame)] == [[1], [2, 3]]
    assert split([1, 2, 3], [2, 1]) == [[1, 2], [3]]
    assert split([1, 2], [2, 1]) is None
    assert split("abc", [2, 1]) is None
    assert split(np.float64(1.0), [1]) is None


@given(bits=st.lists(st.integers(0, 2**64 - 1), max_size=5), small=st.lists(st.floats(), max_size=5))
def test_doubles_are_written_as_python_writes_them(bits: list[int], small: list[float]) -> None:
    numbers = [*[struct.unpack("d", struct.pack("Q", one))[0] for one in bits], *small]
    doubles = common_doubles(np.array(numbers, np.float64))
    assert (doubles is None) == any("e" in repr(one) or not np.isfinite(one) for one in numbers)
    if doubles is not None:
        assert dump_doubles(doubles) == dump({"predictions": numbers})


@pytest.mark.parametrize("predictions", [[1.0], np.array([1]), np.array([[1.0]]), np.array([1.0], "f4"), 1.0])
def test_what_is_no_row_of_doubles_is_written_the_long_way(predictions: object) -> None:
    assert common_doubles(predictions) is None


@pytest.mark.parametrize(
    "cell",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e400",
        "18446744073709551616",
        "-9223372036854775809",
        "1e30",
        "9223372036854775807",
        "9223372036854775808",
        "-0",
        "0.1",
        "1E2",
        "true",
        "null",
        '"1"',
        "[1]",
    ],
)
def test_numbers_reach_the_model_as_mlflow_reads_them(cell: str) -> None:
    inputs = Schema([ColSpec(DataType.double, "x"), ColSpec(DataType.double, "y")])
    meta = Model(signature=ModelSignature(inputs=inputs))
    meta.add_flavor("python_function", loader_module="mlflow.sklearn")

    class Echo:
        def predict(self, rows: pd.DataFrame, params: dict[str, Any] | None = None) -> list[str]:  # noqa: ARG002 - MLflow passes it
            return [repr(row) for row in rows.to_numpy().tolist()]

    scorer = Scorer(PyFuncModel(model_meta=meta, model_impl=Echo()))
    plain = _request(dataframe_split={"columns": ["x", "y"], "data": [[0.5, 1]]})
    odd = b'{"dataframe_split": {"columns": ["x", "y"], "data": [[0.5, 1], [%s, 2]]}}' % cell.encode()
    batcher = Batcher(scorer)
    for waiting in ([plain], [plain, (odd, "application/json"), plain]):
        assert _answered(batcher, waiting) == [scorer.answer(*one) for one in waiting]


@pytest.mark.parametrize("client", ['"half \\ud83d"', "7", "18446744073709551616", "null", '{"a": 1}', '"é"'])
def test_the_id_of_a_client_is_the_same_whoever_reads_it(batcher: Batcher, client: str) -> None:
    body = f'{{"dataframe_records": [{{"x": 1.0}}], "client_request_id": {client}}}'.encode()
    one = (body, "application/json")
    assert _answered(batcher, [one, one]) == [batcher._scorer.answer(*one)] * 2
