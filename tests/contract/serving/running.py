"""A workspace that a test starts, kills and asks."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.config import Config
from databricks.sdk.service.serving import EndpointStateConfigUpdate, ServingEndpointDetailed
from deltalake import DeltaTable

from databricks_monitoring.local_workspace import control
from databricks_monitoring.local_workspace.storage import Store
from databricks_monitoring.names import TableName

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MODEL = "main.default.obedient"
_SECONDS = 60.0
TOKEN = "a-token-for-tests"  # noqa: S105 - of a server on this machine that lives as long as a test


@dataclass
class Answer:
    """Status, headers and JSON body of one HTTP exchange."""

    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.raw, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")


@dataclass
class Running:
    """The server of the workspace in `root`, started with these settings."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    port: int = 0
    pid: int = 0

    def start(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment.items():
                patch.setenv(name, value)
            record = control.start(self.root, host="127.0.0.1", port=0, token=TOKEN)
        assert record.pid is not None
        self.port, self.pid = record.port, record.pid

    def end(self) -> None:
        control.stop(self.root)
        os.waitpid(self.pid, 0)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def client(self) -> WorkspaceClient:
        return WorkspaceClient(
            config=Config(host=f"http://127.0.0.1:{self.port}", token=TOKEN, retry_timeout_seconds=5)
        )

    def post(
        self,
        path: str,
        body: object,
        *,
        content_type: str | None = "application/json",
        method: str = "POST",
    ) -> Answer:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_SECONDS)
        try:
            headers = {"Authorization": f"Bearer {TOKEN}"}
            if content_type is not None:
                headers["Content-Type"] = content_type
            connection.request(method, path, raw, headers)
            response = connection.getresponse()
            headers = {key.lower(): value for key, value in response.getheaders()}
            return Answer(response.status, headers, response.read())
        finally:
            connection.close()

    def ask(self, endpoint: str, body: object, *, content_type: str | None = "application/json") -> Answer:
        return self.post(f"/serving-endpoints/{endpoint}/invocations", body, content_type=content_type)

    def payloads(self, table: str, *, expect: int) -> list[dict[str, Any]]:
        """Return the rows of a payload table of main.default once it has `expect` of them."""
        path = self.root / "tables" / "main" / "default" / table

        def rows() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = DeltaTable(path).to_pyarrow_table().to_pylist()
            return found

        until(lambda: len(rows()) >= expect)
        return rows()


def register(root: Path, source: Path, name: str = MODEL, version: str = "1") -> None:
    """Put a saved model into the registry of a root that nobody serves yet, or that is served."""
    store = Store(root / "workspace.db")
    model = TableName.parse(name)
    target = root / "models" / model.catalog / model.schema / model.name / version
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(source, target)
    store.put("registered_model", name, {"name": name})
    store.put("model_version", f"{name}/{version}", {"status": "READY"})
    store.close()


def until(condition: Callable[[], bool], seconds: float = _SECONDS) -> None:
    """Wait for a condition, at most `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def deployed(client: WorkspaceClient, name: str) -> ServingEndpointDetailed:
    """Wait until the update of an endpoint has ended and return it."""
    in_progress = EndpointStateConfigUpdate.IN_PROGRESS
    until(lambda: _state(client.serving_endpoints.get(name)) is not in_progress)
    return client.serving_endpoints.get(name)


def _state(endpoint: ServingEndpointDetailed) -> EndpointStateConfigUpdate | None:
    return endpoint.state.config_update if endpoint.state else None
