"""Full refreshes of an inference log beside a bare scan, larger logs, new days, slices and granularities.

    python benchmarks/engine.py [--rows 1000000] [--large-rows 10000000] [--repeat 5] [--part NAME ...]

Every run is a process of its own; what is compared runs alternating.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import data
import inference_log
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from processes import Measured, ours
from recording import Row, Section, at_most, figure, read, this_machine, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DAYS = 30
LOADED_DAYS = 90
OUT = data.BENCH / "out"
PART_SECONDS = 150.0
GRANULARITIES = ("1 hour", "1 day", "1 week")

SCAN_LIMIT, SCAN_TARGET = 6.0, "at most 6 times the scan"
LARGE_LIMIT, LARGE_TARGET = 11.0, "at most 11 times"
SLICES_LIMIT, SLICES_TARGET = 3.0, "at most 3 times"
GRANULARITIES_LIMIT, GRANULARITIES_TARGET = 2.5, "at most 2.5 times"
NEW_DAY_SHARE, NEW_DAY_SECONDS = 0.05, 0.3

WORK = """\
20 numeric columns (normal, lognormal, uniform, counts, whole numbers of few and of many values, zero
inflated, heavy-tailed, rounded, two-peaked), 5 categorical ones of 3, 8, 25, 100 and 500 values, 3 % NULL
in each, a timestamp, a model id, a prediction and a label. The log is a Delta table of one file a day in
order of arrival, 2 % of the rows late by up to six hours; the model is replaced by its next version in the
middle. The baseline has a tenth of the rows. A full refresh is that of an inference log monitor
(classification) from nothing: profiles of every window of the log, of each model and of the baseline, model
quality, and drift against the window before and against the baseline, all statistics, both tables written
as Delta. Imports are done before the clock starts; memory is that of the whole process."""


BOUND = """\
What bounds it, from a profile of the native code: half is the groups' own statistics (sorting once a window,
bringing each group's values together, their sums, the 1000 quantiles), a quarter memory that is touched for
the first time, since every profile row holds 8 kB and a group's quantiles exist as values, as rows and as a
page of Parquet, an eighth the Parquet writer, the rest the comparison of quantiles. Tried, and kept: loops
compiled to machine code for each comparison (a Kolmogorov-Smirnov statistic takes 2 microseconds, not 36),
p-values without SciPy where they are many (5 microseconds, not 100), drift from the rows at hand while these
are written, so that nothing is read back, one reading for all granularities and all windows, a radix sort,
each group compared once for both of its names, quantiles into one array. Tried without gain: Parquet without
dictionary, zstd, greater heaps."""


@dataclass(frozen=True)
class Given:
    """How much is measured."""

    rows: int
    large_rows: int
    repeat: int


def full(folder: Path, days: int, *options: str) -> Measured:
    """Refresh from nothing."""
    return ours("full", folder, "--out", OUT / "full", "--days", str(days), *options)


def scan(folder: Path, days: int) -> Measured:
    """Scan the log by day and do nothing else."""
    return ours("floor", folder, "--out", OUT / "full", "--days", str(days))


def alternating(repeat: int, **works: Callable[[], Measured]) -> dict[str, list[Measured]]:
    """Run works in turn, several times, after a turn that does not count if there are several.

    What takes too long is run fewer times; the number of runs is recorded.
    """
    found: dict[str, list[Measured]] = {name: [] for name in works}
    uncounted = 1 if repeat > 1 else 0
    began = time.monotonic()
    for turn in range(uncounted + repeat):
        if turn > uncounted and time.monotonic() - began > PART_SECONDS:
            break
        for name, work in works.items():
            one = work()
            if turn >= uncounted:
                found[name].append(one)
            print(f"    {name:14} {one.seconds:8.2f} s  {one.peak_gb:5.2f} GB", flush=True)
    return found


def seconds(what: str, runs: list[Measured], note: str = "") -> Row:
    """Return the row of how long runs took."""
    return figure(what, [one.seconds for one in runs], "s", note=note)


def ratio(what: str, runs: list[Measured], others: list[Measured], note: str = "") -> Row:
    """Return the row of how many times as long some runs took as those beside them."""
    times = [one.seconds / other.seconds for one, other in zip(runs, others, strict=True)]
    return figure(what, times, "x", digits=2, note=note)


def peak(what: str, runs: list[Measured]) -> Row:
    """Return the row of how much memory runs held."""
    return figure(what, [one.peak_gb for one in runs], "GB", digits=2)


def million(given: Given) -> Section:
    """Measure a refresh beside the bare scan, of a log as it grows and of one without order."""
    log, unordered = data.log(given.rows, DAYS), data.shuffled(given.rows, DAYS)
    runs = alternating(
        given.repeat,
        scan=lambda: scan(log, DAYS),
        refresh=lambda: full(log, DAYS),
        unordered_scan=lambda: scan(unordered, DAYS),
        unordered=lambda: full(unordered, DAYS),
    )
    floor, refresh = runs["scan"], runs["refresh"]
    return Section(
        title=f"{given.rows:,} rows, {DAYS} daily windows",
        description=WORK + "\n\nThe scan is DuckDB's: count, min, max and avg of the numbers, count, min and "
        "max of the texts, by day, of the same Parquet files.",
        rows=(
            seconds("bare windowed scan", floor),
            seconds("full refresh", refresh),
            at_most(ratio("full refresh / scan", refresh, floor), SCAN_LIMIT, SCAN_TARGET),
            at_most(peak("peak memory of the process", refresh), 1.0, "under 1 GB"),
            seconds("bare windowed scan, log without order", runs["unordered_scan"]),
            seconds("full refresh, log without order", runs["unordered"], "8 files of all days"),
            ratio("full refresh / scan, log without order", runs["unordered"], runs["unordered_scan"]),
        ),
    )


def large(given: Given) -> Section:
    """Measure ten times the rows."""
    log, small = data.log(given.large_rows, DAYS), data.log(given.rows, DAYS)
    runs = alternating(
        given.repeat,
        small=lambda: full(small, DAYS),
        scan=lambda: scan(log, DAYS),
        large=lambda: full(log, DAYS),
    )
    return Section(
        title=f"{given.large_rows:,} rows, {DAYS} daily windows",
        description=f"The same work over {given.large_rows // given.rows} times the rows, files, windows and "
        "groups as before.",
        rows=(
            seconds(f"full refresh of {given.rows:,} rows", runs["small"]),
            seconds(f"full refresh of {given.large_rows:,} rows", runs["large"]),
            at_most(ratio("large / small", runs["large"], runs["small"]), LARGE_LIMIT, LARGE_TARGET),
            at_most(peak("peak memory of the process", runs["large"]), 3.0, "under 3 GB"),
            ratio("full refresh / scan", runs["large"], runs["scan"]),
        ),
    )


def new_day(given: Given) -> Section:
    """Measure a day that arrives in a log of ninety."""
    made = data.growing(given.rows * LOADED_DAYS // DAYS, LOADED_DAYS, given.repeat)
    fulls = [full(made, LOADED_DAYS) for _ in range(given.repeat)]
    limit = NEW_DAY_SHARE * statistics.median(one.seconds for one in fulls) + NEW_DAY_SECONDS
    target = f"at most 5 % of the full refresh and 0.3 s: {limit:.2f} s"
    with_late = _days_arrive(given, made, late=True)
    on_time = _days_arrive(given, made, late=False)
    again = ours("again", OUT / "growing", "--out", OUT / "growing", "--days", str(LOADED_DAYS))
    return Section(
        title=f"A new day after {LOADED_DAYS} days",
        description=f"{LOADED_DAYS} days of {given.rows // DAYS:,} rows are loaded and refreshed; then one "
        "day after the other arrives, each followed by a refresh. A day's file also holds late rows of the "
        "day before, so two windows are recomputed, and drift that hangs on them; without these, one.",
        rows=(
            seconds(f"full refresh of {LOADED_DAYS} days", fulls),
            at_most(seconds("refresh after a new day", on_time), limit, target),
            at_most(seconds("refresh after a new day and late rows of the last", with_late), limit, target),
            seconds("refresh after nothing changed", [again]),
        ),
    )


def _days_arrive(given: Given, made: Path, *, late: bool) -> list[Measured]:
    folder = OUT / "growing"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(made, folder)
    ours("again", folder, "--out", folder, "--days", str(LOADED_DAYS))
    found = []
    for at in range(given.repeat):
        arrived = pq.read_table(folder / f"day-{at}.parquet")
        if not late:
            times = arrived.column("timestamp")
            first = inference_log.end(LOADED_DAYS + at)
            arrived = arrived.filter(pc.greater_equal(times, pa.scalar(first, times.type)))
        inference_log.append(folder / "primary", arrived)
        found.append(ours("again", folder, "--out", folder, "--days", str(LOADED_DAYS + at + 1)))
        print(f"    a new day      {found[-1].seconds:8.2f} s  {found[-1].answer['message']}", flush=True)
    return found


def slices(given: Given) -> Section:
    """Measure five slicing expressions."""
    log = data.log(given.rows, DAYS)
    asked = [word for expression in inference_log.SLICES for word in ("--slice", expression)]
    runs = alternating(given.repeat, plain=lambda: full(log, DAYS), sliced=lambda: full(log, DAYS, *asked))
    return Section(
        title="Five slicing expressions",
        description=f"`{'`, `'.join(inference_log.SLICES)}`: 2, 3, 8, 25 and 100 values, so 139 groups of "
        "rows instead of one, each with a profile of every column in every window, of each model too, and "
        f"with drift of both types. {_written(runs['sliced'])} instead of {_written(runs['plain'])}.",
        rows=(
            seconds("full refresh without slices", runs["plain"]),
            seconds("full refresh with slices", runs["sliced"]),
            at_most(
                ratio("with / without", runs["sliced"], runs["plain"], _cost(runs["sliced"], runs["plain"])),
                SLICES_LIMIT,
                SLICES_TARGET,
            ),
            peak("peak memory with slices", runs["sliced"]),
        ),
    )


def granularities(given: Given) -> Section:
    """Measure three granularities."""
    log = data.log(given.rows, DAYS)
    asked = [word for size in GRANULARITIES for word in ("--granularity", size)]
    runs = alternating(given.repeat, one=lambda: full(log, DAYS), three=lambda: full(log, DAYS, *asked))
    return Section(
        title="Three granularities",
        description=f"`{'`, `'.join(GRANULARITIES)}` instead of `1 day` alone: 720 hours, 30 days and 5 "
        f"weeks. {_written(runs['three'])} instead of {_written(runs['one'])}.",
        rows=(
            seconds("full refresh, one granularity", runs["one"]),
            seconds("full refresh, three granularities", runs["three"]),
            at_most(
                ratio("three / one", runs["three"], runs["one"], _cost(runs["three"], runs["one"])),
                GRANULARITIES_LIMIT,
                GRANULARITIES_TARGET,
            ),
            peak("peak memory with three", runs["three"]),
        ),
    )


def _written(runs: list[Measured]) -> str:
    """Return the words with which a refresh says what it wrote."""
    sentences = str(runs[0].answer["message"]).split(". ")
    return next((text.rstrip(".") for text in sentences if text.startswith("Wrote")), "")


def _cost(many: list[Measured], few: list[Measured]) -> str:
    """Return what the rows cost that there are more of."""
    taken = statistics.median(one.seconds - other.seconds for one, other in zip(many, few, strict=True))
    more = _profile_rows(many) - _profile_rows(few)
    each = 1e6 * taken / max(1, more)
    return f"{each:.0f} microseconds for each of {more:,} more profile rows and its two drift rows. {BOUND}"


def _profile_rows(runs: list[Measured]) -> int:
    return int(_written(runs).removeprefix("Wrote ").partition(" ")[0])


PARTS: dict[str, Callable[[Given], Section]] = {
    "million": million,
    "new-day": new_day,
    "granularities": granularities,
    "slices": slices,
    "large": large,
}


def main(argv: list[str] | None = None) -> int:
    """Measure and record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--large-rows", type=int, default=10_000_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument(
        "--part", action="append", choices=PARTS, help="only this; the others stay as they were"
    )
    parser.add_argument("--name", default="engine", help="of the result file")
    parsed = parser.parse_args(argv)
    given = Given(parsed.rows, parsed.large_rows, parsed.repeat)
    machine = this_machine()
    before = read(parsed.name)
    kept = {section.part: section for section in before.sections} if before else {}
    sections = {}
    for part, measure in PARTS.items():
        if parsed.part and part not in parsed.part:
            if part in kept:
                sections[part] = kept[part]
            continue
        print(f"  {part}", flush=True)
        sections[part] = measure(given).model_copy(update={"part": part})
    write(
        parsed.name,
        title="The metric engine",
        order=10,
        command="python benchmarks/engine.py",
        machine=machine,
        sections=sections.values(),
    )
    shutil.rmtree(OUT, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
