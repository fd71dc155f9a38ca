"""How long the payloads of an endpoint take to become rows of its inference table, and how much memory.

    python benchmarks/unpacking.py [--payloads 200000] [--rows 5]

A local workspace in a process of its own, a registered model with 20 features behind an endpoint that logs,
one real request; then the payload table is filled as the log fills it, by the same code in batches of the
same form, over 30 days. `unpack` is called as `refresh_all_monitors` calls it, over REST. Timed are its first
run, a second one without news, and one after one more batch.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self

import psutil
import serving_models
import serving_servers
from deltalake import write_deltalake
from recording import Section, at_most, figure, this_machine, write
from serving_load import Target, ask

from databricks_monitoring.clients import SqlClient
from databricks_monitoring.local_workspace.model_server.payload_record import PayloadRecord, payload_table
from databricks_monitoring.names import TableName
from databricks_monitoring.serving.inference_table import create_inference_table, unpack
from databricks_monitoring.serving.signature import parse_signature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from databricks.sdk import WorkspaceClient
    from serving_models import BenchmarkModel

    from databricks_monitoring.local_workspace.root_folder import ServerRecord
    from databricks_monitoring.serving.inference_table import Unpacked

SECONDS_FIRST, SECONDS_WITHOUT_NEWS, PEAK_GB = 20.0, 1.0, 4.0
DAYS = 30
RECORDS_PER_COMMIT = 5_000
MORE = 200
_SECONDS_BETWEEN_LOOKS = 0.02
_GB = 2**30


class PeakMemory:
    """The most memory that a process holds while inside, in GB, and the processor time it takes."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.gb = 0.0
        self.processor_seconds = 0.0

    def __enter__(self) -> Self:
        self.processor_seconds = -self._processor_seconds()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self.processor_seconds += self._processor_seconds()

    def _processor_seconds(self) -> float:
        times = self._process.cpu_times()
        return times.user + times.system

    def _watch(self) -> None:
        while not self._done.wait(_SECONDS_BETWEEN_LOOKS):
            self.gb = max(self.gb, self._process.memory_info().rss / _GB)


def main(argv: list[str] | None = None) -> int:
    """Measure, print, and write `results/unpacking.json`."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--payloads", type=int, default=200_000)
    parser.add_argument("--rows", type=int, default=5, help="predictions in a payload")
    given = parser.parse_args(argv)
    machine = this_machine(("duckdb", "deltalake", "pyarrow", "sqlglot"))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        root = Path(folder)
        with serving_servers.workspace(root / "workspace") as (record, client):
            section = _measured(given.payloads, given.rows, record, client, root)
    for row in section.rows:
        print(
            f"{row.what}: {row.value} {row.unit} {'' if row.met is None else 'met' if row.met else 'MISSED'}"
        )
    full = parser.get_default("payloads"), parser.get_default("rows")
    if (given.payloads, given.rows) == full:
        write(
            "unpacking",
            title="Unpacking payloads",
            order=21,
            command="python benchmarks/unpacking.py",
            machine=machine,
            sections=[section],
        )
    else:
        print("Not the full number was unpacked, so results/unpacking.json stays as it was.")
    return 0


def _measured(payloads: int, rows: int, record: ServerRecord, client: WorkspaceClient, root: Path) -> Section:
    sql = SqlClient(client)
    [model] = serving_models.register(client, root / "models", [serving_models.PLAIN])
    endpoint = serving_servers.deploy(client, model, str(serving_models.SCHEMA), logged=True)
    payload = TableName.parse(f"{serving_models.SCHEMA}.{endpoint.replace('-', '_')}_payload")
    table = serving_models.SCHEMA.table("unpacked")
    signature = parse_signature((model.folder / "MLmodel").read_text(), model.name)
    create_inference_table(sql, table, payload, signature, "regression")
    url = f"{record.url}/serving-endpoints/{endpoint}/invocations"
    response = ask(Target(url, model.request(rows), {"Authorization": f"Bearer {record.token}"}))
    entity = str(sql.execute(f"SELECT served_entity_id FROM {payload.quoted}").scalar())  # noqa: S608 - quoted
    location = str(client.tables.get(str(payload)).storage_location).removeprefix("file://")
    began = time.perf_counter()
    for texts in _batches(payloads - 1, rows, model, response, entity):
        write_deltalake(location, payload_table(texts), mode="append")
    print(f"{payloads} payloads written in {time.perf_counter() - began:.1f} s", flush=True)
    before = psutil.Process(record.pid).memory_info().rss / _GB
    with PeakMemory(record.pid) as peak:
        first, seconds = _timed(sql, table)
    _check(first, payloads * rows)
    again, seconds_again = _timed(sql, table)
    _check(again, 0)
    for texts in _batches(MORE, rows, model, response, entity):
        write_deltalake(location, payload_table(texts), mode="append")
    news, seconds_news = _timed(sql, table)
    _check(news, MORE * rows)
    note = f"{before:.2f} GB before it began"
    return Section(
        title=f"{payloads * rows:,} predictions in {payloads:,} payloads",
        description=(
            f"Payloads of {rows} rows of 20 numbers in MLflow's split format ({len(model.request(rows)):,} "
            f"bytes), one served entity, {DAYS} days, in files of {RECORDS_PER_COMMIT:,}. Timed is `unpack`, "
            "from the call to its answer, over REST to a local workspace; memory is that of the workspace's "
            "process, sampled."
        ),
        rows=(
            at_most(figure("first run", [seconds], "s", digits=2), SECONDS_FIRST, "at most 20 s"),
            figure("processor time of the first run", [peak.processor_seconds], "s", digits=1),
            at_most(figure("most memory", [peak.gb], "GB", digits=2, note=note), PEAK_GB, "at most 4 GB"),
            at_most(
                figure("second run, nothing new", [seconds_again], "s", digits=2),
                SECONDS_WITHOUT_NEWS,
                "under 1 s",
            ),
            figure(f"a run after {MORE} more payloads", [seconds_news], "s", digits=2),
        ),
    )


def _timed(sql: SqlClient, table: TableName) -> tuple[Unpacked, float]:
    began = time.perf_counter()
    result = unpack(sql, table)
    seconds = time.perf_counter() - began
    print(f"{seconds:.2f} s: {result}", flush=True)
    return result, seconds


def _check(result: Unpacked, rows: int) -> None:
    if result.rows_added != rows or result.payloads_quarantined:
        raise RuntimeError(f"{rows} new rows were expected, {result} found.")


def _batches(
    payloads: int, rows: int, model: BenchmarkModel, response: bytes, entity: str
) -> Iterator[list[bytes]]:
    """Yield the texts of records as the log keeps them, in order of time up to now."""
    end = datetime.now(UTC)
    step = timedelta(days=DAYS) / max(payloads, 1)
    bodies = [_shifted(model, rows, at) for at in range(len(model.rows) // rows)]
    texts = []
    for number in range(payloads):
        record = PayloadRecord.of(
            request_id=str(uuid.uuid4()),
            client_request_id=f"request-{number}",
            arrived_us=round((end - step * (payloads - number)).timestamp() * 1_000_000),
            status=200,
            duration_ms=3,
            request=bodies[number % len(bodies)],
            response=response,
            served_entity_id=entity,
            requester="benchmark",
        )
        texts.append(record.text())
        if len(texts) == RECORDS_PER_COMMIT:
            yield texts
            texts = []
    if texts:
        yield texts


def _shifted(model: BenchmarkModel, rows: int, by: int) -> bytes:
    body = {"columns": list(model.columns), "data": model.rows[by * rows : (by + 1) * rows]}
    return json.dumps({"dataframe_split": body}).encode()


if __name__ == "__main__":
    sys.exit(main())
