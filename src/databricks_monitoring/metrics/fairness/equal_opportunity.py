"""Rate behind `equal_opportunity`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from databricks_monitoring.metrics.quality.confusion import Confusion


def true_positive_rates(confusion: Confusion) -> dict[str, float | None]:
    """Return P(prediction = c | label = c) by class, over labelled rows; None where no label is c.

    Examples
    --------
    >>> import numpy as np
    >>> from databricks_monitoring.metrics.quality.confusion import Confusion
    >>> true_positive_rates(Confusion(("a", "b"), np.array([[3, 1], [0, 3]]), np.array([4, 3])))
    {'a': 1.0, 'b': 0.75}
    """
    counts = confusion.counts
    return {
        name: int(counts[c, c]) / int(counts[:, c].sum()) if counts[:, c].any() else None
        for c, name in enumerate(confusion.classes)
    }
