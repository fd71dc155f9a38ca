"""L-infinity distance between two sets of category counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from databricks_monitoring.metrics.drift.runs import shares

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Floats, Integers


def l_infinity_distances(current: Floats, comparison: Floats, starts: Integers) -> Floats:
    """Return `l_infinity_distance` of many pairs at once.

    Parameters
    ----------
    current, comparison : ndarray
        Counts over the same categories, those of one pair after those of the other, no side of a pair empty.
    starts : ndarray, shape (pairs,)
        Where the categories of each pair start.
    """
    apart = np.abs(shares(current, starts) - shares(comparison, starts))
    greatest: Floats = np.maximum.reduceat(apart, starts)
    return greatest


def l_infinity_distance(current: Floats, comparison: Floats) -> float:
    """Return the greatest difference of any category's share, in [0, 1].

    Parameters
    ----------
    current, comparison : ndarray, shape (k,)
        Counts over the same categories, neither side empty.

    Notes
    -----
    ``max |p - q|`` over shares; the bucket of all unlisted items counts as one category.

    References
    ----------
    Databricks: `l_infinity_distance`.

    Examples
    --------
    >>> l_infinity_distance(np.array([3.0, 1.0]), np.array([1.0, 3.0]))
    0.5
    """
    return float(l_infinity_distances(current, comparison, np.array([0]))[0])
