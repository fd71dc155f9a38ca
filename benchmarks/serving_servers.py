"""The servers that are compared, each with one worker: started, waited for, ended by their processes' ids."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

from databricks.sdk import WorkspaceClient
from databricks.sdk.config import Config
from databricks.sdk.service.serving import (
    AiGatewayConfig,
    AiGatewayInferenceTableConfig,
    EndpointCoreConfigInput,
    ServedEntityInput,
)

from databricks_monitoring.local_workspace import control

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from serving_models import BenchmarkModel

    from databricks_monitoring.local_workspace.root_folder import ServerRecord

_PROJECT = Path(__file__).resolve().parent.parent
MLSERVER_FOLDER = _PROJECT / ".bench" / "mlserver"
MLSERVER_PACKAGES = Path(__file__).with_name("peers") / "mlserver.txt"
PLACES = "Large"
"""Workload size of the endpoints: takes 64 requests at a time, in one process."""

_SECONDS_TO_START = 120.0
_SECONDS_TO_END = 20.0
# As the workspace's own workers have them: two processors, and a client, are no place for pools of threads.
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class MissingPeerError(Exception):
    """A server that is to be compared is not installed; the message says how to."""


@contextmanager
def workspace(root: Path) -> Iterator[tuple[ServerRecord, WorkspaceClient]]:
    """Run a local workspace in a process of its own, and let this process's clients find it."""
    record = control.start(root, host="127.0.0.1", port=0, token=None)
    os.environ |= {"DATABRICKS_HOST": record.url, "DATABRICKS_TOKEN": record.token}
    try:
        yield record, WorkspaceClient(config=Config(host=record.url, token=record.token))
    finally:
        control.stop(root)


def deploy(client: WorkspaceClient, model: BenchmarkModel, schema: str, *, logged: bool) -> str:
    """Make an endpoint of one served entity, wait until it serves and return its name."""
    catalog, _, schema_name = schema.partition(".")
    name = f"{model.name.replace('_', '-')}{'-logged' if logged else ''}"
    table = AiGatewayInferenceTableConfig(
        catalog_name=catalog, schema_name=schema_name, table_name_prefix=name.replace("-", "_"), enabled=True
    )
    entity = ServedEntityInput(
        entity_name=f"{schema}.{model.name}",
        entity_version=model.version,
        workload_size=PLACES,
        scale_to_zero_enabled=False,
    )
    client.serving_endpoints.create_and_wait(
        name=name,
        config=EndpointCoreConfigInput(name=name, served_entities=[entity]),
        ai_gateway=AiGatewayConfig(inference_table_config=table) if logged else None,
    )
    return name


def mlflow_version() -> str:
    """Return MLflow's version, whose `models serve` runs FastAPI on uvicorn since 3.0."""
    return version("mlflow")


@contextmanager
def mlflow_models_serve(folder: Path, log: Path) -> Iterator[str]:
    """Serve a model by `mlflow models serve` with one worker; yield the URL to ask."""
    port = _free_port()
    command = [str(Path(sys.executable).with_name("mlflow")), "models", "serve", "--model-uri", str(folder)]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with _running(command, log, cwd=log.parent, more={"PATH": path}) as process:
        _wait_for(f"http://127.0.0.1:{port}/ping", process, log)
        yield f"http://127.0.0.1:{port}/invocations"


def mlserver_version() -> str:
    """Return the version of the MLServer that is installed for the comparison.

    Raises
    ------
    MissingPeerError
        If there is none.
    """
    python = MLSERVER_FOLDER / "bin" / "python"
    if not python.exists():
        raise MissingPeerError(
            "MLServer is not installed: `python benchmarks/peers/install.py` makes an environment for it."
        )
    code = "from importlib.metadata import version; print(version('mlserver'))"
    ended = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    return ended.stdout.strip()


@contextmanager
def mlserver(model: BenchmarkModel, folder: Path, log: Path, *, batch_size: int = 0) -> Iterator[str]:
    """Serve a model by MLServer with one process; yield the URL of the server.

    Parameters
    ----------
    batch_size
        Requests that MLServer's adaptive batching puts together, waiting at most one millisecond; 0 for none.
    """
    http, grpc, metrics = _free_port(), _free_port(), _free_port()
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"host": "127.0.0.1", "http_port": http, "grpc_port": grpc, "metrics_port": metrics}
    # 0: the model runs in the server's own process, which is faster than sending requests to a worker.
    settings |= {"parallel_workers": 0, "debug": False, "metrics_endpoint": None}
    served: dict[str, object] = {
        "name": model.name,
        "implementation": "mlserver_mlflow.MLflowRuntime",
        "parameters": {"uri": str(model.folder)},
    }
    if batch_size:
        served |= {"max_batch_size": batch_size, "max_batch_time": 0.001}
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "model-settings.json").write_text(json.dumps(served))
    command = [str(MLSERVER_FOLDER / "bin" / "mlserver"), "start", str(folder)]
    with _running(command, log, cwd=folder, more={}) as process:
        _wait_for(f"http://127.0.0.1:{http}/v2/models/{model.name}/ready", process, log)
        yield f"http://127.0.0.1:{http}"


@contextmanager
def _running(
    command: Sequence[str], log: Path, *, cwd: Path, more: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command in a process group of its own, which is ended as one."""
    with log.open("ab") as out:
        process = subprocess.Popen(  # noqa: S603 - no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd=cwd,
            env=os.environ | _ONE_THREAD | more,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urlopen(url, timeout=5):  # noqa: S310 - a server that was just started here
                return
        except (URLError, OSError):
            time.sleep(0.1)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
    raise RuntimeError(f"{url} did not answer. The end of {log}:\n{tail}")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
