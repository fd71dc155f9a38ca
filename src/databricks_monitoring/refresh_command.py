"""What `databricks-monitoring refresh` does: one refresh, computed where the command runs or by Spark."""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from databricks_monitoring.errors import ConfigError, MetricError, MonitorNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from databricks_monitoring.metrics.definition import MonitorDefinition
    from databricks_monitoring.metrics.refresh import RefreshReport


@dataclass(frozen=True)
class Monitored:
    """A monitor and its tables."""

    definition: MonitorDefinition
    primary: str
    baseline: str | None
    profile: str
    drift: str
    created_at: datetime


def from_file(table: str, path: Path) -> Monitored:
    """Return the monitor of a table as a file describes it."""
    _need(("pyarrow", "duckdb"), "metrics")
    from databricks_monitoring.definition_file import read_monitor  # noqa: PLC0415

    found = read_monitor(path)
    profile, drift = found.metric_tables(table)
    return Monitored(found.definition(), table, found.baseline_table, profile, drift, found.created_at)


def from_workspace(table: str) -> Monitored:
    """Return the monitor that the workspace has of a table.

    Notes
    -----
    The service does not say when a monitor was created; the creation of its table stands for it, so that
    every refresh reads from the same moment on. Only the older monitor API knows the column of class
    probabilities.
    """
    _need(("pyarrow", "duckdb"), "metrics")
    from databricks.sdk.errors import NotFound  # noqa: PLC0415

    from databricks_monitoring.clients import connect  # noqa: PLC0415
    from databricks_monitoring.monitor_definition import monitor_definition  # noqa: PLC0415
    from databricks_monitoring.monitoring.lakehouse_monitor import metric_tables  # noqa: PLC0415
    from databricks_monitoring.names import TableName  # noqa: PLC0415

    name = TableName.parse(table)
    client = connect()
    info = client.tables.get(str(name))
    try:
        config = client.data_quality.get_monitor("table", info.table_id or "").data_profiling_config
    except NotFound:
        config = None
    if config is None:
        raise MonitorNotFoundError(str(name), (), hint="Create it, or give --definition FILE.")
    proba = None
    if config.inference_log is not None:
        with suppress(NotFound):
            log = client.quality_monitors.get(str(name)).inference_log
            proba = (log.prediction_proba_col if log else None) or None
    profile, drift = metric_tables(config, name)
    created = datetime.fromtimestamp((info.created_at or 0) / 1000, UTC)
    return Monitored(
        monitor_definition(config, prediction_proba_column=proba),
        str(name),
        config.baseline_table_name or None,
        str(profile),
        str(drift),
        created,
    )


def on_one_machine(monitored: Monitored) -> RefreshReport:
    """Refresh with DuckDB over Delta tables in folders of this machine."""
    _need(("deltalake", "duckdb", "numpy", "scipy"), "local")
    from databricks_monitoring.metrics.refresh import TableLocations, refresh  # noqa: PLC0415

    for name in (monitored.primary, monitored.baseline):
        if name is not None and not (Path(name) / "_delta_log").is_dir():
            raise MetricError(
                f"There is no Delta table in a folder {name}. The engine duckdb reads folders of this "
                "machine; --engine spark reads tables by name."
            )
    locations = TableLocations(
        Path(monitored.primary),
        None if monitored.baseline is None else Path(monitored.baseline),
        Path(monitored.profile),
        Path(monitored.drift),
    )
    now = datetime.now(UTC)
    return refresh(monitored.definition, locations, now=now, created_at=monitored.created_at)


def on_spark(monitored: Monitored, remote: str | None) -> RefreshReport:
    """Refresh in a Spark session: that of a Spark Connect server, or the one that is there, as in a job.

    Raises
    ------
    MetricError
        If the session, or what it was asked, fails; in Spark's first words.
    """
    _need(("pyspark", "pyarrow", "duckdb", "numpy", "scipy"), "spark")
    from pyspark.errors import PySparkException  # noqa: PLC0415

    from databricks_monitoring.metrics.engines.spark import SparkEngine, SparkTables  # noqa: PLC0415
    from databricks_monitoring.metrics.refresh import refresh_with  # noqa: PLC0415

    tables = SparkTables(monitored.primary, monitored.baseline, monitored.profile, monitored.drift)
    try:
        with _session(remote) as spark:
            now = datetime.now(UTC)
            return refresh_with(
                SparkEngine(spark, tables), monitored.definition, now=now, created_at=monitored.created_at
            )
    except PySparkException as error:
        where, said = remote or "the Spark session", str(error).strip()
        lacking = re.search(r"ModuleNotFoundError: No module named '([\w.]+)'", said)
        if lacking:
            raise MetricError(
                f"The workers of {where} have no {lacking[1]}. Install databricks_monitoring[metrics] "
                "on them, in the same version as here."
            ) from error
        raise MetricError(f"{where}: {said[:2000]}") from error


@contextmanager
def _session(remote: str | None) -> Iterator[Any]:
    from pyspark.sql import SparkSession  # noqa: PLC0415

    if remote is None:
        # The session of a job belongs to the job.
        yield SparkSession.builder.getOrCreate()
        return
    spark = SparkSession.builder.remote(remote).create()
    try:
        yield spark
    finally:
        spark.stop()


def _need(modules: Sequence[str], extra: str) -> None:
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"This needs {', '.join(missing)}, which the plain install leaves out. "
            f"Install databricks_monitoring[{extra}]."
        )
