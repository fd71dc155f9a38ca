"""Logarithmic loss of class probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from databricks_monitoring.metrics.conventions import LOG_LOSS_CLIP

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Floats


def log_loss(of_labels: Floats) -> float | None:
    """Return the mean negative logarithm of what was given to the true class, at least 0; None without rows.

    Parameters
    ----------
    of_labels : ndarray, shape (n,)
        Probability that each row's true class was given, in [0, 1].

    Notes
    -----
    ``-mean(ln p)``, natural logarithm, p kept within [clip, 1 - clip] where clip is
    `conventions.LOG_LOSS_CLIP`, 1e-15.
    Terms are added in ascending order, so the order of rows changes nothing.

    References
    ----------
    Good (1952), Rational decisions. Databricks: model quality, `log_loss`.

    Examples
    --------
    >>> round(log_loss(np.array([0.5, 0.25])), 4)
    1.0397
    """
    if len(of_labels) == 0:
        return None
    return float(np.sort(-np.log(np.clip(of_labels, LOG_LOSS_CLIP, 1 - LOG_LOSS_CLIP))).mean())
