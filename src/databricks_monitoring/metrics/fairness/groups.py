"""Fairness columns: a metric of the protected group minus that of the other group."""

from __future__ import annotations

import numpy as np

from databricks_monitoring.metrics.fairness.equal_opportunity import true_positive_rates
from databricks_monitoring.metrics.fairness.predictive_equality import false_positive_rates
from databricks_monitoring.metrics.fairness.predictive_parity import precisions
from databricks_monitoring.metrics.fairness.statistical_parity import acceptance_rates
from databricks_monitoring.metrics.quality.confusion import Confusion

_RATES = {
    "predictive_parity": precisions,
    "predictive_equality": false_positive_rates,
    "equal_opportunity": true_positive_rates,
    "statistical_parity": acceptance_rates,
}


def fairness(protected: Confusion, other: Confusion) -> dict[str, object]:
    """Return the four fairness columns of a slice, each by predicted class, in [-1, 1].

    Notes
    -----
    For each class that either group was given: its rate in the protected group (slice_value 'true') minus
    its rate in the other, None where a rate has no denominator. Databricks documents neither difference or
    ratio nor the sign (`conventions.FAIRNESS_SIGN`).

    References
    ----------
    Verma, Rubin (2018), Fairness definitions explained. Databricks: fairness and bias columns.
    """
    given = sorted(_predicted(protected) | _predicted(other))
    labelled = protected.total > 0 and other.total > 0
    columns: dict[str, object] = {}
    for name, rates in _RATES.items():
        mine, theirs = rates(_over(protected, given)), rates(_over(other, given))
        shown = labelled or name == "statistical_parity"
        columns[name] = [(c, _difference(mine[c], theirs[c])) for c in given] if shown else None
    return columns


def _over(confusion: Confusion, classes: list[str]) -> Confusion:
    """Return a confusion with rows and columns for further classes, so that their rates are known."""
    more = [name for name in classes if name not in confusion.classes]
    k, n = len(confusion.classes), len(confusion.classes) + len(more)
    counts = np.zeros((n, n), dtype=np.int64)
    counts[:k, :k] = confusion.counts
    predicted = np.append(confusion.predicted, np.zeros(len(more), dtype=np.int64))
    return Confusion((*confusion.classes, *more), counts, predicted)


def _predicted(confusion: Confusion) -> set[str]:
    return {name for name, rows in zip(confusion.classes, confusion.predicted, strict=True) if rows}


def _difference(mine: float | None, theirs: float | None) -> float | None:
    return None if mine is None or theirs is None else mine - theirs
