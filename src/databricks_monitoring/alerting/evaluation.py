"""Rules against metrics: for every column a rule watches, whether its condition holds and since when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from databricks_monitoring.alerting.evidence import Evidence, Verdict
from databricks_monitoring.errors import ColumnNotFoundError
from databricks_monitoring.monitoring.column_conditions import Thresholds, drift_points, null_points
from databricks_monitoring.monitoring.columns import columns_of, left_out, role_of
from databricks_monitoring.monitoring.metric_rows import Window
from databricks_monitoring.monitoring.quality_change import quality_points
from databricks_monitoring.monitoring.schema_change import schema_points, watched_columns
from databricks_monitoring.monitoring.series import Point, persistent_run
from databricks_monitoring.monitoring.volume import volume_points
from databricks_monitoring.names import TABLE_ROW

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from databricks_monitoring.alerting.rules import AlertRule
    from databricks_monitoring.monitoring.columns import Role
    from databricks_monitoring.monitoring.metric_rows import MonitorMetrics
    from databricks_monitoring.monitoring.series import Run

_DRIFT_ROLE: Mapping[str, Role] = {
    "prediction_drift": "prediction",
    "label_drift": "label",
    "feature_drift": "feature",
}


@dataclass(frozen=True)
class Observation:
    """What the metrics say about one rule and one column.

    Parameters
    ----------
    run : Run or None
        The stretch in which the condition holds; None if it does not hold now.
    newest : Point or None
        The newest window that decides; None if none does, and then nothing is known.
    """

    rule: AlertRule
    column: str
    run: Run | None
    newest: Point | None


def evaluate(rule: AlertRule, metrics: MonitorMetrics) -> list[Observation]:
    """Return one observation for each column that the rule watches.

    Raises
    ------
    ColumnNotFoundError
        If the rule names a column that the monitor does not analyse.
    """
    return [_observed(rule, column, points) for column, points in _series(rule, metrics).items()]


def why_not_watched(rule: AlertRule, column: str, metrics: MonitorMetrics) -> str | None:
    """Return in words why a rule does not watch a column that it once watched; None if that is not known.

    Without any window nothing is known: a table without rows has not lost its columns.
    """
    windows = metrics.windows
    if not windows:
        return None
    if rule.columns and column not in rule.columns:
        return f"rule {rule.name} no longer names {column}"
    if rule.metric == "schema_mismatch" and not metrics.schemas:
        return "there is no baseline any more whose schema could be compared"
    if not any((column, window) in metrics.profiles for window in windows):
        return f"{column} has no metrics in any window since {windows[0].start:%Y-%m-%d %H:%M} UTC"
    reason = left_out(metrics).get(column)
    return (
        f"{column} is no longer analysed: {reason}"
        if reason
        else f"rule {rule.name} no longer watches {column}"
    )


def _observed(rule: AlertRule, column: str, points: Sequence[Point]) -> Observation:
    newest = next((point for point in reversed(points) if point.verdict is not Verdict.UNDECIDED), None)
    return Observation(rule, column, persistent_run(points), newest)


def _series(rule: AlertRule, metrics: MonitorMetrics) -> Mapping[str, list[Point]]:
    match rule.metric:
        case "prediction_drift" | "label_drift" | "feature_drift":
            thresholds = (
                Thresholds.of_feature_rule(rule.threshold)
                if rule.metric == "feature_drift"
                else Thresholds.of_distance_rule(rule.threshold)
            )
            watched = _watched(rule, columns_of(metrics, _DRIFT_ROLE[rule.metric]))
            return drift_points(metrics, watched, thresholds)
        case "null_rate":
            watched = _watched(rule, columns_of(metrics))
            # Labels arrive late; their missing values count only where somebody asked for them.
            filled = [name for name in watched if rule.columns or role_of(name, metrics.layout) != "label"]
            return null_points(metrics, filled, rule.threshold)
        case "row_count":
            return {TABLE_ROW: volume_points(metrics, rule.threshold)}
        case "model_quality":
            return {TABLE_ROW: quality_points(metrics, rule.threshold)}
        case "data_freshness":
            return {TABLE_ROW: _freshness(metrics, rule.threshold)}
        case "schema_mismatch":
            # Without a baseline, columns that a rule names cannot be misspelt: there is nothing to watch.
            watched = _watched(rule, watched_columns(metrics)) if metrics.schemas else []
            return schema_points(metrics, watched, rule.threshold)


def _watched(rule: AlertRule, analysed: Sequence[str]) -> list[str]:
    for column in rule.columns:
        if column not in analysed:
            raise ColumnNotFoundError(column, analysed, where=f"what rule {rule.name} may watch")
    return list(rule.columns or analysed)


def _freshness(metrics: MonitorMetrics, threshold: float) -> list[Point]:
    newest = metrics.newest_end
    if newest is None:
        return []
    hours = max(0.0, (metrics.now - newest) / timedelta(hours=1))
    # Nothing is sampled here, so nothing is left to chance.
    proof = Evidence("hours since the newest window", hours, hours, threshold, 0.0, 1)
    window = Window(newest, max(newest, metrics.now))
    effect = f"no rows since {newest:%Y-%m-%d %H:%M} UTC, {hours:.0f} hours ago"
    return [Point(window, proof, 0, 0, effect)]
