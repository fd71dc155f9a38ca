"""Which days of a payload table hold payloads that have not been unpacked yet.

Payloads are delivered on a best-effort basis, so a day may still grow long after it ended. A table beside the
inference table remembers how many payloads each day had when it was last read; a day that has another number
now is read again, as a whole, and what is rows already is left out. Counting reads one small column.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from databricks_monitoring.serving.payload_sql import UNKNOWN_MODEL, day_column
from databricks_monitoring.serving.payload_values import literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from databricks_monitoring.clients import Parameter, SqlClient
    from databricks_monitoring.names import TableName

_SUFFIX = "_unpacked"
_MOST_RANGES = 8
_A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Source:
    """An inference table, its payload table with its columns, and its quarantine."""

    table: TableName
    payload: TableName
    payload_columns: tuple[str, ...]
    quarantine: TableName


def progress_table(table: TableName) -> TableName:
    """Return the table that remembers what of each day was unpacked."""
    return table.parent.table(table.name + _SUFFIX)


def create(sql: SqlClient, table: TableName) -> None:
    """Create the table that remembers the days."""
    comment = literal(f"Payloads of each day when they were last unpacked into {table}")
    sql.execute(
        f"CREATE TABLE IF NOT EXISTS {progress_table(table).quoted} (`day` DATE, `payloads` BIGINT) "
        f"COMMENT {comment}"
    )


def forget(sql: SqlClient, table: TableName) -> None:
    """Forget all days, so that the next run reads every payload."""
    sql.execute(f"DELETE FROM {progress_table(table).quoted}")  # noqa: S608 - quoted


def unread_days(
    sql: SqlClient, source: Source, *, since: datetime | None, retained: datetime | None
) -> dict[date, int]:
    """Return the days to read, each with its number of payloads.

    These are the days with another number of payloads than remembered, and those with payloads in quarantine
    whose model has become known since.

    Parameters
    ----------
    since : datetime, optional
        All days from this one on, instead.
    retained : datetime, optional
        No day before this one.
    """
    day = day_column(source.payload, source.payload_columns)
    first = max(moment.astimezone(UTC).date() for moment in (since, retained, _BEGINNING) if moment)
    counted = (
        f"SELECT {day} AS `day`, count(*) AS `payloads` FROM {source.payload.quoted} "  # noqa: S608 - quoted
        f"WHERE {day} >= :first GROUP BY {day}"
    )
    if since is not None:
        rows = sql.execute(counted, {"first": first})
    else:
        resolved = (
            "SELECT CAST(q.request_time AS DATE) FROM "  # noqa: S608 - quoted
            f"{source.quarantine.quoted} AS q JOIN `system`.`serving`.`served_entities` AS e "
            f"ON e.served_entity_id = q.served_entity_id WHERE q.reason = '{UNKNOWN_MODEL}'"
        )
        rows = sql.execute(
            f"SELECT c.`day`, c.`payloads` FROM ({counted}) AS c "  # noqa: S608 - quoted, bound
            f"LEFT JOIN {progress_table(source.table).quoted} AS p ON p.`day` = c.`day` "
            f"WHERE p.`payloads` IS NULL OR p.`payloads` <> c.`payloads` OR c.`day` IN ({resolved})",
            {"first": first},
        )
    found = {row["day"]: int(str(row["payloads"])) for row in rows}
    return {key: found[key] for key in sorted(key for key in found if isinstance(key, date))}


def ranges(days: Sequence[date] | Mapping[date, int]) -> list[tuple[date, date]]:
    """Return a few ranges, ends included, that cover days given in order; the smallest gaps are covered too.

    Examples
    --------
    >>> found = ranges([date(2026, 11, 1), date(2026, 11, 2), date(2026, 11, 9)])
    >>> [(first.day, last.day) for first, last in found]
    [(1, 2), (9, 9)]
    """
    ordered = list(days)
    gaps = sorted(((after - before, before, after) for before, after in pairwise(ordered)), reverse=True)
    cuts = sorted((before, after) for gap, before, after in gaps[: _MOST_RANGES - 1] if gap > _A_DAY)
    starts = [ordered[0], *(after for _, after in cuts)]
    ends = [*(before for before, _ in cuts), ordered[-1]]
    return list(zip(starts, ends, strict=True))


def bounds(days: Sequence[tuple[date, date]]) -> dict[str, Parameter]:
    """Return the bound parameters of the statements that read ranges of days."""
    found: dict[str, Parameter] = {}
    for number, (first, last) in enumerate(days):
        found |= {f"since_{number}": first, f"until_{number}": last}
    midnight = time(tzinfo=UTC)
    found["rows_since"] = datetime.combine(max(days[0][0], _FIRST_DAY + _A_DAY) - _A_DAY, midnight)
    found["rows_until"] = datetime.combine(days[-1][1] + 2 * _A_DAY, midnight)
    return found


def remember(sql: SqlClient, table: TableName, days: Mapping[date, int]) -> None:
    """Note how many payloads each day had when it was read."""
    body = [{"day": day.isoformat(), "payloads": payloads} for day, payloads in days.items()]
    sql.execute(
        f"MERGE INTO {progress_table(table).quoted} AS t USING ("  # noqa: S608 - quoted, bound
        "SELECT CAST(d.`day` AS DATE) AS `day`, d.`payloads` AS `payloads` FROM ("
        "SELECT explode(from_json(:days, 'ARRAY<STRUCT<`day`: STRING, `payloads`: BIGINT>>')) AS d)"
        ") AS s ON t.`day` = s.`day` "
        "WHEN MATCHED THEN UPDATE SET `payloads` = s.`payloads` "
        "WHEN NOT MATCHED THEN INSERT (`day`, `payloads`) VALUES (s.`day`, s.`payloads`)",
        {"days": json.dumps(body)},
    )


_FIRST_DAY = date(1970, 1, 1)
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
