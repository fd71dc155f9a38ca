"""The first page: what the workspace holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from databricks_monitoring.local_workspace.pages.status import MonitorStatus, monitor_statuses
from databricks_monitoring.names import SchemaName

if TYPE_CHECKING:
    from databricks.sdk.service.serving import ServingEndpoint, ServingEndpointDetailed

    from databricks_monitoring.local_workspace.dashboards import Dashboards
    from databricks_monitoring.local_workspace.workspace import Workspace


@dataclass(frozen=True)
class EndpointLine:
    """A serving endpoint: its state and what it serves."""

    name: str
    state: str
    tone: str
    serves: str


@dataclass(frozen=True)
class DashboardLine:
    """A dashboard and where it is drawn."""

    title: str
    folder: str
    link: str
    published_link: str | None


@dataclass(frozen=True)
class SchemaLine:
    """A schema and the tables in it."""

    name: str
    tables: list[str]


@dataclass(frozen=True)
class Home:
    """Everything the first page shows."""

    root: str
    url: str
    now: str
    offset: str
    endpoints: list[EndpointLine]
    monitors: list[MonitorStatus]
    dashboards: list[DashboardLine]
    schemas: list[SchemaLine]

    @property
    def table_count(self) -> int:
        """How many tables there are in all schemas."""
        return sum(len(schema.tables) for schema in self.schemas)


def home_view(workspace: Workspace, dashboards: Dashboards) -> Home:
    """Return what the first page shows, as of now."""
    return Home(
        root=str(workspace.root),
        url=workspace.url,
        now=f"{workspace.clock.now():%Y-%m-%d %H:%M:%S} UTC",
        offset=_offset(workspace.clock.offset.total_seconds()),
        endpoints=[_endpoint(endpoint) for endpoint in workspace.endpoints.list()],
        monitors=monitor_statuses(workspace),
        dashboards=[
            DashboardLine(
                title=str(draft.display_name),
                folder=f"/Workspace{draft.parent_path}",
                link=f"/sql/dashboardsv3/{draft.dashboard_id}",
                published_link=(
                    f"/dashboardsv3/{draft.dashboard_id}/published"
                    if dashboards.is_published(str(draft.dashboard_id))
                    else None
                ),
            )
            for draft in dashboards.list()
        ],
        schemas=_schemas(workspace),
    )


def _endpoint(endpoint: ServingEndpoint | ServingEndpointDetailed) -> EndpointLine:
    ready = endpoint.state.ready.value if endpoint.state and endpoint.state.ready else "UNKNOWN"
    served = endpoint.config.served_entities if endpoint.config else None
    return EndpointLine(
        name=str(endpoint.name),
        state=ready.replace("_", " ").lower(),
        tone="good" if ready == "READY" else "busy",
        serves=", ".join(f"{entity.entity_name} version {entity.entity_version}" for entity in served or []),
    )


def _schemas(workspace: Workspace) -> list[SchemaLine]:
    lines = []
    for catalog in workspace.tables.list_catalogs():
        for schema in workspace.tables.list_schemas(str(catalog.name)):
            name = SchemaName(str(catalog.name), str(schema.name))
            tables = [str(table.name) for table in workspace.tables.list(name)]
            if tables and catalog.name != "system":
                lines.append(SchemaLine(str(name), tables))
    return lines


def _offset(seconds: float) -> str:
    if abs(seconds) < 1:
        return "real time"
    days, rest = divmod(abs(seconds), 86400)
    parts = [f"{int(days)} d"] if days else []
    parts += [f"{rest / 3600:.1f} h"] if rest >= 360 else []  # noqa: PLR2004 - a tenth of an hour
    return f"{' '.join(parts) or f'{abs(seconds):.0f} s'} {'ahead of' if seconds > 0 else 'behind'} real time"
