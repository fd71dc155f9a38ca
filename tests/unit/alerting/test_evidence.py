"""The special functions against scipy, and the verdict against chance and against real change."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from scipy import stats
from scipy.special import gammaincc

from databricks_monitoring.alerting.evidence import (
    ALPHA,
    JS_THRESHOLD,
    KS_THRESHOLD,
    PSI_THRESHOLD,
    TV_THRESHOLD,
    Evidence,
    Verdict,
    chi_squared_sf,
    corrected_js,
    corrected_psi,
    corrected_tv,
    few_rows_pvalue,
    gamma_upper,
    homogeneity_pvalue,
    mse_rise_pvalue,
    pooled,
    share_rise_pvalue,
)

BASELINE_ROWS = 4000
WINDOW_ROWS = 3000
WINDOWS = 14
TESTS = 10 * WINDOWS

Sample = np.ndarray[tuple[int], np.dtype[np.float64]]


@pytest.mark.parametrize("a", [0.5, 1.0, 2.5, 10.0, 50.0, 1000.0])
@pytest.mark.parametrize("ratio", [0.01, 0.5, 0.99, 1.01, 2.0, 5.0])
def test_gamma_upper_is_that_of_scipy(a: float, ratio: float) -> None:
    assert gamma_upper(a, a * ratio) == pytest.approx(float(gammaincc(a, a * ratio)), rel=1e-9, abs=1e-300)


@pytest.mark.parametrize(("statistic", "degrees"), [(0.0, 3), (1.0, 1), (30.0, 9), (200.0, 100), (900.0, 4)])
def test_chi_squared_tail_is_that_of_scipy(statistic: float, degrees: int) -> None:
    assert chi_squared_sf(statistic, degrees) == pytest.approx(
        float(stats.chi2.sf(statistic, degrees)), rel=1e-9
    )


@pytest.mark.parametrize(
    ("x", "n", "y", "m"), [(9, 3000, 0, 4000), (600, 3000, 700, 4000), (3, 10, 1, 9), (400, 400, 390, 400)]
)
def test_share_rise_is_fishers_exact_test(x: int, n: int, y: int, m: int) -> None:
    expected = stats.fisher_exact(np.array([[x, n - x], [y, m - y]]), alternative="greater").pvalue
    assert share_rise_pvalue(x, n, y, m) == pytest.approx(float(expected), rel=1e-7)


def test_a_share_that_fell_is_no_rise() -> None:
    assert share_rise_pvalue(5, 100, 10, 100) == 1.0
    assert share_rise_pvalue(5, 0, 10, 100) == 1.0


def test_few_rows_is_the_poisson_tail() -> None:
    assert few_rows_pvalue(40, 100.0) == pytest.approx(float(stats.poisson.cdf(40, 100.0)), rel=1e-9)


def test_homogeneity_is_scipys_contingency_test() -> None:
    table = [(120.0, 150.0), (80.0, 100.0), (30.0, 90.0)]
    expected = stats.chi2_contingency(np.array(table).T, correction=False).pvalue
    assert homogeneity_pvalue(table) == pytest.approx(float(expected), rel=1e-9)


def test_rare_categories_are_pooled_and_no_row_is_lost() -> None:
    current = {"a": 500, "b": 480, "rare": 1, "rarer": 2}
    cells = pooled(current, {"a": 600, "b": 390, "rare": 3}, 1000, 1000)
    assert cells == [(500, 600), (480, 390), (20.0, 10.0)]


def test_a_category_of_unknown_count_joins_the_rest() -> None:
    # The comparison lists 990 of its 1,000 rows: how often it has "new" is unknown.
    cells = pooled({"a": 900, "new": 100}, {"a": 990}, 1000, 1000)
    assert cells == [(900, 990), (100.0, 10.0)]


def test_a_pooled_cell_too_small_to_test_joins_the_rarest() -> None:
    assert pooled({"a": 60, "b": 39, "c": 1}, {"a": 50, "b": 50}, 100, 100) == [(60, 50), (40.0, 50)]


def test_equal_sides_are_never_significant() -> None:
    assert homogeneity_pvalue([(10.0, 10.0)]) == 1.0
    assert homogeneity_pvalue([]) == 1.0


def _evidence(corrected: float, pvalue: float) -> Evidence:
    return Evidence("population_stability_index", corrected, corrected, 0.1, pvalue, 100)


def test_both_conditions_are_needed() -> None:
    tiny = ALPHA / 100 / 10
    assert _evidence(0.2, tiny).verdict is Verdict.DRIFTED
    assert _evidence(0.2, ALPHA).verdict is Verdict.UNCHANGED
    assert _evidence(0.06, tiny).verdict is Verdict.NEAR
    assert _evidence(0.04, tiny).verdict is Verdict.UNCHANGED


def test_error_rise_survives_heavy_tails() -> None:
    rng = np.random.default_rng(3)
    pvalues = [
        mse_rise_pvalue(
            float(np.mean(rng.standard_t(5, 500) ** 2)),
            500,
            float(np.mean(rng.standard_t(5, 800) ** 2)),
            800,
        )
        for _ in range(2000)
    ]
    assert sum(p < 0.01 for p in pvalues) <= 30
    assert mse_rise_pvalue(2.0, 500, 1.0, 800) < 1e-4


# The numbers as the metric tables hold them: KS between 1000-quantile arrays, PSI over deciles.


def _quantiles(values: Sample) -> Sample:
    ordered: Sample = np.sort(values)
    positions = np.ceil(np.arange(1, 1001) / 1000 * len(ordered)).astype(int) - 1
    return ordered.take(positions)


def _largest_gap(left: Sample, right: Sample) -> float:
    """Return the two-sample KS statistic of two sorted arrays."""
    both = np.concatenate([left, right])
    below = [np.searchsorted(side, both, side="right") / len(side) for side in (left, right)]
    return float(np.max(np.abs(below[0] - below[1])))


def _numeric(current: Sample, baseline: Sample) -> Verdict:
    """Return the verdict on a numeric column, as an analysis takes it."""
    n, m = len(current), len(baseline)
    distance = _largest_gap(_quantiles(current), _quantiles(baseline))
    pvalue = float(stats.kstwo.sf(distance, round(n * m / (n + m))))
    edges = np.unique(np.quantile(baseline, np.arange(1, 10) / 10))
    shares = [
        np.maximum(np.bincount(np.searchsorted(edges, values), minlength=10) / len(values), 1e-4)
        for values in (current, baseline)
    ]
    psi = float(np.sum((shares[0] - shares[1]) * np.log(shares[0] / shares[1])))
    size = max(corrected_psi(psi, n, m) / PSI_THRESHOLD, distance / KS_THRESHOLD)
    return Evidence("size", size, size, 1.0, pvalue, TESTS).verdict


def _categorical(current: Sample, baseline: Sample) -> Verdict:
    """Return the verdict on a categorical column, as an analysis takes it."""
    counts = [dict(Counter(map(str, values.tolist())).most_common(100)) for values in (current, baseline)]
    n, m = len(current), len(baseline)
    names = sorted({*counts[0], *counts[1]})
    p = np.array([counts[0].get(name, 0) for name in names] + [n - sum(counts[0].values())]) / n
    q = np.array([counts[1].get(name, 0) for name in names] + [m - sum(counts[1].values())]) / m
    middle = (p + q) / 2
    divergence = sum(
        0.5 * float(np.sum(side[side > 0] * np.log2(side[side > 0] / middle[side > 0]))) for side in (p, q)
    )
    js, tv = math.sqrt(max(0.0, divergence)), 0.5 * float(np.abs(p - q).sum())
    kinds = int((middle > 0).sum())
    size = max(corrected_js(js, n, m, kinds) / JS_THRESHOLD, corrected_tv(tv, n, m, kinds) / TV_THRESHOLD)
    pvalue = homogeneity_pvalue(pooled(counts[0], counts[1], n, m))
    return Evidence("size", size, size, 1.0, pvalue, TESTS).verdict


def draws(rng: np.random.Generator, rows: int) -> list[Sample]:
    """Return one sample of each of six numeric and four categorical columns."""
    numeric = [
        rng.normal(size=rows),
        rng.lognormal(size=rows),
        rng.standard_t(3, size=rows),
        rng.poisson(2, size=rows).astype(float),
        (rng.random(rows) < 0.05).astype(float),
        rng.uniform(size=rows),
    ]
    wide = rng.zipf(1.3, size=rows).astype(float)
    categorical = [
        rng.choice(2, rows, p=[0.9, 0.1]).astype(float),
        rng.choice(5, rows).astype(float),
        rng.choice(40, rows).astype(float),
        wide,
    ]
    return numeric + categorical


def verdicts(current: list[Sample], baseline: list[Sample]) -> list[Verdict]:
    """Return the verdicts on the columns of `draws`."""
    return [
        (_numeric if position < 6 else _categorical)(now, before)
        for position, (now, before) in enumerate(zip(current, baseline, strict=True))
    ]


@pytest.mark.parametrize("rows", [80, 300, WINDOW_ROWS])
def test_unchanged_columns_raise_no_alarm(rows: int) -> None:
    rng = np.random.default_rng(rows)
    for _ in range(5):
        baseline = draws(rng, BASELINE_ROWS)
        for _ in range(WINDOWS):
            assert Verdict.DRIFTED not in verdicts(draws(rng, rows), baseline)


def test_half_a_standard_deviation_shows_on_the_first_day() -> None:
    rng = np.random.default_rng(11)
    for _ in range(50):
        baseline, current = rng.normal(size=BASELINE_ROWS), rng.normal(0.5, size=WINDOW_ROWS)
        assert _numeric(current, baseline) is Verdict.DRIFTED


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([0.5, 0.5], [0.6, 0.4]),
        ([0.4, 0.3, 0.2, 0.1], [0.3, 0.3, 0.2, 0.2]),
        ([0.2] * 5, [0.25, 0.25, 0.2, 0.15, 0.15]),
    ],
)
def test_a_tenth_of_the_rows_changing_category_shows_on_the_first_day(
    before: list[float], after: list[float]
) -> None:
    rng = np.random.default_rng(12)
    for _ in range(50):
        baseline = rng.choice(len(before), BASELINE_ROWS, p=before).astype(float)
        current = rng.choice(len(after), WINDOW_ROWS, p=after).astype(float)
        assert _categorical(current, baseline) is Verdict.DRIFTED
