"""Model quality against scikit-learn on the same rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics

from databricks_monitoring.metrics.fairness.groups import fairness
from databricks_monitoring.metrics.quality.accuracy import accuracy_score
from databricks_monitoring.metrics.quality.confusion import confusion
from databricks_monitoring.metrics.quality.precision_recall_f1 import precision_recall_f1
from databricks_monitoring.metrics.quality.probabilities import probability_cells
from databricks_monitoring.metrics.quality.regression import regression_errors

NAMES = np.array(["a", "b", "c", "d"])
RNG = np.random.default_rng(11)

CASES = {
    "binary": (RNG.integers(0, 2, 500), RNG.integers(0, 2, 500)),
    "three": (RNG.integers(0, 3, 800), RNG.integers(0, 3, 800)),
    "never predicted": (RNG.integers(0, 2, 300), RNG.integers(0, 4, 300)),
    "never labelled": (RNG.integers(0, 4, 300), RNG.integers(0, 2, 300)),
    "all right": (np.arange(40) % 3, np.arange(40) % 3),
    "one row": (np.array([1]), np.array([0])),
}


@pytest.mark.parametrize("case", CASES)
def test_classification(case: str) -> None:
    predictions, labels = CASES[case]
    found = confusion(predictions, labels, pa.array(NAMES))
    truth, guess = NAMES[labels], NAMES[predictions]
    classes = sorted({*truth, *guess})
    assert accuracy_score(found) == pytest.approx(metrics.accuracy_score(truth, guess))
    pairs = {(pair["prediction"], pair["label"]): pair["count"] for pair in found.pairs() or []}
    expected = metrics.confusion_matrix(truth, guess, labels=classes)
    assert pairs == {
        (classes[p], classes[t]): int(expected[t, p])
        for t in range(len(classes))
        for p in range(len(classes))
        if expected[t, p]
    }
    scores = precision_recall_f1(found)
    for average in (None, "macro", "weighted"):
        values = metrics.precision_recall_fscore_support(truth, guess, average=average, zero_division=0)
        for name, value in zip(("precision", "recall", "f1_score"), values, strict=False):
            if average is None:
                assert scores[name]["one_vs_all"] == [
                    (label, pytest.approx(one)) for label, one in zip(classes, value, strict=True)
                ]
            else:
                assert scores[name][average] == pytest.approx(value)


def test_rows_without_a_label_count_only_as_predicted() -> None:
    found = confusion(np.array([0, 1, -1, 1]), np.array([0, -1, 1, 0]), pa.array(["x", "y"]))
    assert found.total == 2
    assert found.predicted.tolist() == [1, 2]


def test_without_labels_there_is_no_quality() -> None:
    found = confusion(np.array([0, 1]), np.array([-1, -1]), pa.array(["x", "y"]))
    assert accuracy_score(found) is None
    assert found.pairs() is None
    assert precision_recall_f1(found) == {}


def test_classes_that_only_unlabelled_rows_have_are_not_scored() -> None:
    found = confusion(np.array([0, 1]), np.array([0, -1]), pa.array(["x", "y"]))
    assert precision_recall_f1(found)["precision"]["one_vs_all"] == [("x", 1.0)]


@pytest.mark.parametrize("size", [2, 17, 5000])
def test_regression(size: int) -> None:
    labels = RNG.normal(10, 5, size)
    predictions = labels + RNG.normal(0, 1, size)
    found = regression_errors(predictions, labels)
    assert found["mean_squared_error"] == pytest.approx(metrics.mean_squared_error(labels, predictions))
    assert found["root_mean_squared_error"] == pytest.approx(
        metrics.root_mean_squared_error(labels, predictions)
    )
    assert found["mean_average_error"] == pytest.approx(metrics.mean_absolute_error(labels, predictions))
    assert found["mean_absolute_percentage_error"] == pytest.approx(
        metrics.mean_absolute_percentage_error(labels, predictions)
    )
    assert found["r2_score"] == pytest.approx(metrics.r2_score(labels, predictions))


def test_percentage_error_of_zero_labels_is_that_of_scikit_learn() -> None:
    labels, predictions = np.array([0.0, 2.0]), np.array([0.5, 2.0])
    expected = metrics.mean_absolute_percentage_error(labels, predictions)
    assert regression_errors(predictions, labels)["mean_absolute_percentage_error"] == pytest.approx(expected)


def test_r2_needs_labels_that_vary() -> None:
    assert regression_errors(np.array([1.0, 2.0]), np.array([3.0, 3.0]))["r2_score"] is None
    assert regression_errors(np.array([1.0]), np.array([3.0]))["r2_score"] is None
    assert regression_errors(np.array([]), np.array([])) == {}


def test_fairness_is_protected_minus_other() -> None:
    items = pa.array(["no", "yes"])
    protected = confusion(np.array([1, 1, 0, 0]), np.array([1, 0, 0, 1]), items)
    other = confusion(np.array([1, 1, 1, 0]), np.array([1, 1, 0, 0]), items)
    found = {name: dict(pairs) for name, pairs in fairness(protected, other).items() if pairs}  # type: ignore[call-overload]
    assert found["statistical_parity"]["yes"] == pytest.approx(2 / 4 - 3 / 4)
    assert found["predictive_parity"]["yes"] == pytest.approx(1 / 2 - 2 / 3)
    assert found["equal_opportunity"]["yes"] == pytest.approx(1 / 2 - 2 / 2)
    assert found["predictive_equality"]["yes"] == pytest.approx(1 / 2 - 1 / 2)


def test_fairness_without_labels_has_only_statistical_parity() -> None:
    items = pa.array(["no", "yes"])
    unlabelled = np.array([-1, -1])
    found = fairness(
        confusion(np.array([1, 1]), unlabelled, items), confusion(np.array([0, 1]), unlabelled, items)
    )
    assert found["statistical_parity"] == [("no", -0.5), ("yes", 0.5)]
    assert found["equal_opportunity"] is None


@pytest.mark.parametrize("classes", [2, 4])
def test_probabilities(classes: int) -> None:
    labels = RNG.integers(0, classes, 400)
    raw = RNG.random((400, classes)).round(2) + np.eye(classes)[labels] * 0.3 + 1e-3
    given = raw / raw.sum(axis=1, keepdims=True)
    found = probability_cells({NAMES[c]: given[:, c] for c in range(classes)}, NAMES[labels])
    assert found["log_loss"] == pytest.approx(metrics.log_loss(labels, given))
    scores: Any = found["roc_auc_score"]
    for name, score in scores["one_vs_all"]:
        c = list(NAMES).index(name)
        assert score == pytest.approx(metrics.roc_auc_score(labels == c, given[:, c]))
    if classes > 2:
        for average in ("macro", "weighted"):
            expected = metrics.roc_auc_score(labels, given, multi_class="ovr", average=average)
            assert scores[average] == pytest.approx(expected)


def test_probabilities_of_labels_without_any_and_rows_without_any() -> None:
    given = {"a": np.array([0.5, np.nan, 1.0]), "b": np.array([0.5, np.nan, 0.0])}
    found = probability_cells(given, np.array(["a", "a", "c"]))
    assert found["log_loss"] == pytest.approx((np.log(2) - np.log(1e-15)) / 2)
    assert probability_cells(given, np.array(["a", "b", "a"]))["roc_auc_score"] is None
    assert probability_cells({}, np.array(["a"])) == {}
