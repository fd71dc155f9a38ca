"""Metric rows of fourteen days, computed from drawn values as the metric tables hold them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats
from scipy.spatial.distance import jensenshannon

from databricks_monitoring.monitoring.metric_rows import (
    DriftRow,
    Layout,
    MonitorMetrics,
    ProfileRow,
    Window,
)
from databricks_monitoring.names import TABLE_ROW, SchemaName, TableName

if TYPE_CHECKING:
    from collections.abc import Mapping

Numbers = np.ndarray[tuple[int], np.dtype[np.float64]]
Values = Numbers | list[str]
Draw = Callable[[np.random.Generator, int, int], Values]

FIRST_DAY = datetime(2026, 11, 1, tzinfo=UTC)
LAYOUT = Layout(
    TableName("main", "sales", "inference_logs"),
    SchemaName("main", "monitoring"),
    dashboard_url="https://workspace.example.com/sql/dashboardsv3/01f0",
)
DAYS = 14
BASELINE_DAY = -1


def day(number: int) -> Window:
    """Return the window of a day, counted from 0."""
    start = FIRST_DAY + timedelta(days=number)
    return Window(start, start + timedelta(days=1))


@dataclass
class Sample:
    """Columns as functions that draw (generator, day, rows); day -1 is the baseline."""

    columns: Mapping[str, Draw]
    rows: int = 3000
    baseline_rows: int = 4000
    seed: int = 1
    rows_of_day: Mapping[int, int] = field(default_factory=dict)
    nulls: Mapping[tuple[str, int], int] = field(default_factory=dict)
    quality: Mapping[int, tuple[float, int]] = field(default_factory=dict)

    def metrics(self, *, days: int = DAYS, analysed: int = DAYS) -> MonitorMetrics:
        """Return the metrics of the first `days` days, read at noon of the day after."""
        generator = np.random.default_rng(self.seed)
        profiles: dict[tuple[str, Window | None], ProfileRow] = {}
        drifts: list[DriftRow] = []
        for name, draw in self.columns.items():
            before = draw(generator, BASELINE_DAY, self.baseline_rows)
            profiles[name, None] = self._profile(name, BASELINE_DAY, before)
            for number in range(days):
                now = draw(generator, number, self.rows_of_day.get(number, self.rows))
                profiles[name, day(number)] = self._profile(name, number, now)
                drifts.append(_drift(name, day(number), now, before))
        for number in [BASELINE_DAY, *range(days)]:
            rows = self.rows_of_day.get(number, self.rows)
            accuracy, labelled = self.quality.get(number, (None, 0))
            window = None if number == BASELINE_DAY else day(number)
            profiles[TABLE_ROW, window] = ProfileRow(TABLE_ROW, window, None, rows, 0, accuracy=accuracy)
            if labelled:
                profiles["label", window] = ProfileRow("label", window, "string", labelled, rows - labelled)
        now_at = day(days).start + timedelta(hours=12)
        return MonitorMetrics(
            LAYOUT,
            now_at,
            now_at - timedelta(days=analysed + 1),
            "1 day",
            "BASELINE",
            profiles,
            drifts,
            day(days - 1).end,
            ["churn_3"],
        )

    def _profile(self, name: str, number: int, values: Values) -> ProfileRow:
        window = None if number == BASELINE_DAY else day(number)
        nulls = self.nulls.get((name, number), 0)
        distinct = len(set(values))
        if isinstance(values, list):
            items = dict(Counter(values).most_common(100))
            return ProfileRow(name, window, "string", len(values), nulls, distinct=distinct, items=items)
        return ProfileRow(
            name,
            window,
            "double",
            len(values),
            nulls,
            float(np.mean(values)),
            float(np.std(values, ddof=1)),
            float(np.median(values)),
            distinct,
        )


def _drift(name: str, window: Window, now: Values, before: Values) -> DriftRow:
    if isinstance(now, list) or isinstance(before, list):
        counts = [Counter(map(str, side)) for side in (now, before)]
        kinds = sorted({*counts[0], *counts[1]})
        p, q = (np.array([side[kind] for kind in kinds]) / side.total() for side in counts)
        js, tv = float(jensenshannon(p, q, base=2)), 0.5 * float(np.abs(p - q).sum())
        return DriftRow(name, window, None, None, None, None, js, tv)
    edges = np.unique(np.quantile(before, np.arange(1, 10) / 10))
    a, e = (
        np.maximum(np.bincount(np.searchsorted(edges, side), minlength=len(edges) + 1) / len(side), 1e-4)
        for side in (now, before)
    )
    test = stats.ks_2samp(now, before, method="asymp")
    psi = float(np.sum((a - e) * np.log(a / e)))
    return DriftRow(name, window, None, psi, float(test.statistic), float(test.pvalue), None, None)


def normal(mean: float = 0.0, *, shift: float = 0.0, since: int = DAYS) -> Draw:
    """Return a number of standard deviation 1 whose mean moves by `shift` from a day on."""
    return lambda rng, number, rows: rng.normal(mean + shift * (number >= since), 1.0, rows)


def category(
    before: Mapping[str, float], after: Mapping[str, float] | None = None, since: int = DAYS
) -> Draw:
    """Return a category whose shares change from a day on."""

    def draw(rng: np.random.Generator, number: int, rows: int) -> list[str]:
        shares = after if after and number >= since else before
        return [str(one) for one in rng.choice(list(shares), rows, p=list(shares.values()))]

    return draw


def unique() -> Draw:
    """Return a text that never repeats."""
    return lambda _, number, rows: [f"{number}-{position}" for position in range(rows)]
