"""Which requests may be predicted together, so that nobody can tell.

Combined or alone, every row must reach the model with the same values of the same types. MLflow turns a
request into columns and casts each to the model's signature; a cast looks at one value after the other as
long as the values are of the kind that the signature names. So a request is combined with others of the same
format and columns if its values are plain ones of the right kind, and predicted alone if anything is unusual.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import NoneType
from typing import TYPE_CHECKING, Any

from mlflow.types import DataType

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from mlflow.types import Schema

_KINDS: dict[object, frozenset[type]] = {
    DataType.double: frozenset({float, int, NoneType}),
    DataType.float: frozenset({float, int, NoneType}),
    DataType.long: frozenset({int}),
    DataType.integer: frozenset({int}),
    DataType.string: frozenset({str, NoneType}),
    DataType.boolean: frozenset({bool}),
}
_NULL = frozenset({NoneType})
_INT64_LIMIT = 2**63


@dataclass(frozen=True)
class Cells:
    """A request's values, column by column."""

    request_format: str
    names: tuple[str, ...]
    columns: list[Sequence[object]]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.columns[0])


def _records(value: object) -> tuple[tuple[str, ...], list[Sequence[object]]] | None:
    if not (isinstance(value, list) and value and all(isinstance(record, dict) for record in value)):
        return None
    names = tuple(value[0])
    if any(tuple(record) != names for record in value[1:]):
        return None
    return names, [[record[name] for record in value] for name in names]


def _split(value: object) -> tuple[tuple[str, ...], list[Sequence[object]]] | None:
    if not isinstance(value, dict) or set(value) != {"columns", "data"}:
        return None
    names, rows = value["columns"], value["data"]
    if not (isinstance(names, list) and isinstance(rows, list) and rows):
        return None
    if not all(isinstance(row, list) and len(row) == len(names) for row in rows):
        return None
    if not all(isinstance(name, str) for name in names) or len(set(names)) != len(names):
        return None
    return tuple(names), list(zip(*rows, strict=True))


def _inputs(value: object) -> tuple[tuple[str, ...], list[Sequence[object]]] | None:
    if not isinstance(value, dict) or not value:
        return None
    columns = list(value.values())
    if not all(isinstance(column, list) and column for column in columns):
        return None
    return (tuple(value), columns) if len({len(column) for column in columns}) == 1 else None


_READERS: dict[str, Callable[[object], tuple[tuple[str, ...], list[Sequence[object]]] | None]] = {
    "dataframe_records": _records,
    "dataframe_split": _split,
    "inputs": _inputs,
    "instances": _records,
}


def cells_of(data: dict[str, Any]) -> Cells | None:
    """Return the values of a request in one of the four formats; None if its shape is unusual."""
    if len(data) != 1:
        return None
    ((request_format, value),) = data.items()
    reader = _READERS.get(request_format)
    found = reader(value) if reader else None
    return Cells(request_format, *found) if found and found[0] else None


def likeness(cells: Cells, schema: Schema | None) -> Hashable | None:
    """Return a key that requests share which may be combined; None for one that must stay alone.

    Columns without any value are part of the key: pandas gives a column of nulls another type than one of
    strings and nulls.
    """
    if schema is None or schema.is_tensor_spec():
        return None
    kinds = {spec.name: _KINDS.get(spec.type) for spec in schema.inputs}
    empty = []
    for name, column in zip(cells.names, cells.columns, strict=True):
        allowed, found = kinds.get(name), frozenset(map(type, column))
        if allowed is None or not found <= allowed:
            return None
        if int in found and any(isinstance(cell, int) and abs(cell) >= _INT64_LIMIT for cell in column):
            return None
        empty.append(found == _NULL)
    return (cells.request_format, cells.names, tuple(empty))


def combined(requests: Sequence[Cells]) -> dict[str, Any]:
    """Return one request with the rows of several that are alike, in their order."""
    first = requests[0]
    columns = [
        [cell for request in requests for cell in request.columns[place]] for place in range(len(first.names))
    ]
    if first.request_format == "inputs":
        return {"inputs": dict(zip(first.names, columns, strict=True))}
    rows = zip(*columns, strict=True)
    if first.request_format == "dataframe_split":
        return {"dataframe_split": {"columns": list(first.names), "data": [list(row) for row in rows]}}
    return {first.request_format: [dict(zip(first.names, row, strict=True)) for row in rows]}
