"""The command `send_alerts`: tell people what the alert rules of a schema's monitors found."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from databricks.sdk.errors.base import DatabricksError

from databricks_monitoring.alerting.dispatch import DispatchReport, dispatch
from databricks_monitoring.alerting.rules import load_rules, save_rules
from databricks_monitoring.clients import SqlClient, connect
from databricks_monitoring.config_file import load_settings
from databricks_monitoring.errors import ConfigError, MonitoringError
from databricks_monitoring.monitoring.monitored_tables import find_monitored_tables
from databricks_monitoring.names import SchemaName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from databricks_monitoring.alerting.rules import AlertRule
    from databricks_monitoring.config import EnvironmentSettings
    from databricks_monitoring.monitoring.metric_rows import Layout

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
    found = argparse.ArgumentParser(
        prog="send_alerts",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    found.add_argument("--catalog", required=True, help="catalog of the monitored tables")
    found.add_argument(
        "--schema", required=True, help="schema of the monitored tables; their metrics may be in another"
    )
    found.add_argument("--environment", required=True, help="environment, such as prod")
    found.add_argument(
        "--config",
        type=Path,
        help="configuration file whose rules replace those deployed with the environment's monitor "
        "(default: the deployed ones)",
    )
    found.add_argument(
        "--dry-run", action="store_true", help="say what would be sent; write and send nothing"
    )
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    arguments = parser().parse_args(argv)
    try:
        return _run(arguments)
    except ConfigError as error:
        print(f"send_alerts: {error}", file=sys.stderr)  # noqa: T201 - a command speaks
        return 2
    except (MonitoringError, DatabricksError) as error:
        print(f"send_alerts: {error}", file=sys.stderr)  # noqa: T201
        return 1


def _run(arguments: argparse.Namespace) -> int:
    schema = SchemaName(arguments.catalog, arguments.schema)
    settings = load_settings(arguments.config, arguments.environment) if arguments.config else None
    output_schema = None
    if settings:
        output_schema = SchemaName.parse(settings.monitoring.output_schema, default_catalog=schema.catalog)
    sql = SqlClient(connect())
    failures: list[str] = []
    rules_seen = 0
    for layout in find_monitored_tables(sql, schema, output_schema=output_schema):
        rules = _rules(sql, layout, settings, dry_run=arguments.dry_run)
        rules_seen += len(rules)
        if not rules:
            continue
        try:
            report = dispatch(sql, layout, rules, dry_run=arguments.dry_run)
        except MonitoringError as error:
            # One monitor's trouble must not keep another's people uninformed.
            failures.append(f"{layout.table}: {error}")
            continue
        print("\n".join(_lines(report, dry_run=arguments.dry_run)))  # noqa: T201
        failures.extend(f"{report.monitor}: {failure}" for failure in report.failures)
    if not rules_seen:
        raise MonitoringError(
            f"No alert rules for the monitors of {schema}. Add `alerts` to the configuration and run "
            "setup_monitoring, or name the file with --config."
        )
    for failure in failures:
        print(f"send_alerts: not sent to {failure}", file=sys.stderr)  # noqa: T201
    return 1 if failures else 0


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
    sys.exit(main())
