"""The cells of profile rows, by the class of their column: an array over many groups for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from databricks_monitoring.metrics.conventions import QUANTILES, STDDEV_DDOF
from databricks_monitoring.metrics.profile.distinct import distinct_count
from databricks_monitoring.metrics.profile.extremes import extremes
from databricks_monitoring.metrics.profile.frequent_items import frequent_items
from databricks_monitoring.metrics.profile.lengths import lengths
from databricks_monitoring.metrics.profile.mean import mean
from databricks_monitoring.metrics.profile.median import median
from databricks_monitoring.metrics.profile.nan import without_nan
from databricks_monitoring.metrics.profile.ordering import MANY, ascending, ascending_rows
from databricks_monitoring.metrics.profile.percent import percent
from databricks_monitoring.metrics.profile.quantiles import quantiles
from databricks_monitoring.metrics.profile.segments import Segments, bounds_of
from databricks_monitoring.metrics.profile.stddev import stddev
from databricks_monitoring.metrics.profile.zeros import num_zeros

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Flags, Floats, Integers
    from databricks_monitoring.metrics.profile.tallies import Tallies

Cells = dict[str, object]
"""Values of a metric row by column; columns that are not there are NULL."""

Arrays = dict[str, pa.Array]
"""Values of many metric rows by column, NULL where a group has none."""

_MICROS = 1_000_000


def warm_up() -> None:
    """Load what is compiled, or compile it if this machine never did."""
    for values in (np.arange(float(MANY)), np.arange(MANY)):
        ordered, _ = ascending_rows(ascending(values))
        quantiles(Segments.of([ordered]))


def presence(count: Integers, nulls: Integers) -> Arrays:
    """Return what every column has: `count`, `num_nulls`, `percent_null`."""
    whole = count + nulls
    return {
        "count": pa.array(count, pa.int64()),
        "num_nulls": pa.array(nulls, pa.int64()),
        "percent_null": _given(percent(nulls, whole), whole > 0),
    }


class QuantileLists:
    """The quantiles of many groups, which take most of the memory: one array that is filled bit by bit.

    Parameters
    ----------
    groups
        How many groups there are at most.
    """

    def __init__(self, groups: int) -> None:
        self._found = np.empty((groups, QUANTILES))
        self._there: list[Flags] = []
        self._filled = 0

    def add(self, numbers: Segments) -> None:
        """Add the quantiles of the next groups."""
        there = numbers.sizes > 0
        after = self._filled + len(numbers.filled)
        quantiles(numbers, self._found[self._filled : after])
        self._there.append(there)
        self._filled = after

    def column(self) -> pa.Array:
        """Return a list for each group, NULL for one without values."""
        there = np.concatenate([np.zeros(0, np.bool_), *self._there])
        bounds = bounds_of(np.where(there, QUANTILES, 0)).astype(np.int32)
        offsets = pa.array(bounds, pa.int32(), mask=np.append(~there, False))
        values = self._found[: self._filled].reshape(-1)
        return pa.ListArray.from_arrays(offsets, pa.array(values, pa.float64()))


def numeric(ordered: Segments, nulls: Integers) -> Arrays:
    """Return the cells of a numeric column.

    Parameters
    ----------
    ordered
        The non-null values of each group in ascending order, NaN last.
    nulls
        How many values of each group are NULL.
    """
    lists = QuantileLists(len(ordered))
    return numeric_but_quantiles(ordered, nulls, lists) | {"quantiles": lists.column()}


def numeric_but_quantiles(ordered: Segments, nulls: Integers, lists: QuantileLists) -> Arrays:
    """Return the other cells of a numeric column, and add the quantiles to those of other groups."""
    count = ordered.sizes
    numbers, num_nan = without_nan(ordered)
    there, any_numbers = count > 0, numbers.sizes > 0
    least, greatest = extremes(numbers)
    zeros = num_zeros(numbers)
    distinct = distinct_count(numbers, num_nan)
    lists.add(numbers)
    return presence(count, nulls) | {
        "avg": _given(mean(numbers), any_numbers),
        "min": _given(least, any_numbers),
        "max": _given(greatest, any_numbers),
        "stddev": _given(stddev(numbers), numbers.sizes > STDDEV_DDOF),
        "num_zeros": pa.array(zeros, pa.int64()),
        "num_nan": pa.array(num_nan, pa.int64()),
        "median": _given(median(numbers), any_numbers),
        "distinct_count": pa.array(distinct, pa.int64()),
        "percent_nan": _given(percent(num_nan, count), there),
        "percent_zeros": _given(percent(zeros, count), there),
        "percent_distinct": _given(percent(distinct, count), there),
    }


def temporal(ordered: Segments, nulls: Integers) -> Arrays:
    """Return the cells of a date or timestamp column from microseconds in ascending order."""
    least, greatest = extremes(ordered)
    distinct = distinct_count(ordered)
    there = ordered.sizes > 0
    return presence(ordered.sizes, nulls) | {
        "min": _given(least / _MICROS, there),
        "max": _given(greatest / _MICROS, there),
        "median": _given(median(ordered) / _MICROS, there),
        "distinct_count": pa.array(distinct, pa.int64()),
        "percent_distinct": _given(percent(distinct, ordered.sizes), there),
    }


def categorical(
    items: pa.Array, occurring: Tallies, item_lengths: Integers | None, nulls: Integers
) -> Arrays:
    """Return the cells of a text or boolean column.

    Parameters
    ----------
    items
        Distinct values.
    occurring
        How often each occurs in each group.
    item_lengths
        Length of each item; None for booleans, which have none.
    nulls
        How many values of each group are NULL.
    """
    count, distinct = occurring.totals, occurring.distinct
    there = count > 0
    found = presence(count, nulls)
    if item_lengths is not None:
        measured = zip(
            ("min_length", "max_length", "avg_length"), lengths(item_lengths, occurring), strict=True
        )
        found |= {name: _given(values, there) for name, values in measured}
    top = frequent_items(items, occurring)
    pairs = pa.StructArray.from_arrays(
        [items.take(pa.array(top.items)).cast(pa.string()), pa.array(top.counts, pa.int64())],
        names=["item", "count"],
    )
    return found | {
        "frequent_items": pa.ListArray.from_arrays(pa.array(top.bounds, pa.int32()), pairs),
        "distinct_count": pa.array(distinct, pa.int64()),
        "percent_distinct": _given(percent(distinct, count), there),
    }


def binary(ordered: Segments, nulls: Integers) -> Arrays:
    """Return the cells of a binary column from the lengths of its values in ascending order."""
    least, greatest = extremes(ordered)
    there = ordered.sizes > 0
    return presence(ordered.sizes, nulls) | {
        "min_length": _given(least, there),
        "max_length": _given(greatest, there),
        "avg_length": _given(mean(ordered), there),
    }


def complex_values(ordered: Segments, nulls: Integers) -> Arrays:
    """Return the cells of a column of which only presence counts."""
    return presence(ordered.sizes, nulls)


def _given(values: Floats, there: Flags) -> pa.Array:
    return pa.array(values, pa.float64(), mask=~there)
