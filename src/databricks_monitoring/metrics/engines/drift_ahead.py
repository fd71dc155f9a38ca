"""Drift rows that are made of profile rows while these are written, so that nothing is read for them."""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from databricks_monitoring.metrics.drift.profiles import START
from databricks_monitoring.metrics.drift.rows import DriftRows, columns_read

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from databricks_monitoring.metrics.engines.protocol import Drifting

Windows = dict[int, int | None]
"""Starts of windows, and of those that they are compared with."""


class DriftAhead:
    """Drift rows of windows that are being profiled, kept in a file without a name until they are wanted.

    A window that is compared with another waits for it only if both come one after the other, as they do.

    Parameters
    ----------
    wanted
        Windows whose drift will be wanted, and what each is compared with.
    schema
        Columns of the drift table.
    """

    def __init__(self, wanted: Drifting, schema: pa.Schema) -> None:
        self._wanted = wanted
        self._schema = schema
        self._columns = columns_read(wanted.definition, sorted(wanted.custom.used))
        self._rows: DriftRows | None = None
        self._latest: dict[str | None, pa.Table] = {}
        self._threads = ThreadPoolExecutor(max_workers=os.cpu_count())
        self._worker = ThreadPoolExecutor(max_workers=1)
        self._pending: Future[None] | None = None
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._stream = pa.ipc.new_stream(self._file, schema)
        self._made: list[tuple[str | None, Windows]] = []

    def of_baseline(self, batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> None:
        """Take the profile rows of the baseline, which come before all windows; none without a baseline."""
        table = self._read(pa.Table.from_batches(batches, schema=schema))
        self._rows = DriftRows(self._wanted.definition, self._wanted.custom, self._schema, table)

    def of_windows(
        self, granularity: str | None, starts: Sequence[int], batches: Sequence[pa.RecordBatch]
    ) -> None:
        """Take the profile rows of some windows, in the order of time, and have their drift rows made.

        They are made in a thread of their own, those of one call at a time.
        """
        self._wait()
        self._pending = self._worker.submit(self._make, granularity, starts, batches)

    def _wait(self) -> None:
        if self._pending is not None:
            self._pending.result()
            self._pending = None

    def _make(
        self, granularity: str | None, starts: Sequence[int], batches: Sequence[pa.RecordBatch]
    ) -> None:
        if self._rows is None:
            return
        profiles = self._read(pa.Table.from_batches(batches))
        there = set(starts)
        before = self._latest.get(granularity)
        if before is not None:
            there |= set(before.column(START).unique().to_pylist())
            both = pa.concat_tables([before, profiles])
        else:
            both = profiles
        compared = self._wanted.before.get(granularity, {})
        asked = set(self._wanted.windows.get(granularity, ()))
        windows: Windows = {
            start: compared.get(start)
            for start in starts
            if start in asked and compared.get(start) in (None, *there)
        }
        if windows:
            self._stream.write_batch(self._rows.of_windows(granularity, windows, both, self._threads))
            self._made.append((granularity, windows))
        last = pc.equal(profiles.column(START), pa.scalar(max(starts), pa.int64()))
        self._latest[granularity] = profiles.filter(last)

    def _read(self, profiles: pa.Table) -> pa.Table:
        times = pc.struct_field(profiles.column("window"), "start").cast(pa.int64())
        return profiles.select(self._columns).append_column(START, times)

    def taken(
        self, windows: Mapping[str | None, Sequence[int]], before: Mapping[str | None, Mapping[int, int]]
    ) -> tuple[Iterator[pa.RecordBatch], dict[str | None, list[int]]]:
        """Return the rows of windows that were made as they are wanted now, and the windows that remain."""
        self._wait()
        self._stream.close()
        self._file.seek(0)
        remaining = {granularity: list(starts) for granularity, starts in windows.items()}
        fit = []
        for granularity, made in self._made:
            asked = remaining.get(granularity, [])
            compared = before.get(granularity, {})
            fits = all(start in asked and compared.get(start) == made[start] for start in made)
            fit.append(fits)
            if fits:
                remaining[granularity] = [start for start in asked if start not in made]
        return self._kept(fit), remaining

    def _kept(self, fit: Sequence[bool]) -> Iterator[pa.RecordBatch]:
        if any(fit):
            for batch, fits in zip(pa.ipc.open_stream(self._file), fit, strict=True):
                if fits:
                    yield batch

    def close(self) -> None:
        """Give the file and the threads back."""
        self._worker.shutdown()
        self._threads.shutdown()
        self._file.close()
