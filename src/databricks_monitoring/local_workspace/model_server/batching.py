"""Requests that wait together are predicted together.

A model that treats every row by itself answers sixteen one-row requests in about the time of one, because
most of that time is spent per call. So whatever waits when the model becomes free is combined into one
`predict`, as far as the requests are alike; nothing is waited for, so a request that comes alone is never
delayed. If the combined call fails, each request is answered by itself, so a bad one harms only itself.
"""

from __future__ import annotations

import logging
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from mlflow.utils.proto_json_utils import _get_jsonable_obj

from databricks_monitoring.local_workspace.model_server.likeness import Likeness, cells_of, read_plain
from databricks_monitoring.local_workspace.model_server.scoring import (
    Answer,
    RequestError,
    common_doubles,
    dump,
    dump_doubles,
    media_type,
)
from databricks_monitoring.local_workspace.model_server.typed_input import Layouts

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from databricks_monitoring.local_workspace.model_server.likeness import Cells
    from databricks_monitoring.local_workspace.model_server.scoring import Scorer
    from databricks_monitoring.local_workspace.model_server.typed_input import Layout, Numbers

logger = logging.getLogger(__name__)

ROW_WISE_LOADERS = frozenset(
    {"mlflow.sklearn", "mlflow.lightgbm", "mlflow.xgboost", "mlflow.catboost", "mlflow.statsmodels"}
)
"""Flavors whose `predict` treats every row by itself.

A custom Python model may look at its whole input (a rank, a mean, a count), so its requests are combined only
when its served entity asks for it.
"""


def split(predictions: object, counts: Sequence[int]) -> list[object] | None:
    """Cut predictions of a combined input into one part for each request, by position.

    None if they are not one prediction a row, so that no part can be told.
    """
    if not isinstance(predictions, np.ndarray | pd.Series | pd.DataFrame | list):
        return None
    if isinstance(predictions, np.ndarray) and predictions.ndim == 0:
        return None
    if len(predictions) != sum(counts):
        return None
    ends = np.cumsum(counts).tolist()
    starts = [0, *ends[:-1]]
    if isinstance(predictions, pd.Series | pd.DataFrame):
        return [predictions.iloc[start:end] for start, end in zip(starts, ends, strict=True)]
    return [predictions[start:end] for start, end in zip(starts, ends, strict=True)]


class Prepared(NamedTuple):
    """A request that was read, up to what only the model can add.

    Attributes
    ----------
    answer
        The answer, if the request is at fault.
    key
        What it shares with requests that it may be predicted with; None if it is predicted alone.
    cells
        Its values, if there is a key.
    """

    body: bytes
    content_type: str
    answer: Answer | None = None
    key: Hashable | None = None
    cells: Cells | Numbers | None = None
    client_request_id: str | None = None

    @property
    def rows(self) -> int:
        """How many rows there are; 1 where nobody knows."""
        return 1 if self.cells is None else self.cells.rows


class Batcher:
    """Answers the requests that wait, together where they are alike.

    Requests may be prepared in one thread while another one answers those before.
    """

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._likeness = Likeness(scorer.input_schema)
        self._layouts = Layouts()

    def prepare(self, body: bytes, content_type: str) -> Prepared:
        """Read a request and find out what it may be predicted with."""
        try:
            if media_type(content_type) != "application/json":
                return Prepared(body, content_type)
            return self._quickly(body, content_type) or self._as_mlflow(body, content_type)
        except RequestError as error:
            return Prepared(body, content_type, error.answer)

    def _quickly(self, body: bytes, content_type: str) -> Prepared | None:
        plain = read_plain(body)
        if plain is None:
            return None
        numbers = self._layouts.numbers(plain.data, body)
        if numbers is not None:
            return Prepared(body, content_type, None, numbers.key, numbers, plain.client_request_id)
        cells = cells_of(plain.data)
        key = self._likeness.key(cells, by_orjson=True) if cells else None
        return (
            None if key is None else Prepared(body, content_type, None, key, cells, plain.client_request_id)
        )

    def _as_mlflow(self, body: bytes, content_type: str) -> Prepared:
        request = self._scorer.read(body)
        plain = not request.unified and not request.params
        cells = cells_of(request.data) if plain else None
        key = self._likeness.key(cells) if cells else None
        return Prepared(body, content_type, None, key, cells, request.client_request_id)

    def answer(self, waiting: Sequence[Prepared]) -> list[Answer]:
        """Return the answer of each request, in order."""
        answers = [one.answer for one in waiting]
        alike: dict[Hashable, list[int]] = {}
        for position, one in enumerate(waiting):
            if one.key is not None:
                alike.setdefault(one.key, []).append(position)
        for key, positions in alike.items():
            together = self._together(key, [waiting[position] for position in positions])
            for position, answer in zip(positions, together or (), strict=bool(together)):
                answers[position] = answer
        return [
            self._scorer.answer(one.body, one.content_type) if answer is None else answer
            for one, answer in zip(waiting, answers, strict=True)
        ]

    def _together(self, key: Hashable, group: Sequence[Prepared]) -> list[Answer] | None:
        """Return the answers of requests that are predicted together; None if that failed."""
        try:
            texts = self._predictions(key, group)
        except Exception:
            logger.debug("predicting one by one after a combined call failed", exc_info=True)
            return None
        if texts is None:
            return None
        return [Answer(200, text, one.client_request_id) for text, one in zip(texts, group, strict=True)]

    def _predictions(self, key: Hashable, group: Sequence[Prepared]) -> list[bytes] | None:
        cells = [one.cells for one in group if one.cells is not None]
        layout = self._layouts.get(key) if key in self._layouts else self._learn(key, group[0])
        if layout is None:
            return None
        predictions = self._scorer.predict_enforced(layout.frame(cells))
        counts = [one.rows for one in cells]
        if (doubles := common_doubles(predictions)) is not None and len(doubles) == sum(counts):
            ends = list(accumulate(counts, initial=0))
            return [dump_doubles(doubles[start:end]) for start, end in pairwise(ends)]
        parts = [predictions] if len(group) == 1 else split(predictions, counts)
        if parts is None:
            return None
        return [dump({"predictions": _get_jsonable_obj(part, pandas_orient="records")}) for part in parts]

    def _learn(self, key: Hashable, first: Prepared) -> Layout | None:
        data = self._scorer.read(first.body).data
        cells = cells_of(data)
        if cells is None:
            return None
        return self._layouts.learn(key, self._scorer.enforced_input(data), cells)
