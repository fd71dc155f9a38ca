"""Delta tables of a small monitor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from databricks_monitoring.metrics.definition import MonitorDefinition
from databricks_monitoring.metrics.engines import delta_scan
from databricks_monitoring.metrics.engines.duckdb import connect
from databricks_monitoring.metrics.refresh import RefreshReport, TableLocations, refresh

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

NOW = datetime(2026, 11, 20, tzinfo=UTC)
TIMESTAMP = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [
        ("row_id", pa.string()),
        ("timestamp", TIMESTAMP),
        ("model_id", pa.string()),
        ("age", pa.int32()),
        ("income", pa.float64()),
        ("city", pa.string()),
        ("prediction", pa.string()),
        ("label", pa.string()),
    ]
)
LOG = MonitorDefinition(
    kind="inference_log",
    timestamp_column="timestamp",
    granularities=("1 day",),
    problem_type="classification",
    prediction_column="prediction",
    label_column="label",
    model_id_column="model_id",
)


def at(day: int, hour: int = 12) -> datetime:
    return datetime(2026, 11, day, hour, tzinfo=UTC)


def row(number: int, day: int | None, **cells: Any) -> dict[str, Any]:  # noqa: ANN401 - any cell
    return {
        "row_id": f"r{number}",
        "timestamp": None if day is None else at(day, number % 24),
        "model_id": "churn_1",
        "age": 20 + number % 30,
        "income": 1000.0 + number,
        "city": ["Bern", "Genf", "Zürich"][number % 3],
        "prediction": "yes" if number % 2 else "no",
        "label": None,
    } | cells


def rows(count: int, day: int, *, first: int = 0, **cells: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    return [row(first + number, day, **cells) for number in range(count)]


@dataclass(frozen=True)
class Monitored:
    """A monitored table, perhaps a baseline, and the metric tables beside them."""

    root: Path
    has_baseline: bool = False

    @property
    def locations(self) -> TableLocations:
        baseline = self.root / "baseline" if self.has_baseline else None
        return TableLocations(self.root / "primary", baseline, self.root / "profile", self.root / "drift")

    def append(self, some: list[dict[str, Any]], *, to: str = "primary", schema: pa.Schema = SCHEMA) -> None:
        made = pa.Table.from_pylist(some, schema=schema)
        # A table may have been given columns that these rows lack.
        write_deltalake(str(self.root / to), made, mode="append", schema_mode="merge")

    def delta(self, name: str = "primary") -> DeltaTable:
        return DeltaTable(str(self.root / name))

    def refresh(
        self, definition: MonitorDefinition = LOG, *, now: datetime = NOW, created_at: datetime = NOW
    ) -> RefreshReport:
        return refresh(definition, self.locations, now=now, created_at=created_at)

    def versions(self) -> tuple[int, int]:
        return self.delta("profile").version(), self.delta("drift").version()

    def query(self, sql: str) -> list[dict[str, Any]]:
        connection: duckdb.DuckDBPyConnection = connect()
        for name in ("profile", "drift"):
            connection.execute(f"CREATE TEMP VIEW {name} AS {delta_scan.scan(self.delta(name))}")
        found: list[dict[str, Any]] = connection.sql(sql).to_arrow_table().to_pylist()
        return found

    def everything(self, name: str, *, without: tuple[str, ...] = ()) -> list[str]:
        """Return all rows of a metric table as texts, in an order of their own."""
        table = self.delta(name).to_pyarrow_table().drop(list(without))
        return sorted(map(repr, table.to_pylist()))

    def digest(self, name: str) -> tuple[int, int]:
        """Return the number of rows of a metric table and a sum over their contents, whatever their order."""
        rows = delta_scan.scan(self.delta(name))
        with connect() as connection:
            found = connection.sql(
                f"SELECT count(*), sum(CAST(hash(t) AS HUGEINT)) FROM ({rows}) AS t"  # noqa: S608 - our own query
            ).fetchall()
        return int(found[0][0]), int(found[0][1] or 0)
