"""A running local workspace for the tests that talk to one, and an unmodified client for it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.config import Config

from databricks_monitoring.local_workspace import control

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that rewrites recorded output."""
    parser.addoption("--update", action="store_true", help="rewrite the files in tests/golden")


@dataclass(frozen=True)
class RunningWorkspace:
    """A server that answers at `url` for `token`, with everything it holds in `root`."""

    url: str
    token: str
    root: Path

    def client(self) -> WorkspaceClient:
        """Return a new client of this server."""
        return WorkspaceClient(config=Config(host=self.url, token=self.token, retry_timeout_seconds=5))


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> Iterator[None]:
    """Keep the machine's own Databricks and MLflow settings out of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith(("DATABRICKS_", "MLFLOW_")):
                patch.delenv(name)
        patch.setenv("DATABRICKS_CONFIG_FILE", "/nonexistent/databrickscfg")
        yield


@pytest.fixture(scope="session")
def workspace_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningWorkspace]:
    """Serve one workspace for the whole test session; tests take schemas of their own in it."""
    root = tmp_path_factory.mktemp("workspace")
    record = control.start(root, host="127.0.0.1", port=0, token=None)
    try:
        yield RunningWorkspace(record.url, record.token, root)
    finally:
        control.stop(root)


@pytest.fixture(scope="session")
def client(workspace_server: RunningWorkspace) -> WorkspaceClient:
    """Return a client of the session's workspace."""
    return workspace_server.client()
