"""The command `analyze_drift`: what drifted since when in the monitored tables of a schema."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from databricks.sdk.errors.base import DatabricksError

from databricks_monitoring.clients import SqlClient, connect
from databricks_monitoring.config_file import load_settings
from databricks_monitoring.errors import ConfigError, MonitoringError
from databricks_monitoring.monitoring.drift_analysis import DriftAnalysis, analyze_drift
from databricks_monitoring.monitoring.monitored_tables import find_monitored_tables
from databricks_monitoring.names import SchemaName
from databricks_monitoring.scripts.task_values import set_task_value

if TYPE_CHECKING:
    from collections.abc import Sequence

_DESCRIPTION = """\
Say what drifted since when, from the metric tables of the monitors in a schema.

Only closed windows count. A column drifts when the change is large enough (numbers: population stability
index or KS statistic from 0.1; categories: Jensen-Shannon distance from 0.1 or total variation from 0.05,
sampling noise taken off) and no accident (chance below 1 in 1,000 over all columns and windows together).
"""

_EPILOG = """\
examples:
  analyze_drift --catalog mlops_prod --schema databricks_monitoring --days 7
  analyze_drift --catalog mlops_prod --schema databricks_monitoring --monitor inference_logs --json drift.json

exit code: 0 analysed (also when something drifted), 1 nothing to analyse or failed, 2 wrong usage.
In a Databricks job the number of findings is left as the task value `violations`.
"""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    found = argparse.ArgumentParser(
        prog="analyze_drift",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    found.add_argument("--catalog", required=True, help="catalog of the monitored tables")
    found.add_argument(
        "--schema", required=True, help="schema of the monitored tables; their metrics may be in another"
    )
    found.add_argument("--days", type=_days, default=7.0, help="how far back to look (default: 7)")
    found.add_argument("--monitor", help="only this monitored table (default: every one of the schema)")
    found.add_argument("--granularity", help='windows to look at, such as "1 hour" (default: "1 day")')
    found.add_argument("--config", type=Path, help="configuration file; then only its output schema is read")
    found.add_argument("--environment", help="environment of the configuration file, such as prod")
    found.add_argument("--json", type=Path, metavar="FILE", help="also write the outcome as JSON")
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    arguments = parser().parse_args(argv)
    try:
        return _run(arguments)
    except ConfigError as error:
        print(f"analyze_drift: {error}", file=sys.stderr)  # noqa: T201 - a command speaks
        return 2
    except (MonitoringError, DatabricksError, OSError) as error:
        print(f"analyze_drift: {error}", file=sys.stderr)  # noqa: T201
        return 1


def _run(arguments: argparse.Namespace) -> int:
    schema = SchemaName(arguments.catalog, arguments.schema)
    output_schema = None
    if arguments.config:
        settings = load_settings(arguments.config, arguments.environment)
        output_schema = SchemaName.parse(settings.monitoring.output_schema, default_catalog=schema.catalog)
    sql = SqlClient(connect())
    layouts = find_monitored_tables(sql, schema, output_schema=output_schema, monitor=arguments.monitor)
    analyses = [
        analyze_drift(sql, layout, days=arguments.days, granularity=arguments.granularity)
        for layout in layouts
    ]
    for analysis in analyses:
        print("\n".join(analysis.lines()))  # noqa: T201
    violations = sum(len(analysis.findings) for analysis in analyses)
    if arguments.json:
        _write(arguments.json, analyses, violations)
    if not any(analysis.windows for analysis in analyses):
        raise MonitoringError(
            f"No closed window in the last {arguments.days:g} days: nothing to analyse. "
            "Refresh the monitors, or look further back with --days."
        )
    set_task_value("violations", violations)
    print(f"{violations} {'finding' if violations == 1 else 'findings'}.")  # noqa: T201
    return 0


def _write(path: Path, analyses: Sequence[DriftAnalysis], violations: int) -> None:
    body = {"violations": violations, "analyses": [analysis.body() for analysis in analyses]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")


def _days(text: str) -> float:
    days = float(text)
    if not 0 < days <= 3660:  # noqa: PLR2004 - ten years
        raise argparse.ArgumentTypeError(f"{text} is not a number of days above 0")
    return days


if __name__ == "__main__":
    sys.exit(main())
