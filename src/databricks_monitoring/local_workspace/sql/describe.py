"""DESCRIBE: columns of a table, its details, its history; and of a query."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from databricks.sdk.errors import NotFound
from sqlglot import exp

from databricks_monitoring.local_workspace.sql import types, views
from databricks_monitoring.local_workspace.sql.commits import WORKSPACE_TIME
from databricks_monitoring.local_workspace.sql.errors import unsupported
from databricks_monitoring.local_workspace.sql.result import listing
from databricks_monitoring.metrics.columns import spark_type
from databricks_monitoring.metrics.engines.delta_scan import local_path

if TYPE_CHECKING:
    from pathlib import Path

    from databricks_monitoring.local_workspace.sql.execution import Execution
    from databricks_monitoring.local_workspace.sql.result import Outcome
    from databricks_monitoring.local_workspace.sql.types import DeltaType
    from databricks_monitoring.names import TableName

_COLUMNS: dict[str, DeltaType] = {"col_name": "string", "data_type": "string", "comment": "string"}


def describe(tree: exp.Describe, execution: Execution) -> Outcome:
    """Answer DESCRIBE [TABLE] [EXTENDED], DESCRIBE SCHEMA, DESCRIBE HISTORY and DESCRIBE of a query."""
    style = str(tree.args.get("style") or "").upper()
    kind = str(tree.args.get("kind") or "").upper()
    node = tree.this
    if isinstance(node, exp.Query):
        outcome = execution.query(node)
        return listing(
            _COLUMNS,
            [(name, spark_type(what), None) for name, what in zip(outcome.names, outcome.kinds, strict=True)],
        )
    if kind in {"SCHEMA", "DATABASE"}:
        found = execution.tables.get_schema(execution.scope.schema_name(node))
        pairs = [
            ("Catalog Name", found.catalog_name),
            ("Namespace Name", found.name),
            ("Comment", found.comment or ""),
            ("Owner", found.owner),
        ]
        return listing({"database_description_item": "string", "database_description_value": "string"}, pairs)
    name = execution.scope.name(node)
    if style == "HISTORY":
        limit = tree.args.get("limit")
        return history(name, execution, int(limit.name) if limit is not None else None)
    if style not in {"", "EXTENDED", "FORMATTED"}:
        raise unsupported(f"DESCRIBE {style}")
    return _table(name, execution, extended=bool(style))


def _table(name: TableName, execution: Execution, *, extended: bool) -> Outcome:
    if views.exists(execution.tables, name):
        outcome = execution.query(exp.select("*").from_(_table_node(name)))
        rows: list[tuple[str | None, ...]] = [
            (column, spark_type(kind), None)
            for column, kind in zip(outcome.names, outcome.kinds, strict=True)
        ]
        return listing(_COLUMNS, rows)
    try:
        info = execution.tables.get(name)
    except NotFound as error:
        raise execution.scope.missing(name) from error
    rows = [(column.name, column.type_text, column.comment) for column in info.columns or []]
    if extended:
        rows += [("", "", ""), ("# Detailed Table Information", "", "")]
        properties = ",".join(f"{key}={value}" for key, value in sorted((info.properties or {}).items()))
        rows += [
            ("Catalog", info.catalog_name, ""),
            ("Database", info.schema_name, ""),
            ("Table", info.name, ""),
            ("Comment", info.comment or "", ""),
            ("Type", info.table_type.value if info.table_type else "", ""),
            ("Provider", "delta", ""),
            ("Location", info.storage_location or "", ""),
            ("Owner", info.owner or "", ""),
            ("Table Properties", f"[{properties}]", ""),
        ]
    return listing(_COLUMNS, rows)


def _table_node(name: TableName) -> exp.Table:
    return exp.table_(name.name, db=name.schema, catalog=name.catalog, quoted=True)


def history(name: TableName, execution: Execution, limit: int | None = None) -> Outcome:
    """Return the commits of a table, newest first; times are the workspace's where SQL made the commit."""
    table = execution.scope.open(name)
    rows = []
    for entry in table.history(limit):
        at = int(entry.get(WORKSPACE_TIME) or entry["timestamp"])
        parameters = [
            (str(key), value if isinstance(value, str) else json.dumps(value))
            for key, value in (entry.get("operationParameters") or {}).items()
        ]
        metrics = [(str(key), str(value)) for key, value in (entry.get("operationMetrics") or {}).items()]
        rows.append(
            (
                entry["version"],
                at * 1000,
                execution.moment.user,
                entry.get("operation"),
                parameters,
                metrics,
                entry.get("userMetadata"),
            )
        )
    texts = types.map_of("string", "string")
    columns: dict[str, DeltaType] = {
        "version": "long",
        "timestamp": "timestamp",
        "userName": "string",
        "operation": "string",
        "operationParameters": texts,
        "operationMetrics": texts,
        "userMetadata": "string",
    }
    return listing(columns, rows)


def detail(name: TableName, execution: Execution) -> Outcome:
    """Return what DESCRIBE DETAIL tells of a table."""
    table = execution.scope.open(name)
    info = execution.tables.get(name)
    metadata, protocol = table.metadata(), table.protocol()
    features = [*(protocol.reader_features or []), *(protocol.writer_features or [])]
    sizes = [_size(local_path(uri)) for uri in table.file_uris()]
    values: dict[str, tuple[DeltaType, object]] = {
        "format": ("string", "delta"),
        "id": ("string", str(metadata.id)),
        "name": ("string", str(name)),
        "description": ("string", metadata.description),
        "location": ("string", info.storage_location),
        "createdAt": ("timestamp", (info.created_at or 0) * 1000),
        "lastModified": ("timestamp", (info.updated_at or 0) * 1000),
        "partitionColumns": (types.array_of("string"), list(metadata.partition_columns)),
        "clusteringColumns": (types.array_of("string"), []),
        "numFiles": ("long", len(sizes)),
        "sizeInBytes": ("long", sum(sizes)),
        "properties": (types.map_of("string", "string"), list(metadata.configuration.items())),
        "minReaderVersion": ("integer", protocol.min_reader_version),
        "minWriterVersion": ("integer", protocol.min_writer_version),
        "tableFeatures": (types.array_of("string"), features),
    }  # fmt: skip
    return listing(
        {key: kind for key, (kind, _) in values.items()}, [tuple(value for _, value in values.values())]
    )


def _size(path: str | Path) -> int:
    from pathlib import Path  # noqa: PLC0415 - a name of types elsewhere

    return Path(path).stat().st_size
