"""Total variation distance between two sets of category counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from databricks_monitoring.metrics.drift.runs import shares, summed

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Floats, Integers


def tv_distances(current: Floats, comparison: Floats, starts: Integers) -> Floats:
    """Return `tv_distance` of many pairs at once.

    Parameters
    ----------
    current, comparison : ndarray
        Counts over the same categories, those of one pair after those of the other, no side of a pair empty.
    starts : ndarray, shape (pairs,)
        Where the categories of each pair start.
    """
    apart: Floats = summed(np.abs(shares(current, starts) - shares(comparison, starts)), starts) / 2
    return apart


def tv_distance(current: Floats, comparison: Floats) -> float:
    """Return the total variation distance, in [0, 1].

    Parameters
    ----------
    current, comparison : ndarray, shape (k,)
        Counts over the same categories, neither side empty.

    Notes
    -----
    ``0.5 * sum |p - q|`` over shares: the least share of rows that would have to change category.

    References
    ----------
    Gibbs, Su (2002), On choosing and bounding probability metrics. Databricks: `tv_distance`.

    Examples
    --------
    >>> tv_distance(np.array([3.0, 1.0]), np.array([1.0, 3.0]))
    0.5
    """
    return float(tv_distances(current, comparison, np.array([0]))[0])
