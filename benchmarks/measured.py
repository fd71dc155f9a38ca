"""One measured run in a process of its own: `engine.py` starts it, reads its answer and its peak of memory.

Everything that has to be imported is imported before the clock starts.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import inference_log
from deltalake import DeltaTable

from databricks_monitoring.metrics.engines import delta_scan
from databricks_monitoring.metrics.engines.duckdb import connect
from databricks_monitoring.metrics.refresh import TableLocations, refresh, warm_up

if TYPE_CHECKING:
    from collections.abc import Callable

    from databricks_monitoring.metrics.definition import MonitorDefinition


def floor(folder: Path) -> None:
    """Scan the log by day as DuckDB does it best: count, min, max and avg of the Parquet files."""
    files = DeltaTable(str(folder / "primary")).file_uris()
    listed = ", ".join(delta_scan.literal(delta_scan.local_path(uri)) for uri in files)
    numbers = (f"count({name}), min({name}), max({name}), avg({name})" for name in inference_log.NUMBERS)
    categories = [*inference_log.CATEGORIES, "model_id", "prediction", "label"]
    texts = (f"count({name}), min({name}), max({name})" for name in categories)
    query = (
        f"SELECT epoch_us(date_trunc('day', timestamp)) AS day, count(*), {', '.join([*numbers, *texts])} "  # noqa: S608
        f"FROM read_parquet([{listed}]) GROUP BY day"
    )
    with connect() as connection:
        connection.sql(query).fetchall()


def refreshed(folder: Path, out: Path, definition: MonitorDefinition, days: int) -> str:
    """Refresh the monitor of a log, and return what the refresh says."""
    where = TableLocations(folder / "primary", folder / "baseline", out / "profile", out / "drift")
    # The monitor was made when the log was as long as it is, so no day is too old to be read.
    now = inference_log.end(days)
    return refresh(definition, where, now=now, created_at=inference_log.START).message


def main() -> None:
    """Do what the arguments say and answer with one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("work", choices=("floor", "full", "again"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--days", type=int, required=True)
    parser.add_argument("--granularity", action="append")
    parser.add_argument("--slice", action="append")
    given = parser.parse_args()
    warm_up()
    definition = inference_log.definition(tuple(given.granularity or ("1 day",)), tuple(given.slice or ()))
    if given.work == "full":
        shutil.rmtree(given.out, ignore_errors=True)
    work: Callable[[], str | None] = (
        (lambda: floor(given.folder))
        if given.work == "floor"
        else (lambda: refreshed(given.folder, given.out, definition, given.days))
    )
    began, busy = time.perf_counter(), time.process_time()
    said = work()
    seconds, busy = time.perf_counter() - began, time.process_time() - busy
    answer = {"seconds": seconds, "processor_seconds": busy, "message": said}
    sys.stdout.write("\n" + json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
