"""The distribution of the two-sided Kolmogorov-Smirnov statistic."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import smirnov

from databricks_monitoring.metrics.compiled import compiled

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Floats, Integers

_EXPANDED_FROM = 141
"""Least size for which expansions are used."""

_SMALL_TAIL_FROM = 4.0
"""The same as `_TAIL_FROM` for sizes below `_EXPANDED_FROM`."""

_TAIL_FROM = 2.2
"""Least ``n x^2`` of the upper tail, where both one-sided crossings together are negligible."""

_TAIL_TO = 370.0
"""``n x^2`` from which a probability is below the least number above 0."""

_CERTAIN_TO = 0.03
"""``n x^2`` up to which the probability of less is below rounding: ``exp(-pi^2 / (8 n x^2))``."""

_BODY_FROM = 1.4
"""Least ``n x^1.5`` for the expansion of the body; below, it is not good enough."""

_HALF = 0.5
"""Share that only one side can deviate by; in steps of the distribution, the least deviation there is."""

_FAR_FROM_EDGE = 35.0
"""``n x (1 - 2x)`` from which the terms at the edge of the tail's sum are below rounding."""

_SUMMED_UP_TO = 600
"""Greatest size for which the tail's sum is taken here: SciPy's has a digit or two more, and takes longer."""

_STIRLING_FROM = 16.0
"""Least number for which the series of the error of Stirling's formula is used."""

_NODES = 81
"""Points of the trapezoid rule."""

_REACH = 2.0
"""How far the trapezoid rule goes beyond the point where terms are negligible by their leading exponent."""

_NEGLIGIBLE = 40.0
"""Exponent below the greatest from which terms are below rounding."""

_TERMS = 6
"""Terms of each sum of the expansion: the last is below rounding."""

_DIAGONALS = 20
"""Diagonals of Durbin's matrix: what lies below is less than 1 / 20!, and so below rounding."""


def kolmogorov_survival(statistic: Floats, size: Integers) -> Floats:
    """Return the probability that a sample of some size deviates at least as much from its distribution.

    Parameters
    ----------
    statistic : ndarray, shape (k,)
        Greatest difference between the two distribution functions, in [0, 1].
    size : ndarray, shape (k,)
        Number of values of each sample, at least 1.

    Notes
    -----
    With x the statistic and n the size. Where ``n x^2 >= 2.2``, twice the one-sided probability,
    ``2 x sum_j b(j; n, x + j / n) / (x + j / n)`` with binomial probabilities b. The terms are a smooth bump
    that is flat at both ends, so the sum equals the integral over j, and that equals the trapezoid rule in
    ``log(j / (n - n x - j))``, both up to less than rounding. Where they are not flat, for n up to 140 (there
    from 4) and for x from a half, the sum itself, for n from 601 by `scipy.special.smirnov`. Elsewhere 1
    minus the expansion of Pelz and Good to ``n^-1.5``, with the coefficients that SciPy has. For n up to 140
    and for ``n x^1.5 < 1.4`` Durbin's exact ``n! / n^n (H^n)[k, k]``, by products of the matrix H with a
    vector. For ``n x <= 1`` the closed form ``1 - n! (2 x - 1 / n)^n``. All of this agrees with
    `scipy.stats.kstwo` to at least ten digits of p or of 1 - p.

    References
    ----------
    Smirnov (1944); Birnbaum, Tingey (1951), One-sided confidence contours for probability distribution
    functions. Pelz, Good (1976), Approximating the lower tail-areas of the Kolmogorov-Smirnov one-sample
    statistic. Durbin (1968); Marsaglia, Tsang, Wang (2003), Evaluating Kolmogorov's distribution. Ruben,
    Gambino (1982), The exact distribution of Kolmogorov's statistic. Simard, L'Ecuyer (2011), Computing the
    two-sided Kolmogorov-Smirnov distribution. Loader (2000), Fast and accurate computation of binomial
    probabilities.

    Examples
    --------
    >>> kolmogorov_survival(np.array([0.03, 0.1]), np.array([1000, 1000])).round(6).tolist()
    [0.32269, 0.0]
    """
    x, n = np.asarray(statistic, dtype=np.float64), np.asarray(size, dtype=np.int64)
    found = np.empty(len(x))
    _survival_of_each(x, n, found)
    for at in np.flatnonzero(np.isnan(found)).tolist():
        found[at] = _left_to_scipy(float(x[at]), int(n[at]))
    clipped: Floats = np.clip(found, 0.0, 1.0)
    return clipped


@lru_cache(maxsize=65_536)
def _left_to_scipy(x: float, n: int) -> float:
    # Slow, and slices of one size have the same few statistics over and over.
    return 2 * float(smirnov(n, x))


@compiled
def _survival_of_each(x: Floats, n: Integers, found: Floats) -> None:
    for at in range(len(x)):
        found[at] = _survival(x[at], float(n[at]))


@compiled
def _survival(x: float, n: float) -> float:
    """Return the probability, or NaN where it is left to SciPy."""
    squared = n * x * x
    expanded = n >= _EXPANDED_FROM
    if squared <= _CERTAIN_TO or n * x <= _HALF:
        found = 1.0
    elif x >= 1 or (expanded and squared >= _TAIL_TO):
        found = 0.0
    elif n * x <= 1:
        found = 1 - math.exp(math.lgamma(n + 1) + n * math.log(2 * x - 1 / n))
    elif x >= _HALF or squared >= (_TAIL_FROM if expanded else _SMALL_TAIL_FROM):
        if expanded and n * x * (1 - 2 * x) >= _FAR_FROM_EDGE:
            found = _integrated_tail(x, n)
        else:
            found = _summed_tail(x, n) if n <= _SUMMED_UP_TO else math.nan
    elif expanded and n * x**1.5 > _BODY_FROM:
        found = 1 - _body(x, n)
    else:
        found = 1 - _by_matrix(x, n)
    return found


@compiled
def _integrated_tail(x: float, n: float) -> float:
    """Return twice the one-sided probability, its sum taken as an integral."""
    # With u the logarithm that is stepped over, terms fall off nearly as exp(-n x^2 (cosh(u) - 1)).
    reach = math.acosh(1 + _NEGLIGIBLE / (n * x * x))
    last = n * (1 - x)
    step = 2 * _REACH / (_NODES - 1)
    summed = 0.0
    for node in range(_NODES):
        odds = math.exp(reach * (node * step - _REACH))
        j, rest = last * odds / (1 + odds), last / (1 + odds)
        summed += _term(j, rest, x, n) * j * rest / last
    return 2 * x * summed * reach * step


@compiled
def _summed_tail(x: float, n: float) -> float:
    """Return twice the one-sided probability."""
    summed = math.exp(n * math.log1p(-x)) / x
    for j in range(1, int(n * (1 - x)) + 1):
        rest = n * (1 - x) - j
        if rest > 0:
            summed += _term(float(j), rest, x, n)
    return 2 * x * summed


@compiled
def _term(j: float, rest: float, x: float, n: float) -> float:
    """Return ``b(j; n, x + j / n) / (x + j / n)``, `rest` being ``n - n x - j``."""
    # The binomial's mean is j + n x, so it lies n x away from j whatever j is.
    away = n * x
    deviance = -j * _log1p_less(away / j) - (rest + away) * _log1p_less(-away / (rest + away))
    log_of_one = (
        0.5 * math.log(n / (2 * math.pi * j * (rest + away)))
        + _stirling_error(n)
        - _stirling_error(j)
        - _stirling_error(rest + away)
        - deviance
    )
    return math.exp(log_of_one) / (x + j / n)


@compiled
def _log1p_less(y: float) -> float:
    """Return ``log(1 + y) - y``."""
    return math.log1p(y) - y


@compiled
def _stirling_error(n: float) -> float:
    """Return ``log(n!)`` minus Stirling's approximation of it."""
    if n < _STIRLING_FROM:
        return math.lgamma(n + 1) - (n + 0.5) * math.log(n) + n - 0.5 * math.log(2 * math.pi)
    squared = 1 / (n * n)
    return (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - squared / 1188) * squared) * squared) * squared) / n


@compiled
def _body(x: float, n: float) -> float:
    """Return the distribution function by the expansion in powers of ``n^-0.5``."""
    z = math.sqrt(n) * x
    z2 = z * z
    z4, z6, z8 = z2**2, z2**3, z2**4
    pi2 = math.pi**2
    pi4, pi6 = pi2**2, pi2**3
    # Sums over odd i of polynomials in i times q^(i^2), the least terms first, as Horner's rule has it: the
    # powers of successive odd numbers differ by multiples of eight.
    q = math.exp(-pi2 / 8 / z2)
    order0 = order1 = order2 = order3 = 0.0
    for k in range(_TERMS, 0, -1):
        step, i2 = q ** (8 * k), float((2 * k - 1) ** 2)
        i4, i6 = i2**2, i2**3
        order0 = order0 * step + 1
        order1 = order1 * step + (pi2 / 4 * i2 - z2)
        order2 = order2 * step + (
            6 * z6 + 2 * z4 + (2 * z4 - 5 * z2) * pi2 / 4 * i2 + pi4 * (1 - 2 * z2) / 16 * i4
        )
        order3 = order3 * step + (
            -30 * z6
            - 90 * z8
            + pi2 * (135 * z4 - 96 * z6) / 4 * i2
            + pi4 * (-60 * z2 + 212 * z4) / 16 * i4
            + pi6 * (5 - 30 * z2) / 64 * i6
        )
    root = math.sqrt(2 * math.pi)
    # Sums over whole numbers.
    more2 = more3 = 0.0
    for k in range(_TERMS, 0, -1):
        square = float(k * k)
        power = square * math.exp(-pi2 * square / 2 / z2)
        more2 += power
        more3 += (3 * z2 - pi2 * square) * power
    more2 *= pi2 * root / 36
    more3 *= pi2 * root / 216
    return float(
        order0 * q * root / z
        + order1 * q * root / (6 * z4) / n**0.5
        + (order2 * q * root / (72 * z6 * z) - more2 / (z2 * z)) / n
        + (order3 * q * root / (6480 * z8 * z2) + more3 / z6) / n**1.5
    )


@compiled
def _by_matrix(x: float, n: float) -> float:
    """Return the distribution function as ``n! / n^n (H^n)[k, k]``, H being Durbin's matrix of 2 k - 1 rows.

    H has ``1 / (i - j + 1)!`` in row i and column j, but for its first column and its last row. It is the
    same when mirrored at its other diagonal, so half of the products are those of the other half backwards.
    """
    k = int(n * x) + 1
    h = k - n * x
    m = 2 * k - 1
    inverse = np.empty(m + 1)
    powers = np.empty(m + 1)
    inverse[0] = powers[0] = 1.0
    for i in range(1, m + 1):
        inverse[i] = inverse[i - 1] / i
        powers[i] = powers[i - 1] * h * (1.0 / i)
    corner = max(0.0, 2 * h - 1) ** m * inverse[m]
    vector, product, before = np.zeros(m), np.empty(m), np.zeros(m)
    vector[k - 1] = 1.0
    half = (int(n) + 1) // 2
    for _ in range(half):
        before[:] = vector
        product[: m - 1] = vector[1:]
        product[m - 1] = 0.0
        for below in range(min(m, _DIAGONALS)):
            for i in range(below, m):
                product[i] += vector[i - below] * inverse[below + 1]
        for i in range(m):
            product[i] -= vector[0] * powers[i + 1]
        for j in range(m):
            product[m - 1] -= vector[j] * powers[m - j]
        product[m - 1] += vector[0] * corner
        # Products of H / e neither overflow nor vanish: n^n / n! is nearly e^n.
        for i in range(m):
            vector[i] = product[i] / math.e
    other = before if int(n) % 2 else vector
    found = 0.0
    for i in range(m):
        found += vector[i] * other[m - 1 - i]
    return float(found * math.sqrt(2 * math.pi * n) * math.exp(_stirling_error(n)))
