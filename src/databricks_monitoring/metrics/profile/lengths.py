"""Lengths of texts and of binary values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Integers


def lengths(of_items: Integers, counts: Integers) -> tuple[float | None, float | None, float | None]:
    """Return the least, greatest and mean length; None for each without values.

    Parameters
    ----------
    of_items : ndarray, shape (k,)
        Length of each distinct item: characters (Unicode code points) of a text, bytes of a binary value.
    counts : ndarray, shape (k,)
        How often each item occurs; items with count 0 do not occur.

    Notes
    -----
    Columns `min_length`, `max_length` and `avg_length`, the last being ``sum(length * count) / sum(count)``.

    References
    ----------
    Databricks: profile metrics; Spark SQL `length`.

    Examples
    --------
    >>> lengths(np.array([1, 4]), np.array([3, 1]))
    (1.0, 4.0, 1.75)
    """
    total = int(counts.sum())
    if total == 0:
        return None, None, None
    occurring = of_items[counts > 0]
    return float(occurring.min()), float(occurring.max()), float(np.dot(of_items, counts)) / total
