"""The engine of one machine: DuckDB reads Delta tables in folders, delta-rs writes them."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import TYPE_CHECKING

import pyarrow as pa

from databricks_monitoring.metrics.drift.rows import START, DriftRows, columns_read, profiles_of
from databricks_monitoring.metrics.engines import delta_scan
from databricks_monitoring.metrics.engines.delta_metric_table import DeltaMetricTable
from databricks_monitoring.metrics.engines.delta_snapshot import DeltaSnapshot
from databricks_monitoring.metrics.engines.duckdb import connect
from databricks_monitoring.metrics.engines.protocol import Written
from databricks_monitoring.metrics.profile.rows import ProfileRows
from databricks_monitoring.metrics.windows import Calendar, moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import duckdb

    from databricks_monitoring.metrics.drift.rows import Compared, Profile
    from databricks_monitoring.metrics.engines.protocol import Drifting, Profiling
    from databricks_monitoring.metrics.metric_table import State
    from databricks_monitoring.metrics.profile.cells import Cells
    from databricks_monitoring.metrics.refresh import TableLocations
    from databricks_monitoring.metrics.rows_to_replace import RowsToReplace

_ROWS_AT_ONCE = 10_000
"""Profile rows held in memory at once (8 kB each, their quantiles), unless one window has more."""

_PARTS_A_THREAD = 4
"""How often a thread takes windows to compare: many windows at once take less time than one by one."""

_START = 'epoch_us("window"."start")'


class OneMachine:
    """Computes in this process over tables on this machine's disk.

    Parameters
    ----------
    locations
        Where the tables are.
    """

    def __init__(self, locations: TableLocations) -> None:
        self._locations = locations
        self._opened: list[DeltaSnapshot] = []

    def primary(self, timestamp_column: str | None, since: int | None) -> DeltaSnapshot:
        """Return the monitored table as it is now, without rows before `since` (microseconds)."""
        return self._open(self._locations.primary, timestamp_column, since)

    def baseline(self) -> DeltaSnapshot | None:
        """Return the baseline as it is now, if the monitor has one."""
        return self._open(self._locations.baseline, None, None) if self._locations.baseline else None

    def _open(self, path: Path, timestamp_column: str | None, since: int | None) -> DeltaSnapshot:
        opened = DeltaSnapshot(path, timestamp_column=timestamp_column, since=since)
        self._opened.append(opened)
        return opened

    def profile_table(self, schema: pa.Schema, core: set[str]) -> DeltaMetricTable:
        """Return the profile table."""
        return DeltaMetricTable(self._locations.profile, schema, core)

    def drift_table(self, schema: pa.Schema, core: set[str]) -> DeltaMetricTable:
        """Return the drift table."""
        return DeltaMetricTable(self._locations.drift, schema, core)

    def write_profile(
        self,
        table: DeltaMetricTable,
        wanted: Sequence[Profiling[DeltaSnapshot]],
        replaced: RowsToReplace | None,
        state: State,
    ) -> Written:
        """Put profile rows in the place of others, in one commit."""
        makers = [(each, _profile_rows(each, table.schema)) for each in wanted]
        made = chain.from_iterable(_made(each, rows) for each, rows in makers)
        written = table.replace(made, replaced, state)
        unprofiled = {
            f"baseline.{name}" if each.log_type == "BASELINE" else name: why
            for each, rows in makers
            for name, why in rows.unprofiled.items()
        }
        return Written(written, sum(rows.rows_read for _, rows in makers), unprofiled)

    def write_drift(
        self,
        table: DeltaMetricTable,
        profile: DeltaMetricTable,
        wanted: Drifting,
        replaced: RowsToReplace | None,
        state: State,
    ) -> int:
        """Put drift rows in the place of others, in one commit, and return how many."""
        with connect() as connection:
            connection.execute(f"CREATE VIEW profile AS {delta_scan.scan(profile.delta)}")
            made = _drift_rows(connection, profile, wanted)
            return table.replace(_batches(made, table.schema), replaced, state)

    def close(self) -> None:
        """Release the connections."""
        for opened in self._opened:
            opened.close()


def _batches(rows: Iterable[list[Cells]], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    return (pa.RecordBatch.from_pylist(some, schema=schema) for some in rows)


def _profile_rows(wanted: Profiling[DeltaSnapshot], schema: pa.Schema) -> ProfileRows:
    return ProfileRows(
        wanted.source,
        wanted.definition,
        wanted.columns,
        wanted.slicings,
        wanted.log_type,
        wanted.derived,
        schema,
        wanted.aggregates,
        wanted.schema,
    )


def _made(wanted: Profiling[DeltaSnapshot], rows: ProfileRows) -> Iterator[pa.RecordBatch]:
    for granularity, starts in wanted.windows.items():
        if granularity is None:
            for start in starts:
                then = None if start is None else moment(start)
                yield from rows.of_table(None if then is None else {"start": then, "end": then})
            continue
        calendar = Calendar(granularity, wanted.definition.week_anchor)
        timed = [start for start in starts if start is not None]
        if timed:
            yield from rows.of_windows(calendar, timed, wanted.source.window_counts(calendar))


def _drift_rows(
    connection: duckdb.DuckDBPyConnection, profile: DeltaMetricTable, wanted: Drifting
) -> Iterator[list[Cells]]:
    """Return the drift rows of windows, those of a few windows at a time."""
    besides = sorted(wanted.custom.used)
    baseline = _read(connection, wanted, besides, "log_type = 'BASELINE'").get(None, {})
    rows = DriftRows(wanted.definition, baseline)
    counts = profile.window_counts()
    for granularity, starts in wanted.windows.items():
        before = wanted.before.get(granularity, {})
        size = "IS NULL" if granularity is None else f"= '{granularity}'"
        for chunk in _chunks(counts.get(granularity, {}), starts):
            both = sorted({*chunk, *(before[start] for start in chunk if start in before)})
            where = f"log_type = 'INPUT' AND granularity {size} AND {_START} IN ({', '.join(map(str, both))})"
            profiles = _read(connection, wanted, besides, where)

            def of_some(
                starts: list[int],
                granularity: str | None = granularity,
                profiles: dict[int | None, Profile] = profiles,
            ) -> list[Compared]:
                earlier = wanted.before.get(granularity, {})
                windows = {start: earlier.get(start) for start in starts}
                return list(rows.of_windows(granularity, windows, profiles))

            length = max(1, len(chunk) // (_PARTS_A_THREAD * (os.cpu_count() or 1)))
            some = [chunk[at : at + length] for at in range(0, len(chunk), length)]
            with ThreadPoolExecutor(max_workers=os.cpu_count()) as threads:
                yield from map(wanted.custom.added, threads.map(of_some, some))


def _chunks(counts: dict[int, int], starts: Sequence[int]) -> Iterator[list[int]]:
    chunk: list[int] = []
    rows = 0
    for start in sorted(start for start in starts if start in counts):
        if chunk and rows + counts[start] > _ROWS_AT_ONCE:
            yield chunk
            chunk, rows = [], 0
        chunk.append(start)
        rows += counts[start]
    if chunk:
        yield chunk


def _read(
    connection: duckdb.DuckDBPyConnection, wanted: Drifting, besides: Sequence[str], where: str
) -> dict[int | None, Profile]:
    columns = ", ".join(delta_scan.quoted(name) for name in columns_read(wanted.definition, besides))
    table = connection.sql(
        f'SELECT {_START} AS "{START}", {columns} FROM profile WHERE {where}'  # noqa: S608 - our own names
    ).to_arrow_table()
    return profiles_of(table, wanted.definition, besides)
