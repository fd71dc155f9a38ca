"""Delta snapshots as DuckDB queries.

DuckDB reads the Parquet files of a snapshot itself, in parallel and with pruning; the Delta log says which
files these are and which types the columns have. Files written before a column was added lack it, so every
column is cast to the snapshot's type and a missing one is NULL.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

from databricks_monitoring.errors import MetricError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deltalake import DeltaTable

_PRIMITIVES = {
    "string": "VARCHAR",
    "long": "BIGINT",
    "integer": "INTEGER",
    "short": "SMALLINT",
    "byte": "TINYINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "binary": "BLOB",
    "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
    "timestamp_ntz": "TIMESTAMP",
}


def quoted(identifier: str) -> str:
    """Return `identifier` in double quotes, as DuckDB wants it.

    Examples
    --------
    >>> quoted('a"b')
    '"a""b"'
    """
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return `text` as a SQL string."""
    return "'" + text.replace("'", "''") + "'"


def duckdb_type(delta_type: str | dict[str, Any]) -> str:
    """Return DuckDB's name for a type of the Delta protocol.

    Parameters
    ----------
    delta_type
        A primitive's name, or the JSON object of an array, map or struct.

    Raises
    ------
    MetricError
        If DuckDB has no such type.

    Examples
    --------
    >>> duckdb_type({"type": "array", "elementType": "double", "containsNull": True})
    'DOUBLE[]'
    """
    if isinstance(delta_type, str):
        if delta_type.startswith("decimal"):
            return delta_type.upper()
        if delta_type in _PRIMITIVES:
            return _PRIMITIVES[delta_type]
    elif delta_type["type"] == "array":
        return duckdb_type(delta_type["elementType"]) + "[]"
    elif delta_type["type"] == "map":
        return f"MAP({duckdb_type(delta_type['keyType'])}, {duckdb_type(delta_type['valueType'])})"
    elif delta_type["type"] == "struct":
        fields = (f"{quoted(field['name'])} {duckdb_type(field['type'])}" for field in delta_type["fields"])
        return f"STRUCT({', '.join(fields)})"
    raise MetricError(f"DuckDB cannot read the Delta type {delta_type!r}.")


def columns(table: DeltaTable) -> dict[str, str]:
    """Return the DuckDB type of every column of a snapshot, in order."""
    fields = json.loads(table.schema().to_json())["fields"]
    return {field["name"]: duckdb_type(field["type"]) for field in fields}


def local_path(uri: str) -> str:
    """Return the path of a file URI, or the path itself."""
    return unquote(urlparse(uri).path) if uri.startswith("file:") else uri


def scan(table: DeltaTable, *, files: Sequence[str] | None = None, filename: bool = False) -> str:
    """Return a DuckDB SELECT over exactly this snapshot, columns in the schema's order and types.

    Timestamps are TIMESTAMPTZ; run it on a connection with `SET TimeZone = 'UTC'`.

    Parameters
    ----------
    table
        The snapshot; unpartitioned, on this machine's disk.
    files
        Read only these data files (paths) instead of all of the snapshot's; they may belong to older
        versions of the same table.
    filename
        Add a last column `filename` with the file each row came from.

    Raises
    ------
    MetricError
        If the table is partitioned or has a column that DuckDB cannot read.
    """
    if table.metadata().partition_columns:
        raise MetricError(
            f"Table at {table.table_uri} is partitioned by {table.metadata().partition_columns}; "
            "cluster it instead, partition values are not stored in its files."
        )
    types = columns(table)
    paths = [local_path(uri) for uri in (table.file_uris() if files is None else files)]
    if not paths:
        nothing = [f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in types.items()]
        nothing += ["CAST(NULL AS VARCHAR) AS filename"] if filename else []
        return f"SELECT {', '.join(nothing)} WHERE false"
    picked = [f"CAST(f.{quoted(name)} AS {kind}) AS {quoted(name)}" for name, kind in types.items()]
    picked += ["f.filename AS filename"] if filename else []
    options = "union_by_name = true" + (", filename = true" if filename else "")
    source = f"read_parquet([{', '.join(literal(path) for path in paths)}], {options})"
    if _has_every_column(paths[0], list(types)):
        return f"SELECT {', '.join(picked)} FROM {source} AS f"  # noqa: S608
    # An empty relation with every column makes those that no file has yet read as NULL.
    shape = ", ".join(f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in types.items())
    return (
        f"SELECT {', '.join(picked)} FROM ((SELECT {shape} WHERE false) "  # noqa: S608
        f"UNION ALL BY NAME (SELECT * FROM {source})) AS f"
    )


def _has_every_column(path: str, names: Sequence[str]) -> bool:
    """Whether one data file holds every column, so that a union of files by name surely does."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - only a scan needs it

    return set(pq.read_schema(path).names) >= set(names)
