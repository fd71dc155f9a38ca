"""Predictions against labels, counted by class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

    from databricks_monitoring.metrics.arrays import Codes, Integers


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

    @property
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
    used = np.unique(np.concatenate([predictions, labels]))
    used = used[used >= 0]
    names = [str(items[int(at)].as_py()) for at in used]
    by_name = sorted(range(len(names)), key=names.__getitem__)
    number = np.full(len(items) + 1, -1, dtype=np.int64)
    number[used[by_name]] = np.arange(len(used))
    mine, theirs = number[predictions], number[labels]
    k = len(names)
    both = (mine >= 0) & (theirs >= 0)
    counts = np.bincount(mine[both] * k + theirs[both], minlength=k * k).reshape(k, k)
    predicted = np.bincount(mine[mine >= 0], minlength=k)
    return Confusion(tuple(names[at] for at in by_name), counts, predicted)
