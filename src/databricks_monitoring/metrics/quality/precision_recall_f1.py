"""Precision, recall and F1 score, of each class and averaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from databricks_monitoring.metrics.conventions import ZERO_DIVISION

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Floats, Integers
    from databricks_monitoring.metrics.quality.confusion import Confusion

AveragedScores = dict[str, object]
"""`one_vs_all` by class, `macro` and `weighted`."""


def precision_recall_f1(confusion: Confusion) -> dict[str, AveragedScores]:
    """Return `precision`, `recall` and `f1_score`, each in [0, 1]; nothing without labels.

    Notes
    -----
    For class c against all others: precision = rows right among those predicted c, recall = rows right among
    those labelled c, F1 = ``2 tp / (2 tp + fp + fn)``. Classes are those predicted or labelled in rows that
    have both. `macro` is their plain mean, `weighted` the mean by number of labels. A quotient without a
    denominator is `conventions.ZERO_DIVISION`, 0.

    References
    ----------
    scikit-learn, `precision_recall_fscore_support(zero_division=0)`. Databricks: `precision`, `recall`,
    `f1_score`.

    Examples
    --------
    >>> from databricks_monitoring.metrics.quality.confusion import Confusion
    >>> scores = precision_recall_f1(Confusion(("a", "b"), np.array([[3, 1], [0, 4]]), np.array([4, 4])))
    >>> scores["precision"]["one_vs_all"], scores["recall"]["macro"]
    ([('a', 0.75), ('b', 1.0)], 0.9)
    """
    if confusion.total == 0:
        return {}
    right = np.diagonal(confusion.counts)
    predicted, labelled = confusion.counts.sum(axis=1), confusion.counts.sum(axis=0)
    there = predicted + labelled > 0
    names = [name for name, is_there in zip(confusion.classes, there, strict=True) if is_there]
    right, predicted, labelled = right[there], predicted[there], labelled[there]
    return {
        "precision": averaged(names, _quotient(right, predicted), labelled),
        "recall": averaged(names, _quotient(right, labelled), labelled),
        "f1_score": averaged(names, _quotient(2 * right, predicted + labelled), labelled),
    }


def averaged(names: list[str], scores: Floats, labelled: Integers) -> AveragedScores:
    """Return scores of classes with their plain mean and their mean by number of labels."""
    return {
        "one_vs_all": list(zip(names, scores.tolist(), strict=True)),
        "macro": float(scores.mean()),
        "weighted": float(np.dot(scores, labelled) / labelled.sum()),
    }


def _quotient(part: Integers, whole: Integers) -> Floats:
    result = np.full(len(part), ZERO_DIVISION)
    np.divide(part, whole, out=result, where=whole > 0)
    return result
