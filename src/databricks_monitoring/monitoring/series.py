"""A condition followed through consecutive windows: since when it holds, up to the newest closed one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from databricks_monitoring.alerting.evidence import Evidence, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from databricks_monitoring.monitoring.metric_rows import Window


NOT_DUE = "labels are not due yet"
"""What a window says about the model's quality, or its labels, before the label delay is over."""


@dataclass(frozen=True)
class Point:
    """What one window says.

    Parameters
    ----------
    evidence : Evidence or None
        None where the window has too few rows to say anything.
    rows, comparison_rows : int
        Values on each side.
    effect : str
        The change in words.
    """

    window: Window
    evidence: Evidence | None
    rows: int
    comparison_rows: int
    effect: str

    @property
    def verdict(self) -> Verdict:
        """The evidence's verdict; undecided without evidence."""
        return self.evidence.verdict if self.evidence else Verdict.UNDECIDED


@dataclass(frozen=True)
class Run:
    """An unbroken stretch of windows in which a condition holds, reaching the newest decided window.

    Parameters
    ----------
    first, last : Point
        The first window over the threshold and the newest window that decides.
    windows : int
        How many windows of the stretch are over the threshold.
    from_the_start : bool
        Whether the stretch fills the analysed days, so that it may have begun earlier.
    """

    first: Point
    last: Point
    windows: int
    from_the_start: bool


def persistent_run(points: Sequence[Point]) -> Run | None:
    """Return the stretch that reaches the newest decided window, or None if that window is unchanged.

    Parameters
    ----------
    points : sequence of Point
        Of consecutive windows, oldest first.

    Notes
    -----
    Going back from the newest window, undecided windows are passed over, and a window that is
    significantly changed but under the threshold (`Verdict.NEAR`) neither begins nor ends the stretch; so a
    quiet Sunday or a value at the threshold does not cut one change into several.
    """
    decided = [point for point in points if point.verdict is not Verdict.UNDECIDED]
    stretch: list[Point] = []
    for point in reversed(decided):
        if point.verdict is Verdict.UNCHANGED:
            break
        stretch.insert(0, point)
    over = [point for point in stretch if point.verdict is Verdict.DRIFTED]
    if not over:
        return None
    return Run(
        first=over[0],
        last=stretch[-1],
        windows=len(over),
        from_the_start=len(stretch) == len(decided) and over[0] is decided[0],
    )
