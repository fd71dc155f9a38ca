"""The metric tables of a monitor as rows, filtered in the warehouse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from databricks_monitoring.names import quote
from databricks_monitoring.unity_catalog import column_names, require_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import pandas as pd

    from databricks_monitoring.clients import Parameter, Rows, SqlClient
    from databricks_monitoring.names import TableName

_LONG = "quantiles"


@dataclass(frozen=True)
class MonitorMetrics:
    """Rows of the two metric tables, each a dict by column; nested values as JSON has them."""

    profile: Rows
    drift: Rows

    def to_pandas(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return profile and drift as data frames; needs pandas."""
        import pandas as pd  # noqa: PLC0415 - not needed by the plain install

        profile, drift = (
            pd.DataFrame(list(rows), columns=list(rows.columns)) for rows in (self.profile, self.drift)
        )
        return profile, drift


def read_metrics(
    sql: SqlClient,
    profile: TableName,
    drift: TableName,
    *,
    columns: Sequence[str] | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    slice_key: str | None = None,
    slice_value: str | None = None,
    quantiles: bool = False,
) -> MonitorMetrics:
    """Return rows of the metric tables; see `LakehouseMonitor.get_monitor_metrics`."""
    conditions: list[str] = []
    parameters: dict[str, Parameter] = {}
    for name, value, condition in (
        ("start", start, "`window`.`start` >= :start"),
        ("end", end, "`window`.`end` <= :end"),
        ("slice_key", slice_key, "`slice_key` = :slice_key"),
        ("slice_value", slice_value, "`slice_value` = :slice_value"),
    ):
        if value is not None:
            conditions.append(condition)
            parameters[name] = value
    if columns is not None:
        numbered = {f"column_{number}": column for number, column in enumerate(columns)}
        conditions.append("`column_name` IN (" + (", ".join(f":{name}" for name in numbered) or "NULL") + ")")
        parameters |= numbered
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""

    def read(table: TableName) -> Rows:
        names = column_names(require_table(sql.client, table))
        selected = ", ".join(quote(name) for name in names if quantiles or name != _LONG)
        return sql.execute(
            f"SELECT {selected} FROM {table.quoted}{where} "  # noqa: S608 - names quoted, values bound
            "ORDER BY `window`, `column_name`, `slice_key`, `slice_value`",
            parameters,
        )

    return MonitorMetrics(read(profile), read(drift))
