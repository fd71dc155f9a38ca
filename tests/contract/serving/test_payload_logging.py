"""What is in an inference table, and what survives a death."""

from __future__ import annotations

import http.client
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psutil
import pyarrow as pa
import pytest
from databricks.sdk.service.serving import EndpointStateReady
from deltalake import DeltaTable

from databricks_monitoring.clients import SqlClient
from databricks_monitoring.local_workspace.model_server.payload_record import MAX_LOGGED_BYTES
from tests.contract.serving.conftest import BASIC
from tests.contract.serving.running import Running, deployed, register, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from databricks.sdk import WorkspaceClient


_ROW = {"dataframe_records": [{"x": 1.0}]}


@pytest.fixture
def own(tmp_path: Path, saved_model: Path) -> Iterator[Running]:
    """Run a workspace that a test may kill."""
    root = tmp_path / "workspace"
    root.mkdir()
    register(root, saved_model)
    running = Running(root)
    running.start()
    running.post("/api/2.0/serving-endpoints", BASIC)
    deployed(running.client(), "basic")
    yield running
    running.end()


def test_a_row_has_the_twelve_columns(served: Running) -> None:
    served.ask("basic", {"dataframe_records": [{"x": 1.0}, {"x": 2.0}], "client_request_id": "mine"})
    served.ask("basic", {"client_request_id": "wrong"})
    served.ask("basic", b"no json")
    large = {
        "dataframe_records": [{"x": 1.0, "action": "a" * MAX_LOGGED_BYTES}],
        "client_request_id": "large",
    }
    served.ask("basic", large)
    until(lambda: "large" in {row["client_request_id"] for row in served.payloads("basic_payload", expect=4)})
    rows = {row["client_request_id"]: row for row in served.payloads("basic_payload", expect=4)}
    table = DeltaTable(served.root / "tables/main/default/basic_payload")
    assert [(field.name, str(field.type)) for field in pa.schema(table.schema().to_arrow())] == [
        ("databricks_request_id", "string"),
        ("request_date", "date32[day]"),
        ("client_request_id", "string"),
        ("request_time", "timestamp[us, tz=UTC]"),
        ("status_code", "int32"),
        ("sampling_fraction", "double"),
        ("execution_duration_ms", "int64"),
        ("request", "string"),
        ("response", "string"),
        ("logging_error_codes", "list<element: string>"),
        ("served_entity_id", "string"),
        ("requester", "string"),
    ]
    assert table.metadata().configuration["delta.enableChangeDataFeed"] == "true"
    mine, wrong, too_large = rows["mine"], rows["wrong"], rows["large"]
    assert mine["status_code"] == 200
    assert mine["request"].startswith('{"dataframe_records"')
    assert mine["response"] == '{"predictions": [2.0, 4.0]}'
    assert mine["logging_error_codes"] == []
    assert mine["requester"] == "local.user@example.com"
    assert mine["request_date"] == mine["request_time"].date()
    assert mine["sampling_fraction"] == 1.0
    assert len(mine["served_entity_id"]) == 32
    assert wrong["status_code"] == 400
    assert '"error_code": "BAD_REQUEST"' in wrong["response"]
    assert too_large["request"] is None
    assert too_large["logging_error_codes"] == ["MAX_REQUEST_SIZE_EXCEEDED"]
    assert too_large["served_entity_id"] == mine["served_entity_id"]


def test_every_failure_is_there_with_its_status(served: Running, client: WorkspaceClient, rough: str) -> None:
    invocations = f"/serving-endpoints/{rough}/invocations"
    elsewhere = f"/serving-endpoints/{rough}/served-models/nobody/invocations"
    asked = {
        "no such entity": (served.post(elsewhere, _ROW | {"client_request_id": "no such entity"}), 404),
        "no format": (served.ask(rough, {"client_request_id": "no format"}), 400),
        "half \ud83d": (served.ask(rough, _ROW | {"client_request_id": "half \ud83d"}), 200),
    }
    limits = {"rate_limits": [{"key": "endpoint", "renewal_period": "minute", "calls": 0}]}
    gateway = json.loads(json.dumps(BASIC["ai_gateway"]).replace("basic", rough))
    path = f"/api/2.0/serving-endpoints/{rough}/ai-gateway"
    served.post(path, gateway | limits, method="PUT")
    asked["too often"] = (served.ask(rough, _ROW | {"client_request_id": "too often"}), 429)
    served.post(path, gateway, method="PUT")
    _hang_up(served, invocations, {**_ROW, "client_request_id": "gone"})
    assert {name: answer.status for name, (answer, _) in asked.items()} == {
        name: status for name, (_, status) in asked.items()
    }

    def rows() -> dict[str, Any]:
        # Reading commits what was answered.
        SqlClient(client).execute(f"SELECT count(*) FROM main.default.{rough}_payload")  # noqa: S608 - ours
        return {row["client_request_id"]: row for row in served.payloads(f"{rough}_payload", expect=1)}

    until(lambda: "gone" in rows())
    found = rows()
    for name, (answer, status) in asked.items():
        row = found[name.replace("\ud83d", "?")]
        assert (row["status_code"], row["response"]) == (status, answer.raw.decode())
        assert row["databricks_request_id"] == answer.headers["x-request-id"]
    assert found["no such entity"]["served_entity_id"] is None
    assert found["gone"]["status_code"] == 200


def _hang_up(served: Running, path: str, body: object) -> None:
    """Send a request and go away before its answer."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port)
    headers = {"Authorization": f"Bearer {served.client().config.token}", "Content-Type": "application/json"}
    connection.request("POST", path, json.dumps(body), headers)
    connection.close()


def test_what_was_answered_is_in_the_table_exactly_once_after_a_kill(own: Running) -> None:
    answered: set[str] = set()
    enough = threading.Event()

    def ask(worker: int) -> None:
        for number in range(10_000):
            identifier = f"{worker}-{number}"
            try:
                answer = own.ask("basic", _ROW | {"client_request_id": identifier})
            except OSError:
                return
            assert answer.status == 200
            answered.add(identifier)
            if len(answered) > 150:
                enough.set()

    with ThreadPoolExecutor(4) as threads:
        asking = [threads.submit(ask, worker) for worker in range(4)]
        assert enough.wait(60)
        models = psutil.Process(own.pid).children(recursive=True)
        own.kill()
        for one in asking:
            one.result()
    assert models
    until(lambda: not any(model.is_running() for model in models), seconds=10)
    own.start()
    rows = own.payloads("basic_payload", expect=len(answered))
    logged = [row["client_request_id"] for row in rows]
    assert len(logged) == len(set(logged))
    # A request whose answer was on its way when the process died may be there as well.
    assert answered <= set(logged)
    assert len(logged) <= len(answered) + 4

    own.kill()
    own.start()
    again = own.payloads("basic_payload", expect=len(logged))
    assert sorted(row["client_request_id"] for row in again) == sorted(logged)
    until(lambda: own.client().serving_endpoints.get("basic").state.ready is EndpointStateReady.READY)  # type: ignore[union-attr]  # it has one
    assert own.ask("basic", _ROW).json == {"predictions": [2.0]}
