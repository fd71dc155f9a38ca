"""Profile rows as columns, which are compared many at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from databricks_monitoring.metrics.compiled import compiled
from databricks_monitoring.metrics.conventions import QUANTILES
from databricks_monitoring.metrics.drift.categories import ItemLists
from databricks_monitoring.metrics.drift.runs import places
from databricks_monitoring.names import ALL_MODELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from databricks_monitoring.metrics.arrays import Flags, Floats, Integers

START = "@start"
"""Column with the start of a profile row's window in microseconds, NULL for the baseline's."""

NOWHERE = -1
"""Stands for a row that does not exist."""


class Quantiles:
    """The quantile arrays of profile rows, left where Arrow has them.

    Parameters
    ----------
    column
        Lists of numbers, ascending.
    """

    def __init__(self, column: pa.ChunkedArray) -> None:
        self._flat: list[Floats] = []
        self._first: list[Integers] = []
        there = [np.zeros(0, np.bool_)]
        for chunk in column.chunks:
            offsets = chunk.offsets.to_numpy().astype(np.int64)
            self._flat.append(chunk.values.to_numpy(zero_copy_only=False))
            self._first.append(offsets[:-1])
            there.append(_flags(chunk.is_valid()) & (np.diff(offsets) == QUANTILES))
        self.there: Flags = np.concatenate(there)
        """Which rows have the quantiles that are compared."""
        self._starts = np.cumsum([0, *map(len, self._first)])

    def of(self, rows: Integers) -> Floats:
        """Return the quantiles of some rows that have them, a row's in each row.

        Parameters
        ----------
        rows : ndarray, shape (k,)
            Places of the rows, ascending.
        """
        found = np.empty((len(rows), QUANTILES))
        ends = np.searchsorted(rows, self._starts)
        for chunk, values in enumerate(self._flat):
            at = slice(ends[chunk], ends[chunk + 1])
            if at.start < at.stop:
                _copy(values, self._first[chunk][rows[at] - self._starts[chunk]], found[at])
        return found


@compiled
def _copy(values: Floats, first: Integers, found: Floats) -> None:
    """Copy the quantiles that start at some places."""
    for row in range(len(first)):
        found[row] = values[first[row] : first[row] + QUANTILES]


@dataclass(frozen=True)
class Profiles:
    """Profile rows of some windows and of the baseline, which counts as one window more, the last.

    Attributes
    ----------
    table
        The rows.
    starts
        Starts of the windows in microseconds, ascending, without the baseline.
    windows
        The window of each row, as its place among the starts.
    groups
        Slice and column of each row, as a number.
    models
        Model id of each row, as a number; 0 for all where there are none.
    all_models
        The number of all models together; `NOWHERE` if no row has it.
    sizes
        How many rows of the monitored table each row speaks of, NULL or not; `NOWHERE` if it does not say.
    numbers
        How many values of each row are numbers: neither NULL nor NaN.
    quantiles, items
        Of each row.
    names
        The columns of which each row says that they have values, in place of items; one occurs once if the
        baseline has a column of that name, and otherwise never.
    has_names
        Which rows say that of any columns, or of none.
    """

    table: pa.Table
    starts: Integers
    windows: Integers
    groups: Integers
    models: Integers
    all_models: int
    sizes: Integers
    numbers: Integers
    quantiles: Quantiles
    items: ItemLists
    names: ItemLists
    has_names: Flags

    @classmethod
    def of(cls, table: pa.Table, model_column: str | None) -> Profiles:
        """Return the rows of a table with `START` and what drift is computed from."""
        micros = _integers(table.column(START))
        of_baseline = _flags(table.column(START).is_null())
        starts = np.unique(micros[~of_baseline])
        rows = table.num_rows
        models, all_models = np.zeros(rows, np.int64), 0
        if model_column:
            models, values = _codes(table.column(model_column))
            listed = values.to_pylist()
            all_models = listed.index(ALL_MODELS) if ALL_MODELS in listed else NOWHERE
        counts = _integers(table.column("count"))
        names = table.column("non_null_columns").combine_chunks()
        known = table.column("column_name").filter(pa.array(of_baseline)).combine_chunks().unique()
        items = table.column("frequent_items").combine_chunks()
        times = _integers(items.values.field("count"))
        return cls(
            table=table,
            starts=starts,
            windows=np.where(of_baseline, len(starts), np.searchsorted(starts, micros)),
            groups=_together([table.column(name) for name in ("slice_key", "slice_value", "column_name")]),
            models=models,
            all_models=all_models,
            sizes=_integers(pc.add(table.column("count"), table.column("num_nulls")), missing=NOWHERE),
            numbers=counts - _integers(table.column("num_nan")),
            quantiles=Quantiles(table.column("quantiles")),
            items=_lists(items, items.values.field("item"), times, counts),
            names=_lists(names, names.values, _integers(pc.is_in(names.values, known)), counts),
            has_names=_flags(names.is_valid()),
        )

    @property
    def of_baseline(self) -> Flags:
        """Which rows are the baseline's."""
        found: Flags = self.windows == len(self.starts)
        return found

    def found(self, windows: Integers, models: Integers, rows: Integers) -> Integers:
        """Return the rows of the same slice and column in other windows or of other models.

        Parameters
        ----------
        windows, models
            Of the rows that are looked for, `NOWHERE` for none.
        rows
            The rows that these are to be compared with.
        """
        if not len(self.groups):
            return np.full(len(rows), NOWHERE)
        keys, order = self._ordered
        wanted = self._keys(windows, self.groups[rows], models)
        wanted = np.where((windows == NOWHERE) | (models == NOWHERE), NOWHERE, wanted)
        at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where(keys[at] == wanted, order[at], NOWHERE)

    @cached_property
    def _ordered(self) -> tuple[Integers, Integers]:
        """The keys of the rows, ascending, and the row of each."""
        keys = self._keys(self.windows, self.groups, self.models)
        order = np.argsort(keys, kind="stable")
        return keys[order], order

    def _keys(self, windows: Integers, groups: Integers, models: Integers) -> Integers:
        sizes = (self.groups.max() + 1, self.models.max() + 1)
        found: Integers = (windows * sizes[0] + groups) * sizes[1] + models
        return found

    def once(self) -> Integers:
        """Return for each row the row of all models together where both speak of the same rows, or itself.

        A window mostly has one model, and the same is not compared twice. A model's rows are some of all
        models': where they are as many, they are the same.
        """
        own = np.arange(len(self.groups))
        twins = self.found(self.windows, np.full(len(own), self.all_models), own)
        same = (twins != NOWHERE) & (self.sizes != NOWHERE) & (self.sizes == self.sizes[twins])
        return np.where(same, twins, own)


def _lists(lists: pa.ListArray, values: pa.Array, times: Integers, counts: Integers) -> ItemLists:
    """Return lists with their values as numbers, in the order of these."""
    codes, distinct = _codes(values)
    ranks = np.empty(len(distinct), np.int64)
    ranks[pc.sort_indices(distinct).to_numpy()] = np.arange(len(distinct))
    offsets = lists.offsets.to_numpy().astype(np.int64)
    sizes = np.where(_flags(lists.is_valid()), np.diff(offsets), 0)
    at = places(offsets[:-1], sizes)
    found, occurring = ranks[codes[at]], times[at]
    order = np.argsort(np.repeat(np.arange(len(sizes)), sizes) * max(1, len(ranks)) + found, kind="stable")
    starts = np.concatenate([[0], np.cumsum(sizes)])
    return ItemLists(counts, starts, found[order], occurring[order])


def _together(columns: Sequence[pa.ChunkedArray]) -> Integers:
    """Return a number for each combination of values of some columns."""
    found = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        codes, values = _codes(column)
        # As few numbers as there are combinations, so that no product is beyond 64 bits.
        found = np.unique(found * len(values) + codes, return_inverse=True)[1]
    return found


def _codes(column: pa.Array | pa.ChunkedArray) -> tuple[Integers, pa.Array]:
    """Return the values of a column as places in the list of its distinct values, NULL among them."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    encoded = whole.dictionary_encode(null_encoding="encode")
    return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary


def _integers(column: pa.Array | pa.ChunkedArray, missing: int = 0) -> Integers:
    """Return whole numbers, `missing` where there is none."""
    found: Integers = pc.fill_null(column.cast(pa.int64()), missing).to_numpy().astype(np.int64)
    return found


def _flags(column: pa.Array | pa.ChunkedArray) -> Flags:
    found: Flags = (
        column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy()
    )
    return found.astype(np.bool_)
