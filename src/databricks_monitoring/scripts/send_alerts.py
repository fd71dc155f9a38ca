"""The command `send_alerts`: tell people what the alert rules of a schema's monitors found."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from databricks_monitoring.alerting.channels.email import SMTP_URL_VARIABLE
from databricks_monitoring.alerting.dispatch import DispatchReport, dispatch
from databricks_monitoring.alerting.incidents import incidents_table
from databricks_monitoring.alerting.merge import table_exists
from databricks_monitoring.alerting.rules import load_rules, save_rules
from databricks_monitoring.clients import SqlClient, connect
from databricks_monitoring.config_file import load_settings
from databricks_monitoring.errors import MonitoringError, NotificationError
from databricks_monitoring.monitoring.monitored_tables import find_layouts
from databricks_monitoring.names import SchemaName
from databricks_monitoring.scripts import command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from databricks_monitoring.alerting.rules import AlertRule
    from databricks_monitoring.config import EnvironmentSettings
    from databricks_monitoring.monitoring.metric_rows import Layout

NAME = "send_alerts"

_DESCRIPTION = """\
Evaluate the alert rules of the monitors in a schema and send what is due.

People get one message when a condition begins and one when it ends, however often this runs. A message
that a carrier does not take stays due and is tried again the next time. Open windows are never judged.
"""

_EPILOG = """\
where messages go:
  email      through DATABRICKS_MONITORING_SMTP_URL, such as
             smtp://127.0.0.1:1025?from=monitoring@example.com or smtps://user:password@host:465
  webhook    POST of a JSON body to the recipient's URL
  slack, teams, pagerduty, sms
             recipients name an environment variable (env:NAME) or a secret ({{secrets/scope/key}})
             that holds an Apprise URL or the service's own webhook URL

examples:
  send_alerts --catalog mlops_prod --schema databricks_monitoring --environment prod
  send_alerts --catalog mlops_prod --schema databricks_monitoring --environment prod --dry-run

exit code: 0 sent or nothing due, 1 no rules, or somebody was not reached, 2 wrong usage.
"""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    found = command.parser(NAME, _DESCRIPTION, _EPILOG)
    found.add_argument("--environment", required=True, help="environment, such as prod")
    found.add_argument(
        "--config",
        type=Path,
        help="configuration file whose rules take the place of those deployed with the environment's "
        "monitor (default: the deployed ones)",
    )
    found.add_argument(
        "--smtp-secret",
        type=_secret,
        metavar="SCOPE/KEY",
        help="secret that holds the mail server's URL, for jobs without environment variables "
        f"(default: {SMTP_URL_VARIABLE})",
    )
    found.add_argument(
        "--dry-run", action="store_true", help="say what would be sent; write and send nothing"
    )
    return found


def _secret(text: str) -> str:
    scope, slash, key = text.partition("/")
    if not (scope and slash and key) or "/" in key:
        raise argparse.ArgumentTypeError(f"{text!r} is not SCOPE/KEY")
    return text


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    arguments = parser().parse_args(argv)
    if arguments.smtp_secret:
        os.environ[SMTP_URL_VARIABLE] = f"{{{{secrets/{arguments.smtp_secret}}}}}"
    return command.run(NAME, lambda: _work(arguments))


def console() -> None:
    """Run the command for a shell or a job."""
    command.leave(main())


def _work(arguments: argparse.Namespace) -> None:
    schema = SchemaName(arguments.catalog, arguments.schema)
    settings = load_settings(arguments.config, arguments.environment) if arguments.config else None
    sql = SqlClient(connect(), progress=command.progress)
    failures: list[str] = []
    rules_seen = 0
    for layout in find_layouts(sql.client, schema):
        rules = _rules(sql, layout, settings, dry_run=arguments.dry_run)
        rules_seen += len(rules)
        if not rules and not table_exists(sql, incidents_table(layout.output_schema)):
            continue
        try:
            report = dispatch(sql, layout, rules, dry_run=arguments.dry_run)
        except MonitoringError as error:
            # One monitor's trouble must not keep another's people uninformed.
            failures.append(f"{layout.table}: {error}")
            continue
        command.say("\n".join(_lines(report, dry_run=arguments.dry_run)))
        failures.extend(f"{report.monitor}: not sent to {failure}" for failure in report.failures)
    if failures:
        raise NotificationError("\n".join(failures))
    if not rules_seen:
        raise MonitoringError(
            f"No alert rules for the monitors of {schema}. Add `alerts` to the configuration and run "
            "setup_monitoring, or name the file with --config."
        )


def _rules(
    sql: SqlClient, layout: Layout, settings: EnvironmentSettings | None, *, dry_run: bool
) -> list[AlertRule]:
    """Return the rules of a monitor; the configuration's take the deployed ones' place."""
    if settings and layout.table.name == settings.inference_table.name:
        rules = list(settings.monitoring.alerts)
        if not dry_run:
            save_rules(sql, layout.output_schema, str(layout.table), rules)
        return rules
    return load_rules(sql, layout.output_schema).get(str(layout.table), [])


def _lines(report: DispatchReport, *, dry_run: bool) -> list[str]:
    counted = f"{report.rules} rules, {report.open_incidents} open incidents"
    lines = [f"{report.monitor}: {counted}."]
    verb = "Would send" if dry_run else "Sent"
    lines += [
        f"  {verb} to {', '.join(sent.recipients)} ({sent.carrier}): {sent.message.subject}"
        for sent in report.sent
    ]
    if not report.sent and not report.failures:
        lines.append("  Nothing was due.")
    return lines


if __name__ == "__main__":
    console()
