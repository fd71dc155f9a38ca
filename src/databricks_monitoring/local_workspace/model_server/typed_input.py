"""The frame that MLflow would hand to the model, made in one step for all requests of a batch.

MLflow builds a frame from a request, casts it column by column, then enforces the signature column by column
on a second frame: milliseconds for any number of rows. For plain requests (see `likeness`) the outcome
depends only on the columns and the kinds of their values. So the first request of a kind goes MLflow's way,
and the types of what comes out are remembered; those that follow are made with these types at once.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from databricks_monitoring.local_workspace.model_server.likeness import TENSOR_FORMATS, key_of_numbers

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from databricks_monitoring.local_workspace.model_server.likeness import Cells

_REMEMBERED = 256
_FLOAT64 = np.dtype(np.float64)
_INT64_LIMIT = 2.0**63
_BOOLEANS = (b"true", b"false")


class Numbers(NamedTuple):
    """A request of numbers alone.

    Attributes
    ----------
    key
        What it shares with requests that it may be combined with.
    block
        Its cells, shape (columns of the model's input, rows).
    """

    key: Hashable
    block: NDArray[np.float64]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self.block.shape[1])


@dataclass(frozen=True)
class Layout:
    """The columns of the model's input for one kind of request.

    Attributes
    ----------
    places
        For each column, where the request has it.
    through_numpy
        Whether texts become a NumPy array first, which drops null characters from their ends.
    """

    names: pd.Index[str]
    places: tuple[int, ...]
    dtypes: tuple[Any, ...]
    through_numpy: bool

    @classmethod
    def of(cls, frame: pd.DataFrame, cells: Cells) -> Layout | None:
        """Return the layout of what MLflow made of a request; None if it kept more than columns."""
        plain_index = isinstance(frame.index, pd.RangeIndex) and len(frame) == cells.rows
        if not plain_index or not frame.columns.is_unique or not set(frame.columns) <= set(cells.names):
            return None
        places = tuple(cells.names.index(name) for name in frame.columns)
        through_numpy = cells.request_format in TENSOR_FORMATS
        return cls(frame.columns, places, tuple(frame.dtypes), through_numpy)

    @property
    def has_doubles_only(self) -> bool:
        """Whether the model takes nothing but doubles, so that a request is one block of them."""
        return all(dtype == _FLOAT64 for dtype in self.dtypes)

    def block(self, rows: Sequence[Sequence[float]]) -> NDArray[np.float64] | None:
        """Return rows of numbers as a block; None if any cell is no number, or too large to be sure of it.

        The caller knows that no row is shorter or longer and that no cell is a boolean.
        """
        try:
            numbers = np.frombuffer(array("d", list(chain.from_iterable(rows))))
        except (TypeError, OverflowError):
            return None
        if not (numbers.min() > -_INT64_LIMIT and numbers.max() < _INT64_LIMIT):
            return None
        columns = numbers.reshape(len(rows), -1).T
        if self.places == tuple(range(len(columns))):
            return np.ascontiguousarray(columns)
        return columns[list(self.places)]

    def frame(self, requests: Sequence[Cells | Numbers]) -> pd.DataFrame:
        """Return one frame with the rows of all requests, in their order.

        Raises
        ------
        ValueError, TypeError, OverflowError
            If a value does not fit.
        """
        if self.has_doubles_only:
            blocks = [one.block if isinstance(one, Numbers) else self._block(one) for one in requests]
            # Column after column, as MLflow's own frames: the last bits of sums depend on the order.
            together = blocks[0] if len(blocks) == 1 else np.concatenate(blocks, axis=1)
            return pd.DataFrame(together.T, columns=self.names, copy=False)
        cells = [one for one in requests if not isinstance(one, Numbers)]
        columns = [self._column(cells, place) for place in self.places]
        arrays = [self._array(column, dtype) for column, dtype in zip(columns, self.dtypes, strict=True)]
        return pd.DataFrame(dict(zip(self.names, arrays, strict=True)), copy=False)

    def _block(self, cells: Cells) -> NDArray[np.float64]:
        return np.array([cells.columns[place] for place in self.places], _FLOAT64)

    @staticmethod
    def _column(requests: Sequence[Cells], place: int) -> Sequence[object]:
        if len(requests) == 1:
            return requests[0].columns[place]
        parts: Iterable[Sequence[object]] = [request.columns[place] for request in requests]
        return list(chain.from_iterable(parts))

    def _array(self, column: Sequence[object], dtype: Any) -> Any:  # noqa: ANN401 - of NumPy or pandas
        if isinstance(dtype, np.dtype) and not dtype.hasobject:
            return np.array(column, dtype)
        if self.through_numpy:
            column = np.array(column, np.str_).tolist()
        return pd.array(list(column), dtype=dtype)


class Layouts:
    """The layouts of a model's requests, by what the requests share."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Layout | None] = {}

    def __contains__(self, key: Hashable) -> bool:
        return key in self._known

    def get(self, key: Hashable) -> Layout | None:
        """Return a layout; None if there is none, or none is known yet."""
        return self._known.get(key)

    def learn(self, key: Hashable, frame: object, cells: Cells) -> Layout | None:
        """Remember what MLflow made of a request; None if others like it cannot follow it."""
        # Clients could make up ever new columns.
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        layout = Layout.of(frame, cells) if isinstance(frame, pd.DataFrame) else None
        self._known[key] = layout
        return layout

    def numbers(self, data: dict[str, Any], body: bytes) -> Numbers | None:
        """Return a request of numbers alone, in a few steps; None if it has anything else.

        Parameters
        ----------
        data
            What orjson read of `body`.
        """
        split = data.get("dataframe_split")
        if not isinstance(split, dict) or len(data) != 1 or split.keys() != {"columns", "data"}:
            return None
        names, rows = split["columns"], split["data"]
        if not (
            isinstance(names, list) and isinstance(rows, list) and rows and set(map(type, names)) == {str}
        ):
            return None
        key = key_of_numbers(tuple(names))
        layout = self._known.get(key)
        if layout is None or not layout.has_doubles_only or any(word in body for word in _BOOLEANS):
            return None
        if set(map(type, rows)) != {list} or set(map(len, rows)) != {len(names)}:
            return None
        block = layout.block(rows)
        return None if block is None else Numbers(key, block)
