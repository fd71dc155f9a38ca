"""Rate behind `statistical_parity`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from databricks_monitoring.metrics.quality.confusion import Confusion


def acceptance_rates(confusion: Confusion) -> dict[str, float | None]:
    """Return P(prediction = c) by class, over rows with a prediction; None without any.

    Rows need no label.

    Examples
    --------
    >>> import numpy as np
    >>> from databricks_monitoring.metrics.quality.confusion import Confusion
    >>> acceptance_rates(Confusion(("a", "b"), np.zeros((2, 2), int), np.array([3, 1])))
    {'a': 0.75, 'b': 0.25}
    """
    total = int(confusion.predicted.sum())
    return {
        name: int(rows) / total if total else None
        for name, rows in zip(confusion.classes, confusion.predicted, strict=True)
    }
