from __future__ import annotations

import pytest

from databricks_monitoring.errors import InvalidValueError
from databricks_monitoring.logged_values import LONGEST_PARAM, flatten, metric_numbers, param_texts


def test_nested_names_are_joined_by_periods() -> None:
    assert flatten({"a": {"b": {"c": 1}}, "d": 2}, "params") == {"a.b.c": 1, "d": 2}


def test_an_empty_mapping_is_a_value_not_nothing() -> None:
    assert param_texts({"extra": {}}) == {"extra": "{}"}


def test_two_keys_that_become_one_name_are_refused() -> None:
    with pytest.raises(InvalidValueError, match=r"a\.b"):
        flatten({"a": {"b": 1}, "a.b": 2}, "params")


def test_names_that_mlflow_refuses_are_refused_before_anything_is_logged() -> None:
    with pytest.raises(InvalidValueError, match="letters, digits"):
        param_texts({"what?": 1})
    with pytest.raises(InvalidValueError, match="at most 250"):
        param_texts({"x" * 251: 1})


def test_lists_become_json_and_none_stays_visible() -> None:
    assert param_texts({"layers": [64, 32], "seed": None, "flag": True}) == {
        "layers": "[64, 32]",
        "seed": "None",
        "flag": "True",
    }


def test_a_value_that_is_too_long_is_refused_not_cut() -> None:
    assert param_texts({"text": "x" * LONGEST_PARAM})["text"] == "x" * LONGEST_PARAM
    with pytest.raises(InvalidValueError, match=r"6001 characters.*artifact"):
        param_texts({"text": "x" * (LONGEST_PARAM + 1)})


def test_metrics_are_numbers() -> None:
    numpy = pytest.importorskip("numpy")
    found = metric_numbers({"f1": numpy.float32(0.5), "by_class": {"yes": 1, "no": True}})
    assert found == {"f1": 0.5, "by_class.yes": 1.0, "by_class.no": 1.0}
    with pytest.raises(InvalidValueError, match=r"metrics\['f1'\].*a number"):
        metric_numbers({"f1": "0.5"})
    with pytest.raises(InvalidValueError, match="a number"):
        metric_numbers({"curve": numpy.arange(3.0)})
