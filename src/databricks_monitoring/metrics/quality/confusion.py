"""Predictions against labels, counted by class."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from databricks_monitoring.metrics.profile.tallies import Tallies

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from databricks_monitoring.metrics.arrays import Codes, Integers
    from databricks_monitoring.metrics.engines.base import ItemColumn
    from databricks_monitoring.metrics.profile.window import Layout, Place


@dataclass(frozen=True)
class Confusion:
    """How often each class was predicted for each label.

    Attributes
    ----------
    classes
        Every class predicted or labelled, in order of its text.
    counts : ndarray, shape (k, k)
        Rows with both, by prediction (first axis) and label.
    predicted : ndarray, shape (k,)
        Rows by prediction, labelled or not.
    """

    classes: tuple[str, ...]
    counts: Integers
    predicted: Integers

    @cached_property
    def total(self) -> int:
        """Number of rows that have both a prediction and a label."""
        return int(self.counts.sum())

    def pairs(self) -> list[dict[str, object]] | None:
        """Return one element per occurring pair, as the column `confusion_matrix` holds them."""
        if self.total == 0:
            return None
        return [
            {"prediction": self.classes[row], "label": self.classes[at], "count": int(self.counts[row, at])}
            for row, at in np.argwhere(self.counts)
        ]


def confusion(predictions: Codes, labels: Codes, items: pa.Array) -> Confusion:
    """Return the confusion of some rows.

    Parameters
    ----------
    predictions, labels : ndarray, shape (n,)
        Class of each row as a position in `items`, -1 for NULL.
    items : pyarrow.Array of string
        Names of the classes.

    Notes
    -----
    A row counts where both are non-null, for `predicted` where the prediction is.

    Examples
    --------
    >>> import pyarrow as pa
    >>> found = confusion(np.array([0, 1, 1]), np.array([0, 0, -1]), pa.array(["no", "yes"]))
    >>> found.classes, found.counts.tolist(), found.predicted.tolist()
    (('no', 'yes'), [[1, 0], [1, 0]], [1, 2])
    """
    names, pairs = _pairs(predictions, labels, items)
    [found] = _counted(names, pairs, groups=1)
    return found


def confusions(predictions: ItemColumn, labels: ItemColumn, layout: Layout) -> dict[Place, Confusion]:
    """Return the confusion of every group of a batch, by its place.

    Parameters
    ----------
    predictions, labels
        Class of each row, window after window, as positions in the same items.
    layout
        The groups.
    """
    names, pairs = _pairs(predictions.codes, labels.codes, predictions.items)
    found: list[Confusion] = []
    for layer in layout.layers:
        of_groups = layout.groups_of_rows(layer) * (len(names) + 1) ** 2 + pairs
        found += _counted(names, of_groups, groups=len(layer))
    return dict(zip(layout.places, found, strict=True))


def _pairs(predictions: Codes, labels: Codes, items: pa.Array) -> tuple[list[str], Integers]:
    """Return the classes in the order of their text, and for each row its pair of these as a number."""
    ascending = pc.sort_indices(items).to_numpy(zero_copy_only=False)
    # NULL comes before all classes; it is -1, which indexes the last element.
    number = np.zeros(len(items) + 1, np.int64)
    number[ascending] = np.arange(1, len(items) + 1)
    return items.take(ascending).to_pylist(), number[predictions] * len(number) + number[labels]


def _counted(names: Sequence[str], pairs: Integers, groups: int) -> list[Confusion]:
    size = len(names) + 1
    tallies = Tallies.counting(pairs, groups, size**2)
    predicted, labelled = np.divmod(tallies.items, size)
    parts = [slice(*ends) for ends in pairwise(tallies.bounds.tolist())]
    return [_confusion(names, predicted[at], labelled[at], tallies.counts[at]) for at in parts]


def _confusion(names: Sequence[str], predicted: Integers, labelled: Integers, counts: Integers) -> Confusion:
    """Return a confusion from how often each pair of classes occurs; they are numbered from 1, NULL is 0."""
    used = sorted({*predicted.tolist(), *labelled.tolist()} - {0})
    place = dict(zip(used, range(len(used)), strict=True))
    matrix = np.zeros((len(used), len(used)), np.int64)
    by_prediction = np.zeros(len(used), np.int64)
    for mine, theirs, count in zip(predicted.tolist(), labelled.tolist(), counts.tolist(), strict=True):
        if mine:
            by_prediction[place[mine]] += count
            if theirs:
                matrix[place[mine], place[theirs]] = count
    return Confusion(tuple(names[at - 1] for at in used), matrix, by_prediction)
