"""Flat arrays that hold the values of many things, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Floats, Integers


def lengths(starts: Integers, whole: int) -> Integers:
    """Return the length of each run of a flat array of a whole length, by where the runs start.

    Examples
    --------
    >>> lengths(np.array([0, 2]), 5).tolist()
    [2, 3]
    """
    return np.diff(starts, append=whole)


def places(starts: Integers, sizes: Integers) -> Integers:
    """Return the places of all values of some runs, one run after the other.

    Examples
    --------
    >>> places(np.array([7, 0]), np.array([2, 3])).tolist()
    [7, 8, 0, 1, 2]
    """
    ends = np.cumsum(sizes)
    found: Integers = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - sizes), sizes)
    return found


def summed(values: Floats, starts: Integers) -> Floats:
    """Return the sum of each run, none of which is empty.

    Examples
    --------
    >>> summed(np.array([1.0, 2.0, 4.0]), np.array([0, 2])).tolist()
    [3.0, 4.0]
    """
    found: Floats = np.add.reduceat(values, starts)
    return found


def shares(counts: Floats, starts: Integers) -> Floats:
    """Return counts relative to the sum of their run, which is not 0.

    Examples
    --------
    >>> shares(np.array([1.0, 3.0, 4.0]), np.array([0, 2])).tolist()
    [0.25, 0.75, 1.0]
    """
    found: Floats = counts / np.repeat(summed(counts, starts), lengths(starts, len(counts)))
    return found
