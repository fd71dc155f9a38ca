"""Profile rows of a table: every window, every group, every column."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pyarrow as pa

from databricks_monitoring.errors import MetricError
from databricks_monitoring.metrics.columns import ColumnClass
from databricks_monitoring.metrics.custom import aggregate_cells
from databricks_monitoring.metrics.engines.base import ItemColumn, NumberColumn, Rows, nothing
from databricks_monitoring.metrics.engines.delta_scan import quoted
from databricks_monitoring.metrics.engines.duckdb import value_sql
from databricks_monitoring.metrics.groups import Group, cut_slices, partitions
from databricks_monitoring.metrics.profile.batches import GroupRows
from databricks_monitoring.metrics.profile.reading import Asked, Batch, batches
from databricks_monitoring.metrics.profile.uncastable import uncastable_cells, uncastable_sql
from databricks_monitoring.metrics.profile.window import Layout, part_of, profile_items, profile_numbers
from databricks_monitoring.metrics.quality.table_row import TableRowMetrics, probabilities_of
from databricks_monitoring.names import ALL_MODELS, TABLE_ROW

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from databricks_monitoring.metrics.arrays import Integers
    from databricks_monitoring.metrics.columns import Column
    from databricks_monitoring.metrics.custom import Aggregate, Derived
    from databricks_monitoring.metrics.definition import MonitorDefinition
    from databricks_monitoring.metrics.engines.duckdb import DuckDBEngine
    from databricks_monitoring.metrics.groups import Partition
    from databricks_monitoring.metrics.profile.cells import Arrays, Cells
    from databricks_monitoring.metrics.profile.window import Order, Place
    from databricks_monitoring.metrics.schema_comparison import SchemaComparison
    from databricks_monitoring.metrics.slices import Slicing
    from databricks_monitoring.metrics.windows import Calendar

VALUES_AT_ONCE = 16_000_000
"""Values held in memory at once (8 bytes each), unless one window of one column has more."""

PROFILES_AT_ONCE = 10_000
"""Profiles held in memory at once (8 kB each, their quantiles), unless one window has more."""

_MODEL = "@model"
_SLICE = "@slice"
_TEXT = "@text"
_FAILS = "@fails"
_EXACT = "@exact"


Custom = dict[tuple[int | None, "Group"], dict[str, "Cells"]]
"""Custom metrics by window, group and column."""


Made = tuple["Sequence[int]", list[pa.RecordBatch]]
"""Starts of windows, and their profile rows."""


@dataclass(frozen=True)
class _Windows:
    """What is said of each window that rows are made of together: its key columns, its start, its metrics."""

    keys: Sequence[Mapping[str, object]]
    starts: Sequence[int | None]
    custom: Custom


@dataclass
class _Kept:
    """The latest reading, while windows of other granularities are made of the same rows."""

    of: int
    span: tuple[int, int] | None = None
    read: Rows | None = None


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
    metric_schema
        Columns of the profile table.
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
    metric_schema: pa.Schema
    aggregates: Sequence[Aggregate] = ()
    schema: SchemaComparison | None = None
    probabilities: Mapping[str, str] | None = None
    unprofiled: dict[str, str] = field(default_factory=dict)
    rows_read: int = 0
    _kept: _Kept = field(default_factory=lambda: _Kept(of=1), repr=False)

    def of_windows(self, asked: Sequence[Asked]) -> Iterator[tuple[Calendar, Made]]:
        """Return the rows of windows, a few windows' at once, those of each granularity in the order of time.

        Parameters
        ----------
        asked
            The windows of each granularity.
        """
        for together in batches(asked, VALUES_AT_ONCE // max(1, len(self.columns))):
            self._kept = _Kept(of=len(together))
            for each, batch in together:
                for made in self._of_some_or_each(batch, each):
                    yield each.calendar, made

    def _of_some_or_each(self, batch: Batch, asked: Asked) -> Iterator[Made]:
        try:
            yield from self._of_some(batch, asked.calendar)
        except _UnreadableError:
            # Raised before any row was made. Which columns a window lacks is for its own rows to say.
            for start in batch.starts:
                alone = Batch([start], (start, asked.calendar.end_of(start)), asked.counts[start])
                yield from self._of_some(alone, asked.calendar)

    def _of_some(self, batch: Batch, calendar: Calendar) -> Iterator[Made]:
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
    ) -> Iterator[pa.RecordBatch]:
        """Return the rows of the whole table as one window, which may be None."""
        batch = Batch([0], None, self.engine.count())
        for _, made in self._of_batch(batch, [{"window": window, "granularity": granularity}], None):
            yield from made

    def _model_sql(self) -> str | None:
        column = self.engine.columns.get(self.definition.model_id_column or "")
        return value_sql(column, as_text=True) if column else None

    def _of_batch(
        self, batch: Batch, keys: Sequence[Mapping[str, object]], calendar: Calendar | None
    ) -> Iterator[Made]:
        predicates = frozenset(slicing.key for slicing in self.slicings if slicing.is_predicate)
        quality = TableRowMetrics(self.definition, self.engine.columns, predicates, self._probabilities)
        first, *others = self._parts(batch.rows)
        read = self._read_once(first, batch, quality.projections)
        layout = self._layout(read, batch, calendar)
        self.rows_read += int(layout.bounds[-1])
        custom: Custom | None = None
        # Where the columns are read one after the other, there is one window.
        for some in layout.few_windows(PROFILES_AT_ONCE // max(1, len(self.columns))):
            here = layout.of_windows(some)
            table_cells = quality.cells(read, here)
            profiles = self._profiles(first, read, here)
            for part in others:
                read = self._read(part, batch, {})
                here = self._layout(read, batch, calendar)
                profiles |= self._profiles(part, read, here)
            custom = self._custom(batch, calendar, layout) if custom is None else custom
            starts = batch.starts[some]
            windows = _Windows(keys[some], starts if calendar else [None] * len(starts), custom)
            yield starts, list(self._rows(here, profiles, table_cells, windows))

    def _rows(
        self,
        layout: Layout,
        profiles: dict[str, Arrays],
        table_cells: Mapping[Place, Cells],
        windows: _Windows,
    ) -> Iterator[pa.RecordBatch]:
        named = [
            (rows, self._keys(rows, windows.keys), [windows.starts[at] for at in rows.windows])
            for rows in GroupRows.of_every_name(layout, self.metric_schema)
        ]
        cells_of_table = self._table_row(layout, profiles, table_cells)
        for column in (*(column for column in self.columns if column.name in profiles), None):
            name = column.name if column else TABLE_ROW
            cells = profiles.pop(name) if column else cells_of_table
            for rows, keyed, starts in named:
                besides = self._aggregates(name, windows.custom, starts, rows) | self._described(column, rows)
                made = rows.batch(keyed | rows.of_groups(cells) | besides)
                yield self.derived.added(made, name)

    @cached_property
    def _probabilities(self) -> Mapping[str, str]:
        if self.probabilities is not None:
            return self.probabilities
        return probabilities_of(self.definition, self.engine, self.engine.columns)

    def _custom(self, batch: Batch, calendar: Calendar | None, layout: Layout) -> Custom:
        return aggregate_cells(
            self.engine,
            self.aggregates,
            model=self._model_sql(),
            whole=ALL_MODELS if self.definition.model_id_column else None,
            slicings=self.slicings,
            calendar=calendar,
            span=batch.span,
            unreadable=self.unprofiled,
            chosen=cut_slices(layout.partitions) if self.aggregates else None,
        )

    def _parts(self, rows: int) -> list[list[Column]]:
        size = max(1, VALUES_AT_ONCE // max(1, rows))
        # Even a table without columns to profile has rows to count.
        return [list(self.columns[at : at + size]) for at in range(0, len(self.columns), size)] or [[]]

    def _read_once(self, part: Sequence[Column], batch: Batch, besides: Mapping[str, str]) -> Rows:
        """Return what `_read` does, from the latest reading if that was of the same rows."""
        if self._kept.of == 1 or len(part) < len(self.columns):
            return self._read(part, batch, besides)
        if self._kept.read is not None and self._kept.span == batch.span:
            return self._kept.read
        read = self._read(part, batch, besides)
        # What one large window lacks its smaller ones may have: each is asked for itself.
        if {*besides, *(column.name for column in part)} <= read.columns.keys():
            self._kept.span, self._kept.read = batch.span, read
        return read

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
        exact = {
            _EXACT + column.name: _identity_sql(column)
            for column in part
            if column.has_more_digits_than_a_double
        }
        return plain | texts | fails | exact

    def _layout(self, read: Rows, batch: Batch, calendar: Calendar | None) -> Layout:
        if calendar is None or read.micros is None:
            order: Order = slice(0, read.count)
            bounds = np.array([0, read.count], dtype=np.intp)
        else:
            starts = np.array(batch.starts, dtype=np.int64)
            ends = np.array([calendar.end_of(start) for start in batch.starts], dtype=np.int64)
            window: Integers = np.searchsorted(starts, read.micros, side="right") - 1
            # Rows may be read that lie in windows of another granularity only.
            inside = np.greater_equal(window, 0) & np.less(read.micros, ends[window])
            rows = None if inside.all() else np.flatnonzero(inside)
            small = (window if rows is None else window[rows]).astype(
                np.uint16 if len(starts) < 2**16 else np.uint32
            )
            if np.all(np.greater_equal(small[1:], small[:-1])):
                order = slice(0, read.count) if rows is None else rows
            else:
                ordered = np.argsort(small, kind="stable")
                order = ordered if rows is None else rows[ordered]
            counts = np.bincount(small, minlength=len(starts))
            bounds = np.concatenate([np.zeros(1, np.intp), np.cumsum(counts)])
        whole = Layout(order, bounds, [])
        return Layout(order, bounds, [self._partitions(read, whole, at) for _, at in whole.segments()])

    def _partitions(self, read: Rows, layout: Layout, at: slice) -> list[Partition]:
        def segment(name: str) -> ItemColumn:
            column = read.columns[name]
            if not isinstance(column, ItemColumn):
                column = nothing(read.count)
            return ItemColumn(column.codes[part_of(layout.order, at)], column.items)

        return partitions(
            at.stop - at.start,
            models=segment(_MODEL) if _MODEL in read.columns else None,
            slices={
                slicing.key: segment(f"{_SLICE}{position}") for position, slicing in enumerate(self.slicings)
            },
            has_models=self.definition.model_id_column is not None,
        )

    def _profiles(self, part: Sequence[Column], read: Rows, layout: Layout) -> dict[str, Arrays]:
        readable = [column for column in part if column.name in read.columns]
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as threads:
            found = threads.map(lambda column: _profile(column, read, layout), readable)
            return {column.name: cells for column, cells in zip(readable, found, strict=True)}

    def _table_row(
        self,
        layout: Layout,
        profiles: Mapping[str, Arrays],
        table_cells: Mapping[Place, Cells],
    ) -> Arrays:
        """Return the cells of `:table` rows for each group."""
        here = [column.name for column in self.columns if column.name in profiles]
        counts = [profiles[name]["count"].to_numpy() > 0 for name in here]
        flags = np.array(counts, dtype=np.bool_).reshape(len(here), len(layout.places)).T
        bounds = np.append(0, np.cumsum(flags.sum(axis=1)))
        names = pa.array(here, pa.string()).take(pa.array(np.nonzero(flags)[1]))
        cells = [table_cells.get(place, {}) for place in layout.places]
        return {
            name: pa.array([each.get(name) for each in cells], self.metric_schema.field(name).type)
            for name in dict.fromkeys(name for each in cells for name in each)
        } | {
            "count": pa.array(layout.sizes, pa.int64()),
            "non_null_columns": pa.ListArray.from_arrays(pa.array(bounds, pa.int32()), names),
        }

    def _described(self, column: Column | None, rows: GroupRows) -> Arrays:
        """Return what a row says of its column, or of the table."""
        described = {"column_name": rows.constant(column.name if column else TABLE_ROW, "column_name")}
        if column is None:
            if self.schema is not None:
                said = list(self.schema.mismatches)
                described["schema_mismatches"] = rows.constant(said, "schema_mismatches")
            return described
        described["data_type"] = rows.constant(column.data_type, "data_type")
        if self.schema is not None:
            expected = self.schema.baseline_type(column.name)
            described["baseline_data_type"] = rows.constant(expected, "baseline_data_type")
        return described

    def _aggregates(
        self,
        column: str,
        custom: Custom,
        starts: Sequence[int | None],
        rows: GroupRows,
    ) -> Arrays:
        """Return the aggregate metrics that stand on the rows of a column."""
        names = dict.fromkeys(one.metric for one in self.aggregates if one.column_name == column)
        places = zip(starts, rows.groups, strict=True) if names else ()
        found = [custom.get(place, {}).get(column, {}) for place in places]
        return {name: rows.given([cells.get(name) for cells in found], name) for name in names}

    def _keys(self, rows: GroupRows, keys: Sequence[Mapping[str, object]]) -> Arrays:
        model = self.definition.model_id_column
        found = {
            name: rows.of_windows([key[name] for key in keys], name) for name in ("window", "granularity")
        }
        found |= {
            "slice_key": rows.given([group.slice_key for group in rows.groups], "slice_key"),
            "slice_value": rows.given([group.slice_value for group in rows.groups], "slice_value"),
            "log_type": rows.constant(self.log_type, "log_type"),
            "logging_table_commit_version": rows.constant(
                self.engine.version, "logging_table_commit_version"
            ),
            "monitor_version": rows.constant(self.definition.monitor_version, "monitor_version"),
        }
        return found | (
            {model: rows.given([group.model_id for group in rows.groups], model)} if model else {}
        )


def _identity_sql(column: Column) -> str:
    """Return a number that is the same for equal values of a column (up to a collision of 63-bit hashes)."""
    name = quoted(column.name)
    return f"CASE WHEN {name} IS NOT NULL THEN CAST(hash({name}) >> 1 AS BIGINT) END"


def _profile(column: Column, read: Rows, layout: Layout) -> Arrays:
    found: Arrays = {}
    for name in (column.name, _TEXT + column.name):
        values = read.columns.get(name)
        if isinstance(values, NumberColumn):
            found |= profile_numbers(column, values, layout)
        elif isinstance(values, ItemColumn):
            found |= profile_items(column, values, layout)
    exact = read.columns.get(_EXACT + column.name)
    if isinstance(exact, NumberColumn):
        # Times are counted like this, and nothing else of them is wanted.
        counted = profile_numbers(replace(column, column_class=ColumnClass.TEMPORAL), exact, layout)
        found |= {name: counted[name] for name in ("distinct_count", "percent_distinct")}
    fails = read.columns.get(_FAILS + column.name)
    return found | uncastable_cells(fails, layout) if isinstance(fails, NumberColumn) else found
