"""Profile statistics against NumPy, pandas and plain Python on the same values."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from databricks_monitoring.metrics.profile import cells
from databricks_monitoring.metrics.profile.frequent_items import frequent_items
from databricks_monitoring.metrics.profile.lengths import lengths
from databricks_monitoring.metrics.profile.mean import mean
from databricks_monitoring.metrics.profile.quantiles import quantiles
from databricks_monitoring.metrics.profile.segments import Segments
from databricks_monitoring.metrics.profile.stddev import stddev
from databricks_monitoring.metrics.profile.tallies import Tallies
from tests.oracle.columns import NUMBERS

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Numbers
    from databricks_monitoring.metrics.profile.cells import Arrays


@pytest.fixture(params=NUMBERS, ids=lambda name: str(name).replace(" ", "-"))
def values(request: pytest.FixtureRequest) -> Numbers:
    return NUMBERS[request.param]


def close(found: object, expected: float, tolerance: float = 1e-12) -> bool:
    if math.isnan(expected):
        return isinstance(found, float) and math.isnan(found)
    return found == pytest.approx(expected, rel=tolerance, abs=0 if abs(expected) > 1e-300 else 5e-324)


def in_order(values: Numbers) -> Numbers:
    ordered: Numbers = np.sort(values)  # type: ignore[assignment] # sorting keeps the type
    return ordered


def one(values: Numbers) -> Segments:
    return Segments.of([in_order(values)])


def row(found: Arrays, group: int = 0) -> dict[str, object]:
    return {name: array[group].as_py() for name, array in found.items()}


def tallies(groups: list[dict[str, int]], items: list[str]) -> Tallies:
    pairs = [
        group * len(items) + items.index(item)
        for group, counted in enumerate(groups)
        for item, times in counted.items()
        for _ in range(times)
    ]
    return Tallies.counting(np.array(pairs, dtype=np.int64), len(groups), len(items))


def listed(items: list[str], found: Tallies) -> list[list[tuple[str, int]]]:
    pairs = [(items[item], int(count)) for item, count in zip(found.items, found.counts, strict=True)]
    return [pairs[found.bounds[at] : found.bounds[at + 1]] for at in range(len(found))]


def test_numeric_cells(values: Numbers) -> None:
    found = row(cells.numeric(one(values), np.array([3])))
    numbers = values[~np.isnan(values)]
    assert found["count"] == len(values)
    assert found["num_nulls"] == 3
    assert found["num_nan"] == len(values) - len(numbers)
    assert found["num_zeros"] == sum(1 for value in numbers if value == 0)
    assert found["distinct_count"] == pd.Series(values).nunique(dropna=False)
    assert found["percent_null"] == pytest.approx(300 / (3 + len(values)))
    if len(numbers) == 0:
        assert all(found[name] is None for name in ("avg", "min", "max", "median", "stddev", "quantiles"))
        return
    assert found["min"] == numbers.min()
    assert found["max"] == numbers.max()
    assert found["percent_zeros"] == pytest.approx(100 * (numbers == 0).sum() / len(values))
    if np.isinf(numbers).any():
        return
    exact = [Fraction(value.item()) for value in numbers]
    assert close(found["avg"], float(sum(exact) / len(exact)), 1e-9)
    assert close(found["median"], float(statistics.median(exact)))
    if len(numbers) > 1:
        centre = sum(exact) / len(exact)
        variance = sum((value - centre) ** 2 for value in exact) / (len(exact) - 1)
        scale = max(abs(value) for value in exact) or Fraction(1)
        root = math.sqrt(float(variance / scale**2)) * float(scale)
        assert close(found["stddev"], root, 1e-6)
    else:
        assert found["stddev"] is None


def test_infinite_values_do_not_hide_the_rest() -> None:
    found = row(cells.numeric(one(np.array([1.0, 2.0, np.inf])), np.array([0])))
    assert (found["avg"], found["median"], found["min"]) == (np.inf, 2.0, 1.0)
    assert math.isnan(float(str(found["stddev"])))


def test_between_infinities_of_both_signs_lies_nothing() -> None:
    found = row(cells.numeric(one(np.array([-np.inf, np.inf])), np.array([0])))
    assert (found["min"], found["max"]) == (-np.inf, np.inf)
    assert all(math.isnan(float(str(found[name]))) for name in ("avg", "median", "stddev"))


def test_quantiles_are_the_inverse_distribution_function(values: Numbers) -> None:
    numbers = values[~np.isnan(values)]
    found = quantiles(one(numbers))
    if len(numbers) == 0:
        assert len(found) == 0
        return
    [found] = found
    # Whole thousandths as fractions: NumPy's own positions go wrong by rounding.
    positions = [math.ceil(Fraction(i, 1000) * len(numbers)) - 1 for i in range(1, 1001)]
    assert found.tolist() == np.sort(numbers)[positions].astype(np.float64).tolist()
    assert found[-1] == numbers.max()


def test_quantiles_of_a_window_without_ties_agree_with_numpy() -> None:
    numbers = np.sort(np.random.default_rng(3).normal(size=4567))
    probabilities = np.arange(1, 1000) / 1000
    [found] = quantiles(one(numbers))
    np.testing.assert_array_equal(found[:-1], np.quantile(numbers, probabilities, method="inverted_cdf"))


TEXTS: dict[str, list[str | None]] = {
    "plain": ["b", "a", "b", None, "c"],
    "unicode": ["Zürich", "Genève", "東京", "🙂🙂", "", "Zürich"],
    "empty": [],
    "all null": [None, None],
    "one": ["x"],
    "many": [f"id-{number % 1777:05}" for number in range(5000)],
    "all unique": [f"{number}" for number in range(300)],
}


@pytest.mark.parametrize("name", TEXTS)
def test_categorical_cells(name: str) -> None:
    texts = TEXTS[name]
    present = [text for text in texts if text is not None]
    counted = Counter(present)
    items = list(counted)
    found = row(
        cells.categorical(
            pa.array(items, type=pa.string()),
            tallies([counted], items),
            np.array([len(item) for item in items], dtype=np.int64),
            np.array([len(texts) - len(present)]),
        )
    )
    top = sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))[:100]
    assert found["frequent_items"] == [{"item": item, "count": count} for item, count in top]
    assert found["count"] == len(present)
    assert found["num_nulls"] == len(texts) - len(present)
    assert found["distinct_count"] == len(counted)
    if present:
        assert found["min_length"] == min(map(len, present))
        assert found["max_length"] == max(map(len, present))
        assert found["avg_length"] == pytest.approx(statistics.mean(map(len, present)))
    else:
        assert found["avg_length"] is None


def test_times_are_epoch_seconds() -> None:
    found = row(cells.temporal(one(np.array([1755850122929519, 1755850122929521])), np.array([0])))
    assert found["min"] == 1755850122.929519
    assert found["median"] == 1755850122.92952
    assert "avg" not in found
    assert "quantiles" not in found


def test_ties_at_the_end_of_the_list_are_broken_by_value() -> None:
    items = [f"{number:03}" for number in range(200)][::-1]
    counts = np.where(np.arange(200) % 2, 1, 2)[::-1]
    occurring = Tallies(np.arange(200), counts, np.array([0, 200]))
    [found] = listed(items, frequent_items(pa.array(items), occurring))
    assert [item for item, _ in found] == items[::-1][::2]
    [found] = listed(items, frequent_items(pa.array(items), occurring, at_most=101))
    assert found[-1] == ("001", 1)


def test_very_many_ties_are_broken_by_value_in_each_group() -> None:
    items = [f"{number:05}" for number in np.random.default_rng(4).permutation(4000)]
    groups = [dict.fromkeys(items, 1) | {items[7]: 2}, {items[1]: 5}, {}, dict.fromkeys(items[:3000], 1)]
    found = listed(items, frequent_items(pa.array(items), tallies(groups, items)))
    wanted = [sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))[:100] for counted in groups]
    assert found == wanted


def test_items_that_do_not_occur_have_no_length() -> None:
    found = lengths(np.array([9, 2]), Tallies(np.array([1]), np.array([4]), np.array([0, 1])))
    assert [values.tolist() for values in found] == [[2.0], [2.0], [2.0]]


def test_neighbours_change_no_digit() -> None:
    """Every group's cells are those that it has alone, wherever it lies among others."""
    groups = [in_order(values.astype(np.float64)) for values in NUMBERS.values()]
    for arranged in (groups, groups[::-1], groups[3:] + groups[:3]):
        together = cells.numeric(Segments.of(arranged), np.arange(len(arranged)))
        for at, group in enumerate(arranged):
            alone = row(cells.numeric(Segments.of([group]), np.array([at])))
            assert repr(row(together, at)) == repr(alone)


def test_sums_do_not_hang_on_where_a_group_lies() -> None:
    rng = np.random.default_rng(11)
    groups = [np.sort(rng.normal(size=size)) for size in (1, 2, 7, 8, 9, 127, 128, 129, 1000, 9000, 40_000)]
    means, deviations = (
        [float(statistic(Segments.of([group]))[0]) for group in groups] for statistic in (mean, stddev)
    )
    for shift in range(9):
        beside = [np.zeros(shift), *groups, np.ones(3)]
        assert mean(Segments.of(beside)).tolist()[1:-1] == means
        np.testing.assert_array_equal(stddev(Segments.of(beside))[1:-1], deviations)
