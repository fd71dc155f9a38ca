"""Which columns no longer are what the baseline has, and since when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_monitoring.alerting.evidence import Evidence
from databricks_monitoring.monitoring.columns import BOOKKEEPING, role_of
from databricks_monitoring.monitoring.series import Point
from databricks_monitoring.names import TABLE_ROW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from databricks_monitoring.monitoring.metric_rows import MonitorMetrics, Window
    from databricks_monitoring.monitoring.schema_facts import SchemaMismatch

SCHEMA_THRESHOLD = 0.01
"""One value in a hundred that does not cast to the baseline's type."""


def watched_columns(metrics: MonitorMetrics) -> list[str]:
    """Return the columns whose schema is looked at, in order of name.

    Those that the baseline has and the table should have: not what identifies rows, requests and models.
    What the table has besides is no fault, and told by `harmless` alone.
    """
    if not metrics.schemas:
        return []
    known: set[str] = {
        column for column, window in metrics.profiles if window is not None and column != TABLE_ROW
    }
    known |= {mismatch.column for found in metrics.schemas.values() for mismatch in found.values()}
    added = {mismatch.column for mismatch in _newest(metrics).values() if mismatch.kind == "added"}
    return sorted(known - added - _identifying(metrics))


def schema_points(
    metrics: MonitorMetrics, columns: Sequence[str], threshold: float = SCHEMA_THRESHOLD
) -> dict[str, list[Point]]:
    """Return for each column what each window says about its place and type in the schema.

    The effect is the share of the column that is of no use where the baseline's schema is expected: 1 for a
    column that is missing, or whose type is of another kind (a text for a number), so that other statistics
    apply to it; else the share of values that do not cast to the baseline's type. Predictions and labels
    are compared by their text, so for them only that share counts.

    Notes
    -----
    A schema is no sample: nothing is left to chance. Where the share is unknown, which it is where only
    Unity Catalog says what the types are, it counts as 0, and only the newest window says anything.
    """
    windows = [window for window in metrics.windows if window in metrics.schemas]
    return {
        column: [
            _point(metrics, column, window, metrics.schemas[window].get(column), threshold)
            for window in windows
        ]
        for column in columns
    }


def harmless(metrics: MonitorMetrics, threshold: float = SCHEMA_THRESHOLD) -> list[str]:
    """Return in words the newest mismatches over which nobody needs to be woken."""
    return [
        f"{column}: {mismatch.words}"
        for column, mismatch in sorted(_newest(metrics).items())
        if column not in _identifying(metrics)
        and (mismatch.kind == "added" or _effect(metrics, mismatch) < threshold)
    ]


def _identifying(metrics: MonitorMetrics) -> set[str]:
    layout = metrics.layout
    return {*BOOKKEEPING, *filter(None, (layout.timestamp_column, layout.model_id_column))}


def _newest(metrics: MonitorMetrics) -> dict[str, SchemaMismatch]:
    return dict(metrics.schemas[max(metrics.schemas)]) if metrics.schemas else {}


def _effect(metrics: MonitorMetrics, mismatch: SchemaMismatch) -> float:
    if mismatch.kind == "missing":
        return 1.0
    if mismatch.is_of_another_kind and role_of(mismatch.column, metrics.layout) == "feature":
        return 1.0
    return mismatch.uncastable or 0.0


def _point(
    metrics: MonitorMetrics, column: str, window: Window, mismatch: SchemaMismatch | None, threshold: float
) -> Point:
    profile = metrics.profiles.get((column, window))
    rows = profile.count if profile else 0
    if mismatch is None or mismatch.kind == "added":
        # The probability of 1 keeps a rule with a threshold of 0 from firing where nothing differs.
        proof = Evidence("schema_mismatch", 0.0, 0.0, threshold, 1.0, 1)
        kind = profile.data_type if profile else None
        return Point(window, proof, rows, 0, f"{kind or 'there'}, as the baseline has it")
    effect = _effect(metrics, mismatch)
    statistic = "percent_uncastable" if effect == mismatch.uncastable else "schema_mismatch"
    return Point(window, Evidence(statistic, effect, effect, threshold, 0.0, 1), rows, 0, mismatch.words)
