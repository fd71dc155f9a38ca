"""The radix sort against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from databricks_monitoring.metrics.profile.ordering import ascending, ascending_rows

# What is compiled when first called is not what an example's deadline is for.
for some in (np.zeros(1_000), np.zeros(1_000, np.int64)):
    ascending(some)
    ascending_rows(some)

FLOATS = st.lists(
    st.floats(allow_nan=True, allow_infinity=True, allow_subnormal=True), min_size=1, max_size=20
)
WHOLE = st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20)


@given(
    st.one_of(FLOATS.map(np.array), WHOLE.map(lambda some: np.array(some, np.int64))),
    st.sampled_from([1, 40]),
)
def test_numbers_of_any_kind(values: np.typing.NDArray[np.float64], times: int) -> None:
    many = np.tile(values, times)
    before = many.copy()
    assert np.array_equal(ascending(many), np.sort(many), equal_nan=many.dtype.kind == "f")
    ordered, rows = ascending_rows(many)
    assert np.array_equal(ordered, many[rows], equal_nan=many.dtype.kind == "f")
    assert sorted(rows.tolist()) == list(range(len(many)))
    # What is given stays as it is.
    assert np.array_equal(many, before, equal_nan=many.dtype.kind == "f")


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 100_000])
def test_equal_numbers_stay_in_their_order(size: int) -> None:
    values = np.random.default_rng(size).integers(-3, 4, size)
    _, rows = ascending_rows(values)
    assert np.array_equal(rows, np.argsort(values, kind="stable"))
