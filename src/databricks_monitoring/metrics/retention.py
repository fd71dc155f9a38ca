"""Windows of which retention has deleted rows: what was computed of them stays.

`databricks_monitoring.serving.retention.delete_expired` writes on a table since when all its rows are
kept. A window that began earlier cannot be recomputed from what is left, and an empty one is not a window
without rows. So neither its profile rows nor its drift rows are touched again.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from databricks_monitoring.errors import MetricError
from databricks_monitoring.metrics.windows import microseconds, moment
from databricks_monitoring.names import RETAINED_SINCE_PROPERTY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from databricks_monitoring.metrics.engines.protocol import MetricTable, Source
    from databricks_monitoring.metrics.plan import Change


def retained_since(source: Source) -> int | None:
    """Return the moment (microseconds) since when a table has all its rows; None if it never lost any.

    Raises
    ------
    MetricError
        If the property that says so is not a time.
    """
    text = source.properties.get(RETAINED_SINCE_PROPERTY)
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise MetricError(
            f"Property {RETAINED_SINCE_PROPERTY} of the table at {source.name} is {text!r}; expected a "
            "time such as 2026-11-01T00:00:00+00:00. Set it to the time from which on no row was deleted."
        ) from None
    return microseconds(found if found.tzinfo else found.replace(tzinfo=UTC))


class Retention:
    """Keeps the windows that began before a cut out of a refresh, and says so.

    Parameters
    ----------
    since
        The cut in microseconds; None where nothing was deleted.

    Attributes
    ----------
    kept_rows_from
        Metric rows of windows that began earlier stay, in microseconds; None if none do, which is so until
        `keep` is called.
    """

    def __init__(self, since: int | None) -> None:
        self.since = since
        self.kept_rows_from: int | None = None
        self._kept: dict[str, int] = {}
        self._left_out: dict[str, int] = {}
        self._passed_over = False

    def keep(self) -> None:
        """Keep the metric rows of windows that began before the cut: they describe this very table."""
        self.kept_rows_from = self.since

    def may_change(self, granularity: str | None, start: int) -> bool:
        """Whether the metric rows of a window may be replaced."""
        return granularity is None or self.kept_rows_from is None or start >= self.kept_rows_from

    def complete(self, starts: Sequence[int]) -> list[int]:
        """Return those of some windows whose rows are all there."""
        found = [start for start in starts if self.since is None or start >= self.since]
        self._passed_over |= self.kept_rows_from is not None or len(found) < len(starts)
        return found

    def of_change(self, change: Change, profile: MetricTable) -> dict[str, list[int]]:
        """Return the windows of a change that may be recomputed: complete ones, and old ones never computed.

        One without metrics had no rows when the metrics were last computed, so retention took none from it.
        """
        if self.since is None:
            return change.windows
        computed = computed_windows(profile, self.since)
        found = {}
        for granularity, starts in change.windows.items():
            kept = computed.get(granularity, set()).intersection(starts)
            found[granularity] = [start for start in starts if start not in kept]
            self._kept[granularity] = len(kept)
            self._left_out[granularity] = sum(
                rows for start, rows in change.late_rows.get(granularity, {}).items() if start in kept
            )
        return found

    def message(self) -> str:
        """Return in words which windows were kept and what they leave out; empty if none was concerned."""
        if self.since is None or not (self._passed_over or any(self._kept.values())):
            return ""
        began = f"Windows that began before {moment(self.since):%Y-%m-%d %H:%M} UTC"
        why = "since retention deleted rows of them"
        if self._passed_over:
            stay = "; their metrics stay" if self.kept_rows_from is not None else ""
            return f"{began} were not computed, {why}{stay}."
        parts = [f"{began} keep their metrics, {why}: {_listed(self._kept)}."]
        if any(self._left_out.values()):
            parts.append(
                f"Their metrics leave out rows that came or changed late: {_listed(self._left_out)}."
            )
        return " ".join(parts)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} of {granularity}" for granularity, count in counts.items() if count)


def computed_windows(profile: MetricTable, before: int) -> dict[str, set[int]]:
    """Return the windows that a profile table has rows of and that start before a moment, by granularity."""
    return {
        granularity: {start for start in counts if start < before}
        for granularity, counts in profile.window_counts().items()
        if granularity is not None
    }
