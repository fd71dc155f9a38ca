"""What the demo found, as JSON for programs and as a few lines for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from pathlib import Path


class DemoReport(BaseModel):
    """The outcome of the story; written as JSON under these names."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    endpoint_name: str
    monitor_name: str
    dashboard_url: str
    inference_table: str
    profile_metrics_table: str
    drift_metrics_table: str
    requests_sent: int
    rows_predicted: int
    rows_in_inference_table: int
    rows_labelled: int
    drifted_columns: list[str]
    first_drift_day: int | None
    accuracy_before: float | None
    accuracy_after: float | None
    notifications_sent: int
    seconds: float

    def write(self, path: Path) -> None:
        """Write the report as JSON, creating its folder."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.model_dump_json(indent=2) + "\n")
