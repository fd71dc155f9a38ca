"""What has come through an endpoint's payload and inference tables, counted by the warehouse."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from databricks_monitoring.names import quote
from databricks_monitoring.serving import progress
from databricks_monitoring.serving.payload_sql import UNCASTABLE, day_column
from databricks_monitoring.unity_catalog import find_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from databricks_monitoring.clients import SqlClient
    from databricks_monitoring.names import TableName

RECENT = timedelta(days=1)
"""How far back counts as recent."""

_LONGEST_MESSAGE = 120


@dataclass(frozen=True)
class Requests:
    """Logged requests: all, recent ones, and how the failed ones failed."""

    total: int = 0
    newest: datetime | None = None
    recent: int = 0
    recent_failed: int = 0
    status: int | None = None
    message: str | None = None


@dataclass(frozen=True)
class InRows:
    """Rows of the inference table."""

    total: int = 0
    newest: datetime | None = None
    labelled: int = 0
    due: int = 0
    due_labelled: int = 0


@dataclass(frozen=True)
class Quarantined:
    """Payloads in quarantine: recent ones by reason, and the ones before."""

    total: int = 0
    recent: Mapping[str, int] = field(default_factory=dict)

    @property
    def recent_total(self) -> int:
        """Recent payloads of any reason."""
        return sum(self.recent.values())


def requests(
    sql: SqlClient, payload: TableName, columns: Sequence[str], *, now: datetime, since: datetime
) -> Requests:
    """Count logged requests; recent ones are those since `since`."""
    day, at = day_column(payload, columns), _time(columns)
    [row] = sql.execute(
        f"SELECT count(*) AS total, max({at}) AS newest, count_if({at} >= :since) AS recent, "  # noqa: S608 - quoted
        f"count_if({at} >= :since AND (status_code IS NULL OR status_code <> 200)) AS failed "
        f"FROM {payload.quoted}",
        {"since": since},
    )
    failed = sql.execute(
        f"SELECT status_code, substr(coalesce(get_json_object(response, '$.message'), "  # noqa: S608 - quoted
        f"get_json_object(response, '$.error'), response, ''), 1, {_LONGEST_MESSAGE}) AS message, "
        "count(*) AS n "
        f"FROM {payload.quoted} WHERE {day} >= :day AND {at} >= :since "
        "AND (status_code IS NULL OR status_code <> 200) GROUP BY 1, 2 ORDER BY n DESC LIMIT 1",
        {"since": since, "day": min(since, now).date() - timedelta(days=1)},
    )
    newest = row["newest"]
    return Requests(
        total=_whole(row["total"]),
        newest=newest if isinstance(newest, datetime) else None,
        recent=_whole(row["recent"]),
        recent_failed=_whole(row["failed"]),
        status=_whole(failed[0]["status_code"]) if failed and failed[0]["status_code"] is not None else None,
        message=str(failed[0]["message"]) if failed else None,
    )


def in_rows(sql: SqlClient, table: TableName, *, due_before: datetime) -> InRows:
    """Count rows and their labels.

    Parameters
    ----------
    due_before : datetime
        Labels of rows before this time should be known.
    """
    [row] = sql.execute(
        "SELECT count(*) AS total, max(`timestamp`) AS newest, count(`label`) AS labelled, "  # noqa: S608 - quoted
        "count_if(`timestamp` < :due) AS due, count_if(`timestamp` < :due AND `label` IS NOT NULL) AS done "
        f"FROM {table.quoted}",
        {"due": due_before},
    )
    return InRows(
        total=_whole(row["total"]),
        newest=row["newest"] if isinstance(row["newest"], datetime) else None,
        labelled=_whole(row["labelled"]),
        due=_whole(row["due"]),
        due_labelled=_whole(row["done"]),
    )


def oldest_waiting(sql: SqlClient, source: progress.Source, *, retained: datetime | None) -> datetime | None:
    """Return when the oldest answered request came that is not unpacked yet, if there is one.

    Looked at are days that were not read since they grew; in them, what is neither rows nor in quarantine.

    Parameters
    ----------
    retained : datetime, optional
        No day before this one is unpacked any more.
    """
    if find_table(sql.client, progress.progress_table(source.table)) is None:
        days, bound = "", {}
    else:
        unread = progress.unread_days(sql, source, since=None, retained=retained)
        if not unread:
            return None
        day = day_column(source.payload, source.payload_columns)
        days, bound = f" AND p.{day} BETWEEN :first AND :last", {"first": min(unread), "last": max(unread)}
    found = sql.execute(
        f"SELECT min({_time(source.payload_columns)}) FROM {source.payload.quoted} AS p "  # noqa: S608 - quoted
        f"LEFT ANTI JOIN {source.table.quoted} AS r ON r.`row_id` = concat(p.databricks_request_id, '_0') "
        f"LEFT ANTI JOIN {source.quarantine.quoted} AS q "
        f"ON q.`databricks_request_id` = p.databricks_request_id WHERE p.status_code = 200{days}",
        bound,
    ).scalar()
    return found if isinstance(found, datetime) else None


def quarantined(sql: SqlClient, quarantine: TableName, *, since: datetime) -> Quarantined:
    """Count payloads in quarantine; recent ones are those since `since`."""
    rows = sql.execute(
        "SELECT reason, count(*) AS n, count_if(request_time >= :since) AS recent "  # noqa: S608 - quoted
        f"FROM {quarantine.quoted} GROUP BY reason ORDER BY recent DESC, reason",
        {"since": since},
    )
    return Quarantined(
        total=sum(_whole(row["n"]) for row in rows),
        recent={str(row["reason"]): _whole(row["recent"]) for row in rows if _whole(row["recent"])},
    )


def uncastable_example(sql: SqlClient, quarantine: TableName) -> str | None:
    """Return the newest words about values that are not of their column's type."""
    found = sql.execute(
        f"SELECT detail FROM {quarantine.quoted} WHERE reason = '{UNCASTABLE}' "  # noqa: S608 - quoted
        "ORDER BY request_time DESC LIMIT 1"
    ).scalar()
    return str(found) if found is not None else None


def filled(
    sql: SqlClient, table: TableName, columns: Sequence[str], *, since: datetime | None = None
) -> tuple[int, dict[str, int]]:
    """Return how many rows a table has, and how many of each column have a value.

    Parameters
    ----------
    since : datetime, optional
        Only rows whose `timestamp` is this or later.
    """
    counts = "".join(f", count({quote(name)}) AS c{place}" for place, name in enumerate(columns))
    condition, bound = (" WHERE `timestamp` >= :since", {"since": since}) if since else ("", {})
    [row] = sql.execute(f"SELECT count(*) AS total{counts} FROM {table.quoted}{condition}", bound)  # noqa: S608
    return _whole(row["total"]), {name: _whole(row[f"c{place}"]) for place, name in enumerate(columns)}


def _time(columns: Sequence[str]) -> str:
    names = {column.lower() for column in columns}
    return "request_time" if "request_time" in names else "timestamp_millis(timestamp_ms)"


def _whole(value: object) -> int:
    return int(str(value))
