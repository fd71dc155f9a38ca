"""A workspace of endpoints in a process of its own, and what tests ask of it."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from databricks.sdk import WorkspaceClient
from databricks.sdk.config import Config
from databricks.sdk.service.serving import EndpointStateConfigUpdate, ServingEndpointDetailed
from deltalake import DeltaTable

from databricks_monitoring.local_workspace.storage import Store
from databricks_monitoring.names import TableName

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable

MODEL = "main.default.obedient"
_SECONDS = 60.0
_REPOSITORY = Path(__file__).parents[3]


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
    """The process that serves `root`."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    port: int = 0
    process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "tests.contract.serving.program", str(self.root)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=_REPOSITORY,
            env=os.environ | self.environment,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def end(self, by: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(by)
        self.process.wait(_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def client(self) -> WorkspaceClient:
        return WorkspaceClient(
            config=Config(host=f"http://127.0.0.1:{self.port}", token="t", retry_timeout_seconds=5)  # noqa: S106
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
            headers = {} if content_type is None else {"Content-Type": content_type}
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
