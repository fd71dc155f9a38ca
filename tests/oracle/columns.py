"""Columns that reach every branch of a statistic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Numbers

_RNG = np.random.default_rng(7)

NUMBERS: dict[str, Numbers] = {
    "normal": _RNG.normal(3, 2, 5000),
    "skewed": _RNG.lognormal(0, 2, 3001),
    "ties": _RNG.integers(0, 5, 2000).astype(np.float64),
    "whole": _RNG.integers(-(2**60), 2**60, 1500),
    "small whole": _RNG.integers(-3, 4, 999),
    "zeros": np.where(_RNG.random(1000) < 0.7, 0.0, _RNG.normal(size=1000)),
    "signed zeros": np.array([0.0, -0.0, 1.0, -1.0]),
    "one value": np.array([5.5]),
    "two values": np.array([1.0, 2.0]),
    "constant": np.full(700, 2.5),
    "huge": np.array([1e308, 1.7e308, -1e308, 1.5e308]),
    "tiny": np.array([5e-324, 1e-310, 3e-308, 0.0]),
    "not a number": np.array([1.0, np.nan, 2.0, np.nan, 7.0]),
    "nothing else": np.array([np.nan, np.nan]),
    "infinite": np.array([-np.inf, 1.0, 2.0, np.inf, np.inf]),
    "nearly equal": 1e9 + _RNG.random(500) * 1e-3,
    "empty": np.array([], dtype=np.float64),
    "a thousand": np.arange(1000.0),
    "one more": np.arange(1001.0),
}

COUNTS: dict[str, tuple[list[int], list[int]]] = {
    "same": ([10, 20, 30], [10, 20, 30]),
    "proportional": ([1, 2, 3], [10, 20, 30]),
    "different": ([50, 30, 20], [20, 30, 50]),
    "disjoint": ([5, 0], [0, 9]),
    "one category": ([5], [7]),
    "new category": ([50, 0, 10], [40, 20, 0]),
    "rare": ([1, 100_000], [0, 100_000]),
    "many": (_RNG.integers(0, 50, 300).tolist(), _RNG.integers(0, 50, 300).tolist()),
}
