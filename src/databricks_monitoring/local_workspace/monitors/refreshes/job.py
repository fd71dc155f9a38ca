"""What travels between the server and the process that refreshes: pickled over its pipes, one at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from databricks_monitoring.metrics.definition import MonitorDefinition


@dataclass(frozen=True)
class RefreshJob:
    """One refresh to compute.

    Attributes
    ----------
    primary, baseline, profile, drift
        Folders of the Delta tables; `baseline` is None when the monitor has none.
    now, created_at
        The workspace's time and the monitor's birth, aware.
    """

    definition: MonitorDefinition
    primary: Path
    baseline: Path | None
    profile: Path
    drift: Path
    now: datetime
    created_at: datetime


@dataclass(frozen=True)
class RefreshOutcome:
    """How a refresh ended, in words for its `message`."""

    succeeded: bool
    message: str
