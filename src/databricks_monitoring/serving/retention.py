"""Retention: payloads and rows that are older than some days are deleted, and their files with them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from databricks_monitoring.errors import InvalidValueError
from databricks_monitoring.names import RETAINED_SINCE_PROPERTY
from databricks_monitoring.serving import progress
from databricks_monitoring.serving.inference_table import (
    changed,
    ensure_companions,
    payload_of,
    quarantine_table,
    retained_since,
)
from databricks_monitoring.serving.payload_sql import day_column
from databricks_monitoring.serving.payload_values import literal
from databricks_monitoring.unity_catalog import column_names, find_table, require_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from databricks.sdk.service.catalog import TableInfo

    from databricks_monitoring.clients import SqlClient
    from databricks_monitoring.names import TableName

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Expired:
    """What one run of `delete_expired` did.

    Attributes
    ----------
    before
        Everything older was deleted; midnight UTC.
    payloads, rows, quarantined
        Deleted from the payload table, from the inference table, and from its quarantine.
    kept_payloads, kept_rows
        What the payload table and the inference table have now.
    held_back
        The first day that kept the run from deleting as much as it should, since it has payloads that are not
        unpacked; None if there was none.
    """

    before: datetime
    payloads: int
    rows: int
    quarantined: int
    kept_payloads: int
    kept_rows: int
    held_back: date | None = None

    def words(self) -> str:
        """Return the same as a sentence."""
        deleted = (
            f"{self.payloads} payloads, {self.rows} rows and {self.quarantined} quarantined payloads from "
            f"before {self.before:%Y-%m-%d} deleted; {self.kept_payloads} payloads and {self.kept_rows} rows "
            "kept"
        )
        if self.held_back is None:
            return deleted
        return (
            f"{deleted}. From {self.held_back:%Y-%m-%d} on everything is kept, since that day has payloads "
            "that are not unpacked; refresh_all_monitors unpacks them, and the run after it deletes them"
        )


def delete_expired(
    sql: SqlClient,
    table: TableName,
    retention_days: int,
    *,
    told: Callable[[str], None] = logger.info,
) -> Expired:
    """Delete what is older than whole days before today: payloads, rows, quarantined payloads; idempotent.

    No day is deleted that has payloads which are not unpacked, nor any day after it. If there are rows to
    delete, the table first gets the property `RETAINED_SINCE_PROPERTY`, so that metrics of windows that began
    earlier are kept and not recomputed from what is left. Refresh before, or these windows stay as they were
    at the latest refresh. The tables are vacuumed at the end: their files go from the disk after the time
    that Delta keeps them for (seven days unless a table says otherwise).

    Parameters
    ----------
    table : TableName
        An inference table made by `create_inference_table`.
    retention_days : int
        Days to keep before today, which begins at midnight UTC of the workspace's time.
    told : callable, optional
        Is told in words what is being done.

    Raises
    ------
    InvalidValueError
        If it is less than one day, or the property is not a time.
    TableNotFoundError
        If the inference table does not exist, naming what does.
    """
    if retention_days < 1:
        raise InvalidValueError("retention_days", retention_days, "at least 1")
    info = require_table(sql.client, table)
    ensure_companions(sql, table)
    wanted = sql.workspace_time().astimezone(UTC).date() - timedelta(days=retention_days)
    told(f"{table}: looking for payloads from before {wanted} that are not unpacked")
    source = _source(sql, info, table)
    held_back = _first_unread(sql, source, retained_since(info), wanted) if source else None
    last = held_back or wanted
    cut = datetime.combine(last, time(tzinfo=UTC))
    quarantine = quarantine_table(table)
    _remember_cut(sql, info, table, cut)
    payloads = 0
    if source is not None:
        day = day_column(source.payload, source.payload_columns)
        payloads = _delete(sql, source.payload, f"{day} < :cut", last, told)
    return Expired(
        before=cut,
        payloads=payloads,
        rows=_delete(sql, table, "`timestamp` < :cut", cut, told),
        quarantined=_delete(sql, quarantine, "`request_time` < :cut", cut, told),
        kept_payloads=_count(sql, source.payload) if source else 0,
        kept_rows=_count(sql, table),
        held_back=held_back,
    )


def _source(sql: SqlClient, info: TableInfo, table: TableName) -> progress.Source | None:
    """Return where the payloads are; None if their table is not there: not yet, or no more."""
    payload = payload_of(info)
    found = find_table(sql.client, payload)
    if found is None:
        return None
    return progress.Source(table, payload, tuple(column_names(found)), quarantine_table(table))


def _first_unread(
    sql: SqlClient, source: progress.Source, retained: datetime | None, before: date
) -> date | None:
    unread = progress.unread_days(sql, source, since=None, retained=retained)
    return min((day for day in unread if day < before), default=None)


def _remember_cut(sql: SqlClient, info: TableInfo, table: TableName, cut: datetime) -> None:
    oldest = sql.execute(f"SELECT min(`timestamp`) FROM {table.quoted}").scalar()  # noqa: S608 - quoted
    if not isinstance(oldest, datetime) or oldest >= cut:
        return
    known = retained_since(info)
    if known is None or known < cut:
        sql.execute(
            f"ALTER TABLE {table.quoted} SET TBLPROPERTIES "
            f"({literal(RETAINED_SINCE_PROPERTY)} = {literal(cut.isoformat())})"
        )


def _delete(
    sql: SqlClient, table: TableName, condition: str, cut: date | datetime, told: Callable[[str], None]
) -> int:
    told(f"{table}: deleting what is from before {cut:%Y-%m-%d}")
    rows = changed(
        sql.execute(f"DELETE FROM {table.quoted} WHERE {condition}", {"cut": cut}),  # noqa: S608 - quoted
        "num_affected_rows",
    )
    told(f"{table}: {rows} rows deleted; removing files that nothing needs")
    if rows:
        # Where DELETE only marks rows, the files still hold them until they are rewritten.
        sql.execute(f"REORG TABLE {table.quoted} APPLY (PURGE)")
    sql.execute(f"VACUUM {table.quoted}")
    return rows


def _count(sql: SqlClient, table: TableName) -> int:
    return int(str(sql.execute(f"SELECT count(*) FROM {table.quoted}").scalar()))  # noqa: S608 - quoted
