"""Errors of a regression."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from databricks_monitoring.metrics.conventions import MAPE_EPSILON

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Floats


def regression_errors(predictions: Floats, labels: Floats) -> dict[str, float | None]:
    """Return the five error columns; nothing without rows.

    Parameters
    ----------
    predictions, labels : ndarray, shape (n,)
        In the label's unit, both non-null and not NaN.

    Notes
    -----
    With e = prediction - label: `mean_squared_error` = mean(e^2), in the unit squared;
    `root_mean_squared_error` its square root and `mean_average_error` = mean(|e|), in the unit;
    `mean_absolute_percentage_error` = mean(|e| / max(|label|, eps)), a fraction, eps =
    `conventions.MAPE_EPSILON`; `r2_score` = 1 - sum(e^2) / sum((label - mean label)^2), None below two rows
    or for constant labels. Terms are added in ascending order, so the order of rows changes nothing.

    References
    ----------
    scikit-learn, regression metrics. Databricks: model quality columns.

    Examples
    --------
    >>> found = regression_errors(np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 3.0]))
    >>> found["mean_average_error"], found["r2_score"]
    (0.3333333333333333, 0.5)
    """
    n = len(labels)
    if n == 0:
        return {}
    with np.errstate(over="ignore", invalid="ignore"):
        absolute = np.abs(predictions - labels)
        squared = float(np.sort(absolute**2).sum())
        relative = np.sort(absolute / np.maximum(np.abs(labels), MAPE_EPSILON))
        centre = float(np.sort(labels).mean())
        spread = float(np.sort((labels - centre) ** 2).sum())
        varied = n > 1 and labels.min() != labels.max() and spread > 0
        return {
            "mean_squared_error": squared / n,
            "root_mean_squared_error": float(np.sqrt(squared / n)),
            "mean_average_error": float(np.sort(absolute).mean()),
            "mean_absolute_percentage_error": float(relative.mean()),
            "r2_score": 1.0 - squared / spread if varied else None,
        }
