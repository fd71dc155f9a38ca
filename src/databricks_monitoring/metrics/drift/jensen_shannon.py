"""Jensen-Shannon distance between two sets of category counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import rel_entr

from databricks_monitoring.metrics.conventions import JS_LOG_BASE
from databricks_monitoring.metrics.drift.runs import shares, summed

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Floats, Integers


def js_distances(current: Floats, comparison: Floats, starts: Integers) -> Floats:
    """Return `js_distance` of many pairs at once.

    Parameters
    ----------
    current, comparison : ndarray
        Counts over the same categories, those of one pair after those of the other, no side of a pair empty.
    starts : ndarray, shape (pairs,)
        Where the categories of each pair start.
    """
    p, q = shares(current, starts), shares(comparison, starts)
    middle = (p + q) / 2
    entropies = summed(rel_entr(p, middle), starts) + summed(rel_entr(q, middle), starts)
    # Rounding may leave it a hair outside its range.
    found: Floats = np.sqrt(np.clip(entropies / 2 / np.log(JS_LOG_BASE), 0.0, 1.0))
    return found


def js_distance(current: Floats, comparison: Floats) -> float:
    """Return the Jensen-Shannon distance, in [0, 1].

    Parameters
    ----------
    current, comparison : ndarray, shape (k,)
        Counts over the same categories, neither side empty.

    Notes
    -----
    ``sqrt((KL(p || m) + KL(q || m)) / 2)`` with ``m = (p + q) / 2`` over shares, logarithms of base
    `conventions.JS_LOG_BASE`, 2; ``0 log 0 = 0``. Databricks does not document its base: with base e the
    values would be smaller by the factor ``sqrt(ln 2)``, 0.8326.

    References
    ----------
    Lin (1991), Divergence measures based on the Shannon entropy; Endres, Schindelin (2003), A new metric for
    probability distributions. Databricks: `js_distance`.

    Examples
    --------
    >>> js_distance(np.array([5.0, 0.0]), np.array([0.0, 2.0]))
    1.0
    """
    return float(js_distances(current, comparison, np.array([0]))[0])
