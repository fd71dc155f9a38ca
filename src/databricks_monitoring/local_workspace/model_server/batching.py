"""Requests that wait together are predicted together.

A model that treats every row by itself answers sixteen one-row requests in about the time of one, because
most of that time is spent per call. So whatever waits when the model becomes free is combined into one
`predict`, as far as the requests are alike; a request that waits alone is never delayed. If the combined call
fails, each request is answered by itself, so a bad one harms only itself.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from mlflow.utils.proto_json_utils import _get_jsonable_obj

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

_INT64_LIMIT = 2**63
_MIXED = type("_Mixed", (), {})


def _cell_type(value: object) -> type:
    # Integers outside 64 bits change the type of their whole column.
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _INT64_LIMIT:
        return _MIXED
    return _MIXED if isinstance(value, list | dict) else type(value)


def _column_types(rows: Sequence[Sequence[object]]) -> tuple[type, ...] | None:
    """Return the type of each column, or None if one column holds several or a nested one."""
    types = tuple(map(_cell_type, rows[0]))
    if _MIXED in types or any(tuple(map(_cell_type, row)) != types for row in rows[1:]):
        return None
    return types


def likeness(data: dict[str, Any]) -> Hashable | None:
    """Return a key that requests share when their frames have the same columns of the same types.

    None if the request has to be predicted alone: other formats than the two of data frames, an index, an
    empty batch, a column of several types. The key looks at Python types, because equal types in every cell
    give equal column types, combined or not.
    """
    if len(data) != 1:
        return None
    ((name, value),) = data.items()
    if name == "dataframe_records":
        return _records_key(value)
    return _split_key(value) if name == "dataframe_split" else None


def _records_key(records: object) -> Hashable | None:
    if (
        not isinstance(records, list)
        or not records
        or not all(isinstance(record, dict) for record in records)
    ):
        return None
    columns = tuple(records[0])
    if any(tuple(record) != columns for record in records[1:]):
        return None
    types = _column_types([tuple(record.values()) for record in records])
    return ("records", columns, types) if types else None


def _split_key(split: object) -> Hashable | None:
    if not isinstance(split, dict) or set(split) != {"columns", "data"}:
        return None
    columns, rows = split["columns"], split["data"]
    if not (isinstance(columns, list) and isinstance(rows, list) and rows):
        return None
    if not all(isinstance(column, str) for column in columns):
        return None
    if not all(isinstance(row, list) and len(row) == len(columns) for row in rows):
        return None
    types = _column_types(rows)
    return ("split", tuple(columns), types) if types else None


def _row_count(data: dict[str, Any]) -> int:
    return len(data["dataframe_records"] if "dataframe_records" in data else data["dataframe_split"]["data"])


def _combined(requests: Sequence[ParsedRequest]) -> dict[str, Any]:
    first = requests[0].data
    if "dataframe_records" in first:
        return {"dataframe_records": [row for one in requests for row in one.data["dataframe_records"]]}
    rows = [row for one in requests for row in one.data["dataframe_split"]["data"]]
    return {"dataframe_split": {"columns": first["dataframe_split"]["columns"], "data": rows}}


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
        alike: dict[Hashable, list[tuple[int, ParsedRequest]]] = {}
        for position, (body, content_type) in enumerate(waiting):
            try:
                request = self._read(body, content_type)
            except RequestError as error:
                answers[position] = error.answer
                continue
            key = likeness(request.data) if request and not request.unified and not request.params else None
            if request is None:
                answers[position] = self._scorer.answer(body, content_type)
            elif key is None:
                answers[position] = self._scorer.answer_parsed(request)
            else:
                alike.setdefault(key, []).append((position, request))
        for group in alike.values():
            requests = [request for _, request in group]
            answers |= zip([position for position, _ in group], self._together(requests), strict=True)
        return [answers[position] for position in range(len(waiting))]

    def _read(self, body: bytes, content_type: str) -> ParsedRequest | None:
        return self._scorer.read(body) if media_type(content_type) == "application/json" else None

    def _together(self, requests: Sequence[ParsedRequest]) -> list[Answer]:
        if len(requests) > 1:
            try:
                parts = self._parts(requests)
            except Exception:
                logger.debug("predicting one by one after a combined call failed", exc_info=True)
                parts = None
            if parts is not None:
                return [
                    Answer(200, dump({"predictions": part}), request.client_request_id)
                    for part, request in zip(parts, requests, strict=True)
                ]
        return [self._scorer.answer_parsed(request) for request in requests]

    def _parts(self, requests: Sequence[ParsedRequest]) -> list[object] | None:
        predictions = self._scorer.predict(self._scorer.model_input(_combined(requests)))
        parts = split(predictions, [_row_count(request.data) for request in requests])
        return None if parts is None else [_get_jsonable_obj(part, pandas_orient="records") for part in parts]
