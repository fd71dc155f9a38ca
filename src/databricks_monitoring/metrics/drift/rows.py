"""Drift rows, from profile rows alone."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from databricks_monitoring.metrics.drift.cells import Pairs, drift_cells
from databricks_monitoring.metrics.drift.profiles import NOWHERE, Profiles
from databricks_monitoring.metrics.tables import TIMESTAMP, WINDOW
from databricks_monitoring.metrics.windows import Calendar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from concurrent.futures import Executor

    from databricks_monitoring.metrics.arrays import Integers
    from databricks_monitoring.metrics.custom import DriftMetrics
    from databricks_monitoring.metrics.definition import MonitorDefinition

_NOT_WANTED = -2
"""Stands for the comparison of a window that no drift rows are made of."""

_READ = (
    "count",
    "data_type",
    "avg",
    "num_nulls",
    "num_nan",
    "percent_null",
    "percent_zeros",
    "percent_distinct",
    "non_null_columns",
    "frequent_items",
)


def columns_read(definition: MonitorDefinition, besides: Sequence[str]) -> list[str]:
    """Return the columns of the profile table that drift is computed from, `window` aside."""
    model = [definition.model_id_column] if definition.model_id_column else []
    keys = ["slice_key", "slice_value", *model, "column_name"]
    return list(dict.fromkeys([*keys, "quantiles", *_READ, *besides]))


def compared_with(
    definition: MonitorDefinition, granularity: str | None, starts: Sequence[int]
) -> dict[int, int]:
    """Return the window that each is compared with, where there is one.

    Parameters
    ----------
    starts
        All profiled windows of the granularity, ascending.
    """
    if granularity is None:
        return {after: before for before, after in pairwise(starts)}
    calendar = Calendar(granularity, definition.week_anchor)
    present = set(starts)
    earlier = {start: calendar.before(start) for start in starts}
    return {start: before for start, before in earlier.items() if before in present}


class DriftRows:
    """Makes drift rows.

    Parameters
    ----------
    definition
        The monitor's.
    custom
        Computes the custom drift metrics.
    schema
        Columns of the drift table.
    baseline
        The baseline's profile rows, `START` and the `columns_read`; no rows if there are none.
    """

    def __init__(
        self, definition: MonitorDefinition, custom: DriftMetrics, schema: pa.Schema, baseline: pa.Table
    ) -> None:
        self._definition = definition
        self._custom = custom
        self._schema = schema
        self._baseline = baseline

    def of_windows(
        self,
        granularity: str | None,
        windows: Mapping[int, int | None],
        profiles: pa.Table,
        threads: Executor | None = None,
    ) -> pa.RecordBatch:
        """Return the drift rows of some windows.

        Parameters
        ----------
        windows
            The starts of the windows, and of those that they are compared with.
        profiles
            The profile rows of all of them, with the same columns as the baseline's.
        threads
            What compares several rows at once.
        """
        model = self._definition.model_id_column
        rows = Profiles.of(pa.concat_tables([profiles, self._baseline]), model)
        before = self._before(rows, windows)
        pairs = self._pairs(rows, before)
        columns = self._keys(rows, pairs, granularity, before) | drift_cells(rows, pairs, threads)
        columns |= self._custom.computed(rows.table, pairs.current, pairs.comparison)
        arrays = [_column(columns.get(field.name), field.type, len(pairs)) for field in self._schema]
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)

    def _before(self, rows: Profiles, windows: Mapping[int, int | None]) -> Integers:
        """Return what window each is compared with, `_NOT_WANTED` for those without drift rows."""
        place = {start: at for at, start in enumerate(rows.starts.tolist())}
        found = [place.get(windows[start], NOWHERE) if start in windows else _NOT_WANTED for start in place]
        # The baseline is no window that drift is computed of.
        return np.array([*found, _NOT_WANTED])

    def _pairs(self, rows: Profiles, before: Integers) -> Pairs:
        """Return each row's pair with the window before, if any, then that with the baseline, if any."""
        current = np.flatnonzero(before[rows.windows] != _NOT_WANTED)
        models = rows.models[current]
        earlier = rows.found(before[rows.windows[current]], models, current)
        of_baseline = np.isin(models, rows.models[rows.of_baseline])
        fallback = np.where(of_baseline, models, rows.all_models)
        baseline = rows.found(np.full(len(current), len(rows.starts)), fallback, current)
        both = np.stack([earlier, baseline], axis=1).reshape(-1)
        there = both != NOWHERE
        return Pairs(np.repeat(current, 2)[there], both[there], np.tile([False, True], len(current))[there])

    def _keys(
        self, rows: Profiles, pairs: Pairs, granularity: str | None, before: Integers
    ) -> dict[str, pa.Array]:
        windows = self._windows(granularity, rows.starts)
        current = rows.windows[pairs.current]
        names = ["slice_key", "slice_value", "column_name"]
        if self._definition.model_id_column:
            names.append(self._definition.model_id_column)
        compared = pa.array(before[current], mask=pairs.of_baseline)
        kinds = pa.array(["CONSECUTIVE", "BASELINE"])
        return {
            "window": windows.take(pa.array(current)),
            "granularity": pa.repeat(pa.scalar(granularity, pa.string()), len(pairs)),
            "monitor_version": pa.repeat(self._definition.monitor_version, len(pairs)),
            "window_cmp": windows.take(compared),
            "drift_type": kinds.take(pa.array(pairs.of_baseline.astype(np.int64))),
            **{
                name: rows.table.column(name).combine_chunks().take(pa.array(pairs.current)) for name in names
            },
        }

    def _windows(self, granularity: str | None, starts: Integers) -> pa.StructArray:
        ends = starts
        if granularity is not None:
            calendar = Calendar(granularity, self._definition.week_anchor)
            ends = np.array([calendar.end_of(start) for start in starts.tolist()], np.int64)
        times = [pa.array(moments, pa.int64()).cast(TIMESTAMP) for moments in (starts, ends)]
        return pa.StructArray.from_arrays(times, fields=list(WINDOW))


def _column(found: pa.Array | None, kind: pa.DataType, rows: int) -> pa.Array:
    if found is None:
        return pa.nulls(rows, kind)
    return found if found.type == kind else found.cast(kind)
