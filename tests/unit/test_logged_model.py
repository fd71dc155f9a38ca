from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression

from databricks_monitoring.errors import InvalidValueError
from databricks_monitoring.logged_model import flavour_of, requirements_of, sample_of, signature_of


def _frame() -> pd.DataFrame:
    return pd.DataFrame({"height": [1.7, 1.8, 1.9, 2.0], "power": [1.0, 2.0, 3.0, 4.0]})


def test_types_that_cannot_be_empty_in_a_request_become_floats() -> None:
    sample = sample_of(
        pd.DataFrame(
            {
                "whole": [1, 2, 3],
                "gaps": pd.array([1, None, 3], dtype="Int64"),
                "flag": pd.array([True, None, False], dtype="boolean"),
                "object_flag": pd.Series([True, None, False], dtype=object),
                "kind": pd.Categorical(["a", "b", "a"]),
                "name": ["x", None, "y"],
            }
        )
    )
    floats = [name for name, dtype in sample.dtypes.items() if dtype == "float64"]
    assert floats == ["gaps", "flag", "object_flag"]
    assert str(sample["whole"].dtype) == "int64"
    assert sample["kind"].tolist() == ["a", "b", "a"]
    assert str(sample["kind"].dtype) != "category"
    assert sample["flag"].tolist()[::2] == [1.0, 0.0]


def test_a_signature_has_inputs_and_outputs() -> None:
    frame = _frame()
    model = RandomForestClassifier(3, random_state=0).fit(frame, ["no", "no", "yes", "yes"])
    signature = signature_of(model, sample_of(frame))
    assert signature.inputs.to_dict() == [
        {"type": "double", "name": "height", "required": True},
        {"type": "double", "name": "power", "required": True},
    ]
    assert signature.outputs.to_dict() == [
        {"type": "tensor", "tensor-spec": {"dtype": "str", "shape": (-1,)}}
    ]


def test_a_model_that_cannot_predict_the_sample_says_what_was_tried() -> None:
    model = LinearRegression().fit(_frame(), [1.0, 2.0, 3.0, 4.0])
    with pytest.raises(ValueError, match="could not convert") as raised:
        signature_of(model, _frame().assign(height="tall"))
    assert "as requests bring it" in raised.value.__notes__[0]


def test_an_empty_sample_is_refused() -> None:
    model = LinearRegression().fit(_frame(), [1.0, 2.0, 3.0, 4.0])
    with pytest.raises(InvalidValueError, match="no rows"):
        signature_of(model, _frame().head(0))


def test_flavours_follow_from_the_type() -> None:
    lightgbm = pytest.importorskip("lightgbm")
    assert flavour_of(lightgbm.LGBMClassifier()).name == "lightgbm"
    assert flavour_of(LinearRegression()).name == "sklearn"
    assert flavour_of(lambda rows: rows).name == "pyfunc"
    with pytest.raises(InvalidValueError, match="LightGBM, XGBoost or scikit-learn"):
        flavour_of(object())


def test_requirements_are_what_loading_imports_pinned() -> None:
    frame = _frame()
    model = LinearRegression().fit(frame, np.arange(4.0))
    found = requirements_of(model, flavour_of(model), frame)
    names = [line.partition("==")[0] for line in found]
    assert names == ["mlflow", "cloudpickle", "numpy", "pandas", "scikit-learn", "scipy"]
    assert all(line.partition("==")[2] for line in found)
