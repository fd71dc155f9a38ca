"""What `ServingSetup` sends, seen by a proxy in front of the workspace."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.config import Config

from databricks_monitoring.serving.model_serving_setup import ServingSetup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from databricks_monitoring.names import TableName
    from tests.conftest import RunningWorkspace

NAME = "setup-requests"
PATH = f"/api/2.0/serving-endpoints/{NAME}"

Sent = list[tuple[str, str, Any]]


@pytest.fixture
def proxied(workspace_server: RunningWorkspace) -> Iterator[tuple[ServingSetup, Sent]]:
    """Return a setup whose changes are noted on their way to the workspace."""
    sent: Sent = []

    class Noting(BaseHTTPRequestHandler):
        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            if self.command != "GET":
                sent.append((self.command, self.path, json.loads(body) if body else None))
            kept = {
                name: self.headers[name] for name in ("authorization", "content-type") if name in self.headers
            }
            request = urllib.request.Request(
                workspace_server.url + self.path, body or None, kept, method=self.command
            )
            try:
                answer = urllib.request.urlopen(request, timeout=30)
            except urllib.error.HTTPError as error:
                answer = error
            with answer:
                content = answer.read()
                self.send_response(answer.status)
                self.send_header("content-type", answer.headers["content-type"])
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass_on  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Noting) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        host = f"http://127.0.0.1:{server.server_port}"
        client = WorkspaceClient(
            config=Config(host=host, token=workspace_server.token, retry_timeout_seconds=5)
        )
        yield ServingSetup(client), sent
        server.shutdown()
        thread.join()


def test_each_part_has_a_request_of_its_own(
    proxied: tuple[ServingSetup, Sent], tall_model: TableName
) -> None:
    setup, sent = proxied
    wanted: dict[str, Any] = {
        "endpoint_name": NAME,
        "model_name": str(tall_model),
        "model_version": "@latest-model",
        "workload_size": "Medium",
        "scale_to_zero": False,
        "inference_table_config": {"catalog": "mlops_aut", "schema": "characters", "table_name": "requests"},
        "tags": {"git_sha": "abc123"},
        "environment_vars": {"API_KEY": "{{secrets/requests/key}}"},
    }
    table = {
        "enabled": True,
        "catalog_name": "mlops_aut",
        "schema_name": "characters",
        "table_name_prefix": "requests",
    }
    entity = {
        "name": "tall_1",
        "entity_name": str(tall_model),
        "entity_version": "1",
        "workload_size": "Medium",
        "workload_type": "CPU",
        "scale_to_zero_enabled": False,
        "environment_vars": {"API_KEY": "{{secrets/requests/key}}"},
    }
    setup.client.secrets.create_scope("requests")
    setup.client.secrets.put_secret("requests", "key", string_value="value")
    sent.clear()
    try:
        setup.create_endpoint(**wanted)
        [(method, path, body)] = sent
        assert (method, path) == ("POST", "/api/2.0/serving-endpoints")
        assert body == {
            "name": NAME,
            "config": {
                "name": NAME,
                "served_entities": [entity],
                "traffic_config": {"routes": [{"served_entity_name": "tall_1", "traffic_percentage": 100}]},
            },
            "ai_gateway": {"inference_table_config": table},
            "tags": [
                {"key": "model_version", "value": "1"},
                {"key": "model_alias", "value": "latest-model"},
                {"key": "git_sha", "value": "abc123"},
            ],
        }
        sent.clear()
        setup.create_endpoint(**wanted)
        assert sent == []
        setup.create_endpoint(**(wanted | {"tags": {"git_sha": "def456"}}))
        assert sent == [("PATCH", f"{PATH}/tags", {"add_tags": [{"key": "git_sha", "value": "def456"}]})]
        sent.clear()
        setup.disable_inference_table(NAME)
        off = {"inference_table_config": {**table, "enabled": False}}
        assert sent == [("PUT", f"{PATH}/ai-gateway", off)]
        sent.clear()
        setup.disable_inference_table(NAME)
        assert sent == []
        analysts = {"group_name": "analysts", "permission_level": "CAN_QUERY"}
        setup.create_endpoint(**(wanted | {"tags": None, "permissions": [analysts]}))
        identifier = setup.get(NAME).id
        assert sent == [
            ("PUT", f"{PATH}/ai-gateway", {"inference_table_config": table}),
            (
                "PATCH",
                f"/api/2.0/permissions/serving-endpoints/{identifier}",
                {"access_control_list": [analysts]},
            ),
        ]
    finally:
        sent.clear()
        setup.delete_endpoint(NAME)
        assert sent == [("DELETE", PATH, None)]
