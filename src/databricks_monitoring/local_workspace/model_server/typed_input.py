"""The frame that MLflow would hand to the model, made in one step for all requests of a batch.

MLflow builds a frame from a request, casts it column by column, then enforces the signature column by column
on a second frame: milliseconds for any number of rows. For plain requests (see `likeness`) the outcome
depends only on the columns and the kinds of their values. So the first request of a kind goes MLflow's way,
and the types of what comes out are remembered; those that follow are made with these types at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from databricks_monitoring.local_workspace.model_server.likeness import TENSOR_FORMATS

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence
    from typing import Any

    from databricks_monitoring.local_workspace.model_server.likeness import Cells

_REMEMBERED = 256
_FLOAT64 = np.dtype(np.float64)


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

    def frame(self, requests: Sequence[Cells]) -> pd.DataFrame:
        """Return one frame with the rows of all requests, in their order.

        Raises
        ------
        ValueError, TypeError, OverflowError
            If a value does not fit.
        """
        columns = [self._column(requests, place) for place in self.places]
        if all(dtype == _FLOAT64 for dtype in self.dtypes):
            return pd.DataFrame(np.array(columns, _FLOAT64).T, columns=self.names, copy=False)
        arrays = [self._array(column, dtype) for column, dtype in zip(columns, self.dtypes, strict=True)]
        return pd.DataFrame(dict(zip(self.names, arrays, strict=True)), copy=False)

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
