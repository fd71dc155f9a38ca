from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow.models import Model, ModelSignature
from mlflow.pyfunc import PyFuncModel
from mlflow.types import ColSpec, DataType, Schema

from databricks_monitoring.local_workspace.model_server.likeness import Likeness, cells_of
from databricks_monitoring.local_workspace.model_server.scoring import Scorer
from databricks_monitoring.local_workspace.model_server.typed_input import Layouts

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA = Schema(
    [
        ColSpec(DataType.double, "double", required=False),
        ColSpec(DataType.float, "float", required=False),
        ColSpec(DataType.long, "long", required=False),
        ColSpec(DataType.integer, "integer", required=False),
        ColSpec(DataType.boolean, "boolean", required=False),
        ColSpec(DataType.string, "string", required=False),
    ]
)
NUMBER = st.one_of(st.none(), st.integers(-(2**60), 2**60), st.floats(allow_nan=False, width=32))
CELLS: dict[str, st.SearchStrategy[Any]] = {
    "double": NUMBER,
    "float": NUMBER,
    "long": st.integers(-(2**63) + 1, 2**63 - 1),
    "integer": st.integers(-(2**31), 2**31 - 1),
    "boolean": st.booleans(),
    "string": st.one_of(st.none(), st.text(max_size=3), st.sampled_from(["a\0", "None", "nan", "1"])),
}
FORMATS: dict[str, Callable[[list[str], list[list[Any]]], Any]] = {
    "dataframe_split": lambda names, rows: {"columns": names, "data": rows},
    "dataframe_records": lambda names, rows: [dict(zip(names, row, strict=True)) for row in rows],
    "inputs": lambda names, rows: {name: [row[at] for row in rows] for at, name in enumerate(names)},
    "instances": lambda names, rows: [dict(zip(names, row, strict=True)) for row in rows],
}


class Unasked:
    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        return np.zeros(len(rows))


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return Scorer(
        PyFuncModel(model_meta=Model(signature=ModelSignature(inputs=SCHEMA)), model_impl=Unasked())
    )


@st.composite
def requests(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw requests of one format with the same columns in the same order."""
    names = draw(st.lists(st.sampled_from(list(CELLS)), min_size=1, unique=True))
    write = FORMATS[draw(st.sampled_from(list(FORMATS)))]
    request_format = next(name for name, one in FORMATS.items() if one is write)
    row = st.tuples(*[CELLS[name] for name in names]).map(list)
    tables = draw(st.lists(st.lists(row, min_size=1, max_size=3), min_size=1, max_size=4))
    return [{request_format: write(names, rows)} for rows in tables]


@settings(max_examples=150, deadline=None)
@given(waiting=requests())
def test_the_model_gets_what_mlflow_would_have_given_it(
    scorer: Scorer, waiting: list[dict[str, Any]]
) -> None:
    likeness, layouts = Likeness(SCHEMA), Layouts()
    alike: dict[Any, list[dict[str, Any]]] = {}
    for request in waiting:
        cells = cells_of(request)
        assert cells is not None
        key = likeness.key(cells)
        if key is not None:
            alike.setdefault(key, []).append(request)
    for key, group in alike.items():
        # Learned from the last one: what others hold must not matter.
        taught = cells_of(group[-1])
        assert taught is not None
        layout = layouts.learn(key, scorer.enforced_input(group[-1]), taught)
        assert layout is not None
        wanted = pd.concat([scorer.enforced_input(one) for one in group], ignore_index=True)
        cells_of_all = [cells for one in group if (cells := cells_of(one)) is not None]
        pd.testing.assert_frame_equal(layout.frame(cells_of_all), wanted, check_exact=True)


def test_a_value_that_does_not_fit_is_refused(scorer: Scorer) -> None:
    small, large = (cells_of({"dataframe_records": [{"integer": number}]}) for number in (1, 2**40))
    assert small is not None
    assert large is not None
    layout = Layouts().learn("key", scorer.enforced_input({"dataframe_records": [{"integer": 1}]}), small)
    assert layout is not None
    with pytest.raises(OverflowError):
        layout.frame([small, large])


def test_what_keeps_more_than_columns_is_not_followed() -> None:
    cells = cells_of({"dataframe_records": [{"double": 1.0}]})
    assert cells is not None
    layouts = Layouts()
    assert layouts.learn("labelled", pd.DataFrame({"double": [1.0]}, index=[5]), cells) is None
    assert layouts.learn("array", np.array([1.0]), cells) is None
    assert "labelled" in layouts
    assert layouts.get("labelled") is None
