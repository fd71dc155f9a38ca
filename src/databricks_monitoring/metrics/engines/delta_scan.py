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
    from collections.abc import Iterator, Sequence

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
    "variant": "VARIANT",
    # The type of a column that has only ever been NULL.
    "void": "VARIANT",
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
    return {field["name"]: duckdb_type(field["type"]) for field in _fields(table)}


def _fields(table: DeltaTable) -> list[dict[str, Any]]:
    fields: list[dict[str, Any]] = json.loads(table.schema().to_json())["fields"]
    return fields


def local_path(uri: str) -> str:
    """Return the path of a file URI, or the path itself."""
    return unquote(urlparse(uri).path) if uri.startswith("file:") else uri


def scan(
    table: DeltaTable, *, files: Sequence[str] | None = None, filename: bool = False, exact: bool = True
) -> str:
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
    exact
        Whether NaN is looked for by conditions on floating point numbers, see `_exact`.

    Raises
    ------
    MetricError
        If the table is partitioned, or its files do not hold its rows under its column names (deletion
        vectors, column mapping), or it has a column that DuckDB cannot read.
    """
    if table.metadata().partition_columns:
        raise MetricError(
            f"Table at {table.table_uri} is partitioned by {table.metadata().partition_columns}; "
            "cluster it instead, partition values are not stored in its files."
        )
    _refuse_deletion_vectors(table)
    _refuse_column_mapping(table)
    types = columns(table)
    values = {
        field["name"]: f"CAST(f.{quoted(field['name'])} AS {types[field['name']]})"
        for field in _fields(table)
    }
    if exact:
        values = {field["name"]: _exact(values[field["name"]], field["type"]) for field in _fields(table)}
    paths = [local_path(uri) for uri in (table.file_uris() if files is None else files)]
    if not paths:
        nothing = [f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in types.items()]
        nothing += ["CAST(NULL AS VARCHAR) AS filename"] if filename else []
        return f"SELECT {', '.join(nothing)} WHERE false"
    picked = [f"{value} AS {quoted(name)}" for name, value in values.items()]
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


def _exact(value: str, delta_type: str | dict[str, Any], depth: int = 0) -> str:
    """Return `value` so that DuckDB does not judge its floating point numbers by the statistics of the file.

    Those leave NaN out, and DuckDB 2.0 believes them: `v > 100` would skip every NaN, `isnan(v)` find none.
    """
    if not _has_floats(delta_type):
        return value
    if isinstance(delta_type, str):
        return f"CASE WHEN isnan({value}) THEN CAST('NaN' AS {duckdb_type(delta_type)}) ELSE {value} END"
    element = f"e{depth}"
    if delta_type["type"] == "array":
        exact = _exact(element, delta_type["elementType"], depth + 1)
        return f"list_transform({value}, lambda {element}: {exact})"
    if delta_type["type"] == "map":
        keys = _exact(element, delta_type["keyType"], depth + 1)
        keys = f"list_transform(map_keys({value}), lambda {element}: {keys})"
        values = _exact(element, delta_type["valueType"], depth + 1)
        values = f"list_transform(map_values({value}), lambda {element}: {values})"
        return f"CASE WHEN {value} IS NULL THEN NULL ELSE map({keys}, {values}) END"
    names = [quoted(field["name"]) for field in delta_type["fields"]]
    parts = [
        _exact(f"{value}.{name}", field["type"], depth)
        for name, field in zip(names, delta_type["fields"], strict=True)
    ]
    fields = ", ".join(f"{name} := {part}" for name, part in zip(names, parts, strict=True))
    return f"CASE WHEN {value} IS NULL THEN NULL ELSE struct_pack({fields}) END"


def _has_floats(delta_type: str | dict[str, Any]) -> bool:
    if isinstance(delta_type, str):
        return delta_type in ("float", "double")
    if delta_type["type"] == "struct":
        return any(_has_floats(field["type"]) for field in delta_type["fields"])
    inner = [delta_type[key] for key in ("elementType", "keyType", "valueType") if key in delta_type]
    return any(map(_has_floats, inner))


def _refuse_deletion_vectors(table: DeltaTable) -> None:
    """Refuse a snapshot some of whose rows are marked as deleted beside its files, not in them.

    A table may have the feature enabled and no vector: then its files hold exactly its rows.
    """
    if "deletionVectors" not in (table.protocol().reader_features or []):
        return
    from deltalake.exceptions import DeltaError  # noqa: PLC0415 - workers of a cluster have no deltalake

    try:
        vectors = table.deletion_vectors().read_all().num_rows
        found = f"{vectors} of its {len(table.file_uris())} data files have one"
    except DeltaError as error:
        vectors, found = 1, f"one cannot be read: {error}"
    if vectors:
        raise MetricError(
            f"Table at {table.table_uri} marks rows as deleted in deletion vectors ({found}), which are not "
            "applied here, so deleted rows would count. Run REORG TABLE ... APPLY (PURGE) on it where it is "
            "written, and set delta.enableDeletionVectors to false."
        )


def _refuse_column_mapping(table: DeltaTable) -> None:
    """Refuse a snapshot whose files know a column by another name than its schema does."""
    mode = table.metadata().configuration.get("delta.columnMapping.mode", "none")
    if mode == "none":
        return
    mapped = _renamed(_fields(table))
    renamed = [f"{name} (in the files {physical})" for name, physical in mapped if name != physical]
    if renamed:
        raise MetricError(
            f"Table at {table.table_uri} has column mapping by {mode}: its files hold {', '.join(renamed)}. "
            "Names are not mapped here; copy the table into one without column mapping "
            "(CREATE TABLE ... AS SELECT) and use the copy."
        )


def _renamed(fields: Sequence[dict[str, Any]], within: str = "") -> Iterator[tuple[str, str]]:
    """Return every field's name and its name in data files, structs' own fields after them."""
    for field in fields:
        name = within + field["name"]
        yield name, within + field["metadata"].get("delta.columnMapping.physicalName", field["name"])
        if isinstance(field["type"], dict):
            yield from _renamed(list(_inner_fields(field["type"])), f"{name}.")


def _inner_fields(kind: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from kind.get("fields", ())
    for part in ("elementType", "keyType", "valueType"):
        if isinstance(kind.get(part), dict):
            yield from _inner_fields(kind[part])


def _has_every_column(path: str, names: Sequence[str]) -> bool:
    """Whether one data file holds every column, so that a union of files by name surely does."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - only a scan needs it

    return set(pq.read_schema(path).names) >= set(names)
