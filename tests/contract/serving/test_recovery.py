"""Models that die, hang, sleep or are asked too much."""

from __future__ import annotations

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psutil
import pytest
from databricks.sdk.service.serving import (
    EndpointStateReady,
    ServedModelState,
    ServedModelStateDeployment,
)

from tests.contract.serving.running import MODEL, deployed, until

if TYPE_CHECKING:
    from pathlib import Path

    from databricks.sdk import WorkspaceClient

    from tests.contract.serving.running import Running

_ROW = {"dataframe_records": [{"x": 1.0}]}


def _doing(action: str, identifier: str | None = None) -> dict[str, object]:
    return {"dataframe_records": [{"x": 1.0, "action": action}], "client_request_id": identifier}


def _state(client: WorkspaceClient, name: str) -> ServedModelState:
    config = client.serving_endpoints.get(name).config
    assert config is not None
    (entity,) = config.served_entities or []
    assert entity.state is not None
    return entity.state


@pytest.fixture(autouse=True)
def _well(client: WorkspaceClient, rough: str) -> None:
    until(lambda: _state(client, rough).deployment is ServedModelStateDeployment.DEPLOYMENT_READY)


def test_a_model_that_dies_is_started_again(served: Running, client: WorkspaceClient, rough: str) -> None:
    answer = served.ask(rough, _doing("die", "died"))
    assert answer.status == 500
    assert "process ended" in answer.json["message"]
    until(
        lambda: _state(client, rough).deployment is ServedModelStateDeployment.DEPLOYMENT_RECOVERING,
        seconds=5,
    )
    ready = client.serving_endpoints.get(rough).state
    assert ready is not None
    assert ready.ready is EndpointStateReady.NOT_READY
    assert served.ask("basic", _ROW).status == 200
    # A request that comes meanwhile waits for the model.
    started = int(served.ask(rough, _doing("start")).json["predictions"][0])
    assert psutil.pid_exists(started)

    def pauses() -> list[float]:
        log = client.serving_endpoints.build_logs(rough, "one").logs
        return [
            float(found) for found in re.findall(r"exit code 3\. Starting again in ([\d.]+) seconds", log)
        ]

    before = pauses()
    assert served.ask(rough, _doing("die")).status == 500
    until(lambda: _gone(started), seconds=5)
    until(lambda: len(pauses()) > len(before), seconds=5)
    assert pauses()[-1] == min(2 * before[-1], 0.8)

    def logged() -> dict[str, int]:
        rows = served.payloads("rough_payload", expect=1)
        return {row["client_request_id"]: row["status_code"] for row in rows}

    until(lambda: logged().get("died") == 500)


def _gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_model_that_leaks_is_ended_before_the_machine_is_full(
    served: Running, client: WorkspaceClient, rough: str
) -> None:
    answer = served.ask(rough, _doing("leak"))
    assert answer.status == 500
    assert "more than the 800 MiB it may use" in answer.json["message"]
    assert "more than the 800 MiB it may use" in (_state(client, rough).deployment_state_message or "")
    assert served.ask("basic", _ROW).status == 200
    assert served.ask(rough, _ROW).json == {"predictions": [2.0]}


def test_a_model_that_prints_much_fills_no_disk(served: Running, client: WorkspaceClient, rough: str) -> None:
    def before() -> list[Path]:
        return list(served.root.glob("endpoints/*/*/model.log.1"))

    assert served.ask(rough, _doing("chatter")).status == 200
    until(lambda: bool(before()), seconds=10)
    assert sum(path.stat().st_size for path in before()[0].parent.glob("model.log*")) < 3 << 20
    served.ask(rough, _doing("print"))
    logs = client.serving_endpoints.logs(rough, "one").logs
    assert logs.startswith("the model says much\n")
    assert logs.endswith("the model says hello\n")


def test_a_model_that_hangs_is_ended(served: Running, rough: str) -> None:
    answer = served.ask(rough, _doing("hang"))
    assert answer.status == 504
    assert answer.json["error_code"] == "DEADLINE_EXCEEDED"
    assert served.ask(rough, _ROW).json == {"predictions": [2.0]}


def test_places_are_taken_at_the_same_time_and_the_rest_waits(served: Running, rough: str) -> None:
    with ThreadPoolExecutor(80) as threads:
        answers = list(threads.map(lambda _: served.ask(rough, _doing("sleep")), range(80)))
    statuses = [answer.status for answer in answers]
    # Four places, each taken for 0.3 seconds, and two seconds in which one may come free.
    assert 8 <= statuses.count(200) <= 40
    assert statuses.count(200) + statuses.count(429) == 80
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.json["error_code"] == "RESOURCE_EXHAUSTED"
    assert refused.headers["retry-after"] == "1"


def _moved(away: Path, table: Path) -> bool:
    """Move the table back; a commit that is just failing may have left files in its place."""
    shutil.rmtree(table, ignore_errors=True)
    try:
        away.rename(table)
    except OSError:
        return False
    return True


def test_a_table_that_is_gone_keeps_what_was_answered_and_says_so(
    served: Running, client: WorkspaceClient, rough: str
) -> None:
    table = served.root / "tables/main/default/rough_payload"
    away = served.root / "away"
    # Reading commits what came before, so that nothing writes while the table moves.
    client.statement_execution.execute_statement("SELECT count(*) FROM main.default.rough_payload", "local")
    table.rename(away)
    assert served.ask(rough, _ROW | {"client_request_id": "homeless"}).status == 200
    until(lambda: "rough_payload" in (_state(client, rough).deployment_state_message or ""))
    contents = client.serving_endpoints.export_metrics(rough).contents
    assert contents is not None
    (failed,) = [
        line
        for line in contents.read().decode().splitlines()
        if line.startswith("inference_table_failed_commits_total{")
    ]
    assert float(failed.rsplit(" ", 1)[1]) >= 1
    until(lambda: _moved(away, table))

    def logged() -> list[str]:
        return [row["client_request_id"] for row in served.payloads("rough_payload", expect=1)]

    until(lambda: logged().count("homeless") == 1)
    until(lambda: not _state(client, rough).deployment_state_message)


def test_an_idle_model_scales_to_zero_and_comes_back(served: Running, client: WorkspaceClient) -> None:
    entity = {"entity_name": MODEL, "entity_version": "2", "name": "one", "scale_to_zero_enabled": True}
    served.post("/api/2.0/serving-endpoints", {"name": "sleepy", "config": {"served_entities": [entity]}})
    deployed(client, "sleepy")
    served.post("/api/local/clock", {"advance_seconds": 1801})
    until(lambda: _state(client, "sleepy").deployment_state_message == "Scaled to zero.")
    state = client.serving_endpoints.get("sleepy").state
    assert state is not None
    assert state.ready is EndpointStateReady.READY
    assert served.ask("sleepy", _ROW).json == {"predictions": [2.0]}
    # Set back, the clock says nothing of how long ago the last request was.
    served.post("/api/local/clock", {"reset": True})
    assert served.ask("sleepy", _ROW).status == 200
    assert _state(client, "sleepy").deployment_state_message != "Scaled to zero."
    folder = served.root / "endpoints" / str(client.serving_endpoints.get("sleepy").id)
    assert folder.exists()
    client.serving_endpoints.delete("sleepy")
    until(lambda: not folder.exists(), seconds=20)
