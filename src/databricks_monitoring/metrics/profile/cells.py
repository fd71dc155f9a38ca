"""The cells of a profile row, by the class of its column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_monitoring.metrics.profile.distinct import distinct_count
from databricks_monitoring.metrics.profile.extremes import extremes
from databricks_monitoring.metrics.profile.frequent_items import frequent_items
from databricks_monitoring.metrics.profile.lengths import lengths
from databricks_monitoring.metrics.profile.mean import mean
from databricks_monitoring.metrics.profile.median import median
from databricks_monitoring.metrics.profile.nan import without_nan
from databricks_monitoring.metrics.profile.percent import percent
from databricks_monitoring.metrics.profile.quantiles import quantiles
from databricks_monitoring.metrics.profile.stddev import stddev
from databricks_monitoring.metrics.profile.zeros import num_zeros

if TYPE_CHECKING:
    import pyarrow as pa

    from databricks_monitoring.metrics.arrays import Integers, Numbers

Cells = dict[str, object]
"""Values of a metric row by column; columns that are not there are NULL."""

_MICROS = 1_000_000


def presence(count: int, nulls: int) -> Cells:
    """Return what every column has: `count`, `num_nulls`, `percent_null`."""
    return {"count": count, "num_nulls": nulls, "percent_null": percent(nulls, count + nulls)}


def numeric(ordered: Numbers, nulls: int) -> Cells:
    """Return the cells of a numeric column.

    Parameters
    ----------
    ordered
        The non-null values in ascending order, NaN last.
    nulls
        How many values are NULL.
    """
    count = len(ordered)
    numbers, num_nan = without_nan(ordered)
    least, greatest = extremes(numbers)
    zeros = num_zeros(numbers)
    distinct = distinct_count(numbers, num_nan)
    return presence(count, nulls) | {
        "avg": mean(numbers),
        "quantiles": quantiles(numbers),
        "min": least,
        "max": greatest,
        "stddev": stddev(numbers),
        "num_zeros": zeros,
        "num_nan": num_nan,
        "median": median(numbers),
        "distinct_count": distinct,
        "percent_nan": percent(num_nan, count),
        "percent_zeros": percent(zeros, count),
        "percent_distinct": percent(distinct, count),
    }


def temporal(ordered: Integers, nulls: int) -> Cells:
    """Return the cells of a date or timestamp column from microseconds in ascending order."""
    least, greatest = extremes(ordered)
    middle = median(ordered)
    distinct = distinct_count(ordered)
    return presence(len(ordered), nulls) | {
        "min": None if least is None else least / _MICROS,
        "max": None if greatest is None else greatest / _MICROS,
        "median": None if middle is None else middle / _MICROS,
        "distinct_count": distinct,
        "percent_distinct": percent(distinct, len(ordered)),
    }


def categorical(items: pa.Array, counts: Integers, item_lengths: Integers | None, nulls: int) -> Cells:
    """Return the cells of a text or boolean column.

    Parameters
    ----------
    items, counts
        Distinct values and how often each occurs.
    item_lengths
        Length of each item; None for booleans, which have none.
    nulls
        How many values are NULL.
    """
    count = int(counts.sum())
    distinct = int((counts > 0).sum())
    least, greatest, average = (None, None, None) if item_lengths is None else lengths(item_lengths, counts)
    return presence(count, nulls) | {
        "min_length": least,
        "max_length": greatest,
        "avg_length": average,
        "frequent_items": [{"item": item, "count": times} for item, times in frequent_items(items, counts)],
        "distinct_count": distinct,
        "percent_distinct": percent(distinct, count),
    }


def binary(ordered: Integers, nulls: int) -> Cells:
    """Return the cells of a binary column from the lengths of its values in ascending order."""
    least, greatest = extremes(ordered)
    return presence(len(ordered), nulls) | {
        "min_length": least,
        "max_length": greatest,
        "avg_length": mean(ordered),
    }
