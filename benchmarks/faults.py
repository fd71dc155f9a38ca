"""Whether a request that was answered is in the inference table exactly once, whatever is killed when.

    python benchmarks/faults.py [--rounds 50] [--seed 1] [--no-record]

Each round puts an endpoint under load (four clients; one request in seven fails, one in ninety-seven is
larger than the log takes), while the table is read and optimized, and ends something with SIGKILL:

- the workspace, at a random moment;
- the workspace, when a segment of the log has just been ended and waits for its commit;
- the workspace, when a commit has just appeared in the Delta log and its segments are still there;
- the model's process, at a random moment.

Then the workspace is started again, and the table is compared with what the clients were answered. Exit code
1 if they differ.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from databricks.sdk import WorkspaceClient
from databricks.sdk.config import Config
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service.serving import (
    AiGatewayConfig,
    AiGatewayInferenceTableConfig,
    EndpointCoreConfigInput,
    EndpointStateConfigUpdate,
    EndpointStateReady,
    ServedEntityInput,
)
from deltalake import DeltaTable
from faults_load import Clients, Difference, Memory, Server, difference, moment
from recording import Row, Section, this_machine, write

from databricks_monitoring.clients import SqlClient
from databricks_monitoring.errors import MonitoringError
from databricks_monitoring.local_workspace import control

if TYPE_CHECKING:
    from collections.abc import Callable

    from databricks_monitoring.local_workspace.root_folder import ServerRecord

WORKSPACE, ROTATION, COMMIT, WORKER = "workspace", "segment ended", "commit appeared", "model"
KINDS = (WORKSPACE, ROTATION, COMMIT, WORKER)
ENDPOINT, MODEL, TABLE = "faults", "main.default.twice", "main.default.faults_payload"
_SECONDS_UNTIL_READY = 120.0
_SECONDS_FOR_A_SIGHT = 8.0


class Subject:
    """The workspace that is killed and started again."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.record = self._started()
        self.killed = 0

    def _started(self) -> ServerRecord:
        return control.start(self.root, host="127.0.0.1", port=0, token=None)

    @property
    def server(self) -> Server:
        """Where it answers now."""
        return Server(self.record.host, self.record.port, self.record.token, ENDPOINT)

    @property
    def table(self) -> Path:
        """The folder of the inference table."""
        return self.root / "tables" / TABLE.replace(".", "/")

    def client(self) -> WorkspaceClient:
        """Return a client that gives up soon."""
        return WorkspaceClient(
            config=Config(host=self.record.url, token=self.record.token, retry_timeout_seconds=10)
        )

    def kill(self) -> None:
        """End it as the kernel would."""
        if self.record.pid is None:
            raise RuntimeError("the workspace runs without a process")
        os.kill(self.record.pid, signal.SIGKILL)
        os.waitpid(self.record.pid, 0)
        self.killed += 1

    def kill_model(self) -> None:
        """End the process of the model."""
        for process in psutil.Process(self.record.pid).children(recursive=True):
            if "model_server.worker" in " ".join(process.cmdline()):
                process.kill()

    def start(self) -> None:
        """Start it again."""
        self.record = self._started()

    def stop(self) -> None:
        """End it in order."""
        control.stop(self.root)
        if self.record.pid is not None:
            os.waitpid(self.record.pid, 0)

    def segments(self) -> set[str]:
        """Return the segments of the log on disk."""
        folder = self.root / "endpoints" / "inference_logs"
        return {str(path) for path in folder.glob("*/*.jsonl")}

    def commits(self) -> set[str]:
        """Return the commits of the table on disk."""
        return {path.name for path in (self.table / "_delta_log").glob("*.json")}

    def rows(self) -> list[dict[str, object]]:
        """Return the rows of the table, once everything that was answered is committed."""
        SqlClient(self.client()).execute(f"SELECT count(*) FROM {TABLE}")  # noqa: S608 - a constant
        columns = ["client_request_id", "databricks_request_id", "status_code"]
        found: list[dict[str, object]] = DeltaTable(self.table).to_pyarrow_table(columns=columns).to_pylist()
        return found


def set_up(subject: Subject, folder: Path) -> None:
    """Register the model and deploy the endpoint that logs."""
    os.environ |= {"DATABRICKS_HOST": subject.record.url, "DATABRICKS_TOKEN": subject.record.token}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow  # noqa: PLC0415 - takes seconds

        logging.getLogger("mlflow").setLevel(logging.ERROR)
        from mlflow.types import ColSpec, DataType, Schema  # noqa: PLC0415

        mlflow.set_tracking_uri("databricks")
        mlflow.set_registry_uri("databricks-uc")
        signature = mlflow.models.ModelSignature(
            inputs=Schema([ColSpec(DataType.double, "x")]), outputs=Schema([ColSpec(DataType.double)])
        )
        code = str(Path(__file__).with_name("faults_model.py"))
        mlflow.pyfunc.save_model(
            folder / "model", python_model=code, signature=signature, pip_requirements=[]
        )
        mlflow.register_model((folder / "model").as_uri(), MODEL)
    catalog, schema, _ = MODEL.split(".")
    subject.client().serving_endpoints.create(
        ENDPOINT,
        config=EndpointCoreConfigInput(
            name=ENDPOINT,
            served_entities=[
                ServedEntityInput(
                    entity_name=MODEL, entity_version="1", workload_size="Small", scale_to_zero_enabled=False
                )
            ],
        ),
        ai_gateway=AiGatewayConfig(
            inference_table_config=AiGatewayInferenceTableConfig(
                enabled=True, catalog_name=catalog, schema_name=schema, table_name_prefix="faults"
            )
        ),
    )
    wait_ready(subject)


def wait_ready(subject: Subject) -> None:
    """Wait until the endpoint answers."""
    client = subject.client()
    deadline = time.monotonic() + _SECONDS_UNTIL_READY
    while time.monotonic() < deadline:
        state = client.serving_endpoints.get(ENDPOINT).state
        if state is not None and state.config_update is EndpointStateConfigUpdate.UPDATE_FAILED:
            raise RuntimeError("the endpoint could not be deployed")
        if state is not None and state.ready is EndpointStateReady.READY:
            return
        time.sleep(0.05)
    raise RuntimeError("the endpoint is not ready in time")


class Readers:
    """Reads and optimizes the table until `stop`, or until the workspace is gone."""

    def __init__(self, subject: Subject) -> None:
        self._sql = SqlClient(subject.client())
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(0.1):
            try:
                self._sql.execute(f"SELECT count(*) FROM {TABLE}")  # noqa: S608 - a constant
                self._sql.execute(f"OPTIMIZE {TABLE}")
            except (DatabricksError, MonitoringError, OSError, TimeoutError):
                return

    def stop(self) -> None:
        """End after the current statement."""
        self._ended.set()
        self._thread.join()


def wait_for(sight: Callable[[], bool]) -> bool:
    """Look as often as possible until something is to be seen; say whether it was."""
    deadline = time.monotonic() + _SECONDS_FOR_A_SIGHT
    while time.monotonic() < deadline:
        if sight():
            return True
    return False


def one_round(subject: Subject, kind: str, memory: Memory, number: int, generator: random.Random) -> bool:
    """Run one round; say whether its moment was met."""
    clients = Clients(subject.server, memory, f"{number}")
    # The reads commit early; without them segments wait for the committing thread.
    readers = Readers(subject) if kind in {WORKSPACE, WORKER} else None
    clients.start()
    time.sleep(moment(0.2, 1.2, generator))
    met = True
    if kind == ROTATION:
        before = subject.segments()
        # Two at a time: one was ended and waits for its commit, the next one is being written.
        met = wait_for(lambda: len(subject.segments()) > max(1, len(before)))
    elif kind == COMMIT:
        commits = subject.commits()
        met = wait_for(lambda: subject.commits() != commits)
    if kind == WORKER:
        subject.kill_model()
        time.sleep(moment(0.2, 1.0, generator))
    else:
        subject.kill()
    clients.stop()
    if readers is not None:
        readers.stop()
    if kind != WORKER:
        subject.start()
        wait_ready(subject)
    return met


def shown(kind: str, what: Counter[str]) -> str:
    """Return a line of the table."""
    return (
        f"{kind:<16} {what['rounds']:>6} {what['met']:>6} {what['answered']:>9} {what['unanswered']:>11} "
        f"{what['missing']:>8} {what['repeated']:>9} {what['wrong']:>6}"
    )


def told(found: Difference) -> str:
    """Return the first ids of each way in which the table differs."""
    ways = vars(found).items()
    return "; ".join(f"{name.replace('_', ' ')}: {', '.join(ids[:5])}" for name, ids in ways if ids)


def run(rounds: int, seed: int, root: Path, models: Path) -> tuple[dict[str, Counter[str]], bool]:
    """Run the rounds; return what was counted by kind of round, and whether everything was in order."""
    generator = random.Random(seed)  # noqa: S311 - moments, not secrets
    subject = Subject(root)
    counted: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    whole = True
    try:
        set_up(subject, models)
        memory = Memory()
        for number in range(1, rounds + 1):
            kind = KINDS[(number - 1) % len(KINDS)]
            before = len(memory.answered), len(memory.unanswered)
            met = one_round(subject, kind, memory, number, generator)
            found = difference(memory, subject.rows())
            counted[kind] += Counter(
                rounds=1,
                met=int(met),
                answered=len(memory.answered) - before[0],
                unanswered=len(memory.unanswered) - before[1],
                missing=len(found.missing),
                repeated=len(found.repeated),
                wrong=len(found.other_status) + len(found.unknown),
            )
            print(f"round {number:>3} of {rounds}  {kind:<16} {len(memory.answered):>7} answered", flush=True)
            if found:
                print(f"  DIFFERS  {told(found)}", flush=True)
                whole = False
                break
    finally:
        subject.stop()
    return counted, whole


def recorded(counted: dict[str, Counter[str]]) -> Section:
    """Return the figures for the page."""
    rows = []
    for kind, what in counted.items():
        wrong = what["missing"] + what["repeated"] + what["wrong"]
        rows.append(
            Row(
                what=f"{kind}: requests that differ from the table",
                value=wrong,
                unit="requests",
                runs=what["rounds"],
                target="none",
                met=wrong == 0,
                note=f"{what['answered']} answered, {what['unanswered']} cut off",
            )
        )
    return Section(
        title="Killed under load",
        description=(
            "Four clients ask an endpoint while its inference table is read and optimized; SIGKILL ends the "
            "workspace at a random moment, when a segment of the log was just ended, or when a commit has "
            "just appeared, or it ends the model's process. After each round the rows of the table are "
            "compared with what the clients were answered: every answered request once, with its status."
        ),
        rows=tuple(rows),
    )


def main() -> int:
    """Run, print a table, record it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-record", action="store_true", help="leave results/faults.json as it is")
    given = parser.parse_args()
    machine = this_machine(packages=("deltalake", "uvicorn", "mlflow"))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "models").mkdir()
        counted, whole = run(given.rounds, given.seed, Path(folder) / "workspace", Path(folder) / "models")
    print(f"{'killed':<16} rounds    met  answered  unanswered  missing  repeated  wrong")
    for kind, what in counted.items():
        print(shown(kind, what))
    if not given.no_record:
        write(
            "faults",
            title="The inference log under faults",
            order=30,
            command="python benchmarks/faults.py",
            machine=machine,
            sections=[recorded(counted)],
        )
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
