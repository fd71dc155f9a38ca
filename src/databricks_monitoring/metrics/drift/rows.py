"""Drift rows, from the profile table alone."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from databricks_monitoring.metrics.drift.cells import ProfileRow, drift_cells
from databricks_monitoring.metrics.engines import delta_scan
from databricks_monitoring.metrics.engines.duckdb import connect
from databricks_monitoring.metrics.windows import Calendar, Window, moment
from databricks_monitoring.names import ALL_MODELS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa
    from deltalake import DeltaTable

    from databricks_monitoring.metrics.arrays import Floats
    from databricks_monitoring.metrics.custom import DriftMetrics
    from databricks_monitoring.metrics.definition import MonitorDefinition
    from databricks_monitoring.metrics.profile.cells import Cells

_ROWS_AT_ONCE = 10_000
"""Profile rows held in memory at once (8 kB each, their quantiles), unless one window has more."""

_READ = (
    "count",
    "data_type",
    "avg",
    "num_nan",
    "percent_null",
    "percent_zeros",
    "percent_distinct",
    "non_null_columns",
    "frequent_items",
)
_START = 'epoch_us("window"."start")'


@dataclass(frozen=True)
class Key:
    """What two compared rows have in common."""

    slice_key: str | None
    slice_value: str | None
    model_id: str | None
    column_name: str


Profile = dict[Key, ProfileRow]
"""The profile rows of one window, or of the baseline."""


class DriftRows:
    """Computes drift rows.

    Parameters
    ----------
    profile
        The profile table, as committed.
    definition
        The monitor's.
    custom
        Adds the custom drift metrics to finished rows.
    """

    def __init__(self, profile: DeltaTable, definition: MonitorDefinition, custom: DriftMetrics) -> None:
        self._definition = definition
        self._custom = custom
        self._read_besides = sorted(custom.used)
        self._connection = connect()
        self._connection.execute(f"CREATE VIEW profile AS {delta_scan.scan(profile)}")
        model = definition.model_id_column
        self._model = delta_scan.quoted(model) if model else "NULL"
        self._counts = self._count_windows()
        self._baseline = self._read("log_type = 'BASELINE'").get(None, {})
        self._baseline_models = {key.model_id for key in self._baseline}
        self._baseline_columns = {key.column_name for key in self._baseline}

    def close(self) -> None:
        """Release the connection."""
        self._connection.close()

    def _count_windows(self) -> dict[str | None, dict[int, int]]:
        rows = self._connection.sql(
            f"SELECT granularity, {_START} AS s, count(*) FROM profile WHERE log_type = 'INPUT' "  # noqa: S608
            "GROUP BY ALL ORDER BY s"
        ).fetchall()
        counts: dict[str | None, dict[int, int]] = {}
        for granularity, start, count in rows:
            counts.setdefault(granularity, {})[int(start)] = int(count)
        return counts

    def windows(self) -> dict[str | None, list[int]]:
        """Return the starts of all profiled windows, ascending, by granularity."""
        return {granularity: list(counts) for granularity, counts in self._counts.items()}

    def before(self, granularity: str | None, start: int) -> int | None:
        """Return the start of the window that a window is compared with, None if there is none."""
        return self._before(granularity).get(start)

    def _before(self, granularity: str | None) -> dict[int, int]:
        starts = list(self._counts.get(granularity, {}))
        if granularity is None:
            return {after: before for before, after in pairwise(starts)}
        calendar = Calendar(granularity, self._definition.week_anchor)
        present = set(starts)
        earlier = {start: calendar.before(start) for start in starts}
        return {start: before for start, before in earlier.items() if before in present}

    def of_windows(self, granularity: str | None, starts: Sequence[int]) -> Iterator[list[Cells]]:
        """Return the drift rows of windows, those of a few windows at a time."""
        before = self._before(granularity)
        for chunk in self._chunks(granularity, starts):
            wanted = sorted({*chunk, *(before[start] for start in chunk if start in before)})
            listed = ", ".join(map(str, wanted))
            size = "IS NULL" if granularity is None else f"= '{granularity}'"
            profiles = self._read(f"log_type = 'INPUT' AND granularity {size} AND {_START} IN ({listed})")
            with ThreadPoolExecutor(max_workers=os.cpu_count()) as threads:
                made = threads.map(
                    lambda start, read=profiles: list(
                        self._of_window(granularity, start, before.get(start), read)
                    ),
                    chunk,
                )
                yield from map(self._custom.added, made)

    def _chunks(self, granularity: str | None, starts: Sequence[int]) -> Iterator[list[int]]:
        counts = self._counts.get(granularity, {})
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

    def _of_window(
        self,
        granularity: str | None,
        start: int,
        before: int | None,
        profiles: Mapping[int | None, Profile],
    ) -> Iterator[tuple[Cells, Mapping[str, object], Mapping[str, object]]]:
        current = profiles[start]
        earlier = profiles.get(before, {}) if before is not None else {}
        for key, row in current.items():
            base: Cells = {
                "window": self._window(granularity, start),
                "granularity": granularity,
                "monitor_version": self._definition.monitor_version,
                "slice_key": key.slice_key,
                "slice_value": key.slice_value,
                "column_name": key.column_name,
            }
            if self._definition.model_id_column:
                base[self._definition.model_id_column] = key.model_id
            if before is not None and key in earlier:
                consecutive: Cells = {
                    "drift_type": "CONSECUTIVE",
                    "window_cmp": self._window(granularity, before),
                }
                cells = base | consecutive | drift_cells(row, earlier[key])
                yield cells, row.besides, earlier[key].besides
            compared = self._baseline_row(key)
            if compared is not None:
                cells = base | {"drift_type": "BASELINE"} | drift_cells(self._as_in_baseline(row), compared)
                yield cells, row.besides, compared.besides

    def _baseline_row(self, key: Key) -> ProfileRow | None:
        model = key.model_id if key.model_id in self._baseline_models else ALL_MODELS
        if self._definition.model_id_column is None:
            model = None
        return self._baseline.get(Key(key.slice_key, key.slice_value, model, key.column_name))

    def _as_in_baseline(self, row: ProfileRow) -> ProfileRow:
        """Return a row without mention of columns that the baseline never has, such as the timestamp."""
        if row.non_null_columns is None:
            return row
        kept = [name for name in row.non_null_columns if name in self._baseline_columns]
        return replace(row, non_null_columns=kept)

    def _window(self, granularity: str | None, start: int) -> dict[str, object]:
        if granularity is None:
            window = Window(moment(start), moment(start))
        else:
            window = Calendar(granularity, self._definition.week_anchor).window(start)
        return {"start": window.start, "end": window.end}

    def _read(self, where: str) -> dict[int | None, Profile]:
        """Return profile rows by their window's start, None for the baseline's."""
        columns = ", ".join(delta_scan.quoted(name) for name in (*_READ, *self._read_besides))
        table = self._connection.sql(
            f"SELECT {_START}, slice_key, slice_value, {self._model}, column_name, quantiles, {columns} "  # noqa: S608
            f"FROM profile WHERE {where}"
        ).to_arrow_table()
        starts, *keys = (table.column(at).to_pylist() for at in range(5))
        quantiles = _quantiles(table.column(5))
        read = dict(zip(_READ, (table.column(at + 6).to_pylist() for at in range(len(_READ))), strict=True))
        besides = {
            name: table.column(at + 6 + len(_READ)).to_pylist() for at, name in enumerate(self._read_besides)
        }
        profiles: dict[int | None, Profile] = {}
        for at, start in enumerate(starts):
            cells = {name: values[at] for name, values in read.items()}
            items = cells.pop("frequent_items")
            pairs = None if items is None else [(item["item"], item["count"]) for item in items]
            more = {name: values[at] for name, values in besides.items()}
            row = ProfileRow(**cells, frequent_items=pairs, quantiles=quantiles[at], besides=more)
            profiles.setdefault(start, {})[Key(*(key[at] for key in keys))] = row
        return profiles


def _quantiles(column: pa.ChunkedArray) -> list[Floats | None]:
    """Return the arrays of a list column, without turning their numbers into Python's."""
    found: list[Floats | None] = []
    for chunk in column.chunks:
        values = chunk.values.to_numpy(zero_copy_only=False)
        offsets = chunk.offsets.to_numpy()
        present = chunk.is_valid().to_pylist()
        found += [
            values[offsets[at] : offsets[at + 1]] if there and offsets[at] < offsets[at + 1] else None
            for at, there in enumerate(present)
        ]
    return found
