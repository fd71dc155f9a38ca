"""The distribution of the Kolmogorov-Smirnov statistic against SciPy, in each region with its own method."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from databricks_monitoring.metrics.drift.kolmogorov_distribution import kolmogorov_survival


@pytest.mark.parametrize("sizes", [(1, 20), (20, 141), (141, 300), (300, 1200), (1200, 6000)])
def test_every_region_agrees_with_scipy(sizes: tuple[int, int]) -> None:
    rng = np.random.default_rng(sizes[0])
    n = rng.integers(*sizes, 60)
    # In units of the spread: from samples that hardly differ to those that hardly agree.
    x = np.clip(np.round(np.sqrt(rng.uniform(0.02, 30, 60) / n), 3), 0.001, 1).astype(np.float64)
    found = kolmogorov_survival(x, n)
    expected = np.array([stats.kstwo.sf(float(one), int(size)) for one, size in zip(x, n, strict=True)])
    assert found == pytest.approx(expected, rel=1e-10, abs=1e-300)


def test_ends_of_the_range() -> None:
    x, n = np.array([0.0, 1.0, 0.5, 1.0, 0.001]), np.array([5, 5, 1, 10**9, 10**6])
    found = kolmogorov_survival(x, n)
    expected = [stats.kstwo.sf(float(one), int(size)) for one, size in zip(x, n, strict=True)]
    assert found == pytest.approx(expected, rel=1e-10, abs=1e-300)
