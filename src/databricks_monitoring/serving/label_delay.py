"""How long labels take to arrive, kept as a property of the monitored table."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from databricks_monitoring.errors import InvalidValueError

if TYPE_CHECKING:
    from databricks.sdk.service.catalog import TableInfo

    from databricks_monitoring.clients import SqlClient
    from databricks_monitoring.names import TableName

LABEL_DELAY_PROPERTY = "databricks_monitoring.label_delay"
"""Read by everything that judges quality, so that one place says it."""

_UNITS = {"minute": "minutes", "hour": "hours", "day": "days", "week": "weeks"}
_SPAN = re.compile(r"(\d{1,6}) (minute|hour|day|week)s?")


def parse_delay(text: str) -> timedelta:
    """Return a length of time such as `3 days`.

    Raises
    ------
    ValueError
        With what was expected, if it is none.

    Examples
    --------
    >>> parse_delay("3 days")
    datetime.timedelta(days=3)
    """
    found = _SPAN.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError("a number and minutes, hours, days or weeks, such as '3 days'")
    return timedelta(**{_UNITS[found.group(2)]: int(found.group(1))})


def delay_of(info: TableInfo) -> timedelta | None:
    """Return how long the labels of a table take, or None if nobody said.

    Raises
    ------
    InvalidValueError
        If the property that says so was changed to something else.
    """
    text = (info.properties or {}).get(LABEL_DELAY_PROPERTY)
    if not text:
        return None
    try:
        return parse_delay(text)
    except ValueError as error:
        raise InvalidValueError(
            f"property {LABEL_DELAY_PROPERTY} of {info.full_name}", text, str(error)
        ) from None


def keep_delay(sql: SqlClient, info: TableInfo, table: TableName, delay: str | None) -> None:
    """Make a table say how long its labels take; writes only what differs."""
    current = (info.properties or {}).get(LABEL_DELAY_PROPERTY)
    if (current or None) == delay:
        return
    # sqlglot takes a while to import, and the configuration needs the rest of this module only.
    from databricks_monitoring.serving.payload_values import literal  # noqa: PLC0415

    # An empty text instead of UNSET keeps this one statement.
    sql.execute(
        f"ALTER TABLE {table.quoted} SET TBLPROPERTIES "
        f"({literal(LABEL_DELAY_PROPERTY)} = {literal(delay or '')})"
    )
