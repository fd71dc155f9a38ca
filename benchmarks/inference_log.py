"""The data of the engine's benchmarks: an inference log as one grows in production, and its baseline.

20 numeric columns of mixed shape, 5 categorical ones of 3 to 500 values, 3 % NULL in each of them, a
timestamp, a model id, a prediction and a label. A log arrives as one file a day, in order of arrival, nearly
the order of time: 2 % of a day's rows arrive up to six hours late, some of them with the next day's file.
The model is replaced by its next version in the middle, so one day has two models. Some columns drift.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from deltalake import write_deltalake

from databricks_monitoring.metrics.definition import MonitorDefinition

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

START = datetime(2026, 9, 1, tzinfo=UTC)
DAY = 86_400_000_000
NULLS = 0.03
LATE = 0.02
LATE_BY_AT_MOST = DAY // 4
CATEGORIES = {"channel": 3, "segment": 8, "region": 25, "store": 100, "product": 500}
SLICES = ("amount > 50", "channel", "segment", "region", "store")
"""Slicing expressions of 2, 3, 8, 25 and 100 values."""

_MANY, _NEARLY_ALL = 0.8, 0.95
_LEAVE, _WRONG = 0.3, 0.1

Generator = np.random.Generator
Draw = Callable[[Generator, int, float], "NDArray[np.generic]"]
"""How a column is drawn: from a generator, a number of rows, and how far the log has drifted, 0 to 1."""

NUMBERS: dict[str, Draw] = {
    "score": lambda rng, n, drift: rng.normal(0.2 * drift, 1, n),
    "temperature": lambda rng, n, _: rng.normal(20, 6, n),
    "residual": lambda rng, n, _: rng.normal(0, 1e-3, n),
    "amount": lambda rng, n, drift: rng.lognormal(3 + 0.2 * drift, 1.2, n),
    "income": lambda rng, n, _: rng.lognormal(10, 0.7, n),
    "latency": lambda rng, n, _: rng.lognormal(-3, 0.4, n),
    "price": lambda rng, n, drift: np.round(rng.gamma(2, 25 * (1 + 0.1 * drift), n), 2),
    "rate": lambda rng, n, _: np.round(rng.normal(3, 0.8, n), 1),
    "ratio": lambda rng, n, _: rng.beta(2, 5, n),
    "bearing": lambda rng, n, _: rng.uniform(0, 360, n),
    "age": lambda rng, n, drift: rng.integers(18, 91 - int(5 * drift), n),
    "postcode": lambda rng, n, _: rng.integers(1_000, 99_999, n),
    "customer": lambda rng, n, _: rng.integers(0, 10_000_000, n),
    "clicks": lambda rng, n, drift: rng.poisson(2 + drift, n),
    "rooms": lambda rng, n, _: rng.integers(1, 7, n),
    "refunds": lambda rng, n, _: np.where(rng.random(n) < _MANY, 0, rng.exponential(30, n)),
    "complaints": lambda rng, n, _: np.where(rng.random(n) < _NEARLY_ALL, 0, rng.integers(1, 9, n)),
    "wealth": lambda rng, n, _: 1e4 * (1 + rng.pareto(1.3, n)),
    "shock": lambda rng, n, _: rng.standard_t(2, n),
    "mixture": lambda rng, n, drift: rng.normal(np.where(rng.random(n) < 0.3 + 0.2 * drift, -4, 4), 1, n),
}


def log_of(rows: int, days: int, seed: int) -> Iterator[pa.Table]:
    """Return a log of `rows` rows over `days` days as one table a day, in order of arrival.

    `rows` is met on average: days differ by a few per cent, as weekdays do.
    """
    rng = np.random.default_rng(seed)
    late = _no_rows()
    for day in range(days):
        of_day = int(rows / days * (1 + 0.05 * np.cos(day)))
        drift = day / max(1, days - 1)
        made = _rows(rng, _times(rng, of_day, day), drift, day / days)
        delayed = pa.array(rng.random(made.num_rows) < LATE)
        overdue = pa.array(rng.integers(0, DAY, made.num_rows) < LATE_BY_AT_MOST)
        tomorrow = np.logical_and(delayed.to_numpy(False), overdue.to_numpy(False))  # noqa: FBT003 - Arrow's signature
        arrived = pa.concat_tables([late, made.filter(pa.array(~tomorrow))])
        late = made.filter(pa.array(tomorrow))
        yield arrived.take(pa.array(_order_of_arrival(rng, arrived)))


def baseline_of(rows: int, seed: int) -> pa.Table:
    """Return a baseline without drift: the same columns without a timestamp, all of the first model."""
    rng = np.random.default_rng(seed)
    return _rows(rng, np.zeros(rows, np.int64), drift=0.0, done=0.0).drop(["timestamp"])


def write_log(folder: Path, rows: int, days: int, *, seed: int = 1, held_back: int = 0) -> list[pa.Table]:
    """Append a log to a Delta table, one commit and one file a day, and return its last days unwritten."""
    rest = []
    for day, arrived in enumerate(log_of(rows, days, seed)):
        if day < days - held_back:
            append(folder, arrived)
        else:
            rest.append(arrived)
    return rest


def append(folder: Path, arrived: pa.Table) -> None:
    """Append rows to a Delta table."""
    write_deltalake(str(folder), arrived, mode="append")


def write_shuffled(folder: Path, rows: int, days: int, *, files: int = 8, seed: int = 1) -> None:
    """Write the same rows in no order of time at all, every file with rows of every day."""
    whole = pa.concat_tables(list(log_of(rows, days, seed)))
    order = np.random.default_rng(seed).permutation(whole.num_rows)
    for part in np.array_split(order, files):
        append(folder, whole.take(pa.array(part)))


def definition(
    granularities: tuple[str, ...] = ("1 day",), slicing_exprs: tuple[str, ...] = ()
) -> MonitorDefinition:
    """Return the monitor of the log."""
    return MonitorDefinition(
        kind="inference_log",
        timestamp_column="timestamp",
        granularities=granularities,
        problem_type="classification",
        prediction_column="prediction",
        label_column="label",
        model_id_column="model_id",
        slicing_exprs=slicing_exprs,
    )


def end(days: int) -> datetime:
    """Return the moment at which a log of so many days ends."""
    return START + timedelta(days=days)


def _times(rng: Generator, rows: int, day: int) -> NDArray[np.int64]:
    # More by day than by night.
    of_day = rng.beta(2.5, 2.0, rows)
    began = int(START.timestamp()) * 1_000_000 + day * DAY
    return began + np.minimum((of_day * DAY).astype(np.int64), DAY - 1)


def _order_of_arrival(rng: Generator, arrived: pa.Table) -> NDArray[np.intp]:
    times = arrived.column("timestamp").cast(pa.int64()).to_numpy()
    delayed = rng.random(len(times)) < LATE
    return np.argsort(times + np.where(delayed, rng.integers(0, LATE_BY_AT_MOST, len(times)), 0))


def _rows(rng: Generator, times: NDArray[np.int64], drift: float, done: float) -> pa.Table:
    rows = len(times)
    columns: dict[str, pa.Array] = {"timestamp": pa.array(times).cast(pa.timestamp("us", tz="UTC"))}
    # The second version takes over in the middle of the log, within a day.
    second = (
        times >= int(START.timestamp()) * 1_000_000 + 15 * DAY + DAY // 2 if done else np.zeros(rows, bool)
    )
    columns["model_id"] = pa.array(np.where(second, "churn/2", "churn/1"))
    chance = rng.random(rows)
    for name, draw in NUMBERS.items():
        columns[name] = pa.array(draw(rng, rows, drift), mask=rng.random(rows) < NULLS)
    for name, size in CATEGORIES.items():
        weights = 1 / np.arange(1.0, size + 1) ** (0.6 + 0.2 * drift)
        codes = rng.choice(size, rows, p=weights / weights.sum())
        texts = pa.array([f"{name} {number}" for number in range(size)])
        masked = pa.array(codes.astype(np.int32), mask=rng.random(rows) < NULLS)
        columns[name] = pa.DictionaryArray.from_arrays(masked, texts).cast(pa.string())
    columns["prediction"] = pa.array(np.where(chance < _LEAVE + 0.1 * drift, "leaves", "stays"))
    label = np.where((chance < _LEAVE) ^ (rng.random(rows) < _WRONG), "leaves", "stays")
    # Labels come later than predictions; some never.
    columns["label"] = pa.array(label, mask=rng.random(rows) < NULLS)
    return pa.table(columns)


def _no_rows() -> pa.Table:
    return _rows(np.random.default_rng(0), np.zeros(0, np.int64), drift=0.0, done=0.0)
