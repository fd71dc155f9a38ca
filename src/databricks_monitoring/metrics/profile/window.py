"""Profiles of one column in every window and group that a batch of rows holds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from databricks_monitoring.metrics.columns import Column, ColumnClass
from databricks_monitoring.metrics.engines.base import ItemColumn, NumberColumn
from databricks_monitoring.metrics.groups import Partition, split
from databricks_monitoring.metrics.profile import cells
from databricks_monitoring.metrics.profile.ordering import ascending, ascending_rows
from databricks_monitoring.metrics.profile.segments import Segments, bounds_of
from databricks_monitoring.metrics.profile.tallies import Tallies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from databricks_monitoring.metrics.arrays import Flags, Integers, Numbers
    from databricks_monitoring.metrics.profile.cells import Arrays

_OTHER_CELLS: dict[ColumnClass, Callable[[Segments, Integers], Arrays]] = {
    ColumnClass.TEMPORAL: cells.temporal,
    ColumnClass.BINARY: cells.binary,
    ColumnClass.COMPLEX: cells.complex_values,
}

_VALUES_AT_ONCE = 2**17
"""Values whose statistics are computed at once, unless one partition has more: a processor's cache."""

_Grouped = tuple["Numbers", "Integers", "Integers"]
"""Values group after group, and how many each group has and how many are NULL."""

Order = NDArray[np.intp] | slice
"""Positions of rows in the order in which they are wanted."""

Place = tuple[int, int, int]
"""Position of a window in its batch, of a partition in the window, of a group in the partition."""


def part_of(order: Order, at: slice) -> Order:
    """Return a part of an order, by where it lies in it."""
    if isinstance(order, slice):
        return slice(order.start + at.start, order.start + at.stop)
    return order[at]


@dataclass(frozen=True)
class Layer:
    """One partition of each window that has one at this position: groups without common rows.

    Attributes
    ----------
    partitions
        With the position of the window of each.
    """

    partitions: Sequence[tuple[int, Partition]]

    def __len__(self) -> int:
        """Return the number of groups."""
        return sum(len(partition.groups) for _, partition in self.partitions)


@dataclass(frozen=True)
class Layout:
    """How the rows of a batch lie in windows.

    The groups of a batch are numbered layer by layer, window by window in each.

    Attributes
    ----------
    order
        Positions of the rows, window after window; a slice where they lie so already.
    bounds
        Where each window starts in that order, and where the last one ends.
    partitions
        The groups of each window.
    """

    order: Order
    bounds: NDArray[np.intp]
    partitions: Sequence[Sequence[Partition]]

    def few_windows(self, groups: int) -> Iterator[slice]:
        """Return runs of windows that have at most so many groups together, or are one window."""
        first, held = 0, 0
        for window, partitions in enumerate(self.partitions):
            more = sum(len(partition.groups) for partition in partitions)
            if window > first and held + more > groups:
                yield slice(first, window)
                first, held = window, 0
            held += more
        yield slice(first, len(self.partitions))

    def of_windows(self, some: slice) -> Layout:
        """Return the layout of a run of windows."""
        bounds = self.bounds[some.start : some.stop + 1]
        rows = slice(int(bounds[0]), int(bounds[-1]))
        return Layout(part_of(self.order, rows), bounds - bounds[0], self.partitions[some])

    def segments(self) -> Iterator[tuple[int, slice]]:
        """Return each window's position and where its rows lie in the order."""
        for window in range(len(self.bounds) - 1):
            yield window, slice(int(self.bounds[window]), int(self.bounds[window + 1]))

    def numbers(self, column: NumberColumn) -> NumberColumn:
        """Return a column with its rows window after window."""
        return NumberColumn(
            column.values[self.order], None if column.valid is None else column.valid[self.order]
        )

    def items(self, column: ItemColumn) -> ItemColumn:
        """Return a column with its rows window after window."""
        return ItemColumn(column.codes[self.order], column.items)

    @cached_property
    def layers(self) -> list[Layer]:
        """The partitions of all windows by their position; their groups together are all of the batch."""
        return [
            Layer([(window, of[at]) for window, of in enumerate(self.partitions) if at < len(of)])
            for at in range(max(map(len, self.partitions), default=0))
        ]

    @cached_property
    def places(self) -> list[Place]:
        """The place of each group of the batch."""
        return [
            (window, position, group)
            for position, layer in enumerate(self.layers)
            for window, partition in layer.partitions
            for group in range(len(partition.groups))
        ]

    @cached_property
    def sizes(self) -> Integers:
        """The number of rows of each group of the batch."""
        rows = np.diff(self.bounds).tolist()
        sizes = [
            size
            for layer in self.layers
            for window, partition in layer.partitions
            for size in partition.sizes(rows[window])
        ]
        return np.array(sizes, dtype=np.int64)

    def groups_of_rows(self, layer: Layer) -> Integers:
        """Return the group of each row in a layer, numbered from 0; the number of groups for rows in none."""
        found = np.full(int(self.bounds[-1]), len(layer), dtype=np.int64)
        first = 0
        for window, partition in layer.partitions:
            at = slice(self.bounds[window], self.bounds[window + 1])
            if partition.codes is None:
                found[at] = first
            else:
                grouped = partition.codes < len(partition.groups)
                np.copyto(found[at], partition.codes.astype(np.int64) + first, where=grouped)
            first += len(partition.groups)
        return found


def profile_numbers(column: Column, read: NumberColumn, layout: Layout) -> Arrays:
    """Return the cells of a column of numbers for each group, each window sorted once."""
    here = layout.numbers(read)
    windows = [
        _Sorted.of(
            here.values[at],
            None if here.valid is None else here.valid[at],
            keep_rows=len(layout.partitions[window]) > 1,
        )
        for window, at in layout.segments()
    ]
    lists = cells.QuantileLists(len(layout.places)) if column.column_class is ColumnClass.NUMERIC else None
    parts = (
        windows[window].grouped(partition)
        for layer in layout.layers
        for window, partition in layer.partitions
    )
    found = []
    for some in _few_at_once(parts):
        values, sizes, nulls = (np.concatenate(each) for each in zip(*some, strict=True))
        ordered = Segments(values, bounds_of(sizes))
        if lists is not None:
            found.append(cells.numeric_but_quantiles(ordered, nulls, lists))
        else:
            found.append(_OTHER_CELLS[column.column_class](ordered, nulls))
    made = together(found)
    return made if lists is None else made | {"quantiles": lists.column()}


def _few_at_once(parts: Iterator[_Grouped]) -> Iterator[list[_Grouped]]:
    some: list[_Grouped] = []
    values = 0
    for part in parts:
        if some and values + len(part[0]) > _VALUES_AT_ONCE:
            yield some
            some, values = [], 0
        some.append(part)
        values += len(part[0])
    yield some


@dataclass(frozen=True)
class _Sorted:
    """The valid values of a window in ascending order and, where groups need it, the row of each."""

    values: Numbers
    rows: NDArray[np.intp] | None
    valid: Flags | None

    @classmethod
    def of(cls, values: Numbers, valid: Flags | None, *, keep_rows: bool) -> _Sorted:
        present: Numbers = values if valid is None else values[valid]
        if not keep_rows:
            return cls(ascending(present), None, valid)
        ordered, order = ascending_rows(present)
        return cls(ordered, order if valid is None else np.flatnonzero(valid)[order], valid)

    def grouped(self, partition: Partition) -> _Grouped:
        """Return the values group after group, and how many each group has and how many are NULL."""
        missing = 0 if self.valid is None else len(self.valid) - len(self.values)
        if partition.codes is None or self.rows is None:
            return self.values, np.array([len(self.values)]), np.array([missing])
        groups = len(partition.groups)
        order, bounds = split(partition.codes[self.rows], groups)
        nulls = np.zeros(groups, np.int64)
        if missing and self.valid is not None:
            nulls = np.bincount(partition.codes[~self.valid], minlength=groups + 1)[:groups]
        return self.values[order[: bounds[groups]]], np.diff(bounds[: groups + 1]), nulls


def profile_items(column: Column, read: ItemColumn, layout: Layout) -> Arrays:
    """Return the cells of a categorical column for each group."""
    here = layout.items(read)
    lengths = pc.utf8_length(here.items).to_numpy(zero_copy_only=False).astype(np.int64)
    # NULL is item 0.
    size = len(here.items) + 1
    found = []
    for layer in layout.layers:
        pairs = layout.groups_of_rows(layer)
        pairs *= size
        pairs += here.codes
        pairs += 1
        occurring, nulls = Tallies.counting(pairs, len(layer), size).without(0)
        found.append(cells.categorical(here.items, occurring, lengths if column.is_text else None, nulls))
    return together(found)


def together(parts: Sequence[Arrays]) -> Arrays:
    """Return cells of several groups of rows as those of all."""
    if len(parts) == 1:
        return parts[0]
    return {name: pa.concat_arrays([part[name] for part in parts]) for name in parts[0]}
