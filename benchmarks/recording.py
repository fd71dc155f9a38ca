"""What every benchmark leaves behind: one JSON file in `results/`, from which `report.py` makes the page.

A result file holds the machine it came from and sections of rows. It holds no host names and no paths, so
that it can be published as it is.
"""

from __future__ import annotations

import os
import platform
import statistics
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

RESULTS = Path(os.environ.get("BENCH_RESULTS", Path(__file__).parent / "results"))
PACKAGES = ("duckdb", "numpy", "deltalake", "pyarrow")
"""Packages whose versions are recorded unless others are asked for."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Machine(_Frozen):
    """Where figures came from.

    Attributes
    ----------
    cpu, cores, memory_gb, system, python
        As the machine says.
    busy
        Mean number of runnable processes just before measuring (`os.getloadavg`, one minute).
    packages
        Versions by name.
    """

    cpu: str
    cores: int
    memory_gb: float
    system: str
    python: str
    busy: float
    packages: dict[str, str]


class Row(_Frozen):
    """One figure.

    Attributes
    ----------
    what
        What was measured.
    value, unit
        The figure: the median where there are several runs. Unit `x` is a ratio.
    spread
        Greatest minus least of the runs, in the same unit; None for one run.
    runs
        How many runs the figure is the median of.
    target
        What was wanted, as text; empty where nothing was.
    met
        Whether the target is met; None where there is none.
    note
        What bounds it, or whatever else a reader must know.
    """

    what: str
    value: float
    unit: str
    spread: float | None = None
    runs: int = 1
    target: str = ""
    met: bool | None = None
    note: str = ""


class Section(_Frozen):
    """Figures that belong together.

    Attributes
    ----------
    title, rows
        See `Row`.
    description
        Exactly what was measured, as Markdown.
    part
        Name under which a script can measure this part alone; empty if it cannot.
    """

    title: str
    description: str
    rows: tuple[Row, ...]
    part: str = ""


class Result(_Frozen):
    """What one benchmark script found.

    Attributes
    ----------
    title
        Heading of its part of the page.
    order
        Where the part stands on the page, the least first.
    command
        How to run it again.
    measured_at
        UTC, to the minute.
    machine, sections
        See there.
    """

    title: str
    order: int
    command: str
    measured_at: str
    machine: Machine
    sections: tuple[Section, ...]


def this_machine(packages: Iterable[str] = PACKAGES) -> Machine:
    """Return the facts about this machine; call it before the load of measuring begins."""
    return Machine(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)),
        memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        system=f"{platform.system()} {platform.release().split('-')[0]}",
        python=platform.python_version(),
        busy=round(os.getloadavg()[0], 1),
        packages={name: found for name in packages if (found := _version(name))},
    )


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def figure(what: str, values: Sequence[float], unit: str, *, digits: int = 3, note: str = "") -> Row:
    """Return the row of some runs: their median and spread."""
    spread = round(max(values) - min(values), digits) if len(values) > 1 else None
    return Row(
        what=what,
        value=round(statistics.median(values), digits),
        unit=unit,
        spread=spread,
        runs=len(values),
        note=note,
    )


def at_most(row: Row, limit: float, target: str) -> Row:
    """Return a row with the target that its value is at most `limit`."""
    return row.model_copy(update={"target": target, "met": row.value <= limit})


def at_least(row: Row, limit: float, target: str) -> Row:
    """Return a row with the target that its value is at least `limit`."""
    return row.model_copy(update={"target": target, "met": row.value >= limit})


def write(
    name: str, *, title: str, order: int, command: str, machine: Machine, sections: Iterable[Section]
) -> Path:
    """Write `results/NAME.json` and return its path."""
    result = Result(
        title=title,
        order=order,
        command=command,
        measured_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        machine=machine,
        sections=tuple(sections),
    )
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(result.model_dump_json(indent=2) + "\n")
    return path


def read(name: str) -> Result | None:
    """Return the result of that name, None if there is none."""
    path = RESULTS / f"{name}.json"
    return Result.model_validate_json(path.read_text()) if path.exists() else None


def read_all() -> list[Result]:
    """Return every result there is, in the order of the page."""
    found = [Result.model_validate_json(path.read_text()) for path in sorted(RESULTS.glob("*.json"))]
    return sorted(found, key=lambda result: (result.order, result.title))
