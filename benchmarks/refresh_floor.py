"""How a first refresh compares with the least that any engine must do: one windowed scan of the same table.

    python benchmarks/refresh_floor.py [--rows 1000000] [--days 30] [--repeat 5]

The floor is DuckDB reading every column of the table and answering count, mean, minimum and maximum by day.
The refresh computes every profile and drift statistic of the same windows, exactly, and commits them.
"""

# ruff: noqa: INP001 - a script, not a package

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from databricks_monitoring.metrics.engines import delta_scan
from databricks_monitoring.metrics.engines.duckdb import connect
from databricks_monitoring.metrics.refresh import MonitorDefinition, TableLocations, refresh, warm_up

if TYPE_CHECKING:
    from collections.abc import Callable

NUMBERS = 20
CATEGORIES = 5
START = datetime(2026, 10, 1, tzinfo=UTC)


def made(rows: int, days: int, seed: int) -> pa.Table:
    """Return a table of random rows in no order of time."""
    rng = np.random.default_rng(seed)
    micros = rng.integers(0, days * 86_400_000_000, rows) + int(START.timestamp()) * 1_000_000
    columns: dict[str, pa.Array] = {"timestamp": pa.array(micros).cast(pa.timestamp("us", tz="UTC"))}
    for at in range(NUMBERS):
        columns[f"x{at}"] = pa.array(rng.normal(at, 1 + at, rows))
    for at in range(CATEGORIES):
        names = np.array([f"category {number}" for number in range(4 ** (at + 1))])
        columns[f"c{at}"] = pa.array(names[rng.integers(0, len(names), rows)])
    return pa.table(columns)


def floor(table: DeltaTable) -> None:
    """Scan every column once, by day."""
    columns = [f"x{at}" for at in range(NUMBERS)]
    numbers = ", ".join(f"avg({name}), min({name}), max({name})" for name in columns)
    texts = ", ".join(f"count(c{at}), min(c{at}), max(c{at})" for at in range(CATEGORIES))
    query = f"SELECT epoch_us(date_trunc('day', timestamp)) AS w, count(*), {numbers}, {texts} FROM ({delta_scan.scan(table)}) GROUP BY w"  # noqa: E501, S608
    connect().sql(query).fetchall()


def median_seconds(work: Callable[[], object], repeat: int) -> tuple[float, float]:
    """Return the median and the spread of several timings."""
    taken = []
    for _ in range(repeat):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken), max(taken) - min(taken)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--repeat", type=int, default=5)
    given = parser.parse_args()
    warm_up()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_deltalake(str(root / "primary"), made(given.rows, given.days, 1))
        write_deltalake(str(root / "baseline"), made(given.rows // 20, 1, 2).drop(["timestamp"]))
        table = DeltaTable(str(root / "primary"))
        definition = MonitorDefinition(
            kind="time_series", timestamp_column="timestamp", granularities=("1 day",)
        )
        where = TableLocations(root / "primary", root / "baseline", root / "profile", root / "drift")
        now = START + timedelta(days=given.days)

        def first_refresh() -> None:
            for made_before in (where.profile, where.drift):
                shutil.rmtree(made_before, ignore_errors=True)
            refresh(definition, where, now=now, created_at=now)

        scan, scan_spread = median_seconds(lambda: floor(table), given.repeat)
        full, full_spread = median_seconds(first_refresh, given.repeat)
        again, _ = median_seconds(lambda: refresh(definition, where, now=now, created_at=now), given.repeat)
        more = made(given.rows // 1000, 1, 3)
        write_deltalake(str(root / "primary"), more, mode="append")
        late, _ = median_seconds(lambda: refresh(definition, where, now=now, created_at=now), 1)
    columns = NUMBERS + CATEGORIES + 1
    out = sys.stdout.write
    out(f"{given.rows} rows, {columns} columns, {given.days} daily windows, {os.cpu_count()} processors\n")
    out(f"windowed scan       {scan:6.2f} s (spread {scan_spread:.2f})\n")
    out(f"first refresh       {full:6.2f} s (spread {full_spread:.2f}), {full / scan:.1f} x the scan\n")
    out(f"nothing changed     {again:6.2f} s\n")
    out(f"one window changed  {late:6.2f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
