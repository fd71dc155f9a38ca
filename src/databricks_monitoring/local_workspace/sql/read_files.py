"""`read_files`: CSV, JSON and Parquet files of volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks.sdk.errors.base import DatabricksError
from sqlglot import exp

from databricks_monitoring.local_workspace.sql.errors import failure, unsupported
from databricks_monitoring.local_workspace.sql.functions.documents import schema_type
from databricks_monitoring.local_workspace.sql.functions.rules import call, string, text_of
from databricks_monitoring.local_workspace.sql.table_functions import replace
from databricks_monitoring.metrics.engines.delta_scan import duckdb_type
from databricks_monitoring.names import TableName

if TYPE_CHECKING:
    from pathlib import Path

    from databricks_monitoring.local_workspace.sql.execution import Execution

_OPTIONS = {
    "csv": {"header", "sep", "delimiter", "quote", "escape", "nullvalue", "schema"},
    "json": {"schema"},
    "parquet": {"schema"},
}
_READERS = {"csv": "read_csv", "json": "read_json", "parquet": "read_parquet"}
_SUFFIX = {"csv": ".csv", "json": ".json", "parquet": ".parquet"}


def resolve(node: exp.Table, function: exp.Anonymous, execution: Execution) -> None:
    """Replace `read_files(path, format => ...)` by DuckDB's reader of that format."""
    path, options = _arguments(function)
    kind = options.pop("format", "")
    if kind not in _READERS:
        raise unsupported(f"read_files with the format {kind or 'left out'!r}; give csv, json or parquet")
    unknown = sorted(set(options) - _OPTIONS[kind])
    if unknown:
        raise unsupported(f"the options {', '.join(unknown)} of read_files for {kind}")
    files = _files(path, kind, execution)
    listed = exp.Array(expressions=[string(str(file)) for file in files])
    reader = call(_READERS[kind], listed, *_reader_options(kind, options))
    select = exp.Select(expressions=[exp.Star()], from_=exp.From(this=exp.Table(this=reader)))
    if kind == "parquet" and "schema" in options:
        raise unsupported("a schema for Parquet files, which carry their own")
    replace(node, exp.Subquery(this=select), "read_files")


def _arguments(function: exp.Anonymous) -> tuple[str, dict[str, str]]:
    positional = [each for each in function.expressions if not isinstance(each, exp.Kwarg)]
    if len(positional) != 1:
        raise failure("WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "The `read_files` requires 1 path.", "42605")
    options = {}
    for each in function.expressions:
        if isinstance(each, exp.Kwarg):
            value = each.expression
            is_flag = isinstance(value, exp.Boolean)
            name = each.this.name.lower()
            options[name] = str(value.this).lower() if is_flag else text_of(value, f"The option {name}")
    return text_of(positional[0], "The path of read_files"), options


def _files(path: str, kind: str, execution: Execution) -> list[Path]:
    parts = path.removeprefix("dbfs:").split("/", 5)
    if len(parts) < 5 or parts[0] or parts[1] != "Volumes":  # noqa: PLR2004 - /Volumes/catalog/schema/volume
        raise failure(
            "PATH_NOT_FOUND",
            f"Path does not exist: {path}. Only /Volumes/catalog/schema/volume/... can be read.",
            "42K03",
        )
    relative = parts[5] if len(parts) > 5 else ""  # noqa: PLR2004
    volume = TableName(*(part.lower() for part in parts[2:5]))
    pattern = "*" in relative
    folder, _, last = relative.rpartition("/") if pattern else (relative, "", "")
    try:
        found = execution.tables.volume_path(volume, folder)
    except DatabricksError as error:
        raise failure("PATH_NOT_FOUND", f"Path does not exist: {path}. {error}", "42K03") from error
    if pattern:
        files = sorted(file for file in found.glob(last) if file.is_file())
    elif found.is_dir():
        files = sorted(file for file in found.rglob(f"*{_SUFFIX[kind]}") if file.is_file())
    else:
        files = [found] if found.exists() else []
    if not files:
        raise failure("PATH_NOT_FOUND", f"Path does not exist: {path}, or holds no {kind} file.", "42K03")
    return [file.absolute() for file in files]


def _reader_options(kind: str, options: dict[str, str]) -> list[exp.Expr]:
    given: list[exp.Expr] = []
    if kind == "csv":
        given.append(_option("header", exp.true() if options.get("header") == "true" else exp.false()))
        separator = options.get("sep") or options.get("delimiter")
        for name, value in (
            ("sep", separator),
            ("quote", options.get("quote")),
            ("escape", options.get("escape")),
            ("nullstr", options.get("nullvalue")),
        ):
            if value is not None:
                given.append(_option(name, string(value)))
    if kind == "json":
        given.append(_option("format", string("auto")))
    if "schema" in options:
        columns = schema_type(options["schema"])
        if not isinstance(columns, dict) or columns["type"] != "struct":
            raise failure("INVALID_SCHEMA", "The schema of read_files must be a list of columns.", "42K07")
        fields = [
            exp.PropertyEQ(
                this=exp.to_identifier(field["name"], quoted=True),
                expression=string(duckdb_type(field["type"])),
            )
            for field in columns["fields"]
        ]
        given.append(_option("columns", call("struct_pack", *fields)))
    return given


def _option(name: str, value: exp.Expr) -> exp.PropertyEQ:
    return exp.PropertyEQ(this=exp.to_identifier(name, quoted=True), expression=value)
