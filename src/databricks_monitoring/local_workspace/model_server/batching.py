"""Requests that wait together are predicted together.

A model that treats every row by itself answers sixteen one-row requests in about the time of one, because
most of that time is spent per call. So whatever waits when the model becomes free is combined into one
`predict`, as far as the requests are alike; a request that waits alone is never delayed. If the combined call
fails, each request is answered by itself, so a bad one harms only itself.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from mlflow.utils.proto_json_utils import _get_jsonable_obj

from databricks_monitoring.local_workspace.model_server.likeness import Cells, cells_of, combined, likeness
from databricks_monitoring.local_workspace.model_server.scoring import (
    Answer,
    ParsedRequest,
    RequestError,
    dump,
    media_type,
)

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


class Batcher:
    """Answers the requests that wait, together where they are alike."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer

    def answer(self, waiting: Sequence[tuple[bytes, str]]) -> list[Answer]:
        """Return the answer of each `(body, content type)`, in order."""
        if len(waiting) == 1:
            return [self._scorer.answer(*waiting[0])]
        answers: dict[int, Answer] = {}
        alike: dict[Hashable, list[tuple[int, ParsedRequest, Cells]]] = {}
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
            key = likeness(cells, self._scorer.input_schema) if cells else None
            if cells is None or key is None:
                answers[position] = self._scorer.answer_parsed(request)
            else:
                alike.setdefault(key, []).append((position, request, cells))
        for group in alike.values():
            positions, requests, columns = zip(*group, strict=True)
            answers |= zip(positions, self._together(requests, columns), strict=True)
        return [answers[position] for position in range(len(waiting))]

    def _read(self, body: bytes, content_type: str) -> ParsedRequest | None:
        return self._scorer.read(body) if media_type(content_type) == "application/json" else None

    def _together(self, requests: Sequence[ParsedRequest], columns: Sequence[Cells]) -> list[Answer]:
        if len(requests) > 1:
            try:
                parts = self._parts(columns)
            except Exception:
                logger.debug("predicting one by one after a combined call failed", exc_info=True)
                parts = None
            if parts is not None:
                return [
                    Answer(200, dump({"predictions": part}), request.client_request_id)
                    for part, request in zip(parts, requests, strict=True)
                ]
        return [self._scorer.answer_parsed(request) for request in requests]

    def _parts(self, requests: Sequence[Cells]) -> list[object] | None:
        predictions = self._scorer.predict(self._scorer.model_input(combined(requests)))
        parts = split(predictions, [request.rows for request in requests])
        return None if parts is None else [_get_jsonable_obj(part, pandas_orient="records") for part in parts]
