"""Accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from databricks_monitoring.metrics.quality.confusion import Confusion


def accuracy_score(confusion: Confusion) -> float | None:
    """Return the share of labelled rows that were predicted right, in [0, 1]; None without labels.

    Notes
    -----
    Correct rows divided by rows where prediction and label are both non-null.

    References
    ----------
    Databricks: model quality, `accuracy_score`.

    Examples
    --------
    >>> from databricks_monitoring.metrics.quality.confusion import Confusion
    >>> accuracy_score(Confusion(("a", "b"), np.array([[3, 1], [0, 0]]), np.array([4, 0])))
    0.75
    """
    return float(np.trace(confusion.counts)) / confusion.total if confusion.total else None
