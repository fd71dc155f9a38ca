"""The statistics of alarms: how large a change is, and whether chance could have made it.

A column drifts in a window when two conditions hold together.

1. *Size.* An effect that does not grow with the number of rows is at or over a threshold: PSI or the KS
   statistic of a number, the Jensen-Shannon or total variation distance of a category. From each, what
   sampling alone adds at the given row counts is taken off first (`corrected_psi`, `corrected_js`,
   `corrected_tv`), so that a window of 100 rows is judged like one of 100,000.
2. *Significance.* Under no change, a result this extreme has a probability below `ALPHA / tests`: the
   family-wise error `ALPHA` shared equally among all columns and windows looked at (Bonferroni).

Size alone fires on small windows, significance alone on large ones. Bonferroni and not Benjamini-Hochberg,
for two reasons: every window is compared with the same baseline, so the tests depend on one another, and
Bonferroni holds under any dependence; and one wrong column in a message costs more trust than the false
discovery *rate* counts. The price is small here: a shift worth reporting has a p-value many orders of
magnitude below either level.

Everything is plain Python on a handful of numbers per column and window.

References
----------
Dunn, O. J. (1961), Multiple comparisons among means. JASA 56 (Bonferroni).
Yurdakul, B. (2018), Statistical properties of the population stability index (chi-squared law of PSI).
Lin, J. (1991), Divergence measures based on the Shannon entropy. IEEE Trans. Inf. Theory 37.
Cochran, W. G. (1954), Some methods for strengthening the common chi-squared tests. Biometrics 10.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ALPHA = 0.001
"""Probability that an analysis of unchanged data names any column at all (family-wise error)."""

PSI_THRESHOLD = 0.1
"""Population stability index: below 0.1 no change worth the name, from 0.2 a large one, as documented."""

KS_THRESHOLD = 0.1
"""KS statistic: a tenth of the rows lies on the other side of some value."""

JS_THRESHOLD = 0.1
"""Jensen-Shannon distance, base 2: 12 % of the rows move between two even classes, or 2 % to a new one."""

TV_THRESHOLD = 0.05
"""Total variation distance: five rows in a hundred have another category."""

PSI_BINS = 10
"""Bins behind `population_stability_index`; Databricks does not document them, published output fits 10."""

MINIMUM_ROWS = 30
"""A window with fewer values in a column decides nothing: it neither begins nor ends a drift."""

NEAR = 0.5
"""Share of a threshold above which a significant change does not *end* a drift that has begun."""

MINIMUM_EXPECTED = 5.0
"""Cochran's rule: rarer categories are pooled until each expects this many rows on both sides."""

ERROR_SPREAD = 8.0
"""Kurtosis minus one of a model's errors assumed by `mse_rise_pvalue`; 2 would be normal errors."""

_CONVERGED = 1e-16
_MOST_TERMS = 100_000


class Verdict(Enum):
    """What one window says about one column."""

    DRIFTED = "drifted"
    NEAR = "near"
    UNCHANGED = "unchanged"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Evidence:
    """One effect with its threshold and the chance of it under no change.

    Parameters
    ----------
    statistic : str
        Column of the metric table (or name of the test) behind `value`.
    value : float
        As the metric table has it.
    corrected : float
        `value` less what sampling alone explains; compared with `threshold`.
    pvalue : float
        Probability of such a result under no change, not corrected for the number of tests.
    tests : int
        How many column-window pairs were looked at together.
    """

    statistic: str
    value: float
    corrected: float
    threshold: float
    pvalue: float
    tests: int

    @property
    def chance(self) -> float:
        """Probability that unchanged data would show this in any of the tests; at most 1."""
        return min(1.0, self.pvalue * self.tests)

    @property
    def verdict(self) -> Verdict:
        """Both conditions; `NEAR` if significant with at least half the threshold."""
        if self.chance >= ALPHA or self.corrected < self.threshold * NEAR:
            return Verdict.UNCHANGED
        return Verdict.DRIFTED if self.corrected >= self.threshold else Verdict.NEAR

    @property
    def strength(self) -> float:
        """Corrected effect in thresholds; infinite for any effect against a threshold of zero."""
        if self.threshold == 0:
            return math.inf if self.corrected > 0 else 0.0
        return self.corrected / self.threshold


def harmonic_rows(n: int, m: int) -> float:
    """Return n*m/(n+m), the rows a two-sample comparison is worth; 0 if a side is empty.

    Examples
    --------
    >>> harmonic_rows(3000, 6000)
    2000.0
    """
    return n * m / (n + m) if n and m else 0.0


def corrected_psi(psi: float, n: int, m: int, bins: int = PSI_BINS) -> float:
    """Return PSI less its expectation under no change.

    Notes
    -----
    Under no change `PSI * n*m/(n+m)` is about chi-squared with `bins - 1` degrees of freedom, hence
    `E[PSI] = (bins - 1) * (1/n + 1/m)`. Never below zero.

    Examples
    --------
    >>> round(corrected_psi(0.41, 3000, 4000), 5)
    0.40475
    """
    rows = harmonic_rows(n, m)
    return max(0.0, psi - (bins - 1) / rows) if rows else 0.0


def corrected_js(js: float, n: int, m: int, categories: int) -> float:
    """Return the Jensen-Shannon distance (base 2) less what sampling alone explains.

    Notes
    -----
    To second order the divergence is `sum((p-q)**2 / mean) / (8 ln 2)` bits, and `n*m/(n+m)` times that sum
    is chi-squared with K-1 degrees of freedom under no change. So
    `E[JS**2] = (K - 1) * (1/n + 1/m) / (8 ln 2)`, and the result is `sqrt(max(0, JS**2 - E[JS**2]))`.
    With fewer than about five rows per category the expansion is rough; the pooled test decides there.

    Examples
    --------
    >>> corrected_js(0.01, 3000, 4000, 5)
    0.0
    """
    rows = harmonic_rows(n, m)
    if not rows:
        return 0.0
    return math.sqrt(max(0.0, js**2 - max(0, categories - 1) / (rows * 8 * math.log(2))))


def corrected_tv(tv: float, n: int, m: int, categories: int) -> float:
    """Return the total variation distance less what sampling alone explains.

    Notes
    -----
    Under no change each share difference is about normal with variance `p(1-p)(1/n + 1/m)`, so
    `E[TV] = 0.5 * sqrt(2/pi) * sqrt(1/n + 1/m) * sum(sqrt(p(1-p)))`, and the sum is at most `sqrt(K - 1)`
    (equal shares). That bound is taken off in quadrature, for a real difference absorbs most of the noise.

    Examples
    --------
    >>> round(corrected_tv(0.1, 3000, 4000, 3), 4)
    0.0991
    """
    rows = harmonic_rows(n, m)
    if not rows:
        return 0.0
    expected_squared = max(0, categories - 1) / (2 * math.pi * rows)
    return math.sqrt(max(0.0, tv**2 - expected_squared))


def gamma_upper(a: float, x: float) -> float:
    """Return the regularised upper incomplete gamma function Q(a, x).

    Notes
    -----
    Series of P(a, x) for x < a + 1, otherwise the continued fraction of Q(a, x) by Lentz's method
    (Abramowitz & Stegun 6.5.29 and 6.5.31). Relative error about 1e-12.
    """
    if x <= 0:
        return 1.0
    front = math.exp(-x + a * math.log(x) - math.lgamma(a))
    if x < a + 1:
        return max(0.0, 1.0 - front * _lower_series(a, x))
    return front * _upper_fraction(a, x)


def _lower_series(a: float, x: float) -> float:
    term = total = 1.0 / a
    for step in range(1, _MOST_TERMS):
        term *= x / (a + step)
        total += term
        if term < total * _CONVERGED:
            break
    return total


def _upper_fraction(a: float, x: float) -> float:
    tiny = 1e-300
    b = x + 1.0 - a
    c = 1.0 / tiny
    d = 1.0 / b
    value = d
    for step in range(1, _MOST_TERMS):
        numerator = -step * (step - a)
        b += 2.0
        d = 1.0 / (numerator * d + b or tiny)
        c = b + numerator / c or tiny
        change = d * c
        value *= change
        if abs(change - 1.0) < _CONVERGED * 10:
            break
    return value


def chi_squared_sf(statistic: float, degrees: int) -> float:
    """Return the probability that a chi-squared variable exceeds `statistic`.

    Examples
    --------
    >>> round(chi_squared_sf(3.841459, 1), 6)
    0.05
    """
    return gamma_upper(degrees / 2, statistic / 2)


def pooled(
    current: Mapping[str, int], comparison: Mapping[str, int], n: int, m: int
) -> list[tuple[float, float]]:
    """Return (current, comparison) counts of the categories that a chi-squared test can use.

    Parameters
    ----------
    current, comparison : mapping
        Counts of the most frequent categories of each side.
    n, m : int
        Rows of each side; what the listed counts do not reach is a rest of unknown categories.

    Notes
    -----
    A category missing from a complete list has count 0; missing from a list with a rest, its count is
    unknown, and it joins the rest on both sides. Then categories that expect fewer than
    `MINIMUM_EXPECTED` rows on either side under no change are pooled with the rest. High cardinality
    thus becomes the frequent categories and one "all other" cell, for which the test is sound.
    """
    rest_n, rest_m = n - sum(current.values()), m - sum(comparison.values())
    cells: list[tuple[float, float]] = []
    other = [float(max(0, rest_n)), float(max(0, rest_m))]
    smallest = min(n, m) / (n + m) if n + m else 0.0
    for category in sorted({*current, *comparison}):
        pair = (current.get(category, 0), comparison.get(category, 0))
        unknown = (category not in current and rest_n > 0) or (category not in comparison and rest_m > 0)
        if unknown or sum(pair) * smallest < MINIMUM_EXPECTED:
            other[0] += pair[0]
            other[1] += pair[1]
        else:
            cells.append(pair)
    if sum(other) > 0:
        cells.append((other[0], other[1]))
    return _without_a_small_cell(cells, smallest)


def _without_a_small_cell(cells: list[tuple[float, float]], smallest: float) -> list[tuple[float, float]]:
    """Merge the last cell, the pooled one, into the rarest other if it is still too small to test."""
    if len(cells) < 2 or sum(cells[-1]) * smallest >= MINIMUM_EXPECTED:  # noqa: PLR2004 - a cell to merge with
        return cells
    *others, last = cells
    rarest = min(range(len(others)), key=lambda position: sum(others[position]))
    others[rarest] = (others[rarest][0] + last[0], others[rarest][1] + last[1])
    return others


def homogeneity_pvalue(cells: list[tuple[float, float]]) -> float:
    """Return the p-value of the chi-squared test that both columns of `cells` have the same shares.

    Notes
    -----
    `X2 = sum((observed - expected)**2 / expected)` over the 2 x K table, K-1 degrees of freedom, no
    continuity correction. 1 if fewer than two cells are left or a side is empty.

    Examples
    --------
    >>> round(homogeneity_pvalue([(10, 20), (20, 10)]), 5)
    0.00982
    """
    n, m = sum(a for a, _ in cells), sum(b for _, b in cells)
    if len(cells) < 2 or not n or not m:  # noqa: PLR2004 - two categories at least
        return 1.0
    statistic = sum((a * m - b * n) ** 2 / ((a + b) * n * m) for a, b in cells)
    return chi_squared_sf(statistic, len(cells) - 1)


def share_rise_pvalue(x: int, n: int, y: int, m: int) -> float:
    """Return the chance of a share at least as high as x/n if both samples had one share.

    Parameters
    ----------
    x, n : int
        Rows with the property and rows, in the window.
    y, m : int
        The same in the comparison.

    Notes
    -----
    Fisher's exact test, one-sided: with t = x + y, `P(X >= x)` for X hypergeometric (n draws from n + m
    rows, t of them marked). Exact also where a normal approximation is wrong, such as no missing value in
    the baseline. 1 if the share did not rise.

    Examples
    --------
    >>> round(share_rise_pvalue(8, 10, 1, 6), 6)
    0.024476
    """
    if not n or not m or x * m <= y * n:
        return 1.0
    marked = x + y
    term = math.exp(_log_choose(marked, x) + _log_choose(n + m - marked, n - x) - _log_choose(n + m, n))
    total = 0.0
    for k in range(x, min(n, marked) + 1):
        total += term
        term *= (marked - k) * (n - k) / ((k + 1) * (m - marked + k + 1))
        if term < total * _CONVERGED:
            break
    return min(1.0, total)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def few_rows_pvalue(rows: int, expected: float) -> float:
    """Return the chance of at most `rows` events where `expected` are usual (Poisson).

    Examples
    --------
    >>> round(few_rows_pvalue(0, 3.0), 6)
    0.049787
    """
    return gamma_upper(rows + 1, expected) if expected > 0 else 1.0


def mse_rise_pvalue(mse: float, n: int, mse_before: float, m: int) -> float:
    """Return the chance of a mean squared error this much higher if the errors had one spread.

    Notes
    -----
    `z = ln(mse / mse_before) / sqrt(ERROR_SPREAD * (1/n + 1/m))`, one-sided normal. The variance of a log
    mean square is (kurtosis - 1)/n; the metric tables do not keep the kurtosis of the errors, and 9 covers
    errors with far heavier tails than normal ones (3).

    Examples
    --------
    >>> mse_rise_pvalue(1.0, 100, 1.0, 100)
    0.5
    """
    rows = harmonic_rows(n, m)
    if not rows or mse <= 0:
        return 1.0
    if mse_before <= 0:
        return 0.0
    z = math.log(mse / mse_before) / math.sqrt(ERROR_SPREAD / rows)
    return math.erfc(z / math.sqrt(2)) / 2
