"""Jensen-Shannon distance between two sets of category counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from databricks_monitoring.metrics.conventions import JS_LOG_BASE

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Floats


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
    p, q = current / current.sum(), comparison / comparison.sum()
    middle = (p + q) / 2
    divergence = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2 / np.log(JS_LOG_BASE)
    # Rounding may leave it a hair outside its range.
    return float(np.sqrt(min(max(divergence, 0.0), 1.0)))


def _relative_entropy(p: Floats, q: Floats) -> float:
    there = p > 0
    return float(np.sum(p[there] * np.log(p[there] / q[there])))
