"""The command `apply_retention`: payloads, rows and files that are older than the retention go."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from databricks_monitoring.clients import SqlClient, connect
from databricks_monitoring.config_file import DEFAULT_PATH, load_settings
from databricks_monitoring.errors import ConfigError
from databricks_monitoring.names import TableName
from databricks_monitoring.scripts import command
from databricks_monitoring.serving.retention import delete_expired

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "apply_retention"

_DESCRIPTION = """\
Delete what is older than inference_table.retention_days: payloads, rows of the inference table, and payloads
in quarantine; then vacuum the three tables, so that their files go from the disk as well.

Metrics of deleted rows stay. A day with payloads that are not unpacked is kept, with every day after it. So
run it after refresh_all_monitors, as the job monitoring_refresh does. It may run again at any time.
"""

_EPILOG = """\
examples:
  apply_retention --catalog mlops_prod --schema databricks_monitoring --environment prod
  apply_retention --catalog mlops_dev --schema databricks_monitoring --table inference_logs --days 30

exit code: 0 nothing older is left but what it names, 1 failed, 2 wrong usage or no retention configured.
"""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    found = command.parser(NAME, _DESCRIPTION, _EPILOG)
    found.add_argument("--environment", help="environment of the configuration, such as prod")
    found.add_argument(
        "--config",
        type=type(DEFAULT_PATH),
        help=f"configuration file (default: {DEFAULT_PATH}, if --environment is given)",
    )
    found.add_argument("--table", help="inference table (default: the one of the configuration)")
    found.add_argument(
        "--days",
        type=_days,
        help="days to keep before today (default: inference_table.retention_days of the configuration)",
    )
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    arguments = parser().parse_args(argv)
    return command.run(NAME, lambda: _work(arguments))


def console() -> None:
    """Run the command for a shell or a job."""
    command.leave(main())


def _days(text: str) -> int:
    days = command.positive(text)
    if days != int(days):
        raise argparse.ArgumentTypeError(f"expected whole days, found {text!r}")
    return int(days)


def _work(arguments: argparse.Namespace) -> None:
    table, days = _wanted(arguments)
    expired = delete_expired(
        SqlClient(connect(), progress=command.progress), table, days, told=command.progress
    )
    command.say(f"{table}: {expired.words()}.")


def _wanted(arguments: argparse.Namespace) -> tuple[TableName, int]:
    """Return the inference table and the days to keep, from the arguments or else from the configuration."""
    name, days = arguments.table, arguments.days
    catalog, schema = arguments.catalog, arguments.schema
    if arguments.environment or arguments.config:
        configured = load_settings(arguments.config or DEFAULT_PATH, arguments.environment).inference_table
        name, days = name or configured.name, days or configured.retention_days
        catalog, schema = configured.catalog or catalog, configured.schema_name or schema
    if name is None:
        raise ConfigError("No inference table is named: give --environment, or --table and --days.")
    if days is None:
        where = f"environment {arguments.environment!r}" if arguments.environment else f"table {name!r}"
        raise ConfigError(
            f"No retention for {where}: set inference_table.retention_days in the configuration, or give "
            "--days. To keep everything, leave this step out."
        )
    return TableName(catalog, schema, name), days


if __name__ == "__main__":
    console()
