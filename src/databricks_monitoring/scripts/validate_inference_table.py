"""The command `validate_inference_table`: whether inference tables, payloads and endpoints fit together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_monitoring.clients import connect
from databricks_monitoring.errors import InferenceTableNotFoundError, MonitoringError, ValidationFailedError
from databricks_monitoring.names import SchemaName, TableName
from databricks_monitoring.scripts import command
from databricks_monitoring.serving.inference_table import is_inference_table
from databricks_monitoring.serving.validation import validate_inference_table
from databricks_monitoring.unity_catalog import require_schema

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from databricks.sdk import WorkspaceClient

NAME = "validate_inference_table"

_DESCRIPTION = """\
Check the inference tables of a schema.

Each must have its own columns and the model's, a change data feed and a quarantine table; its payload table
must exist with the columns that unpacking reads; and an endpoint must be logging to it.
"""

_EPILOG = """\
examples:
  validate_inference_table --catalog mlops_prod --schema databricks_monitoring
  validate_inference_table --catalog mlops_prod --schema databricks_monitoring --table inference_logs

exit code: 0 everything is in order, 1 faults (listed on stderr) or no inference table, 2 wrong usage.
"""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    found = command.parser(NAME, _DESCRIPTION, _EPILOG)
    found.add_argument("--table", help="only this table (default: every inference table of the schema)")
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
        try:
            command.say(command.table(validate_inference_table(client, table)))
        except ValidationFailedError as error:
            failures.append(str(error))
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
