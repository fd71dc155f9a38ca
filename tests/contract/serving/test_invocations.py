"""What an endpoint answers, as MLflow's scoring server does, and where it differs on purpose."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest
from databricks.sdk.service.serving import DataframeSplitInput

from databricks_monitoring.local_workspace.model_server.settings import MAX_REQUEST_BYTES
from tests.contract.serving.running import TOKEN

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

    from tests.contract.serving.running import Running

_FORMATS = {
    "records": {"dataframe_records": [{"x": 1.0}, {"x": 2.5}]},
    "split": {"dataframe_split": {"columns": ["x"], "data": [[1.0], [2.5]]}},
    "split with index": {"dataframe_split": {"columns": ["x"], "data": [[1.0], [2.5]], "index": [7, 8]}},
    "inputs": {"inputs": {"x": [1.0, 2.5]}},
    "inputs as records": {"inputs": [{"x": 1.0}, {"x": 2.5}]},
    "instances": {"instances": [{"x": 1.0}, {"x": 2.5}]},
    "extra column": {"dataframe_records": [{"x": 1.0, "y": 0}, {"x": 2.5, "y": 0}]},
    "numbers as text": {"dataframe_records": [{"x": "1.0"}, {"x": "2.5"}]},
    "unknown key": {"dataframe_records": [{"x": 1.0}, {"x": 2.5}], "surprise": 1},
}


@pytest.mark.parametrize("body", _FORMATS.values(), ids=_FORMATS)
def test_every_format_is_answered(served: Running, body: dict[str, object]) -> None:
    answer = served.ask("basic", body)
    assert answer.status == 200, answer.raw
    assert answer.json == {"predictions": [2.0, 5.0]}
    assert answer.headers["served-model-name"] == "one"
    assert answer.headers["content-type"] == "application/json"


def test_csv_is_answered(served: Running) -> None:
    answer = served.ask("basic", b"x\n1.0\n2.5\n", content_type="text/csv; charset=utf-8")
    assert answer.json == {"predictions": [2.0, 5.0]}


def test_the_sdk_asks(client: WorkspaceClient) -> None:
    by_records = client.serving_endpoints.query("basic", dataframe_records=[{"x": 3.0}])
    assert by_records.predictions == [6.0]
    assert by_records.served_model_name == "one"
    split = DataframeSplitInput(columns=["x"], data=[[3.0]])
    assert client.serving_endpoints.query("basic", dataframe_split=split).predictions == [6.0]


def test_params_reach_the_model(served: Running) -> None:
    answer = served.ask("basic", {"dataframe_records": [{"x": 2.0}], "params": {"factor": 10.0}})
    assert answer.json == {"predictions": [20.0]}


_REFUSED = {
    "no format": ({"rows": []}, "BAD_REQUEST", "exactly one of the input fields"),
    "two formats": (
        {"dataframe_records": [{"x": 1.0}], "inputs": {"x": [1.0]}},
        "BAD_REQUEST",
        "exactly one of the input fields",
    ),
    "a list": ([{"x": 1.0}], "BAD_REQUEST", "Received a list"),
    "not JSON": (b"{", "BAD_REQUEST", "valid JSON"),
    "not UTF-8": (b'{"inputs": "\xff"}', "BAD_REQUEST", "valid JSON"),
    "missing column": (
        {"dataframe_records": [{"y": 1.0}]},
        "INVALID_PARAMETER_VALUE",
        "missing inputs ['x']",
    ),
    "empty": ({"dataframe_records": []}, "INVALID_PARAMETER_VALUE", "missing inputs ['x']"),
    "wrong type": ({"dataframe_records": [{"x": "tall"}]}, "BAD_REQUEST", ""),
    "wrong param": (
        {"dataframe_records": [{"x": 1.0}], "params": {"factor": "much"}},
        "INVALID_PARAMETER_VALUE",
        "factor",
    ),
    "split as a list": (
        {"dataframe_split": [{"columns": ["x"], "data": [[1.0]]}]},
        "BAD_REQUEST",
        "dictionary",
    ),
    "ragged split": (
        {"dataframe_split": {"columns": ["x"], "data": [[1.0, 2.0]]}},
        "BAD_REQUEST",
        "dataframe",
    ),
    "the model fails": (
        {"dataframe_records": [{"x": 1.0, "action": "raise"}]},
        "BAD_REQUEST",
        "unexpected error while evaluating the model",
    ),
}


@pytest.mark.parametrize(("body", "code", "words"), _REFUSED.values(), ids=_REFUSED)
def test_a_wrong_request_is_answered_400(served: Running, body: object, code: str, words: str) -> None:
    answer = served.ask("basic", body)
    assert answer.status == 400
    assert set(answer.json) == {"error_code", "message"}
    assert answer.json["error_code"] == code
    assert words in answer.json["message"]
    assert "Traceback" not in answer.json["message"]
    assert "secret" not in answer.json["message"]


@pytest.mark.parametrize(
    "content_type",
    [None, "text/plain", "application/json; charset=latin-1", "application/json; version=2"],
)
def test_another_content_type_is_answered_415(served: Running, content_type: str | None) -> None:
    answer = served.ask("basic", {"inputs": {"x": [1.0]}}, content_type=content_type)
    assert answer.status == 415
    assert answer.json["error_code"] == "BAD_REQUEST"


def test_nan_is_null(served: Running) -> None:
    answer = served.ask("basic", {"dataframe_records": [{"x": 1.0, "action": "nan"}]})
    assert answer.json == {"predictions": [None]}


def test_too_large_a_request_is_refused_and_logged_without_its_body(served: Running) -> None:
    body = {"dataframe_records": [{"x": 1.0, "action": "a" * MAX_REQUEST_BYTES}]}
    answer = served.ask("basic", body)
    assert answer.status == 413
    assert str(MAX_REQUEST_BYTES) in answer.json["message"]


def test_an_answer_comes_in_one_packet(served: Running) -> None:
    body = json.dumps(_FORMATS["split"]).encode()
    head = [
        "POST /serving-endpoints/basic/invocations HTTP/1.1",
        f"Host: 127.0.0.1:{served.port}",
        f"Authorization: Bearer {TOKEN}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as connection:
        for _ in range(3):
            connection.sendall("\r\n".join([*head, "", ""]).encode() + body)
            received = connection.recv(65536)
            assert received.startswith(b"HTTP/1.1 200")
            assert received.endswith(b"}")


def test_an_unknown_endpoint_is_named(served: Running) -> None:
    answer = served.ask("basik", {"inputs": {"x": [1.0]}})
    assert answer.status == 404
    assert answer.json["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    assert "Did you mean 'basic'" in answer.json["message"]


def test_one_served_entity_can_be_asked_by_name(served: Running) -> None:
    path = "/serving-endpoints/basic/served-models/{}/invocations"
    body = {"dataframe_records": [{"x": 1.0}]}
    assert served.post(path.format("one"), body).json == {"predictions": [2.0]}
    missing = served.post(path.format("two"), body)
    assert missing.status == 404
    assert "one" in missing.json["message"]


def test_what_the_model_prints_is_in_its_logs(served: Running, client: WorkspaceClient) -> None:
    served.ask("basic", {"dataframe_records": [{"x": 1.0, "action": "print"}]})
    served.ask("basic", {"dataframe_records": [{"x": 1.0, "action": "raise"}]})
    logs = client.serving_endpoints.logs("basic", "one").logs
    assert "the model says hello" in logs
    assert "a secret of /home/model" in logs
    assert "Loaded in" in client.serving_endpoints.build_logs("basic", "one").logs


def test_metrics_count_requests(served: Running, client: WorkspaceClient) -> None:
    served.ask("basic", {"dataframe_records": [{"x": 1.0}]})
    served.ask("basic", {})
    contents = client.serving_endpoints.export_metrics("basic").contents
    assert contents is not None
    text = contents.read().decode()
    for name in (
        "cpu_usage_percentage",
        "mem_usage_percentage",
        "provisioned_concurrent_requests_total",
        "request_count_total",
        "request_4xx_count_total",
        "request_5xx_count_total",
        "request_latency_ms_bucket",
        "inference_table_failed_commits_total",
    ):
        assert f'{name}{{endpoint_name="basic"' in text
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    at = '{endpoint_name="basic",served_entity_name="one"}'
    assert float(lines[f"request_count_total{at}"]) >= float(lines[f"request_4xx_count_total{at}"]) >= 1


def test_the_request_schema_comes_from_the_signature(client: WorkspaceClient) -> None:
    contents = client.serving_endpoints.get_open_api("basic").contents
    assert contents is not None
    document = json.loads(contents.read())
    operation = document["paths"]["/invocations"]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    record = schema["properties"]["dataframe_records"]["items"]
    assert record["properties"] == {"x": {"type": "number", "format": "double"}, "action": {"type": "string"}}
    assert record["required"] == ["x"]
    assert schema["properties"]["params"]["properties"]["factor"]["type"] == "number"
