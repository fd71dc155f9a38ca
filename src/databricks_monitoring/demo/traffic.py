"""Requests as clients send them: in every format, from one to twenty characters each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from databricks_monitoring.demo.characters import DRIFTED, FEATURES, TARGET, TRAINED_ON, make_characters

if TYPE_CHECKING:
    from collections.abc import Iterator


FORMATS = ("dataframe_split", "dataframe_records", "inputs", "instances")
DAYS = 14
DRIFTS_FROM_DAY = 10
REQUESTS_A_DAY = 300
ROWS_AT_MOST = 20
CLIENTS = 16
HOURS = 24
HOURS_TOGETHER = 4


@dataclass(frozen=True)
class Request:
    """One request, and what really became of its characters (known to the world, not to the model)."""

    client_request_id: str
    hour: int
    payload: dict[str, Any]
    alive: list[int]


def body(names: list[str], rows: list[list[Any]], request_format: str) -> dict[str, Any]:
    """Return rows as a request in one of `FORMATS`.

    Examples
    --------
    >>> body(["a"], [[1], [2]], "inputs")
    {'inputs': {'a': [1, 2]}}
    """
    if request_format == "dataframe_split":
        return {request_format: {"columns": names, "data": rows}}
    if request_format == "inputs":
        return {request_format: {name: [row[at] for row in rows] for at, name in enumerate(names)}}
    return {request_format: [dict(zip(names, row, strict=True)) for row in rows]}


@cache
def make_day(day: int, *, seed: int) -> tuple[Request, ...]:
    """Return the requests of one day (the first is 1), in order of time."""
    rng = np.random.default_rng([seed, day])
    sizes = rng.integers(1, ROWS_AT_MOST + 1, REQUESTS_A_DAY)
    population = DRIFTED if day >= DRIFTS_FROM_DAY else TRAINED_ON
    characters = make_characters(int(sizes.sum()), seed=seed * 1000 + day, population=population)
    # As JSON knows them: missing values are null.
    rows = json.loads(characters[list(FEATURES)].to_json(orient="values"))
    alive = characters[TARGET].tolist()
    requests = []
    for index, end in enumerate(np.cumsum(sizes).tolist()):
        start = end - int(sizes[index])
        requests.append(
            Request(
                client_request_id=f"day-{day:02d}-request-{index:03d}",
                hour=index * HOURS // REQUESTS_A_DAY,
                payload=body(list(FEATURES), rows[start:end], FORMATS[index % len(FORMATS)]),
                alive=alive[start:end],
            )
        )
    return tuple(requests)


def by_time(requests: tuple[Request, ...]) -> Iterator[tuple[int, list[Request]]]:
    """Yield the requests of each stretch of the day with the hour it begins at."""
    for hour in range(0, HOURS, HOURS_TOGETHER):
        yield hour, [request for request in requests if hour <= request.hour < hour + HOURS_TOGETHER]
