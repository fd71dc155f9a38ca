"""Requests that wait together are predicted together.

A model that treats every row by itself answers sixteen one-row requests in about the time of one, because
most of that time is spent per call. So whatever waits when the model becomes free is combined into one
`predict`, as far as the requests are alike; nothing is waited for, so a request that comes alone is never
delayed. If the combined call fails, each request is answered by itself, so a bad one harms only itself.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from mlflow.utils.proto_json_utils import _get_jsonable_obj

from databricks_monitoring.local_workspace.model_server.likeness import Cells, Likeness, cells_of
from databricks_monitoring.local_workspace.model_server.scoring import (
    Answer,
    ParsedRequest,
    RequestError,
    dump,
    media_type,
)
from databricks_monitoring.local_workspace.model_server.typed_input import Layouts

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from databricks_monitoring.local_workspace.model_server.scoring import Scorer

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


@dataclass(frozen=True)
class _Waiting:
    """A request that may be predicted with others."""

    position: int
    request: ParsedRequest
    cells: Cells


class Batcher:
    """Answers the requests that wait, together where they are alike."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._likeness = Likeness(scorer.input_schema)
        self._layouts = Layouts()

    def answer(self, waiting: Sequence[tuple[bytes, str]]) -> list[Answer]:
        """Return the answer of each `(body, content type)`, in order."""
        answers: dict[int, Answer] = {}
        alike: dict[Hashable, list[_Waiting]] = {}
        for position, (body, content_type) in enumerate(waiting):
            try:
                request = self._read(body, content_type)
            except RequestError as error:
                answers[position] = error.answer
                continue
            if request is None:
                answers[position] = self._scorer.answer(body, content_type)
                continue
            plain = not request.unified and not request.params
            cells = cells_of(request.data) if plain else None
            key = self._likeness.key(cells) if cells else None
            if cells is None or key is None:
                answers[position] = self._scorer.answer_parsed(request)
            else:
                alike.setdefault(key, []).append(_Waiting(position, request, cells))
        for key, group in alike.items():
            answers |= zip([one.position for one in group], self._together(key, group), strict=True)
        return [answers[position] for position in range(len(waiting))]

    def _read(self, body: bytes, content_type: str) -> ParsedRequest | None:
        return self._scorer.read(body) if media_type(content_type) == "application/json" else None

    def _together(self, key: Hashable, group: Sequence[_Waiting]) -> list[Answer]:
        try:
            parts = self._parts(key, group)
        except Exception:
            logger.debug("predicting one by one after a combined call failed", exc_info=True)
            parts = None
        if parts is None:
            return [self._scorer.answer_parsed(one.request) for one in group]
        return [
            Answer(200, dump({"predictions": part}), one.request.client_request_id)
            for part, one in zip(parts, group, strict=True)
        ]

    def _parts(self, key: Hashable, group: Sequence[_Waiting]) -> list[object] | None:
        cells = [one.cells for one in group]
        if key in self._layouts:
            layout = self._layouts.get(key)
        else:
            first = group[0]
            layout = self._layouts.learn(key, self._scorer.enforced_input(first.request.data), first.cells)
        if layout is None:
            return None
        predictions = self._scorer.predict_enforced(layout.frame(cells))
        if len(group) == 1:
            return [_get_jsonable_obj(predictions, pandas_orient="records")]
        parts = split(predictions, [one.rows for one in cells])
        return None if parts is None else [_get_jsonable_obj(part, pandas_orient="records") for part in parts]
