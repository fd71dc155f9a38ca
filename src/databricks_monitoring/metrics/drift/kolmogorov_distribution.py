"""The distribution of the two-sided Kolmogorov-Smirnov statistic, for many statistics at once."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import gammaln, smirnov

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Floats, Integers

_EXPANDED_FROM = 141
"""Least size for which expansions are used."""

_SMALL_TAIL_FROM = 4.0
"""The same as `_TAIL_FROM` for sizes below `_EXPANDED_FROM`."""

_MATRIX_UP_TO = 1_000
"""Greatest size for which the powers of a matrix are taken one by one."""

_TAIL_FROM = 2.2
"""Least ``n x^2`` of the upper tail, where both one-sided crossings together are negligible."""

_TAIL_TO = 370.0
"""``n x^2`` from which a probability is below the least number above 0."""

_BODY_FROM = 1.4
"""Least ``n x^1.5`` for the expansion of the body; below, it is not good enough."""

_FAR_FROM_EDGE = 45.0
"""``n x (1 - 2x)`` from which the terms at the edge of the tail's sum are below rounding."""

_STIRLING_FROM = 16.0
_NODES = np.linspace(-2.0, 2.0, 81)
_NEGLIGIBLE = 40.0
"""Exponent below the greatest from which terms are below rounding."""

_TERMS = 6
"""Terms of each sum of the expansion: the last is below rounding."""


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
    ``log(j / (n - n x - j))``, both up to less than rounding. Elsewhere 1 minus the expansion of Pelz and
    Good to ``n^-1.5``, with the coefficients that SciPy has. For n up to 140 and for ``n x^1.5 < 1.4`` the
    exact matrix method of Durbin, and what is left (x near a half, or at the ends) by `scipy.stats.kstwo`,
    which all of this agrees with to at least ten digits of p or of 1 - p.

    References
    ----------
    Smirnov (1944); Birnbaum, Tingey (1951), One-sided confidence contours for probability distribution
    functions. Pelz, Good (1976), Approximating the lower tail-areas of the Kolmogorov-Smirnov one-sample
    statistic. Durbin (1968); Marsaglia, Tsang, Wang (2003), Evaluating Kolmogorov's distribution. Simard,
    L'Ecuyer (2011), Computing the two-sided Kolmogorov-Smirnov distribution. Loader (2000), Fast and accurate
    computation of binomial probabilities.

    Examples
    --------
    >>> kolmogorov_survival(np.array([0.03, 0.1]), np.array([1000, 1000])).round(6).tolist()
    [0.32269, 0.0]
    """
    x, n = np.asarray(statistic, dtype=np.float64), np.asarray(size, dtype=np.float64)
    squared = n * x * x
    expanded = n >= _EXPANDED_FROM
    nothing = expanded & (squared >= _TAIL_TO)
    tail = expanded & ~nothing & (squared >= _TAIL_FROM) & (n * x * (1 - 2 * x) >= _FAR_FROM_EDGE)
    body = expanded & (squared < _TAIL_FROM) & (n * x**1.5 > _BODY_FROM)
    inside = (n * x > 1) & (x < 0.5)  # noqa: PLR2004 - outside there are closed forms
    short_tail = inside & ~(nothing | tail) & (squared > np.where(expanded, _TAIL_FROM, _SMALL_TAIL_FROM))
    matrix = inside & (n <= _MATRIX_UP_TO) & ~(nothing | tail | body | short_tail)
    found = np.zeros(len(x))
    if tail.any():
        found[tail] = _tail(x[tail], n[tail])
    if body.any():
        found[body] = 1 - _body(x[body], n[body])
    found[short_tail] = 2 * smirnov(n[short_tail], x[short_tail])
    if matrix.any():
        found[matrix] = 1 - _by_matrix(x[matrix], n[matrix])
    for at in np.flatnonzero(~(nothing | tail | body | short_tail | matrix)):
        found[at] = _exact(float(x[at]), int(n[at]))
    return np.clip(found, 0.0, 1.0)


@lru_cache(maxsize=65_536)
def _exact(x: float, n: int) -> float:
    # scipy.stats takes more than a second to import; only drift needs it.
    from scipy.stats import kstwo  # noqa: PLC0415

    return float(kstwo.sf(x, n))


def _tail(x: Floats, n: Floats) -> Floats:
    """Return twice the one-sided probability."""
    x, n = x[:, None], n[:, None]
    # With u the logarithm that is stepped over, terms fall off nearly as exp(-n x^2 (cosh(u) - 1)).
    reach = np.arccosh(1 + _NEGLIGIBLE / (n * x * x))
    odds = np.exp(reach * _NODES)
    last = n * (1 - x)
    j, rest = last * odds / (1 + odds), last / (1 + odds)
    # The binomial's mean is j + n x, so it lies n x away from j whatever j is.
    away = n * x
    deviance = -j * _log1p_less(away / j) + -(rest + away) * _log1p_less(-away / (rest + away))
    log_of_one = (
        0.5 * np.log(n / (2 * np.pi * j * (rest + away)))
        + _stirling_error(n)
        - _stirling_error(j)
        - _stirling_error(rest + away)
        - deviance
    )
    each = np.exp(log_of_one) / (x + j / n) * j * rest / last
    step = reach[:, 0] * float(_NODES[1] - _NODES[0])
    summed: Floats = 2 * x[:, 0] * each.sum(axis=1) * step
    return summed


def _log1p_less(y: Floats) -> Floats:
    """Return ``log(1 + y) - y``."""
    less: Floats = np.log1p(y) - y
    return less


def _stirling_error(n: Floats) -> Floats:
    """Return ``log(n!)`` minus Stirling's approximation of it."""
    squared = 1 / (n * n)
    series = (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - squared / 1188) * squared) * squared) * squared) / n
    if n.min() >= _STIRLING_FROM:
        return series
    small = np.minimum(n, _STIRLING_FROM)
    exact = gammaln(small + 1) - (small + 0.5) * np.log(small) + small - 0.5 * np.log(2 * np.pi)
    return np.where(n < _STIRLING_FROM, exact, series)


def _body(x: Floats, n: Floats) -> Floats:
    """Return the distribution function by the expansion in powers of ``n^-0.5``."""
    z = np.sqrt(n) * x
    z2, z4, z6, z8 = z**2, z**4, z**6, z**8
    pi2, pi4, pi6 = np.pi**2, np.pi**4, np.pi**6
    # Sums over odd i of polynomials in i times q^(i^2), the least terms first, as Horner's rule has it: the
    # powers of successive odd numbers differ by multiples of eight.
    q = np.exp(-pi2 / 8 / z2)
    order0, order1, order2, order3 = (np.zeros(len(x)) for _ in range(4))
    for k in range(_TERMS, 0, -1):
        step, i2 = q ** (8 * k), (2 * k - 1) ** 2
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
    root = np.sqrt(2 * np.pi)
    # Sums over whole numbers.
    squares = np.arange(float(_TERMS), 0, -1) ** 2
    powers = squares * np.exp(-pi2 * squares / 2 / z2[:, None])
    more2 = powers.sum(axis=1) * pi2 * root / 36
    more3 = ((3 * z2[:, None] - pi2 * squares) * powers).sum(axis=1) * pi2 * root / 216
    found: Floats = (
        order0 * q * root / z
        + order1 * q * root / (6 * z4) / n**0.5
        + (order2 * q * root / (72 * z6 * z) - more2 / (z2 * z)) / n
        + (order3 * q * root / (6480 * z8 * z2) + more3 / z6) / n**1.5
    )
    return found


def _by_matrix(x: Floats, n: Floats) -> Floats:
    """Return the distribution function by Durbin's matrix, for all sizes of matrix."""
    found = np.empty(len(x))
    whole = np.floor(n * x).astype(np.intp) + 1
    for k in np.unique(whole):
        here = whole == k
        found[here] = _of_one_matrix(int(k), k - n[here] * x[here], n[here])
    return found


def _of_one_matrix(k: int, h: Floats, n: Floats) -> Floats:
    """Return ``n! / n^n (H^n)[k, k]`` with H of size ``2 k - 1``, for several h and n."""
    m = 2 * k - 1
    factorials = np.cumprod(np.arange(1.0, m + 1))
    below = np.subtract.outer(np.arange(m), np.arange(m)) + 1
    # H but for its first column and last row, which depend on h.
    shared = np.where(below < 0, 0.0, 1 / np.append(factorials, 1.0)[below - 1])
    powers = h[:, None] ** np.arange(1, m + 1) / factorials
    matrix = np.repeat(shared[None], len(h), axis=0)
    matrix[:, :, 0] -= powers
    matrix[:, -1, :] -= powers[:, ::-1]
    matrix[:, -1, 0] += np.maximum(0.0, 2 * h - 1) ** m / factorials[-1]
    # Powers of H / e neither overflow nor vanish: n^n / n! is nearly e^n.
    matrix /= np.e
    product = np.repeat(np.eye(m)[None], len(h), axis=0)
    left = n.astype(np.int64)
    while left.any():
        odd = left % 2 == 1
        product[odd] = product[odd] @ matrix[odd]
        left //= 2
        if left.any():
            matrix = matrix @ matrix
    found: Floats = product[:, k - 1, k - 1] * np.sqrt(2 * np.pi * n) * np.exp(_stirling_error(n))
    return found
