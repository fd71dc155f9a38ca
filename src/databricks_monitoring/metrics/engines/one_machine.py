"""The engine of one machine: DuckDB reads Delta tables in folders, delta-rs writes them."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from databricks_monitoring.metrics.drift.profiles import START
from databricks_monitoring.metrics.drift.rows import DriftRows, columns_read
from databricks_monitoring.metrics.engines import delta_scan
from databricks_monitoring.metrics.engines.delta_metric_table import DeltaMetricTable
from databricks_monitoring.metrics.engines.delta_snapshot import DeltaSnapshot
from databricks_monitoring.metrics.engines.drift_ahead import DriftAhead
from databricks_monitoring.metrics.engines.duckdb import connect
from databricks_monitoring.metrics.engines.made_ahead import made_ahead
from databricks_monitoring.metrics.engines.protocol import Written
from databricks_monitoring.metrics.profile.reading import Asked
from databricks_monitoring.metrics.profile.rows import ProfileRows
from databricks_monitoring.metrics.windows import Calendar, moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import duckdb

    from databricks_monitoring.metrics.engines.protocol import Drifting, Profiling
    from databricks_monitoring.metrics.metric_table import State
    from databricks_monitoring.metrics.refresh import TableLocations
    from databricks_monitoring.metrics.rows_to_replace import RowsToReplace

_ROWS_AT_ONCE = 10_000
"""Profile rows held in memory at once (8 kB each, their quantiles), unless one window has more."""

_BATCHES_AHEAD = 4
"""Batches of profile rows that wait to be written: of one column each, so small."""

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
        self._ahead: DriftAhead | None = None
        self._drift_schema = pa.schema([])

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
        table = DeltaMetricTable(self._locations.drift, schema, core)
        self._drift_schema = table.schema
        return table

    def write_profile(
        self,
        table: DeltaMetricTable,
        wanted: Sequence[Profiling[DeltaSnapshot]],
        replaced: RowsToReplace | None,
        state: State,
        ahead: Drifting | None = None,
    ) -> Written:
        """Put profile rows in the place of others, in one commit, and make drift rows meanwhile."""
        makers = [(each, _profile_rows(each, table.schema)) for each in wanted]
        if ahead is not None:
            self._ahead = DriftAhead(ahead, self._drift_schema)
            if all(each.log_type != "BASELINE" for each in wanted):
                self._ahead.of_baseline([], table.schema)
        made = chain.from_iterable(_made(each, rows, self._ahead) for each, rows in makers)
        written = table.replace(made_ahead(made, _BATCHES_AHEAD), replaced, state)
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
        kept: Iterator[pa.RecordBatch] = iter(())
        if self._ahead is not None:
            kept, remaining = self._ahead.taken(wanted.windows, wanted.before)
            wanted = replace(wanted, windows=remaining)
        return table.replace(chain(kept, _drift_rows(profile, wanted, table.schema)), replaced, state)

    def close(self) -> None:
        """Release the connections, and what was kept."""
        for opened in self._opened:
            opened.close()
        if self._ahead is not None:
            self._ahead.close()


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


def _made(
    wanted: Profiling[DeltaSnapshot], rows: ProfileRows, ahead: DriftAhead | None
) -> Iterator[pa.RecordBatch]:
    """Return the profile rows of a table, which are shown to what makes drift rows of them."""
    for start in wanted.windows.get(None, ()):
        then = None if start is None else moment(start)
        made = list(rows.of_table(None if then is None else {"start": then, "end": then}))
        if ahead is not None and start is None:
            ahead.of_baseline(made, rows.metric_schema)
        yield from made
    asked = []
    for granularity, starts in wanted.windows.items():
        timed = [start for start in starts if start is not None]
        if granularity is not None and timed:
            calendar = Calendar(granularity, wanted.definition.week_anchor)
            counts = wanted.source.window_counts(calendar, calendar.span(timed))
            asked.append(Asked(calendar, timed, counts))
    for calendar, (some, made) in rows.of_windows(asked) if asked else ():
        if ahead is not None:
            ahead.of_windows(calendar.granularity, some, made)
        yield from made


def _drift_rows(profile: DeltaMetricTable, wanted: Drifting, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Return the drift rows of windows, read from the profile table, those of a few windows at a time."""
    if not any(wanted.windows.values()):
        return
    with connect() as connection, ThreadPoolExecutor(max_workers=os.cpu_count()) as threads:
        connection.execute(f"CREATE TEMP VIEW profile AS {delta_scan.scan(profile.delta, exact=False)}")
        baseline = _read(connection, wanted, "log_type = 'BASELINE'")
        rows = DriftRows(wanted.definition, wanted.custom, schema, baseline)
        counts = profile.window_counts()
        for granularity, starts in wanted.windows.items():
            before = wanted.before.get(granularity, {})
            there = counts.get(granularity, {})
            held: dict[int, pa.Table] = {}
            for chunk in _chunks(there, starts):
                needed = {*chunk, *(before[start] for start in chunk if before.get(start) in there)}
                # Of the windows before, most were read for themselves.
                held = {start: table for start, table in held.items() if start in needed}
                held |= _windows(connection, wanted, granularity, sorted(needed - held.keys()))
                windows = {start: before.get(start) for start in chunk}
                yield rows.of_windows(granularity, windows, pa.concat_tables(held.values()), threads)


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


def _windows(
    connection: duckdb.DuckDBPyConnection, wanted: Drifting, granularity: str | None, starts: Sequence[int]
) -> dict[int, pa.Table]:
    """Return the profile rows of some windows."""
    if not starts:
        return {}
    size = "IS NULL" if granularity is None else f"= '{granularity}'"
    # Of the column itself DuckDB asks the files' statistics, and reads no value of rows outside.
    between = f"BETWEEN make_timestamptz({starts[0]}) AND make_timestamptz({starts[-1]})"
    table = _read(
        connection,
        wanted,
        f'log_type = \'INPUT\' AND granularity {size} AND "window"."start" {between} '
        f"AND {_START} IN ({', '.join(map(str, starts))})",
    )
    found = table.column(START).to_numpy()
    firsts = [0, *(np.flatnonzero(np.diff(found)) + 1).tolist()]
    pieces: dict[int, list[pa.Table]] = {}
    for first, after in zip(firsts, [*firsts[1:], len(found)], strict=True):
        pieces.setdefault(int(found[first]), []).append(table.slice(first, after - first))
    return {start: pa.concat_tables(some) for start, some in pieces.items()}


def _read(connection: duckdb.DuckDBPyConnection, wanted: Drifting, where: str) -> pa.Table:
    besides = sorted(wanted.custom.used)
    columns = ", ".join(delta_scan.quoted(name) for name in columns_read(wanted.definition, besides))
    return connection.sql(
        f'SELECT {_START} AS "{START}", {columns} FROM profile WHERE {where}'  # noqa: S608 - our own names
    ).to_arrow_table()
