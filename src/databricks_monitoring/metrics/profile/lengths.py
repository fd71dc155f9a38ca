"""Lengths of texts and of binary values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Floats, Integers
    from databricks_monitoring.metrics.profile.tallies import Tallies


def lengths(of_items: Integers, occurring: Tallies) -> tuple[Floats, Floats, Floats]:
    """Return the least, greatest and mean length of each group's values; NaN for each without values.

    Parameters
    ----------
    of_items : ndarray, shape (m,)
        Length of each distinct item: characters (Unicode code points) of a text, bytes of a binary value.
    occurring : Tallies, of k groups
        How often each item occurs.

    Returns
    -------
    least, greatest, average : ndarray, shape (k,)

    Notes
    -----
    Columns `min_length`, `max_length` and `avg_length`, the last being ``sum(length * count) / sum(count)``.

    References
    ----------
    Databricks: profile metrics; Spark SQL `length`.

    Examples
    --------
    >>> from databricks_monitoring.metrics.profile.tallies import Tallies
    >>> lengths(np.array([1, 4]), Tallies(np.array([0, 1]), np.array([3, 1]), np.array([0, 2])))
    (array([1.]), array([4.]), array([1.75]))
    """
    least, greatest = np.full(len(occurring), np.nan), np.full(len(occurring), np.nan)
    filled = np.flatnonzero(occurring.distinct)
    here = of_items[occurring.items]
    if len(filled):
        first = occurring.bounds[:-1][filled]
        least[filled], greatest[filled] = np.minimum.reduceat(here, first), np.maximum.reduceat(here, first)
    with np.errstate(invalid="ignore"):
        return least, greatest, occurring.sums(here * occurring.counts) / occurring.totals
