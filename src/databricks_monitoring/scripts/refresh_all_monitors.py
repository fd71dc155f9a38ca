"""The command `refresh_all_monitors`: new payloads become rows, labels are merged, metrics computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks.sdk.errors.base import DatabricksError

from databricks_monitoring.clients import SqlClient, connect
from databricks_monitoring.config_file import DEFAULT_PATH, load_settings
from databricks_monitoring.errors import MonitoringError, MonitorNotFoundError
from databricks_monitoring.monitoring.lakehouse_monitor import LakehouseMonitor
from databricks_monitoring.names import TableName
from databricks_monitoring.scripts import command
from databricks_monitoring.serving.inference_table import is_inference_table, unpack
from databricks_monitoring.serving.labels import merge_configured_labels
from databricks_monitoring.unity_catalog import require_table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from databricks_monitoring.config import InferenceTableConfig

NAME = "refresh_all_monitors"

_DESCRIPTION = """\
Bring the metrics of every monitor of a schema up to date.

For each monitored inference table: unpack the payloads that are new into rows, merge labels where the
configuration names a table of labels (inference_table.labels), and refresh the monitor. Other monitored
tables are only refreshed. Every step may run again at any time and then adds nothing. One monitor's failure
does not keep the others from being refreshed. apply_retention deletes what is too old, afterwards.
"""

_EPILOG = """\
example:
  refresh_all_monitors --catalog mlops_prod --schema databricks_monitoring --environment prod

exit code: 0 every monitor was refreshed, 1 there is none or one failed, 2 wrong usage or configuration.
Without a configuration file no labels are merged.
"""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    found = command.parser(NAME, _DESCRIPTION, _EPILOG)
    found.add_argument("--environment", help="environment of the configuration, such as prod")
    found.add_argument(
        "--config",
        type=type(DEFAULT_PATH),
        help=f"configuration file (default: {DEFAULT_PATH}, if it is there)",
    )
    found.add_argument(
        "--timeout",
        type=command.positive,
        default=3600,
        help="seconds that one refresh may take (default: 3600)",
    )
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    arguments = parser().parse_args(argv)
    return command.run(NAME, lambda: _work(arguments))


def console() -> None:
    """Run the command for a shell or a job."""
    command.leave(main())


def _work(arguments: argparse.Namespace) -> None:
    config = _inference_table(arguments)
    client = connect()
    sql = SqlClient(client, progress=command.progress)
    monitors = LakehouseMonitor(arguments.catalog, arguments.schema, client, progress=command.progress)
    names = monitors.list_monitors()
    if not names:
        raise MonitorNotFoundError(
            "",
            [],
            where=f"schema {arguments.catalog}.{arguments.schema}",
            hint="Create one with setup_monitoring.",
        )
    failures = []
    for name in names:
        table = TableName.parse(name)
        own = config if config and config.name == table.name else None
        try:
            command.say(f"{name}: {_refreshed(sql, monitors, table, own, arguments.timeout)}")
        except (MonitoringError, DatabricksError) as error:
            failures.append(f"{name}: {error}")
    if failures:
        raise MonitoringError("\n".join([f"{len(failures)} of {len(names)} monitors failed.", *failures]))


def _refreshed(
    sql: SqlClient,
    monitors: LakehouseMonitor,
    table: TableName,
    config: InferenceTableConfig | None,
    timeout: float,
) -> str:
    done = []
    if is_inference_table(require_table(sql.client, table)):
        unpacked = unpack(sql, table)
        done.append(f"{unpacked.rows_added} rows added from {unpacked.payloads_read} payloads")
        if unpacked.payloads_quarantined:
            done.append(f"{unpacked.payloads_quarantined} payloads quarantined")
    if config and config.labels:
        done.append(merge_configured_labels(sql, table, config.labels).words())
    info = monitors.refresh_monitor(str(table), timeout=timeout, unpack_payloads=False)
    seconds = (info.ended - info.started).total_seconds() if info.started and info.ended else 0.0
    done.append(f"refreshed in {seconds:.1f} s")
    return ", ".join(done)


def _inference_table(arguments: argparse.Namespace) -> InferenceTableConfig | None:
    path = arguments.config or (DEFAULT_PATH if arguments.environment and DEFAULT_PATH.exists() else None)
    return load_settings(path, arguments.environment).inference_table if path else None


if __name__ == "__main__":
    console()
