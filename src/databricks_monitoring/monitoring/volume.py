"""Row counts of windows against what was usual before."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from databricks_monitoring.alerting import evidence as ev
from databricks_monitoring.monitoring import effect_words as words
from databricks_monitoring.monitoring.metric_rows import Window
from databricks_monitoring.monitoring.series import Point
from databricks_monitoring.names import TABLE_ROW

if TYPE_CHECKING:
    from databricks_monitoring.monitoring.metric_rows import MonitorMetrics

VOLUME_WINDOWS = 3
"""Windows before that are needed to say what a usual row count is."""


def volume_points(metrics: MonitorMetrics, threshold: float) -> list[Point]:
    """Return for each window how far its row count fell below the median of the windows before.

    A window without rows has no row in the metric table; between two that have, it counts as zero rows.
    """
    counts = _row_counts(metrics)
    shown = {window for window in counts if window.end > metrics.start}
    points = []
    usual: list[int] = []
    for window, rows in counts.items():
        if len(usual) < VOLUME_WINDOWS:
            usual.append(rows)
            if window in shown:
                points.append(Point(window, None, rows, 0, "too few windows before to say"))
            continue
        median = statistics.median(usual)
        fall = max(0.0, 1 - rows / median) if median else 0.0
        pvalue = ev.few_rows_pvalue(rows, median)
        proof = ev.Evidence("count", rows, fall, threshold, pvalue, max(1, len(shown)))
        if proof.verdict is not ev.Verdict.DRIFTED:
            usual.append(rows)
        if window in shown:
            effect = f"rows {words.number(median)} (median) -> {words.number(rows)} ({-100 * fall:.0f} %)"
            points.append(Point(window, proof, rows, int(median), effect))
    return points


def _row_counts(metrics: MonitorMetrics) -> dict[Window, int]:
    known = {
        window: row.count
        for (column, window), row in metrics.profiles.items()
        if column == TABLE_ROW and window is not None
    }
    counts: dict[Window, int] = {}
    previous: Window | None = None
    for window in sorted(known):
        length = window.end - window.start
        while previous is not None and previous.end + length <= window.start:
            previous = Window(previous.end, previous.end + length)
            counts[previous] = 0
        counts[window] = known[window]
        previous = window
    return counts
