"""What the peers' scripts share: the data as frames in memory, the clock, and one line of JSON as answer."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Callable

_KEYS = ("timestamp", "model_id", "prediction", "label")


@cache
def _given() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", help="its package")
    parser.add_argument("data", type=Path, help="folder with log.json: the Parquet files of log and baseline")
    return parser.parse_args()


def frames(peer: str) -> tuple[pd.DataFrame, pd.DataFrame, list[str], list[str]]:
    """Return the log, the baseline, and the names of the numeric and of the categorical columns."""
    if peer != _given().peer:
        raise SystemExit(f"This script is of {peer}, not of {_given().peer}.")
    files = json.loads(_given().data.read_text())
    log, baseline = (_read(files[name]) for name in ("log", "baseline"))
    features = [name for name in baseline.columns if name not in _KEYS]
    numbers = [name for name in features if pd.api.types.is_numeric_dtype(baseline[name])]
    categories = [name for name in features if name not in numbers]
    return log, baseline, numbers, categories


def _read(paths: list[str]) -> pd.DataFrame:
    return pa.concat_tables([pq.read_table(path) for path in paths]).to_pandas()


def seconds_of(work: Callable[[], object]) -> float:
    """Return how long some work takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def report(seconds: float) -> None:
    """Write what was measured to standard output, as its last line."""
    found = {
        "seconds": seconds,
        "version": version(_given().peer),
        "python": platform.python_version(),
        "pandas": version("pandas"),
    }
    sys.stdout.write("\n" + json.dumps(found) + "\n")
