"""Which requests may be predicted together, so that nobody can tell.

Combined or alone, every row must reach the model with the same values of the same types. MLflow turns a
request into columns and casts each to the model's signature; a cast looks at one value after the other as
long as the values are of the kind that the signature names. So a request is combined with others of the same
format and columns if its values are plain ones of the right kind, and answered by MLflow alone if anything is
unusual.

Requests are read here by orjson, several times as fast as by the standard library that MLflow uses. The two
differ in what only one of them takes (NaN, halves of surrogate pairs, other encodings than UTF-8) and in
integers of more than 64 bits, which orjson makes floats. Whatever may be such a case is left to MLflow.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import NoneType
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from mlflow.pyfunc.utils.serving_data_parser import is_unified_llm_input
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
TENSOR_FORMATS = frozenset({"inputs", "instances"})
"""Formats that MLflow reads as NumPy arrays, where a null among texts becomes the text `None`."""

_INT64_LIMIT = 2**63
_EXACT_AS_DOUBLE = 2**53
_REMEMBERED = 1024


class PlainRequest(NamedTuple):
    """A request of one of the four formats without parameters.

    Attributes
    ----------
    data
        The one entry of the four formats, by its name.
    """

    data: dict[str, Any]
    client_request_id: str | None


def read_plain(body: bytes) -> PlainRequest | None:
    """Return what is in a request; None if it has more, or MLflow is to say what is wrong with it."""
    try:
        decoded = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(decoded, dict) or decoded.get("params") or is_unified_llm_input(decoded):
        return None
    client_request_id = decoded.get("client_request_id")
    if client_request_id is not None and not isinstance(client_request_id, str):
        return None
    data = {name: value for name, value in decoded.items() if name in _READERS}
    return PlainRequest(data, client_request_id)


@dataclass(frozen=True)
class Cells:
    """A request's values, column by column."""

    request_format: str
    names: tuple[str, ...]
    columns: Sequence[Sequence[object]]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.columns[0])


def _records(value: object) -> tuple[tuple[str, ...], Sequence[Sequence[object]]] | None:
    if not (isinstance(value, list) and value and all(isinstance(record, dict) for record in value)):
        return None
    names = tuple(value[0])
    if len(value) == 1:
        return names, [(cell,) for cell in value[0].values()]
    if any(tuple(record) != names for record in value):
        return None
    return names, list(zip(*[record.values() for record in value], strict=True))


def _split(value: object) -> tuple[tuple[str, ...], Sequence[Sequence[object]]] | None:
    if not isinstance(value, dict) or value.keys() != {"columns", "data"}:
        return None
    names, rows = value["columns"], value["data"]
    if not (isinstance(names, list) and isinstance(rows, list) and rows):
        return None
    if not all(isinstance(row, list) and len(row) == len(names) for row in rows):
        return None
    if not all(isinstance(name, str) for name in names) or len(set(names)) != len(names):
        return None
    return tuple(names), list(zip(*rows, strict=True))


def _inputs(value: object) -> tuple[tuple[str, ...], Sequence[Sequence[object]]] | None:
    if not isinstance(value, dict) or not value:
        return None
    columns = list(value.values())
    if not all(isinstance(column, list) and column for column in columns):
        return None
    return (tuple(value), columns) if len({len(column) for column in columns}) == 1 else None


_READERS: dict[str, Callable[[object], tuple[tuple[str, ...], Sequence[Sequence[object]]] | None]] = {
    "dataframe_records": _records,
    "dataframe_split": _split,
    "inputs": _inputs,
    "instances": _records,
}


def key_of_numbers(names: tuple[str, ...]) -> Hashable:
    """Return the key of split requests whose columns, `names`, have a number in every cell."""
    return "dataframe_split", names, (False,) * len(names)


def cells_of(data: dict[str, Any]) -> Cells | None:
    """Return the values of a request in one of the four formats; None if its shape is unusual."""
    if len(data) != 1:
        return None
    ((request_format, value),) = data.items()
    reader = _READERS.get(request_format)
    found = reader(value) if reader else None
    return Cells(request_format, *found) if found and found[0] else None


class _Verdict(NamedTuple):
    """What holds for every request with the same columns holding the same kinds of values."""

    key: Hashable | None
    limits: tuple[tuple[int, int], ...]
    """Places of columns with integers, and what these must be below."""
    floats: tuple[int, ...]
    """Places of columns with floats."""


_UNUSUAL = _Verdict(None, (), ())


class Likeness:
    """Tells which requests to one model may be predicted together."""

    def __init__(self, schema: Schema | None) -> None:
        has_columns = schema is not None and not schema.is_tensor_spec()
        self._types: dict[object, object] = (
            {spec.name: spec.type for spec in schema.inputs} if schema is not None and has_columns else {}
        )
        self._verdicts: dict[tuple[object, ...], _Verdict] = {}

    def key(self, cells: Cells, *, by_orjson: bool = False) -> Hashable | None:
        """Return what requests share that may be combined; None for one that must stay alone.

        Columns without any value are part of it: pandas gives a column of nulls another type than one of
        strings and nulls.

        Parameters
        ----------
        by_orjson
            Whether a float may have been an integer of more than 64 bits; then None for it as well.
        """
        kinds = tuple([frozenset(map(type, column)) for column in cells.columns])
        about = (cells.request_format, cells.names, kinds)
        verdict = self._verdicts.get(about)
        if verdict is None:
            # Clients could make up ever new columns.
            if len(self._verdicts) >= _REMEMBERED:
                self._verdicts.clear()
            verdict = self._verdicts[about] = self._judge(cells.request_format, cells.names, kinds)
        for place, limit in verdict.limits:
            if any(isinstance(cell, int) and abs(cell) >= limit for cell in cells.columns[place]):
                return None
        for place in verdict.floats if by_orjson else ():
            numbers = [cell for cell in cells.columns[place] if isinstance(cell, float)]
            if not -_INT64_LIMIT < min(numbers) <= max(numbers) < _INT64_LIMIT:
                return None
        return verdict.key

    def _judge(
        self, request_format: str, names: tuple[str, ...], kinds: tuple[frozenset[type], ...]
    ) -> _Verdict:
        limits, floats = [], []
        for place, (name, found) in enumerate(zip(names, kinds, strict=True)):
            wanted = self._types.get(name)
            allowed = _KINDS.get(wanted)
            if allowed is None or not found <= allowed:
                return _UNUSUAL
            if wanted == DataType.string and NoneType in found and request_format in TENSOR_FORMATS:
                return _UNUSUAL
            if int in found:
                # A larger one is rounded once or twice on its way to four bytes: that depends on neighbours.
                limits.append((place, _EXACT_AS_DOUBLE if wanted == DataType.float else _INT64_LIMIT))
            if float in found:
                floats.append(place)
        empty = tuple([found == _NULL for found in kinds])
        return _Verdict((request_format, names, empty), tuple(limits), tuple(floats))
