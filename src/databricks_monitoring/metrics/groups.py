"""The groups of a window's rows that get metric rows of their own: slices, models, and all together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from databricks_monitoring.errors import MetricError
from databricks_monitoring.metrics.conventions import SLICE_VALUES_AT_MOST
from databricks_monitoring.metrics.profile.frequent_items import frequent_items
from databricks_monitoring.metrics.profile.tallies import Tallies
from databricks_monitoring.names import ALL_MODELS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from databricks_monitoring.metrics.engines.base import ItemColumn

_SMALL = 2**16 - 1
"""Codes below this fit 16 bits, for which NumPy's stable sort is a radix sort."""


@dataclass(frozen=True)
class Group:
    """What identifies a group in the metric tables; None for whatever does not restrict it."""

    slice_key: str | None = None
    slice_value: str | None = None
    model_id: str | None = None


@dataclass(frozen=True)
class Partition:
    """Groups without common rows.

    Attributes
    ----------
    groups
        Each with every name it goes by: if a window has one model, the same rows are that model's and
        those of all models.
    codes
        Group of each row, ``len(groups)`` for rows in none; None if every row is in the only group.
    """

    groups: tuple[tuple[Group, ...], ...]
    codes: NDArray[np.unsignedinteger] | None = None

    @cached_property
    def _sorted(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        codes = np.empty(0, np.uint16) if self.codes is None else self.codes
        return split(codes, len(self.groups))

    def members(self, group: int) -> NDArray[np.intp] | slice:
        """Return the positions of a group's rows in the window."""
        if self.codes is None:
            return slice(None)
        order, bounds = self._sorted
        return order[bounds[group] : bounds[group + 1]]

    def sizes(self, rows: int) -> list[int]:
        """Return the number of rows of each group of a window of `rows` rows."""
        if self.codes is None:
            return [rows]
        counted: list[int] = np.bincount(self.codes, minlength=len(self.groups) + 1)[:-1].tolist()
        return counted


def split(codes: NDArray[np.unsignedinteger], groups: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return an order that brings each group's positions together and leaves their order as it was.

    Returns
    -------
    order : ndarray, shape (n,)
        Positions, those of group 0 first, ascending within each group.
    bounds : ndarray, shape (groups + 2,)
        Where each group starts; the last one is of the positions in no group.
    """
    order = np.argsort(codes, kind="stable")
    counts = np.bincount(codes, minlength=groups + 1)
    return order, np.concatenate([np.zeros(1, np.intp), np.cumsum(counts)])


def partitions(
    rows: int, *, models: ItemColumn | None, slices: Mapping[str, ItemColumn], has_models: bool
) -> list[Partition]:
    """Return the partitions of a window's rows, the first being all rows as one group.

    Parameters
    ----------
    rows
        Number of rows of the window.
    models
        Model id of each row; None where the table has no such column.
    slices
        Value of each slicing expression for each row.
    has_models
        Whether metric rows carry a model id, `'*'` for all together.

    Raises
    ------
    MetricError
        If a row's model id is `'*'`, which stands for all models.
    """
    whole = ALL_MODELS if has_models else None
    by_model = _by_model(rows, models)
    alone = by_model is not None and len(by_model.groups) == 1 and by_model.codes is None
    also = [by_model.groups[0][0].model_id] if by_model is not None and alone else []
    names = [whole, *also]
    found = [Partition((tuple(Group(model_id=name) for name in names),))]
    crossed = None if alone else by_model
    if crossed is not None and crossed.groups:
        found.append(crossed)
    for key, values in slices.items():
        by_value, texts = _by_value(values)
        if not texts:
            continue
        labels = tuple(tuple(Group(key, text, name) for name in names) for text in texts)
        found.append(Partition(labels, by_value))
        if crossed is not None and crossed.groups:
            found.append(_cross(key, texts, by_value, crossed))
    return found


def cut_slices(windows: Iterable[Sequence[Partition]]) -> dict[str, set[str]]:
    """Return the values that have groups of each slicing expression of which some window may have more."""
    values: dict[str, set[str]] = {}
    cut: set[str] = set()
    for of_window in windows:
        for partition in of_window:
            first = partition.groups[0][0]
            if first.slice_key is None:
                continue
            named = {str(group[0].slice_value) for group in partition.groups}
            values.setdefault(first.slice_key, set()).update(named)
            if len(named) >= SLICE_VALUES_AT_MOST:
                cut.add(first.slice_key)
    return {key: values[key] for key in cut}


def _by_model(rows: int, models: ItemColumn | None) -> Partition | None:
    if models is None:
        return None
    here = np.bincount(models.codes + 1, minlength=len(models.items) + 1)
    present = np.flatnonzero(here[1:])
    texts = models.items.take(pa.array(present)).to_pylist()
    if ALL_MODELS in texts:
        raise MetricError(
            f"A row has the model id {ALL_MODELS!r}, which stands for all models together in the metric "
            "tables. Give each model an id of its own."
        )
    order = sorted(range(len(texts)), key=lambda at: str(texts[at]))
    groups = tuple((Group(model_id=texts[at]),) for at in order)
    if len(groups) == 1 and here[0] == 0 and rows:
        return Partition(groups)
    return Partition(groups, _recoded(models.codes, present[order], len(models.items)))


def _by_value(values: ItemColumn) -> tuple[NDArray[np.unsignedinteger], list[str]]:
    # NULL is item 0.
    occurring, _ = Tallies.counting(values.codes.astype(np.int64) + 1, 1, len(values.items) + 1).without(0)
    chosen = frequent_items(values.items, occurring, SLICE_VALUES_AT_MOST).items
    return _recoded(values.codes, chosen, len(values.items)), values.items.take(pa.array(chosen)).to_pylist()


def _recoded(codes: NDArray[np.int32], chosen: NDArray[np.intp], items: int) -> NDArray[np.unsignedinteger]:
    """Return codes that number the chosen items from 0; everything else, NULL included, gets their number."""
    new: NDArray[np.unsignedinteger]
    new = np.full(items + 1, len(chosen), dtype=np.uint16 if len(chosen) < _SMALL else np.uint32)
    new[chosen] = np.arange(len(chosen))
    # NULL is -1, which indexes the last element.
    return new[codes]


def _cross(
    key: str, texts: list[str], by_value: NDArray[np.unsignedinteger], by_model: Partition
) -> Partition:
    models = len(by_model.groups)
    total = len(texts) * models
    groups = tuple((Group(key, text, group[0].model_id),) for text in texts for group in by_model.groups)
    if by_model.codes is None:
        return Partition(groups, by_value)
    outside = (by_value == len(texts)) | (by_model.codes == models)
    codes = by_value.astype(np.uint32) * models + by_model.codes
    codes[outside] = total
    return Partition(groups, codes.astype(np.uint16 if total < _SMALL else np.uint32))
