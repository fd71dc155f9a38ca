"""Drift statistics against SciPy and against published values."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from databricks_monitoring.metrics.drift.categories import Frequencies, aligned
from databricks_monitoring.metrics.drift.chi_squared import chi_squared_test
from databricks_monitoring.metrics.drift.jensen_shannon import js_distance
from databricks_monitoring.metrics.drift.kolmogorov_smirnov import ks_pvalue, ks_statistic
from databricks_monitoring.metrics.drift.l_infinity import l_infinity_distance
from databricks_monitoring.metrics.drift.population_stability_index import population_stability_index
from databricks_monitoring.metrics.drift.total_variation import tv_distance
from databricks_monitoring.metrics.drift.wasserstein import wasserstein_distance
from databricks_monitoring.metrics.profile.quantiles import quantiles
from databricks_monitoring.metrics.profile.segments import Segments
from tests.oracle.columns import COUNTS, NUMBERS

FINITE = [
    name
    for name, values in NUMBERS.items()
    if len(values) and np.isfinite(values).all() and name not in {"huge", "tiny"}
]
PAIRS = [(a, b) for a in FINITE[:9] for b in FINITE[:9]]


def stored(name: str) -> np.typing.NDArray[np.float64]:
    [found] = quantiles(Segments.of([np.sort(NUMBERS[name].astype(np.float64))]))
    stored: np.typing.NDArray[np.float64] = found
    return stored


@pytest.mark.parametrize(
    ("n", "m", "statistic", "published"),
    [
        (523, 941, 0.049, 0.3829208808885818),
        (941, 1192, 0.038, 0.4228041687817168),
        (1192, 1344, 0.062, 0.014853915612309707),
    ],
)
def test_pvalues_are_those_that_databricks_published(
    n: int, m: int, statistic: float, published: float
) -> None:
    assert ks_pvalue(statistic, n, m) == published


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_numeric_distances(a: str, b: str) -> None:
    mine, theirs = stored(a), stored(b)
    expected = stats.ks_2samp(mine, theirs, method="asymp")
    statistic = ks_statistic(mine, theirs)
    assert statistic == pytest.approx(expected.statistic, abs=1e-15)
    assert ks_pvalue(statistic, 1000, 1000) == pytest.approx(expected.pvalue, rel=1e-9)
    assert wasserstein_distance(mine, theirs) == pytest.approx(
        stats.wasserstein_distance(mine, theirs), rel=1e-9
    )


def test_pvalue_of_single_rows() -> None:
    assert ks_pvalue(0.0, 1, 1) == 1.0
    assert 0 <= ks_pvalue(1.0, 1, 1) <= 1


def plain_psi(current: np.typing.NDArray[np.float64], comparison: np.typing.NDArray[np.float64]) -> float:
    edges = [comparison[100 * decile - 1] for decile in range(1, 10)]
    cuts = [-np.inf, *edges, np.inf]
    total = 0.0
    for low, high in pairwise(cuts):
        a = max(((current > low) & (current <= high)).mean(), 1e-4)
        e = max(((comparison > low) & (comparison <= high)).mean(), 1e-4)
        total += (a - e) * np.log(a / e)
    return total


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.5, 2.0, 100.0])
def test_psi_without_repeated_deciles_is_the_textbook_formula(shift: float) -> None:
    comparison = stored("normal")
    current = stored("normal") * 1.2 + shift
    assert population_stability_index(current, comparison) == pytest.approx(plain_psi(current, comparison))


def test_psi_sees_values_on_either_side_of_a_constant() -> None:
    constant = np.full(1000, 5.0)
    assert population_stability_index(constant, constant) == 0
    assert population_stability_index(constant - 1, constant) > 1
    assert population_stability_index(constant + 1, constant) > 1


def test_psi_of_the_size_that_sampling_explains() -> None:
    # Two windows of one uniform distribution: N * PSI follows a chi-squared law of nine degrees of freedom.
    rng = np.random.default_rng(5)
    n, m = 941, 1192
    scaled = []
    for _ in range(200):
        mine, theirs = quantiles(Segments.of([np.sort(rng.random(n)), np.sort(rng.random(m))]))
        assert mine is not None
        assert theirs is not None
        scaled.append(population_stability_index(mine, theirs) * n * m / (n + m))
    assert np.mean(scaled) == pytest.approx(9, rel=0.15)


def test_infinite_quantiles() -> None:
    mine = np.array([-np.inf, 0.0, np.inf])
    assert wasserstein_distance(mine, mine) == 0
    assert wasserstein_distance(np.array([0.0, 0.0, np.inf]), mine) == np.inf


@pytest.mark.parametrize("name", COUNTS)
def test_categorical_distances(name: str) -> None:
    a, b = (np.array(side, dtype=np.float64) for side in COUNTS[name])
    p, q = a / a.sum(), b / b.sum()
    assert tv_distance(a, b) == pytest.approx(np.abs(p - q).sum() / 2)
    assert l_infinity_distance(a, b) == pytest.approx(np.abs(p - q).max())
    assert js_distance(a, b) == pytest.approx(jensenshannon(p, q, base=2), abs=1e-7)
    there = (a + b) > 0
    found = chi_squared_test(a, b)
    if there.sum() < 2:
        assert found is None
        return
    expected = stats.chi2_contingency(np.stack([a, b])[:, there], correction=False)
    assert found is not None
    assert list(found) == pytest.approx([expected.statistic, expected.pvalue], abs=1e-12)


def test_complete_lists_are_compared_as_they_are() -> None:
    mine, theirs = aligned(Frequencies(7, {"a": 5, "b": 2}), Frequencies(4, {"c": 4}))
    assert mine.tolist() == [5, 2, 0, 0]
    assert theirs.tolist() == [0, 0, 4, 0]


def test_unique_values_have_not_drifted() -> None:
    mine = Frequencies(5000, {f"a{number}": 1 for number in range(100)})
    theirs = Frequencies(8000, {f"b{number}": 1 for number in range(100)})
    assert js_distance(*aligned(mine, theirs)) < 0.1


def test_a_value_that_takes_over_is_seen_beyond_the_cut_of_the_list() -> None:
    theirs = Frequencies(1000, {f"b{number:03}": 1 for number in range(100)})
    mine = Frequencies(1000, {"new": 1000})
    a, b = aligned(mine, theirs)
    assert tv_distance(a, b) > 0.99
    assert a.sum() == b.sum() == 1000


def test_the_rest_is_a_category_of_its_own() -> None:
    items = {f"i{number:03}": 10 for number in range(100)}
    mine, theirs = Frequencies(1000, items), Frequencies(2000, items)
    a, b = aligned(mine, theirs)
    assert (a[-1], b[-1]) == (0, 1000)
    assert tv_distance(a, b) == pytest.approx(0.5)
