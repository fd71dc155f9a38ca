"""A dashboard as its page shows it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from databricks_monitoring.local_workspace.pages.answers import answers, dataset_sql
from databricks_monitoring.local_workspace.pages.status import (
    MonitorStatus,
    monitor_behind,
    monitor_status,
    why_empty,
)
from databricks_monitoring.local_workspace.pages.tiles import Tile, tile

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.workspace import Workspace

Json = dict[str, Any]

_WIDE = "GRID_V1"
_NOT_DRAWN = "PAGE_TYPE_GLOBAL_FILTERS"


@dataclass(frozen=True)
class Sheet:
    """One page of a dashboard: its name and its tiles from the top left."""

    title: str
    tiles: list[Tile]


@dataclass(frozen=True)
class DashboardView:
    """A dashboard, filled with the rows of this moment."""

    title: str
    state: str
    now: str
    monitor: MonitorStatus | None
    sheets: list[Sheet]


def dashboard_view(workspace: Workspace, title: str, content: str, *, published: bool) -> DashboardView:
    """Return the dashboard whose JSON is `content`, every widget with its rows or its error."""
    dashboard: Json = json.loads(content)
    pages = [page for page in dashboard.get("pages", []) if page.get("pageType") != _NOT_DRAWN]
    widgets = [item["widget"] for page in pages for item in page.get("layout", [])]
    given = answers(workspace.sql, dashboard, [widget for widget in widgets if "queries" in widget])
    monitor = monitor_behind(workspace, [dataset_sql(dataset) for dataset in dashboard.get("datasets", [])])
    reason = "No rows: the statement of this chart returned none."
    if monitor is not None and any(not answer.rows for answer in given.values()):
        reason = why_empty(workspace, monitor)
    return DashboardView(
        title=title,
        state="Published" if published else "Draft",
        now=f"{workspace.clock.now():%Y-%m-%d %H:%M} UTC",
        monitor=monitor_status(workspace, monitor) if monitor else None,
        sheets=[
            Sheet(
                title=page.get("displayName", page.get("name", "")),
                tiles=[
                    tile(
                        item["widget"],
                        item["position"],
                        wide=page.get("layoutVersion") == _WIDE,
                        answer=given.get(item["widget"]["name"]),
                        why_empty=reason,
                    )
                    for item in sorted(page.get("layout", []), key=_reading_order)
                ],
            )
            for page in pages
        ],
    )


def _reading_order(item: Json) -> tuple[int, int]:
    return item["position"]["y"], item["position"]["x"]
