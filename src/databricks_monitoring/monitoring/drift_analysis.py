"""What drifted since when in a monitored table, and whether the model got worse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypedDict

from databricks_monitoring.monitoring.column_conditions import Thresholds, drift_points, null_points
from databricks_monitoring.monitoring.columns import Role, columns_of, left_out, role_of
from databricks_monitoring.monitoring.metric_rows import Layout, MonitorMetrics, Window, read_metrics
from databricks_monitoring.monitoring.quality_change import quality_points
from databricks_monitoring.monitoring.schema_change import harmless, schema_points, watched_columns
from databricks_monitoring.monitoring.series import Point, Run, persistent_run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from databricks_monitoring.alerting.evidence import Evidence
    from databricks_monitoring.clients import SqlClient

Kind = Literal["distribution", "missing values", "model quality", "schema"]

CRITICAL_STRENGTH = 2.0
"""Thresholds of effect from which a change is critical: PSI 0.2 against 0.1, the documented reading."""


class FindingBody(TypedDict):
    """A finding as JSON."""

    column: str
    role: str
    kind: str
    severity: str
    statistic: str
    value: float
    corrected: float
    threshold: float
    since: str
    since_or_earlier: bool
    newest_window: str
    windows: int
    rows: int
    comparison_rows: int
    chance: float
    effect: str


class AnalysisBody(TypedDict):
    """An analysis as JSON."""

    monitor: str
    analysed_at: str
    days: float
    granularity: str | None
    drift_type: str
    windows: list[str]
    columns: list[str]
    left_out: dict[str, str]
    drifted: list[FindingBody]
    schema: list[FindingBody]
    schema_notes: list[str]
    model_quality: FindingBody | None
    newest_quality: str | None
    waiting_for_labels: list[str]


@dataclass(frozen=True)
class Finding:
    """One condition that holds up to the newest closed window.

    Parameters
    ----------
    column : str
        The column; the table's row count and the model's quality have `:table`.
    evidence : Evidence
        Of the newest decided window.
    """

    column: str
    role: Role | Literal["model"]
    kind: Kind
    run: Run
    evidence: Evidence

    @property
    def severity(self) -> Literal["warning", "critical"]:
        """Critical from twice the threshold on."""
        return "critical" if self.evidence.strength >= CRITICAL_STRENGTH else "warning"

    @property
    def since(self) -> Window:
        """The first window in which the condition holds."""
        return self.run.first.window

    @property
    def effect(self) -> str:
        """The change in words, as of the newest decided window."""
        return self.run.last.effect

    def body(self) -> FindingBody:
        """Return the finding as JSON-ready values."""
        return {
            "column": self.column,
            "role": self.role,
            "kind": self.kind,
            "severity": self.severity,
            "statistic": self.evidence.statistic,
            "value": self.evidence.value,
            "corrected": self.evidence.corrected,
            "threshold": self.evidence.threshold,
            "since": self.since.start.isoformat(),
            "since_or_earlier": self.run.from_the_start,
            "newest_window": self.run.last.window.start.isoformat(),
            "windows": self.run.windows,
            "rows": self.run.last.rows,
            "comparison_rows": self.run.last.comparison_rows,
            "chance": self.evidence.chance,
            "effect": self.effect,
        }


@dataclass(frozen=True)
class DriftAnalysis:
    """The outcome of one analysis.

    Attributes
    ----------
    windows : list of Window
        The closed windows looked at, oldest first.
    columns : list of str
        The columns looked at; `left_out` has the others with the reason.
    drifted : list of Finding
        Columns whose distribution or share of missing values changed, strongest first.
    schema : list of Finding
        Columns that are missing or of a type that does not fit the baseline's.
    schema_notes : list of str
        Other differences from the baseline's schema, in words.
    model_quality : Finding or None
        Set if the model became worse.
    newest_quality : Point or None
        The newest window with enough labels, whether worse or not.
    waiting_for_labels : list of Window
        Windows whose quality is not judged yet because the label delay is not over.
    """

    layout: Layout
    now: datetime
    days: float
    granularity: str | None
    drift_type: str
    windows: list[Window]
    columns: list[str]
    left_out: dict[str, str]
    drifted: list[Finding]
    schema: list[Finding]
    schema_notes: list[str]
    model_quality: Finding | None
    newest_quality: Point | None
    waiting_for_labels: list[Window]

    @property
    def findings(self) -> list[Finding]:
        """Everything found: the schema first, which may explain the rest, the model's quality last."""
        return [*self.schema, *self.drifted, *([self.model_quality] if self.model_quality else [])]

    def body(self) -> AnalysisBody:
        """Return the analysis as JSON-ready values."""
        return {
            "monitor": str(self.layout.table),
            "analysed_at": self.now.isoformat(),
            "days": self.days,
            "granularity": self.granularity,
            "drift_type": self.drift_type,
            "windows": [window.start.isoformat() for window in self.windows],
            "columns": self.columns,
            "left_out": self.left_out,
            "drifted": [finding.body() for finding in self.drifted],
            "schema": [finding.body() for finding in self.schema],
            "schema_notes": self.schema_notes,
            "model_quality": self.model_quality.body() if self.model_quality else None,
            "newest_quality": self.newest_quality.effect if self.newest_quality else None,
            "waiting_for_labels": [window.start.isoformat() for window in self.waiting_for_labels],
        }

    def lines(self) -> list[str]:
        """Return the analysis as lines to read."""
        if not self.windows:
            return [f"{self.layout.table}: no closed window in the last {self.days:g} days."]
        against = "the baseline" if self.drift_type == "BASELINE" else "the window before each"
        head = (
            f"{self.layout.table}: {len(self.windows)} closed windows ({self.windows[0]} to "
            f"{self.windows[-1]}), {len(self.columns)} columns, against {against}."
        )
        body = [f"  {line}" for finding in self.findings for line in _finding_lines(finding)]
        if not self.findings:
            body = ["  Nothing drifted."]
        if self.newest_quality and not self.model_quality:
            body.append(f"  Model quality holds: {self.newest_quality.effect}.")
        if self.waiting_for_labels:
            first, last = self.waiting_for_labels[0], self.waiting_for_labels[-1]
            until = "" if first == last else f" to {last}"
            body.append(f"  Model quality is not judged yet: labels of {first}{until} are not due.")
        if self.schema_notes:
            body.append("  Other than in the baseline, without harm: " + "; ".join(self.schema_notes) + ".")
        if self.left_out:
            body.append("  Left out: " + ", ".join(self.left_out) + ".")
        return [head, *body]


def _finding_lines(finding: Finding) -> list[str]:
    run = finding.run
    subject = "model quality" if finding.role == "model" else f"{finding.role} {finding.column}"
    earlier = "or earlier " if run.from_the_start else ""
    if finding.kind == "schema":
        return [
            f"{finding.severity:8}  schema of {subject}: {finding.effect}",
            f"          since {finding.since} {earlier}({run.windows} windows)",
        ]
    rows = f"{run.last.rows:,} rows against {run.last.comparison_rows:,}"
    return [
        f"{finding.severity:8}  {subject}: {finding.effect}",
        f"          since {finding.since} {earlier}({run.windows} windows); newest window: {rows}",
    ]


def analyze_drift(
    sql: SqlClient,
    layout: Layout,
    *,
    days: float = 7,
    granularity: str | None = None,
    thresholds: Thresholds | None = None,
) -> DriftAnalysis:
    """Return what drifted since when in a monitored table, over the closed windows of the last days.

    Parameters
    ----------
    layout : Layout
        The monitored table, where its metrics are and which columns play a part.
    days : float
        How far back from the workspace's time.
    granularity : str, optional
        One of the monitor's; `"1 day"` or the finest by default.

    Raises
    ------
    TableNotFoundError
        If the monitor has no metric tables.

    See Also
    --------
    databricks_monitoring.alerting.evidence : how the verdict is taken.
    """
    metrics = read_metrics(sql, layout, days=days, granularity=granularity)
    return analyze(metrics, days=days, thresholds=thresholds)


def analyze(metrics: MonitorMetrics, *, days: float, thresholds: Thresholds | None = None) -> DriftAnalysis:
    """Return the analysis of metrics that have been read."""
    columns = columns_of(metrics)
    quality = quality_points(metrics)
    run = persistent_run(quality)
    return DriftAnalysis(
        layout=metrics.layout,
        now=metrics.now,
        days=days,
        granularity=metrics.granularity,
        drift_type=metrics.drift_type,
        windows=metrics.windows,
        columns=columns,
        left_out=left_out(metrics),
        drifted=_drifted(metrics, columns, thresholds or Thresholds()),
        schema=_schema(metrics),
        schema_notes=harmless(metrics),
        model_quality=_finding(":table", "model", "model quality", run) if run else None,
        newest_quality=next((point for point in reversed(quality) if point.evidence), None),
        waiting_for_labels=metrics.waiting_for_labels,
    )


def _drifted(metrics: MonitorMetrics, columns: Sequence[str], thresholds: Thresholds) -> list[Finding]:
    # Labels arrive late, so their missing values say nothing.
    filled = [column for column in columns if role_of(column, metrics.layout) != "label"]
    kinds: list[tuple[Kind, dict[str, list[Point]]]] = [
        ("distribution", drift_points(metrics, columns, thresholds)),
        ("missing values", null_points(metrics, filled)),
    ]
    found = [
        _finding(column, role_of(column, metrics.layout), kind, run)
        for kind, series in kinds
        for column, points in series.items()
        if (run := persistent_run(points))
    ]
    return sorted(found, key=lambda finding: (-finding.evidence.strength, finding.column))


def _schema(metrics: MonitorMetrics) -> list[Finding]:
    return [
        _finding(column, role_of(column, metrics.layout), "schema", run)
        for column, points in schema_points(metrics, watched_columns(metrics)).items()
        if (run := persistent_run(points))
    ]


def _finding(column: str, role: Role | Literal["model"], kind: Kind, run: Run) -> Finding:
    evidence = run.last.evidence
    if evidence is None:
        raise AssertionError("a run ends in a decided window")
    return Finding(column, role, kind, run, evidence)
