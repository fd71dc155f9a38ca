"""Which rows of a metric table one commit replaces, before an engine says it in its SQL."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Spans = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class RowsToReplace:
    """Rows of a metric table, chosen by their window; any of three reasons is enough.

    Attributes
    ----------
    baseline
        The profile rows of the baseline.
    spans
        Rows whose windows start within time spans, half-open in microseconds, by granularity; None is the
        granularity of whole tables.
    since
        All rows but those of windows of time that start before this moment, in microseconds.
    """

    baseline: bool = False
    spans: Mapping[str | None, Spans] = field(default_factory=dict)
    since: int | None = None

    def condition(self, start: str, time: Callable[[int], str]) -> str:
        """Return the condition in SQL.

        Parameters
        ----------
        start
            The start of a row's window, in the engine's SQL.
        time
            Writes a moment (microseconds) as a literal of the same type.

        Examples
        --------
        >>> RowsToReplace(baseline=True, spans={"1 day": [(0, 9)]}).condition("s", str)
        "log_type = 'BASELINE' OR (granularity = '1 day' AND ((s >= 0 AND s < 9)))"
        """
        parts = ["log_type = 'BASELINE'"] if self.baseline else []
        if self.since is not None:
            parts.append(f"(granularity IS NULL OR {start} >= {time(self.since)})")
        for granularity, spans in self.spans.items():
            if spans:
                size = "granularity IS NULL" if granularity is None else f"granularity = '{granularity}'"
                starts = (f"({start} >= {time(first)} AND {start} < {time(end)})" for first, end in spans)
                parts.append(f"({size} AND ({' OR '.join(starts)}))")
        return " OR ".join(parts)
