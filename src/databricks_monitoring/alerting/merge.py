"""One MERGE that makes given rows the rows of their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_monitoring.names import quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from databricks_monitoring.clients import SqlClient
    from databricks_monitoring.names import TableName

    Cell = str | int | float | bool | datetime | date | None


def merge_rows(
    sql: SqlClient, table: TableName, keys: Sequence[str], rows: Sequence[Mapping[str, Cell]]
) -> None:
    """Update the rows of `table` that have the keys of `rows`, insert the others; nothing if there are none.

    Parameters
    ----------
    keys : sequence of str
        Columns that identify a row; present in every mapping, never null.
    rows : sequence of mapping
        All with the same columns, at least one of them not a key. Every value is a bound parameter.
    """
    if not rows:
        return
    columns = list(rows[0])
    parameters: dict[str, Cell] = {}
    selects = []
    for position, row in enumerate(rows):
        parameters |= {f"{column}_{position}": row[column] for column in columns}
        selects.append("SELECT " + ", ".join(f":{name}_{position} AS {quote(name)}" for name in columns))
    matches = " AND ".join(f"t.{quote(key)} = s.{quote(key)}" for key in keys)
    sets = ", ".join(f"t.{quote(column)} = s.{quote(column)}" for column in columns if column not in keys)
    names = ", ".join(quote(column) for column in columns)
    values = ", ".join(f"s.{quote(column)}" for column in columns)
    source = " UNION ALL ".join(selects)
    sql.execute(
        f"MERGE INTO {table.quoted} AS t USING ({source}) AS s ON {matches} "  # noqa: S608 - names quoted, values bound
        f"WHEN MATCHED THEN UPDATE SET {sets} WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({values})",
        parameters,
    )
