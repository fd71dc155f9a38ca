"""Numbers in ascending order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from databricks_monitoring.metrics.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from databricks_monitoring.metrics.arrays import Numbers

MANY = 256
"""Values from which counting digits is sooner done than NumPy's sort."""

_SIGN = np.uint64(1 << 63)
_ALL = np.uint64(2**64 - 1)
_DIGITS = 8
_BUCKETS = 256


def ascending(values: Numbers) -> Numbers:
    """Return numbers in ascending order, NaN last.

    Parameters
    ----------
    values : ndarray, shape (n,)

    Notes
    -----
    A radix sort, digit by digit of 8 bits from the least one; digits that are the same in all values, such as
    the upper ones of small whole numbers, cost nothing. NumPy's sort takes four times as long on processors
    whose AVX-512 is slow at writing selected numbers.

    References
    ----------
    Knuth (1998), The Art of Computer Programming 3, 5.2.5, Sorting by distribution.

    Examples
    --------
    >>> ascending(np.array([2.0, np.nan, -1.0]))
    array([-1.,  2., nan])
    """
    if len(values) < MANY:
        ordered: Numbers = np.sort(values)  # type: ignore[assignment] # sorting keeps the type
        return ordered
    keys = _keys(values)
    _sort(keys, np.empty_like(keys))
    return _values(keys, values.dtype.kind)


def ascending_rows(values: Numbers) -> tuple[Numbers, NDArray[np.intp]]:
    """Return what `ascending` does, and the place of each number before.

    Equal numbers are in the order in which they were.
    """
    if len(values) < MANY:
        order = np.argsort(values, kind="stable")
        return values[order], order
    keys, rows = _keys(values), np.arange(len(values), dtype=np.int32)
    _sort_rows(keys, np.empty_like(keys), rows, np.empty_like(rows))
    return _values(keys, values.dtype.kind), rows.astype(np.intp)


def _keys(values: Numbers) -> NDArray[np.uint64]:
    """Return whole numbers in the order of the values, all NaN being the greatest."""
    keys = np.array(values).view(np.uint64)
    if values.dtype.kind == "f":
        _keys_of_floats(keys)
    else:
        keys ^= _SIGN
    return keys


def _values(keys: NDArray[np.uint64], kind: str) -> Numbers:
    if kind == "f":
        _floats_of_keys(keys)
        floats: Numbers = keys.view(np.float64)
        return floats
    keys ^= _SIGN
    whole: Numbers = keys.view(np.int64)
    return whole


@compiled
def _keys_of_floats(keys: NDArray[np.uint64]) -> None:
    infinity = np.uint64(0x7FF0000000000000)
    for at in range(len(keys)):
        bits = keys[at]
        if bits & ~_SIGN > infinity:
            keys[at] = _ALL
        elif bits & _SIGN:
            keys[at] = ~bits
        else:
            keys[at] = bits | _SIGN


@compiled
def _floats_of_keys(keys: NDArray[np.uint64]) -> None:
    for at in range(len(keys)):
        key = keys[at]
        keys[at] = key & ~_SIGN if key & _SIGN else ~key


@compiled
def _counts(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return how often each digit occurs at each place."""
    found = np.zeros((_DIGITS, _BUCKETS), np.int64)
    for key in keys:
        rest = key
        for digit in range(_DIGITS):
            found[digit, rest & np.uint64(255)] += 1
            rest >>= np.uint64(8)
    return found


@compiled
def _sort(keys: NDArray[np.uint64], spare: NDArray[np.uint64]) -> None:
    counts = _counts(keys)
    source, target = keys, spare
    swapped = False
    for digit in range(_DIGITS):
        shift = np.uint64(8 * digit)
        if counts[digit, (source[0] >> shift) & np.uint64(255)] == len(keys):
            continue
        starts = np.cumsum(counts[digit]) - counts[digit]
        for at in range(len(source)):
            bucket = (source[at] >> shift) & np.uint64(255)
            target[starts[bucket]] = source[at]
            starts[bucket] += 1
        source, target = target, source
        swapped = not swapped
    if swapped:
        keys[:] = source


@compiled
def _sort_rows(
    keys: NDArray[np.uint64],
    spare: NDArray[np.uint64],
    rows: NDArray[np.int32],
    spare_rows: NDArray[np.int32],
) -> None:
    counts = _counts(keys)
    source, target, source_rows, target_rows = keys, spare, rows, spare_rows
    swapped = False
    for digit in range(_DIGITS):
        shift = np.uint64(8 * digit)
        if counts[digit, (source[0] >> shift) & np.uint64(255)] == len(keys):
            continue
        starts = np.cumsum(counts[digit]) - counts[digit]
        for at in range(len(source)):
            bucket = (source[at] >> shift) & np.uint64(255)
            place = starts[bucket]
            target[place] = source[at]
            target_rows[place] = source_rows[at]
            starts[bucket] = place + 1
        source, target = target, source
        source_rows, target_rows = target_rows, source_rows
        swapped = not swapped
    if swapped:
        keys[:] = source
        rows[:] = source_rows
