"""The command `analyze_drift`: what drifted since when in the monitored tables of a schema."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from databricks_monitoring.clients import SqlClient, connect
from databricks_monitoring.config_file import DEFAULT_PATH, load_settings
from databricks_monitoring.errors import MonitoringError
from databricks_monitoring.monitoring.drift_analysis import DriftAnalysis, analyze_drift
from databricks_monitoring.monitoring.monitored_tables import find_layouts
from databricks_monitoring.names import Granularity, SchemaName
from databricks_monitoring.scripts import command
from databricks_monitoring.scripts.task_values import set_task_value

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "analyze_drift"

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
    found = command.parser(NAME, _DESCRIPTION, _EPILOG)
    found.add_argument("--days", type=_days, default=7.0, help="how far back to look (default: 7)")
    found.add_argument("--monitor", help="only this monitored table (default: every one of the schema)")
    found.add_argument(
        "--granularity",
        choices=get_args(Granularity),
        metavar="GRANULARITY",
        help='windows to look at, such as "1 hour" (default: "1 day")',
    )
    found.add_argument(
        "--environment", help="only the inference table of this environment of the configuration"
    )
    found.add_argument("--config", type=Path, help=f"configuration file (default: {DEFAULT_PATH}, if there)")
    found.add_argument("--json", type=Path, metavar="FILE", help="also write the outcome as JSON")
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    arguments = parser().parse_args(argv)
    return command.run(NAME, lambda: _work(arguments))


def console() -> None:
    """Run the command for a shell or a job."""
    command.leave(main())


def _work(arguments: argparse.Namespace) -> None:
    monitor = arguments.monitor or _configured_table(arguments)
    sql = SqlClient(connect(), progress=command.progress)
    layouts = find_layouts(sql.client, SchemaName(arguments.catalog, arguments.schema), monitor=monitor)
    analyses = []
    failures = []
    for layout in layouts:
        try:
            analysis = analyze_drift(sql, layout, days=arguments.days, granularity=arguments.granularity)
        except MonitoringError as error:
            # One monitor without metrics must not hide what the others show.
            failures.append(f"{layout.table}: {error}")
            continue
        analyses.append(analysis)
        command.say("\n".join(analysis.lines()))
    violations = sum(len(analysis.findings) for analysis in analyses)
    if arguments.json:
        _write(arguments.json, analyses, violations)
    if failures:
        raise MonitoringError("\n".join(failures))
    if not any(analysis.windows for analysis in analyses):
        raise MonitoringError(
            f"No closed window in the last {arguments.days:g} days: nothing to analyse. "
            "Refresh the monitors, or look further back with --days."
        )
    set_task_value("violations", violations)
    command.say(f"{violations} {'finding' if violations == 1 else 'findings'}.")


def _configured_table(arguments: argparse.Namespace) -> str | None:
    path = arguments.config or (DEFAULT_PATH if arguments.environment and DEFAULT_PATH.exists() else None)
    return load_settings(path, arguments.environment).inference_table.name if path else None


def _write(path: Path, analyses: Sequence[DriftAnalysis], violations: int) -> None:
    body = {"violations": violations, "analyses": [analysis.body() for analysis in analyses]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")


def _days(text: str) -> float:
    days = command.positive(text)
    if days > 3660:  # noqa: PLR2004 - ten years
        raise argparse.ArgumentTypeError(f"expected at most 3660 days, found {text!r}")
    return days


if __name__ == "__main__":
    console()
