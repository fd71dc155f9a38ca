"""Small tables that alerts are kept in: created, asked for, and merged into by key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_monitoring.names import quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from databricks_monitoring.clients import Parameter, SqlClient
    from databricks_monitoring.names import TableName


def table_exists(sql: SqlClient, table: TableName) -> bool:
    """Say whether a table exists, without an error if its schema does not."""
    rows = sql.execute(
        "SELECT table_name FROM system.information_schema.tables "
        "WHERE table_catalog = :catalog AND table_schema = :schema AND table_name = :name",
        {"catalog": table.catalog, "schema": table.schema, "name": table.name},
    )
    return len(rows) > 0


def ensure_table(sql: SqlClient, table: TableName, types: Mapping[str, str], comment: str) -> None:
    """Create a Delta table with these columns and SQL types unless it exists."""
    columns = ", ".join(f"{quote(name)} {sql_type}" for name, sql_type in types.items())
    text = comment.replace("'", "\\'")
    sql.execute(f"CREATE TABLE IF NOT EXISTS {table.quoted} ({columns}) COMMENT '{text}'")


def merge_rows(
    sql: SqlClient,
    table: TableName,
    types: Mapping[str, str],
    keys: Sequence[str],
    rows: Sequence[Mapping[str, Parameter]],
) -> None:
    """Update the rows of `table` that have the keys of `rows`, insert the others; nothing if there are none.

    Parameters
    ----------
    types : mapping
        Every column of the table with its SQL type; a NULL needs it.
    keys : sequence of str
        Columns that identify a row; never null.
    rows : sequence of mapping
        Each with every column. Every value is a bound parameter.
    """
    if not rows:
        return
    columns = list(types)
    parameters: dict[str, Parameter] = {}
    tuples = []
    for position, row in enumerate(rows):
        given = {column: row[column] for column in columns if row[column] is not None}
        parameters |= {f"{column}_{position}": value for column, value in given.items()}
        cells = (
            f":{name}_{position}" if name in given else f"CAST(NULL AS {types[name]})" for name in columns
        )
        tuples.append(f"({', '.join(cells)})")
    matches = " AND ".join(f"t.{quote(key)} = s.{quote(key)}" for key in keys)
    sets = ", ".join(f"t.{quote(column)} = s.{quote(column)}" for column in columns if column not in keys)
    names = ", ".join(quote(column) for column in columns)
    values = ", ".join(f"s.{quote(column)}" for column in columns)
    source = f"FROM VALUES {', '.join(tuples)} AS given({names})"
    sql.execute(
        f"MERGE INTO {table.quoted} AS t USING (SELECT * {source}) AS s ON {matches} "  # noqa: S608 - names quoted, values bound
        f"WHEN MATCHED THEN UPDATE SET {sets} WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({values})",
        parameters,
    )
