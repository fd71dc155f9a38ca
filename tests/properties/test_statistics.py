"""What must hold of every statistic, whatever the rows."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from databricks_monitoring.metrics.drift.categories import Frequencies, aligned
from databricks_monitoring.metrics.drift.chi_squared import chi_squared_test
from databricks_monitoring.metrics.drift.jensen_shannon import js_distance
from databricks_monitoring.metrics.drift.kolmogorov_smirnov import ks_statistic
from databricks_monitoring.metrics.drift.l_infinity import l_infinity_distance
from databricks_monitoring.metrics.drift.population_stability_index import population_stability_index
from databricks_monitoring.metrics.drift.total_variation import tv_distance
from databricks_monitoring.metrics.drift.wasserstein import wasserstein_distance
from databricks_monitoring.metrics.profile import cells
from databricks_monitoring.metrics.profile.frequent_items import frequent_items
from databricks_monitoring.metrics.profile.quantiles import quantiles
from databricks_monitoring.metrics.profile.segments import Segments
from databricks_monitoring.metrics.profile.tallies import Tallies
from databricks_monitoring.metrics.quality.regression import regression_errors

NUMBERS = st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=60)
FINITE = st.lists(st.floats(-1e100, 1e100), min_size=1, max_size=60)
ITEMS = st.dictionaries(st.text(max_size=3), st.integers(1, 10_000), min_size=1, max_size=100)
REST = st.integers(0, 100_000)


# What is compiled when first called is not what an example's deadline is for.
for distance in (ks_statistic, population_stability_index, wasserstein_distance, js_distance, tv_distance):
    distance(np.arange(1.0, 11.0), np.arange(1.0, 11.0))
l_infinity_distance(np.arange(1.0, 11.0), np.arange(1.0, 11.0))
chi_squared_test(*aligned(Frequencies(2, {"a": 2}), Frequencies(1, {"a": 1})))


def stored(values: list[float]) -> np.typing.NDArray[np.float64]:
    [found] = quantiles(Segments.of([np.sort(np.array(values))]))
    stored: np.typing.NDArray[np.float64] = found
    return stored


def numeric(values: list[float], nulls: int = 0) -> dict[str, object]:
    ordered = Segments.of([np.sort(np.array(values, dtype=float))])
    return {name: array[0].as_py() for name, array in cells.numeric(ordered, np.array([nulls])).items()}


def frequencies(items: dict[str, int], rest: int) -> Frequencies:
    """Only a full list leaves a rest."""
    return Frequencies(sum(items.values()) + (rest if len(items) == 100 else 0), items)


def same(a: object, b: object) -> bool:
    return bool(np.array_equal(np.asarray(a, dtype=float), np.asarray(b, dtype=float), equal_nan=True))


@given(NUMBERS, st.randoms())
def test_the_order_of_rows_changes_nothing(values: list[float], random: object) -> None:
    shuffled = list(values)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    mine, theirs = (numeric(v) for v in (values, shuffled))
    assert mine.keys() == theirs.keys()
    assert all(same(mine[name], theirs[name]) for name in mine)


@given(NUMBERS, st.integers(0, 5))
def test_bounds_of_numeric_statistics(values: list[float], nulls: int) -> None:
    found = numeric(values, nulls)
    for name in ("percent_nan", "percent_null", "percent_zeros", "percent_distinct"):
        percent = found[name]
        assert percent is None or 0 <= float(str(percent)) <= 100
    numbers = [value for value in values if not math.isnan(value)]
    if numbers:
        least, greatest = min(numbers), max(numbers)
        assert found["min"] == least
        assert found["max"] == greatest
        assert least <= float(str(found["median"])) <= greatest
        average = float(str(found["avg"]))
        slack = 1e-9 * max(abs(least), abs(greatest)) if math.isfinite(least + greatest) else 0
        assert math.isnan(average) or least - slack <= average <= greatest + slack


@given(FINITE)
def test_equal_windows_have_not_drifted(values: list[float]) -> None:
    q = stored(values)
    assert ks_statistic(q, q) == 0
    assert wasserstein_distance(q, q) == 0
    assert population_stability_index(q, q) == 0


@given(FINITE, FINITE)
def test_numeric_distances_are_symmetric_and_bounded(a: list[float], b: list[float]) -> None:
    mine, theirs = stored(a), stored(b)
    assert 0 <= ks_statistic(mine, theirs) <= 1
    assert ks_statistic(mine, theirs) == ks_statistic(theirs, mine)
    assert wasserstein_distance(mine, theirs) == wasserstein_distance(theirs, mine)
    assert wasserstein_distance(mine, theirs) >= 0
    assert population_stability_index(mine, theirs) >= 0


@given(FINITE, FINITE, FINITE)
def test_wasserstein_obeys_the_triangle(a: list[float], b: list[float], c: list[float]) -> None:
    x, y, z = stored(a), stored(b), stored(c)
    direct = wasserstein_distance(x, z)
    around = wasserstein_distance(x, y) + wasserstein_distance(y, z)
    assert direct <= around * (1 + 1e-9)


@given(ITEMS, REST, ITEMS, REST)
def test_categorical_distances(a: dict[str, int], r: int, b: dict[str, int], s: int) -> None:
    mine, theirs = frequencies(a, r), frequencies(b, s)
    x, y = aligned(mine, theirs)
    u, v = aligned(theirs, mine)
    assert math.isclose(x.sum(), mine.count)
    assert math.isclose(y.sum(), theirs.count)
    assert (x >= 0).all()
    assert (y >= 0).all()
    for distance in (js_distance, tv_distance, l_infinity_distance):
        assert 0 <= distance(x, y) <= 1 + 1e-12
        assert math.isclose(distance(x, y), distance(u, v), abs_tol=1e-9)
        assert distance(x, x) == 0
    assert l_infinity_distance(x, y) <= 2 * tv_distance(x, y) + 1e-12
    tested = chi_squared_test(x, y)
    if tested is not None:
        assert tested[0] >= 0
        assert 0 <= tested[1] <= 1


@given(st.dictionaries(st.text(), st.integers(1, 5), max_size=300), st.randoms())
def test_frequent_items_do_not_depend_on_order(counted: dict[str, int], random: object) -> None:
    pairs = list(counted.items())
    random.shuffle(pairs)  # type: ignore[attr-defined]
    items = pa.array([item for item, _ in pairs], type=pa.string())
    counts = np.array([count for _, count in pairs], dtype=np.int64)
    top = frequent_items(items, Tallies(np.arange(len(pairs)), counts, np.array([0, len(pairs)])))
    found = list(zip(items.take(pa.array(top.items)).to_pylist(), top.counts.tolist(), strict=True))
    assert found == sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))[:100]


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), max_size=30), st.randoms())
def test_regression_errors_do_not_depend_on_order(rows: list[tuple[float, float]], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    mine, theirs = (
        regression_errors(np.array([p for p, _ in some]), np.array([y for _, y in some]))
        for some in (rows, shuffled)
    )
    assert mine == theirs
