"""Profiles of one column in every window and group that a batch of rows holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from databricks_monitoring.metrics.columns import Column, ColumnClass
from databricks_monitoring.metrics.engines.base import ItemColumn, NumberColumn
from databricks_monitoring.metrics.groups import Partition, split
from databricks_monitoring.metrics.profile import cells
from databricks_monitoring.metrics.profile.cells import Cells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from databricks_monitoring.metrics.arrays import Integers, Numbers

_DENSE = 4
"""Distinct items in the batch per row of a window, beyond which the window numbers its own items anew."""

_CELLS_AT_ONCE = 4_000_000
"""Groups times items that are counted in one pass; beyond, group by group."""

_NUMBER_CELLS: dict[ColumnClass, Callable[[Any, int], Cells]] = {
    ColumnClass.NUMERIC: cells.numeric,
    ColumnClass.TEMPORAL: cells.temporal,
    ColumnClass.BINARY: cells.binary,
    ColumnClass.COMPLEX: lambda ordered, nulls: cells.presence(len(ordered), nulls),
}

Found = Iterator[tuple[int, int, int, Cells]]
"""Positions of the window, of the partition in it and of the group in that, and the group's cells."""


@dataclass(frozen=True)
class Layout:
    """How the rows of a batch lie in windows.

    Attributes
    ----------
    order
        Positions of the rows, window after window; None if they lie so already.
    bounds
        Where each window starts in that order, and where the last one ends.
    partitions
        The groups of each window.
    """

    order: NDArray[np.intp] | None
    bounds: NDArray[np.intp]
    partitions: Sequence[Sequence[Partition]]

    def segments(self) -> Iterator[tuple[int, slice]]:
        """Return each window's position and where its rows lie in the order."""
        for window in range(len(self.bounds) - 1):
            yield window, slice(int(self.bounds[window]), int(self.bounds[window + 1]))

    def numbers(self, column: NumberColumn) -> NumberColumn:
        """Return a column with its rows window after window."""
        if self.order is None:
            return column
        return NumberColumn(
            column.values[self.order], None if column.valid is None else column.valid[self.order]
        )

    def items(self, column: ItemColumn) -> ItemColumn:
        """Return a column with its rows window after window."""
        return column if self.order is None else ItemColumn(column.codes[self.order], column.items)


def profile_numbers(column: Column, read: NumberColumn, layout: Layout) -> Found:
    """Return the cells of a column of numbers, each window sorted once whatever its groups."""
    to_cells = _NUMBER_CELLS[column.column_class]
    here = layout.numbers(read)
    for window, at in layout.segments():
        valid = None if here.valid is None else here.valid[at]
        partitions = layout.partitions[window]
        ordered, rows = _sorted(here.values[at], valid, keep_rows=len(partitions) > 1)
        missing = 0 if valid is None else len(valid) - len(ordered)
        for position, partition in enumerate(partitions):
            if partition.codes is None or rows is None:
                yield window, position, 0, to_cells(ordered, missing)
                continue
            groups = len(partition.groups)
            order, bounds = split(partition.codes[rows], groups)
            nulls = np.zeros(groups + 1, np.intp)
            if missing and valid is not None:
                nulls = np.bincount(partition.codes[~valid], minlength=groups + 1)
            regrouped = ordered[order]
            for group in range(groups):
                part = regrouped[bounds[group] : bounds[group + 1]]
                yield window, position, group, to_cells(part, int(nulls[group]))


def _sorted(
    values: Numbers, valid: NDArray[np.bool_] | None, *, keep_rows: bool
) -> tuple[Numbers, NDArray[np.intp] | None]:
    """Return the valid values in ascending order and, where groups need it, the row of each."""
    present: Numbers = values if valid is None else values[valid]
    if not keep_rows:
        return np.sort(present), None  # type: ignore[return-value] # sorting keeps the type
    order = np.argsort(present)
    return present[order], order if valid is None else np.flatnonzero(valid)[order]


def profile_items(column: Column, read: ItemColumn, layout: Layout) -> Found:
    """Return the cells of a categorical column."""
    here = layout.items(read)
    all_lengths = pc.utf8_length(here.items).to_numpy(zero_copy_only=False).astype(np.int64)
    for window, at in layout.segments():
        local, used = _renumbered(here, at)
        lengths = (all_lengths if used is None else all_lengths[used]) if column.is_text else None
        for position, partition in enumerate(layout.partitions[window]):
            for group, counted in enumerate(_counts(local, partition)):
                yield (
                    window,
                    position,
                    group,
                    cells.categorical(local.items, counted[1:], lengths, int(counted[0])),
                )


def _renumbered(column: ItemColumn, at: slice) -> tuple[ItemColumn, NDArray[np.intp] | None]:
    """Return a window's rows over a list of items no longer than the window needs."""
    codes = column.codes[at]
    if len(column.items) <= _DENSE * len(codes):
        return ItemColumn(codes, column.items), None
    used, inverse = np.unique(codes, return_inverse=True)
    nulls = int(len(used) > 0 and used[0] < 0)
    chosen = used[nulls:].astype(np.intp)
    return ItemColumn((inverse - nulls).astype(np.int32), column.items.take(pa.array(chosen))), chosen


def _counts(column: ItemColumn, partition: Partition) -> Iterator[Integers]:
    """Return, for each group, how many values are NULL and then how often each item occurs."""
    size = len(column.items) + 1
    if partition.codes is None:
        yield np.bincount(column.codes + 1, minlength=size)
        return
    groups = len(partition.groups)
    if groups * size > _CELLS_AT_ONCE:
        for group in range(groups):
            yield np.bincount(column.codes[partition.members(group)] + 1, minlength=size)
        return
    both = partition.codes.astype(np.int64) * size + (column.codes + 1)
    yield from np.bincount(both, minlength=(groups + 1) * size).reshape(groups + 1, size)[:groups]
