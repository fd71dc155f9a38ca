"""What travels between the server and the process that refreshes: one JSON object a line, each way."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class RefreshJob:
    """One refresh to compute.

    Attributes
    ----------
    config
        The monitor's `DataProfilingConfig` as JSON.
    primary, baseline, profile, drift
        Folders of the Delta tables; `baseline` is None when the monitor has none.
    now, created_at
        The workspace's time and the monitor's birth, ISO 8601 with offset.
    """

    config: dict[str, Any]
    prediction_proba_column: str | None
    primary: str
    baseline: str | None
    profile: str
    drift: str
    now: str
    created_at: str

    def line(self) -> str:
        """Return the job as one line of JSON."""
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def parse(cls, line: str) -> RefreshJob:
        """Read a line that `line` wrote."""
        return cls(**json.loads(line))


@dataclass(frozen=True)
class RefreshOutcome:
    """How a refresh ended, in words for its `message`."""

    succeeded: bool
    message: str

    def line(self) -> str:
        """Return the outcome as one line of JSON."""
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def parse(cls, line: str) -> RefreshOutcome:
        """Read a line that `line` wrote."""
        return cls(**json.loads(line))
