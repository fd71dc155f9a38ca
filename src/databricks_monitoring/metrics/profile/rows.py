"""Profile rows of a table: every window, every group, every column."""

from __future__ import annotations

import os
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import duckdb
import numpy as np

from databricks_monitoring.errors import MetricError
from databricks_monitoring.metrics.custom import aggregate_cells
from databricks_monitoring.metrics.engines.base import ItemColumn, NumberColumn, Rows, nothing
from databricks_monitoring.metrics.engines.duckdb import value_sql
from databricks_monitoring.metrics.groups import Group, partitions
from databricks_monitoring.metrics.profile.uncastable import uncastable_cells, uncastable_sql
from databricks_monitoring.metrics.profile.window import Layout, profile_items, profile_numbers
from databricks_monitoring.metrics.quality.table_row import TableRowMetrics, probabilities_of
from databricks_monitoring.names import ALL_MODELS, TABLE_ROW

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from databricks_monitoring.metrics.columns import Column
    from databricks_monitoring.metrics.custom import Aggregate, Derived
    from databricks_monitoring.metrics.definition import MonitorDefinition
    from databricks_monitoring.metrics.engines.duckdb import DuckDBEngine
    from databricks_monitoring.metrics.groups import Partition
    from databricks_monitoring.metrics.profile.cells import Cells
    from databricks_monitoring.metrics.schema_comparison import SchemaComparison
    from databricks_monitoring.metrics.slices import Slicing
    from databricks_monitoring.metrics.windows import Calendar

VALUES_AT_ONCE = 24_000_000
"""Values held in memory at once (8 bytes each), unless one window of one column has more."""

PROFILES_AT_ONCE = 20_000
"""Profile rows held in memory at once (8 kB each, their quantiles), unless one window has more."""

_MODEL = "@model"
_SLICE = "@slice"
_TEXT = "@text"
_FAILS = "@fails"

Place = tuple[int, int, int]
"""Position of a window in its batch, of a partition in the window, of a group in the partition."""


@dataclass(frozen=True)
class Batch:
    """Windows that are read together; one without a calendar is the whole table."""

    starts: Sequence[int]
    span: tuple[int, int] | None
    rows: int


class _UnreadableError(Exception):
    """Several windows were read together, and a column of one of them cannot be read."""


@dataclass
class ProfileRows:
    """Computes the profile rows of one table.

    Attributes
    ----------
    engine
        Where the rows come from.
    definition
        What to compute.
    columns
        Columns to profile, in the monitored table's order.
    slicings
        Slicing expressions this table can evaluate.
    log_type
        `INPUT` or `BASELINE`.
    derived
        Adds the derived metrics to finished rows.
    aggregates
        Aggregate metrics that this table can compute.
    schema
        The baseline's columns, whose types are compared with; None without one, and for its own rows.
    probabilities
        SQL of each class's probability; None where the rows themselves tell the classes of the whole table.
    unprofiled
        Columns that could not be read, and why; filled while rows are made.
    rows_read
        Rows that went into windows; filled while rows are made.
    """

    engine: DuckDBEngine
    definition: MonitorDefinition
    columns: Sequence[Column]
    slicings: Sequence[Slicing]
    log_type: str
    derived: Derived
    aggregates: Sequence[Aggregate] = ()
    schema: SchemaComparison | None = None
    probabilities: Mapping[str, str] | None = None
    unprofiled: dict[str, str] = field(default_factory=dict)
    rows_read: int = 0

    def of_windows(
        self, calendar: Calendar, starts: Sequence[int], counts: Mapping[int, int]
    ) -> Iterator[list[Cells]]:
        """Return the rows of windows, those of a few windows at a time.

        Parameters
        ----------
        calendar
            Of the windows' granularity.
        starts
            Windows to profile; those without rows are skipped.
        counts
            Number of rows of every window that has rows.
        """
        for batch in self._batches(calendar, starts, counts):
            try:
                yield from self._of_some(batch, calendar)
            except _UnreadableError:
                # Raised before any row was made. Which columns a window lacks is for its own rows to say.
                for start in batch.starts:
                    alone = Batch([start], (start, calendar.end_of(start)), counts[start])
                    yield from self._of_some(alone, calendar)

    def _of_some(self, batch: Batch, calendar: Calendar) -> Iterator[list[Cells]]:
        keys = [
            {
                "window": {"start": (window := calendar.window(start)).start, "end": window.end},
                "granularity": calendar.granularity,
            }
            for start in batch.starts
        ]
        yield from self._of_batch(batch, keys, calendar)

    def of_table(
        self, window: Mapping[str, object] | None, granularity: str | None = None
    ) -> Iterator[list[Cells]]:
        """Return the rows of the whole table as one window, which may be None."""
        batch = Batch([0], None, self.engine.count())
        yield from self._of_batch(batch, [{"window": window, "granularity": granularity}], None)

    def _batches(
        self, calendar: Calendar, starts: Sequence[int], counts: Mapping[int, int]
    ) -> Iterator[Batch]:
        wanted = set(starts)
        windows_at_most = max(1, PROFILES_AT_ONCE // max(1, len(self.columns) * self._groups()))
        rows_at_most = VALUES_AT_ONCE // max(1, len(self.columns))
        run: list[int] = []
        rows = 0
        for start in sorted(counts):
            full = len(run) == windows_at_most or rows + counts[start] > rows_at_most
            if run and (full or start not in wanted):
                yield Batch(run, (run[0], calendar.end_of(run[-1])), rows)
                run, rows = [], 0
            if start in wanted:
                run, rows = [*run, start], rows + counts[start]
        if run:
            yield Batch(run, (run[0], calendar.end_of(run[-1])), rows)

    def _groups(self) -> int:
        """Return about how many groups a window has."""
        models, *slices = self.engine.distinct_counts(
            [self._model_sql() or "NULL", *(slicing.sql for slicing in self.slicings)]
        )
        return (1 + models) * (1 + sum(slices))

    def _model_sql(self) -> str | None:
        column = self.engine.columns.get(self.definition.model_id_column or "")
        return value_sql(column, as_text=True) if column else None

    def _of_batch(
        self, batch: Batch, keys: Sequence[Mapping[str, object]], calendar: Calendar | None
    ) -> Iterator[list[Cells]]:
        profiles: dict[str, dict[Place, Cells]] = {}
        predicates = frozenset(slicing.key for slicing in self.slicings if slicing.is_predicate)
        quality = TableRowMetrics(self.definition, self.engine.columns, predicates, self._probabilities)
        layout: Layout | None = None
        table_cells: dict[Place, Cells] = {}
        for part in self._parts(batch.rows):
            read = self._read(part, batch, {} if layout else quality.projections)
            here = self._layout(read, batch, calendar)
            if layout is None:
                table_cells = quality.cells(read, here)
                self.rows_read += int(here.bounds[-1])
            layout = here
            profiles.update(self._profiles(part, read, here))
        if layout is None:
            return
        custom = self._custom(batch, calendar)
        for window, start in enumerate(batch.starts):
            rows = self._rows_of_window(window, layout, profiles, table_cells)
            name = start if calendar else None
            finished = []
            for group, cells in rows:
                besides = custom.get((name, group), {}).get(str(cells["column_name"]), {})
                finished.append(self._keyed(cells | besides | dict(keys[window]), group))
            yield self.derived.added(finished)

    @cached_property
    def _probabilities(self) -> Mapping[str, str]:
        if self.probabilities is not None:
            return self.probabilities
        return probabilities_of(self.definition, self.engine, self.engine.columns)

    def _custom(
        self, batch: Batch, calendar: Calendar | None
    ) -> dict[tuple[int | None, Group], dict[str, Cells]]:
        return aggregate_cells(
            self.engine,
            self.aggregates,
            model=self._model_sql(),
            whole=ALL_MODELS if self.definition.model_id_column else None,
            slicings=self.slicings,
            calendar=calendar,
            span=batch.span,
            unreadable=self.unprofiled,
        )

    def _parts(self, rows: int) -> list[list[Column]]:
        size = max(1, VALUES_AT_ONCE // max(1, rows))
        # Even a table without columns to profile has rows to count.
        return [list(self.columns[at : at + size]) for at in range(0, len(self.columns), size)] or [[]]

    def _read(self, part: Sequence[Column], batch: Batch, besides: Mapping[str, str]) -> Rows:
        """Return the columns of a part, without those that cannot be read."""
        keys = {f"{_SLICE}{at}": slicing.text_sql for at, slicing in enumerate(self.slicings)}
        model = self._model_sql()
        keys |= {_MODEL: model} if model else {}
        # What could not be read once is looked at alone first.
        readable = [column for column in part if not self._fails_again(column, batch)]
        try:
            return self.engine.read(keys | dict(besides) | self._projections(readable), batch.span)
        except duckdb.Error:
            readable = [column for column in readable if not self._fails(column, batch)]
        try:
            return self.engine.read(keys | dict(besides) | self._projections(readable), batch.span)
        except duckdb.Error:
            # A prediction, label or probability that cannot be read leaves a window without quality.
            return self._without_quality(keys | self._projections(readable), batch)

    def _without_quality(self, projections: Mapping[str, str], batch: Batch) -> Rows:
        try:
            return self.engine.read(projections, batch.span)
        except duckdb.Error as error:
            raise MetricError(f"The model id or a slicing expression cannot be read: {error}") from error

    def _fails_again(self, column: Column, batch: Batch) -> bool:
        return column.name in self.unprofiled and self._fails(column, batch)

    def _fails(self, column: Column, batch: Batch) -> bool:
        """Whether a column of a window cannot be read; several windows have to be looked at one by one."""
        try:
            self.engine.read(self._projections([column]), batch.span)
        except duckdb.Error as error:
            self.unprofiled[column.name] = str(error).splitlines()[0]
            if len(batch.starts) > 1:
                raise _UnreadableError from error
            return True
        return False

    def _projections(self, part: Sequence[Column]) -> dict[str, str]:
        plain = {column.name: value_sql(column) for column in part}
        texts = {
            _TEXT + column.name: value_sql(column, as_text=True)
            for column in part
            if column.name in self.definition.class_columns
        }
        expected = self.schema.baseline if self.schema else {}
        fails = {
            _FAILS + column.name: sql
            for column in part
            if column.name in expected and (sql := uncastable_sql(column, expected[column.name]))
        }
        return plain | texts | fails

    def _layout(self, read: Rows, batch: Batch, calendar: Calendar | None) -> Layout:
        if calendar is None or read.micros is None:
            order, bounds = None, np.array([0, read.count], dtype=np.intp)
        else:
            starts = np.array(batch.starts, dtype=np.int64)
            # Rows lie in no other windows: a batch's span has no other window with rows.
            window = np.searchsorted(starts, read.micros, side="right") - 1
            small = window.astype(np.uint16 if len(starts) < 2**16 else np.uint32)
            sorted_already = bool(np.all(window[1:] >= window[:-1]))
            order = None if sorted_already else np.argsort(small, kind="stable")
            counts = np.bincount(small, minlength=len(starts))
            bounds = np.concatenate([np.zeros(1, np.intp), np.cumsum(counts)])
        whole = Layout(order, bounds, [])
        return Layout(order, bounds, [self._partitions(read, whole, at) for _, at in whole.segments()])

    def _partitions(self, read: Rows, layout: Layout, at: slice) -> list[Partition]:
        def segment(name: str) -> ItemColumn:
            column = read.columns[name]
            if not isinstance(column, ItemColumn):
                column = nothing(read.count)
            where = at if layout.order is None else layout.order[at]
            return ItemColumn(column.codes[where], column.items)

        return partitions(
            at.stop - at.start,
            models=segment(_MODEL) if _MODEL in read.columns else None,
            slices={
                slicing.key: segment(f"{_SLICE}{position}") for position, slicing in enumerate(self.slicings)
            },
            has_models=self.definition.model_id_column is not None,
        )

    def _profiles(self, part: Sequence[Column], read: Rows, layout: Layout) -> dict[str, dict[Place, Cells]]:
        readable = [column for column in part if column.name in read.columns]
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as threads:
            found = threads.map(lambda column: _profile(column, read, layout), readable)
            return {column.name: cells for column, cells in zip(readable, found, strict=True)}

    def _rows_of_window(
        self,
        window: int,
        layout: Layout,
        profiles: Mapping[str, Mapping[Place, Cells]],
        table_cells: Mapping[Place, Cells],
    ) -> Iterator[tuple[Group, Cells]]:
        rows = int(layout.bounds[window + 1] - layout.bounds[window])
        for position, partition in enumerate(layout.partitions[window]):
            for group, size in enumerate(partition.sizes(rows)):
                if position and not size:
                    # A slice without rows of this model is no slice; the whole may be empty.
                    continue
                place = (window, position, group)
                cells = [
                    self._described(column) | profiles[column.name][place]
                    for column in self.columns
                    if column.name in profiles
                ]
                table = {
                    "column_name": TABLE_ROW,
                    "count": size,
                    "non_null_columns": [str(cell["column_name"]) for cell in cells if cell["count"]],
                }
                if self.schema is not None:
                    table["schema_mismatches"] = self.schema.mismatches
                cells.append(table | table_cells.get(place, {}))
                for name in partition.groups[group]:
                    yield from ((name, cell) for cell in cells)

    def _described(self, column: Column) -> Cells:
        described: Cells = {"column_name": column.name, "data_type": column.data_type}
        if self.schema is not None:
            described["baseline_data_type"] = self.schema.baseline_type(column.name)
        return described

    def _keyed(self, cells: Cells, group: Group) -> Cells:
        model = self.definition.model_id_column
        return cells | {
            "slice_key": group.slice_key,
            "slice_value": group.slice_value,
            **({model: group.model_id} if model else {}),
            "log_type": self.log_type,
            "logging_table_commit_version": self.engine.version,
            "monitor_version": self.definition.monitor_version,
        }


def _profile(column: Column, read: Rows, layout: Layout) -> dict[Place, Cells]:
    found: dict[Place, Cells] = defaultdict(dict)
    for name in (column.name, _TEXT + column.name):
        values = read.columns.get(name)
        if isinstance(values, NumberColumn):
            for window, position, group, cells in profile_numbers(column, values, layout):
                found[window, position, group] |= cells
        elif isinstance(values, ItemColumn):
            for window, position, group, cells in profile_items(column, values, layout):
                found[window, position, group] |= cells
    fails = read.columns.get(_FAILS + column.name)
    if isinstance(fails, NumberColumn):
        for window, position, group, cells in uncastable_cells(fails, layout):
            found[window, position, group] |= cells
    return found
