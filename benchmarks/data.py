"""The benchmarks' data on disk, made when first needed and kept in `.bench/data`."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import inference_log
import pyarrow.parquet as pq
from deltalake import DeltaTable

from databricks_monitoring.metrics.engines.delta_scan import local_path

if TYPE_CHECKING:
    from collections.abc import Callable

BENCH = Path(os.environ.get("BENCH_FOLDER", Path(__file__).parent.parent / ".bench"))
"""Data, and tables that are being written."""
BASELINE = 10
"""Rows of a log for one row of its baseline."""


def _made(name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder of data, made anew if the code that makes it has changed."""
    version = hashlib.sha256(Path(inference_log.__file__).read_bytes()).hexdigest()
    folder, mark = BENCH / "data" / name, BENCH / "data" / name / "made_by"
    if not mark.exists() or mark.read_text() != version:
        print(f"  making {name}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        make(folder)
        mark.write_text(version)
    return folder


def log(rows: int, days: int) -> Path:
    """Return the folder of a log as it grows: a file a day."""

    def make(folder: Path) -> None:
        inference_log.write_log(folder / "primary", rows, days)
        _write_baseline(folder, rows)

    return _made(f"{rows}-rows-{days}-days", make)


def shuffled(rows: int, days: int) -> Path:
    """Return the folder of the same log in no order of time."""

    def make(folder: Path) -> None:
        inference_log.write_shuffled(folder / "primary", rows, days)
        _write_baseline(folder, rows)

    return _made(f"{rows}-rows-{days}-days-shuffled", make)


def growing(rows: int, days: int, more: int) -> Path:
    """Return the folder of a log of some days, those that will arrive as files of their own beside it."""

    def make(folder: Path) -> None:
        total = round(rows / days * (days + more))
        rest = inference_log.write_log(folder / "primary", total, days + more, held_back=more)
        for at, day in enumerate(rest):
            pq.write_table(day, folder / f"day-{at}.parquet")
        _write_baseline(folder, rows)

    return _made(f"{rows}-rows-{days}-days-and-{more}", make)


def files_of(folder: Path) -> Path:
    """Return a file that lists the Parquet files of a log and its baseline, for readers without Delta."""
    listed = {
        name: [local_path(uri) for uri in DeltaTable(str(folder / table)).file_uris()]
        for name, table in (("log", "primary"), ("baseline", "baseline"))
    }
    path = folder / "files.json"
    path.write_text(json.dumps(listed))
    return path


def _write_baseline(folder: Path, rows: int) -> None:
    inference_log.append(folder / "baseline", inference_log.baseline_of(rows // BASELINE, seed=2))
