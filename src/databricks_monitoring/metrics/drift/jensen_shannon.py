"""Jensen-Shannon distance between two sets of category counts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from databricks_monitoring.metrics.compiled import compiled
from databricks_monitoring.metrics.conventions import JS_LOG_BASE

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Floats


@compiled
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
    of_current, of_comparison = current.sum(), comparison.sum()
    entropy = 0.0
    for at in range(len(current)):
        p, q = current[at] / of_current, comparison[at] / of_comparison
        middle = (p + q) / 2
        if p > 0:
            entropy += p * math.log(p / middle)
        if q > 0:
            entropy += q * math.log(q / middle)
    # Rounding may leave it a hair outside its range.
    return math.sqrt(min(1.0, max(0.0, entropy / 2 / math.log(JS_LOG_BASE))))
