"""The parts of one running workspace, put together once and handed to every service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from databricks_monitoring.local_workspace.catalog.compaction import Compaction
from databricks_monitoring.local_workspace.catalog.tables import Tables
from databricks_monitoring.local_workspace.clock import WorkspaceClock
from databricks_monitoring.local_workspace.endpoints.endpoints import Endpoints
from databricks_monitoring.local_workspace.monitors.monitors import Monitors
from databricks_monitoring.local_workspace.secret_scopes import SecretScopes
from databricks_monitoring.local_workspace.sql.engine import SqlEngine
from databricks_monitoring.local_workspace.storage import Store
from databricks_monitoring.local_workspace.tracking.artifacts import Artifacts
from databricks_monitoring.local_workspace.tracking.mlflow_server import MlflowServer
from databricks_monitoring.local_workspace.tracking.models import Models
from databricks_monitoring.local_workspace.user import USER_NAME

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["USER_NAME", "Workspace"]


@dataclass(frozen=True)
class Workspace:
    """Everything under one root folder, opened."""

    root: Path
    url: str
    token: str
    store: Store
    clock: WorkspaceClock
    tables: Tables
    compaction: Compaction
    sql: SqlEngine
    secrets: SecretScopes
    endpoints: Endpoints
    monitors: Monitors
    models: Models
    mlflow: MlflowServer
    artifacts: Artifacts

    @classmethod
    def open(cls, root: Path, *, url: str, token: str) -> Workspace:
        """Open the workspace in `root`, creating what a fresh one needs."""
        root.mkdir(parents=True, exist_ok=True)
        store = Store(root / "workspace.db")
        clock = WorkspaceClock(store)
        tables = Tables(root, store, clock)
        secrets = SecretScopes(root, clock)
        return cls(
            root=root,
            url=url,
            token=token,
            store=store,
            clock=clock,
            tables=tables,
            compaction=Compaction(tables),
            sql=SqlEngine(tables, clock, root=root),
            secrets=secrets,
            endpoints=Endpoints(root, store, clock, tables, secrets),
            monitors=Monitors(store, clock, tables, root=root),
            models=Models(store, clock, tables),
            mlflow=MlflowServer(root / "mlflow"),
            artifacts=Artifacts(root / "mlflow" / "artifacts", url=url, secret=token),
        )

    def start(self) -> None:
        """Begin what runs beside requests: endpoints that were up, monitors that have a schedule."""
        self.endpoints.start()
        self.compaction.start()
        self.monitors.start()
        self.mlflow.start()

    def close(self) -> None:
        """End workers, write what is still in memory, close files."""
        self.sql.close()
        self.monitors.close()
        self.compaction.close()
        self.endpoints.close()
        self.mlflow.close()
        self.secrets.close()
        self.store.close()
