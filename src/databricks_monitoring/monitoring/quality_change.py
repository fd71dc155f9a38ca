"""Model quality of labelled windows against the baseline, or against the windows before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from databricks_monitoring.alerting import evidence as ev
from databricks_monitoring.monitoring import effect_words as words
from databricks_monitoring.monitoring.series import NOT_DUE, Point
from databricks_monitoring.names import TABLE_ROW

if TYPE_CHECKING:
    from databricks_monitoring.monitoring.metric_rows import MonitorMetrics, Window

QUALITY_THRESHOLDS = {"accuracy": 0.05, "rmse": 0.1}
"""Five points of accuracy; a tenth more root mean squared error."""


@dataclass(frozen=True)
class QualityReference:
    """The quality that windows are compared with."""

    value: float
    labelled: int
    source: str


def quality_points(metrics: MonitorMetrics, threshold: float | None = None) -> list[Point]:
    """Return for each window how much worse the model is than on the baseline, or than before.

    Parameters
    ----------
    threshold : float, optional
        `QUALITY_THRESHOLDS` by default.

    Notes
    -----
    Classification is judged by its accuracy (Fisher's exact test on wrong and right answers), regression
    by its root mean squared error. Without quality on the baseline, the windows before the analysed days
    are the reference, and failing these the first labelled one. Only labelled rows count, and windows whose
    labels are not due yet decide nothing: which labels come first is seldom chance.
    """
    name = _quality_name(metrics)
    label = metrics.layout.label_column
    if name is None or label is None:
        return []
    labelled = {
        window: (value, metrics.profiles[label, window].count)
        for (column, window), row in metrics.profiles.items()
        if column == TABLE_ROW and (label, window) in metrics.profiles
        if (value := row.accuracy if name == "accuracy" else row.rmse) is not None
    }
    waiting = {window for window in labelled if window is not None and not metrics.labels_due(window)}
    judged = {window: found for window, found in labelled.items() if window not in waiting}
    windows = sorted(window for window in labelled if window is not None and window.end > metrics.start)
    reference = _quality_reference(metrics, judged, name)
    question = _Question(
        name,
        QUALITY_THRESHOLDS[name] if threshold is None else threshold,
        max(1, sum(window not in waiting for window in windows)),
    )
    return [
        Point(window, None, labelled[window][1], 0, NOT_DUE)
        if window in waiting
        else _quality_point(question, window, labelled[window], reference)
        for window in windows
    ]


def _quality_name(metrics: MonitorMetrics) -> str | None:
    rows = [row for (column, _), row in metrics.profiles.items() if column == TABLE_ROW]
    if any(row.accuracy is not None for row in rows):
        return "accuracy"
    return "rmse" if any(row.rmse is not None for row in rows) else None


def _quality_reference(
    metrics: MonitorMetrics, labelled: dict[Window | None, tuple[float, int]], name: str
) -> QualityReference | None:
    if None in labelled and labelled[None][1] >= ev.MINIMUM_ROWS:
        return QualityReference(*labelled[None], "on the baseline")
    enough = [
        window for window, (_, rows) in labelled.items() if window is not None and rows >= ev.MINIMUM_ROWS
    ]
    before = [window for window in enough if window.end <= metrics.start]
    chosen = before or sorted(enough)[:1]
    if not chosen:
        return None
    rows = sum(labelled[window][1] for window in chosen)
    # Accuracies average by rows; of errors the squares do.
    power = 1 if name == "accuracy" else 2
    mean = sum(labelled[window][0] ** power * labelled[window][1] for window in chosen) / rows
    source = "in the weeks before" if before else f"in the first labelled window, {chosen[0]}"
    return QualityReference(mean ** (1 / power), rows, source)


@dataclass(frozen=True)
class _Question:
    name: str
    threshold: float
    tests: int

    def proof(self, value: float, worse: float, pvalue: float) -> ev.Evidence:
        statistic = {"accuracy": "accuracy_score", "rmse": "root_mean_squared_error"}[self.name]
        return ev.Evidence(statistic, value, worse, self.threshold, pvalue, self.tests)


def _quality_point(
    question: _Question, window: Window, found: tuple[float, int], reference: QualityReference | None
) -> Point:
    value, labelled = found
    if reference is None or labelled < ev.MINIMUM_ROWS:
        return Point(window, None, labelled, 0, "too few labelled rows to say")
    m = reference.labelled
    if question.name == "accuracy":
        wrong, wrong_before = round((1 - value) * labelled), round((1 - reference.value) * m)
        worse = max(0.0, reference.value - value)
        pvalue = ev.share_rise_pvalue(wrong, labelled, wrong_before, m)
        proof = question.proof(value, worse, pvalue)
        was, is_now = words.percent(reference.value), words.percent(value)
        effect = f"accuracy {was} -> {is_now} ({100 * (value - reference.value):+.1f} points)"
    else:
        worse = max(0.0, value / reference.value - 1) if reference.value else 0.0
        pvalue = ev.mse_rise_pvalue(value**2, labelled, reference.value**2, m)
        proof = question.proof(value, worse, pvalue)
        effect = words.change(reference.value, value, "root mean squared error")
    return Point(window, proof, labelled, m, f"{effect}; before: {reference.source}")
