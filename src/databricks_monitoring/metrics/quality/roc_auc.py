"""Area under the receiver operating characteristic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Flags, Floats


def roc_auc(scores: Floats, is_class: Flags) -> float | None:
    """Return the area under the curve of one class against all others, in [0, 1].

    Parameters
    ----------
    scores : ndarray, shape (n,)
        Probability of the class in each row, without NaN.
    is_class : ndarray, shape (n,)
        Whether the row's label is the class.

    Returns
    -------
    float or None
        None if every row or no row is of the class.

    Notes
    -----
    The share of pairs (a row of the class, another row) in which the first has the higher score, equal scores
    counting half: the Mann-Whitney statistic from mid-ranks.

    References
    ----------
    Hanley, McNeil (1982), The meaning and use of the area under a ROC curve. Databricks: `roc_auc_score`.

    Examples
    --------
    >>> roc_auc(np.array([0.1, 0.4, 0.4, 0.9]), np.array([False, False, True, True]))
    0.875
    """
    mine, others = np.sort(scores[is_class]), np.sort(scores[~is_class])
    if len(mine) == 0 or len(others) == 0:
        return None
    below = np.searchsorted(others, mine, side="left")
    upto = np.searchsorted(others, mine, side="right")
    return float((below + upto).sum() / 2 / (len(mine) * len(others)))
