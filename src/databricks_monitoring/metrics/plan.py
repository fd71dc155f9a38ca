"""Which windows a refresh has to recompute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Change:
    """What differs between two versions of a table, by granularity.

    Attributes
    ----------
    windows
        Starts of the windows whose rows differ.
    late_rows
        Rows that are new or changed, by the start of their window; of windows that began before the moment
        that was asked for.
    """

    windows: dict[str, list[int]]
    late_rows: dict[str, dict[int, int]]

    @property
    def is_empty(self) -> bool:
        """Whether no window differs."""
        return not any(self.windows.values())


@dataclass(frozen=True)
class Work:
    """What there is to recompute.

    Attributes
    ----------
    windows
        Starts of windows by granularity; None is the granularity of a snapshot.
    baseline
        Whether the rows of the baseline are made anew, or dropped.
    everything
        Whether nothing that was computed before counts.
    """

    windows: Mapping[str | None, list[int]]
    baseline: bool
    everything: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.everything or self.baseline or any(self.windows.values()))
