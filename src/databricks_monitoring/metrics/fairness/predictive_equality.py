"""Rate behind `predictive_equality`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from databricks_monitoring.metrics.quality.confusion import Confusion


def false_positive_rates(confusion: Confusion) -> dict[str, float | None]:
    """Return P(prediction = c | label != c) by class, over labelled rows; None where every label is c.

    Examples
    --------
    >>> import numpy as np
    >>> from databricks_monitoring.metrics.quality.confusion import Confusion
    >>> false_positive_rates(Confusion(("a", "b"), np.array([[3, 1], [0, 3]]), np.array([4, 3])))
    {'a': 0.25, 'b': 0.0}
    """
    counts, total = confusion.counts, confusion.total
    rates: dict[str, float | None] = {}
    for c, name in enumerate(confusion.classes):
        others = total - int(counts[:, c].sum())
        rates[name] = (int(counts[c].sum()) - int(counts[c, c])) / others if others else None
    return rates
