"""What an engine hands over: the columns of some rows as arrays, all in the same order of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from databricks_monitoring.errors import UnsupportedColumnError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from databricks_monitoring.metrics.arrays import Codes, Flags, Integers, Numbers


@dataclass(frozen=True)
class NumberColumn:
    """Numbers; where `valid` is given, values that are not valid are NULL and hold anything."""

    values: Numbers
    valid: Flags | None

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class ItemColumn:
    """Texts as positions in a list of distinct items, -1 for NULL."""

    codes: Codes
    items: pa.Array

    def __len__(self) -> int:
        return len(self.codes)


Column = NumberColumn | ItemColumn


def nothing(count: int) -> ItemColumn:
    """Return a column of texts that is NULL in every row."""
    return ItemColumn(np.full(count, -1, np.int32), pa.array([], type=pa.string()))


@dataclass(frozen=True)
class Rows:
    """Rows that an engine read.

    Attributes
    ----------
    count
        Number of rows.
    micros
        Time of each row in microseconds since the epoch; None for tables without windows.
    columns
        What was asked for, by the name it was asked under.
    """

    count: int
    micros: Integers | None
    columns: Mapping[str, Column]


def whole_numbers(array: pa.ChunkedArray) -> Integers:
    """Return a BIGINT column without NULL as an array."""
    numbers: Integers = array.combine_chunks().to_numpy(zero_copy_only=False)
    return numbers


def column_from_arrow(array: pa.ChunkedArray) -> Column:
    """Return an Arrow column as arrays, without a copy where the memory layout allows.

    Texts become distinct items and positions; integers, doubles and booleans become numbers.

    Raises
    ------
    UnsupportedColumnError
        If the column is of another type; an engine projects to these.
    """
    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _items(array)
    whole = array.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks) if whole.num_chunks else pa.array([], type=kind)
    valid = None if whole.null_count == 0 else pc.is_valid(whole).to_numpy(zero_copy_only=False)
    if pa.types.is_boolean(kind):
        whole, kind = whole.cast(pa.int64()), pa.int64()
    elif not (pa.types.is_int64(kind) or pa.types.is_float64(kind)):
        raise UnsupportedColumnError(f"The engine handed over a column of type {kind}.")
    if valid is not None:
        # The same memory without its marks of NULL: whatever lies under them is never looked at.
        whole = pa.Array.from_buffers(kind, len(whole), [None, whole.buffers()[1]], offset=whole.offset)
    return NumberColumn(whole.to_numpy(zero_copy_only=False), valid)


def _items(array: pa.ChunkedArray) -> ItemColumn:
    encoded = array.dictionary_encode().combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        if encoded.num_chunks == 0:
            return nothing(0)
        encoded = pa.concat_arrays(encoded.chunks)
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32, copy=False)
    return ItemColumn(codes, encoded.dictionary)
