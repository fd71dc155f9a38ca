"""Rate behind `predictive_parity`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from databricks_monitoring.metrics.quality.confusion import Confusion


def precisions(confusion: Confusion) -> dict[str, float | None]:
    """Return P(label = c | prediction = c) by class, over labelled rows; None where c was not predicted.

    Examples
    --------
    >>> import numpy as np
    >>> from databricks_monitoring.metrics.quality.confusion import Confusion
    >>> precisions(Confusion(("a", "b"), np.array([[3, 1], [0, 0]]), np.array([4, 0])))
    {'a': 0.75, 'b': None}
    """
    counts = confusion.counts
    return {
        name: int(counts[c, c]) / int(counts[c].sum()) if counts[c].any() else None
        for c, name in enumerate(confusion.classes)
    }
