"""The command `setup_monitoring`: monitor, dashboard and alert rules of an environment's inference table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_monitoring.clients import connect
from databricks_monitoring.config_file import load_settings
from databricks_monitoring.monitoring.framework import MonitoringFramework
from databricks_monitoring.names import SchemaName
from databricks_monitoring.scripts import command

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

NAME = "setup_monitoring"

_DESCRIPTION = """\
Monitor an environment's inference table: metric tables, dashboard, alert rules.

Creates what is missing and changes what differs from the configuration; run again, it changes nothing.
Rules that the configuration no longer has are removed.
"""

_EPILOG = """\
example:
  setup_monitoring --catalog mlops_prod --schema databricks_monitoring --environment prod

exit code: 0 the monitor is active, 1 failed, 2 wrong usage or configuration.
The inference table comes from deploy_serving.
"""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    found = command.parser(NAME, _DESCRIPTION, _EPILOG)
    command.add_environment(found)
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    arguments = parser().parse_args(argv)
    return command.run(NAME, lambda: _work(arguments))


def console() -> None:
    """Run the command for a shell or a job."""
    command.leave(main())


def _work(arguments: argparse.Namespace) -> None:
    settings = load_settings(arguments.config, arguments.environment)
    table_config = settings.inference_table
    schema = SchemaName(
        table_config.catalog or arguments.catalog, table_config.schema_name or arguments.schema
    )
    framework = MonitoringFramework(
        arguments.catalog,
        arguments.schema,
        settings.model.name if settings.model else table_config.name,
        connect(),
        progress=command.progress,
    )
    monitoring = settings.monitoring.model_copy(update={"problem_type": settings.problem_type})
    made = framework.set_up_monitoring(schema.table(table_config.name), monitoring)
    command.say(
        command.table(
            {
                "monitor": made["monitor_name"],
                "profile metrics": made["profile_metrics_table"],
                "drift metrics": made["drift_metrics_table"],
                "dashboard": made["dashboard_url"],
                "alert rules": ", ".join(made["alert_rules"]) or "none",
            }
        )
    )


if __name__ == "__main__":
    console()
