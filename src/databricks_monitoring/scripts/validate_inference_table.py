"""The command `validate_inference_table`: whether inference tables, payloads and endpoints fit together."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from databricks_monitoring.clients import connect
from databricks_monitoring.errors import InferenceTableNotFoundError, MonitoringError, ValidationFailedError
from databricks_monitoring.names import SchemaName, TableName
from databricks_monitoring.scripts import command
from databricks_monitoring.serving.inference_table import is_inference_table
from databricks_monitoring.serving.validation import DEFAULT_MAX_DELAY, inspect_inference_table
from databricks_monitoring.unity_catalog import require_schema

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from databricks.sdk import WorkspaceClient

NAME = "validate_inference_table"

_DESCRIPTION = """\
Check the inference tables of a schema, and say in words what is wrong.

Faults (exit code 1):
  capture is off      no endpoint logs to the payload table, or logging is switched off
  only errors         every request of the last day failed; with the most common status and message
  quarantine grows    more of the last day's requests than before cannot become rows as they are; with reasons
  late by N minutes   requests are logged and not unpacked; is refresh_all_monitors running?
  column missing      the table, or every newest row, lacks a column that the monitor's baseline has, or has
                      numbers where the baseline has texts
  and a table, a column or the change data feed that should be there and is not

Warnings (exit code 0): no traffic yet, no request for a day, a column that the baseline lacks, no label on
any row whose label is due. What was before the endpoint was last changed is not held against it.
"""

_EPILOG = """\
examples:
  validate_inference_table --catalog mlops_prod --schema databricks_monitoring
  validate_inference_table --catalog mlops_prod --schema databricks_monitoring --table inference_logs

exit code: 0 in order, perhaps with warnings; 1 faults (on stderr) or no inference table; 2 wrong usage.
"""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    found = command.parser(NAME, _DESCRIPTION, _EPILOG)
    found.add_argument("--table", help="only this table (default: every inference table of the schema)")
    found.add_argument(
        "--max-delay-minutes",
        type=command.positive,
        default=DEFAULT_MAX_DELAY / timedelta(minutes=1),
        help="minutes that a logged request may wait to be unpacked (default: 1560, a daily refresh and two "
        "hours)",
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
    client = connect()
    schema = SchemaName(arguments.catalog, arguments.schema)
    tables = [TableName.parse(arguments.table, within=schema)] if arguments.table else _tables(client, schema)
    failures = []
    for table in tables:
        found = inspect_inference_table(
            client, table, max_delay=timedelta(minutes=arguments.max_delay_minutes)
        )
        command.say(command.table(found.facts))
        for warning in found.warnings:
            command.progress(f"{NAME}: warning: {warning}")
        if found.faults:
            failures.append(str(ValidationFailedError(f"Inference table {table}", found.faults)))
    if failures:
        raise MonitoringError("\n".join(failures))


def _tables(client: WorkspaceClient, schema: SchemaName) -> list[TableName]:
    require_schema(client, schema)
    listed = list(client.tables.list(schema.catalog, schema.schema, omit_columns=True))
    found = [schema.table(info.name or "") for info in listed if is_inference_table(info)]
    if not found:
        raise InferenceTableNotFoundError(
            "",
            [info.name or "" for info in listed],
            where=f"schema {schema}",
            hint="deploy_serving creates one.",
        )
    return found


if __name__ == "__main__":
    console()
