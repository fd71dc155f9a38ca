"""What each window says about each column: its distribution and its missing values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from databricks_monitoring.alerting import evidence as ev
from databricks_monitoring.alerting.evidence import Evidence
from databricks_monitoring.monitoring import effect_words as words
from databricks_monitoring.monitoring.metric_rows import ProfileRow
from databricks_monitoring.monitoring.series import NOT_DUE, Point

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from databricks_monitoring.monitoring.metric_rows import DriftRow, MonitorMetrics

NULL_RATE_THRESHOLD = 0.05
"""Five points more missing values than before."""


@dataclass(frozen=True)
class Thresholds:
    """Effects from which on a change counts; see `alerting.evidence` for their meaning."""

    psi: float = ev.PSI_THRESHOLD
    ks: float | None = ev.KS_THRESHOLD
    js: float = ev.JS_THRESHOLD
    tv: float | None = ev.TV_THRESHOLD

    @classmethod
    def of_feature_rule(cls, threshold: float) -> Thresholds:
        """Return the thresholds of a rule on features: PSI, KS and JS at it, total variation at half of it.

        The defaults stand in the same proportion.
        """
        return cls(psi=threshold, ks=threshold, js=threshold, tv=threshold / 2)

    @classmethod
    def of_distance_rule(cls, threshold: float) -> Thresholds:
        """Return the thresholds of a rule on predictions or labels: JS distance or PSI alone."""
        return cls(psi=threshold, ks=None, js=threshold, tv=None)


def drift_points(
    metrics: MonitorMetrics, columns: Sequence[str], thresholds: Thresholds
) -> dict[str, list[Point]]:
    """Return for each column what each window says about its distribution, oldest first."""
    wanted = set(columns)
    rows = sorted(
        (row for row in metrics.drifts if row.column in wanted), key=lambda row: (row.column, row.window)
    )
    tests = sum(1 for row in rows if _sides(metrics, row))
    points: dict[str, list[Point]] = {column: [] for column in columns}
    for row in rows:
        points[row.column].append(_drift_point(metrics, row, thresholds, tests))
    return points


def _sides(metrics: MonitorMetrics, row: DriftRow) -> tuple[ProfileRow, ProfileRow] | None:
    """Return both profiles behind a comparison, or None if one is missing or too small to decide."""
    now = metrics.profiles.get((row.column, row.window))
    before = metrics.profiles.get((row.column, row.comparison))
    if _waits(metrics, row):
        return None
    if now is None or before is None or min(now.count, before.count) < ev.MINIMUM_ROWS:
        return None
    return now, before


def _waits(metrics: MonitorMetrics, row: DriftRow) -> bool:
    """Say whether a row is about labels that are not all known yet."""
    return row.column == metrics.layout.label_column and not metrics.labels_due(row.window)


def _drift_point(metrics: MonitorMetrics, row: DriftRow, thresholds: Thresholds, tests: int) -> Point:
    sides = _sides(metrics, row)
    if sides is None:
        now = metrics.profiles.get((row.column, row.window))
        reason = NOT_DUE if _waits(metrics, row) else "too few rows to say"
        return Point(row.window, None, now.count if now else 0, 0, reason)
    now, before = sides
    found = list(
        _category_evidence(row, now, before, thresholds, tests)
        if row.js is not None
        else _number_evidence(row, now, before, thresholds, tests)
    )
    evidence = max(found, key=lambda one: (min(one.strength, 1.0), -found.index(one)), default=None)
    effect = ""
    if evidence:
        described = (words.category_effect if row.js is not None else words.numeric_effect)(now, before)
        effect = f"{described}, {words.STATISTIC_NAMES[evidence.statistic]} {words.number(evidence.value, 3)}"
    return Point(row.window, evidence, now.count, before.count, effect)


def _number_evidence(
    row: DriftRow, now: ProfileRow, before: ProfileRow, thresholds: Thresholds, tests: int
) -> Iterator[Evidence]:
    if row.ks_pvalue is None:
        return
    if row.psi is not None:
        corrected = ev.corrected_psi(row.psi, now.count, before.count)
        yield Evidence("population_stability_index", row.psi, corrected, thresholds.psi, row.ks_pvalue, tests)
    if row.ks is not None and thresholds.ks is not None:
        yield Evidence("ks_test.statistic", row.ks, row.ks, thresholds.ks, row.ks_pvalue, tests)


def _category_evidence(
    row: DriftRow, now: ProfileRow, before: ProfileRow, thresholds: Thresholds, tests: int
) -> Iterator[Evidence]:
    n, m = now.count, before.count
    pvalue = ev.homogeneity_pvalue(ev.pooled(now.items, before.items, n, m))
    rest = n > sum(now.items.values()) or m > sum(before.items.values())
    kinds = len({*now.items, *before.items}) + rest
    if row.js is not None:
        corrected = ev.corrected_js(row.js, n, m, kinds)
        yield Evidence("js_distance", row.js, corrected, thresholds.js, pvalue, tests)
    if row.tv is not None and thresholds.tv is not None:
        corrected = ev.corrected_tv(row.tv, n, m, kinds)
        yield Evidence("tv_distance", row.tv, corrected, thresholds.tv, pvalue, tests)


def null_points(
    metrics: MonitorMetrics, columns: Sequence[str], threshold: float = NULL_RATE_THRESHOLD
) -> dict[str, list[Point]]:
    """Return for each column how far its share of missing values rose over the baseline.

    Without a baseline, over all windows of the analysed days before.
    """
    tests = len(columns) * max(1, len(metrics.windows))
    return {column: list(_null_points(metrics, column, threshold, tests)) for column in columns}


def _null_points(metrics: MonitorMetrics, column: str, threshold: float, tests: int) -> Iterator[Point]:
    baseline = metrics.profiles.get((column, None))
    earlier: list[ProfileRow] = []
    for window in metrics.windows:
        now = metrics.profiles.get((column, window))
        if now is None:
            continue
        before = baseline or _together(earlier)
        rows = now.count + now.nulls
        if before is None or min(rows, before.count + before.nulls) < ev.MINIMUM_ROWS:
            earlier.append(now)
            yield Point(window, None, rows, 0, "too few rows to say")
            continue
        rise = max(0.0, now.null_share - before.null_share)
        pvalue = ev.share_rise_pvalue(now.nulls, rows, before.nulls, before.count + before.nulls)
        proof = Evidence("percent_null", now.null_share, rise, threshold, pvalue, tests)
        if proof.verdict is ev.Verdict.UNCHANGED:
            earlier.append(now)
        yield Point(window, proof, rows, before.count + before.nulls, words.null_effect(now, before))


def _together(rows: Sequence[ProfileRow]) -> ProfileRow | None:
    if not rows:
        return None
    count, nulls = sum(row.count for row in rows), sum(row.nulls for row in rows)
    return ProfileRow(rows[0].column, None, rows[0].data_type, count, nulls)
