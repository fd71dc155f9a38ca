"""Spark sessions for tests: Sail, and PySpark's own server on a JVM; both answer on loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECONDS_TO_START = 120.0
_INSTALL = "install databricks_monitoring[spark-test] to run this"


def _require(condition: bool, what: str) -> None:  # noqa: FBT001 - what is required
    if condition:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}, and the gate tests every engine: {_INSTALL}")
    pytest.skip(f"{what}: {_INSTALL}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _served(command: list[str], port: int, log: Path, **variables: str) -> Iterator[str]:
    """Run a server until the block ends, and return its address."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=os.environ | variables)
    try:
        until = time.monotonic() + _SECONDS_TO_START
        while True:
            if process.poll() is not None or time.monotonic() > until:
                pytest.fail(f"{command[0]} does not answer:\n{log.read_text()[-2000:]}")
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"sc://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def session(address: str) -> Iterator[Any]:
    """Return a session of a server, ended before the server is."""
    from pyspark.sql import SparkSession  # noqa: PLC0415 - not installed everywhere

    spark = SparkSession.builder.remote(address).create()
    try:
        yield spark
    finally:
        spark.stop()


@contextmanager
def sail(folder: Path) -> Iterator[str]:
    """Serve Sail, and return its address."""
    _require(find_spec("pysail") is not None, "pysail is not installed")
    _require(find_spec("pyspark") is not None, "pyspark is not installed")
    port = _free_port()
    command = [str(Path(sys.executable).with_name("sail")), "spark", "server", "--ip", "127.0.0.1"]
    with _served([*command, "--port", str(port)], port, folder / "sail.log") as address:
        yield address


@contextmanager
def pyspark(folder: Path) -> Iterator[str]:
    """Serve PySpark in local mode, and return its address."""
    found = find_spec("pyspark")
    home = Path(found.origin).parent if found and found.origin else None
    _require(home is not None and (home / "jars").is_dir(), "PySpark with its JVM part is not installed")
    _require(shutil.which("java") is not None, "there is no java")
    port = _free_port()
    settings = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "2",
        # Else times have no time zone in the files.
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
    }
    command = [
        str(home) + "/bin/spark-submit",
        "--class",
        "org.apache.spark.sql.connect.service.SparkConnectServer",
        "--master",
        "local[2]",
        *(part for name, value in settings.items() for part in ("--conf", f"{name}={value}")),
        "spark-internal",
    ]
    variables = {"PYSPARK_PYTHON": sys.executable, "SPARK_HOME": str(home)}
    with _served(command, port, folder / "pyspark.log", **variables) as address:
        yield address
