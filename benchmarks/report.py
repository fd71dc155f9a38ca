"""Write `docs/performance.md` from `results/*.json`, or check that it says what they say.

python benchmarks/report.py [--check]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from recording import read_all

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recording import Machine, Result, Row, Section

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
PREFACE = """\
<!-- Written by benchmarks/report.py from benchmarks/results; run `make bench` to measure again. -->

# Performance

Figures are medians of as many runs as the tables say, the spread is the greatest minus the least of them.
Seconds mean little on another machine; ratios are of runs side by side and travel better. `make bench`
measures everything again and rewrites this page; each part says how it runs alone.
[benchmarks/](../benchmarks/README.md) has the scripts.
"""
HEAD = "| what | figure | spread | runs | target | met |\n| --- | ---: | ---: | ---: | --- | --- |"


def page(results: list[Result]) -> str:
    """Return the page."""
    parts = [PREFACE, *_summary(results)]
    for result in results:
        parts += [f"## {result.title}\n", _from(result)]
        for section in result.sections:
            parts += [f"### {section.title}\n", section.description + "\n", *_table(section)]
    return "\n".join(parts).rstrip() + "\n"


def _summary(results: list[Result]) -> Iterator[str]:
    """Return how many targets there are and which are missed."""
    judged = [
        (section, row)
        for result in results
        for section in result.sections
        for row in section.rows
        if row.target
    ]
    missed = [(section, row) for section, row in judged if not row.met]
    if not judged:
        return
    yield f"Of {len(judged)} targets {len(judged) - len(missed)} are met."
    for section, row in missed:
        yield f"- Missed: {section.title}, {row.what}: {_value(row)}, {row.target}."
    yield ""


def _from(result: Result) -> str:
    return f"Measured {result.measured_at} with `{result.command}`, on {_machine(result.machine)}.\n"


def _machine(machine: Machine) -> str:
    packages = ", ".join(f"{name} {version}" for name, version in machine.packages.items())
    cores = "1 core" if machine.cores == 1 else f"{machine.cores} cores"
    facts = f"{cores} of {machine.cpu}, {machine.memory_gb:g} GB of memory, {machine.system}"
    return f"{facts}; Python {machine.python}, {packages}; load before it began {machine.busy:g}"


def _table(section: Section) -> Iterator[str]:
    yield HEAD
    for row in section.rows:
        met = {None: "", True: "yes", False: "**no**"}[row.met]
        spread = "" if row.spread is None else _number(row.spread)
        yield f"| {_cell(row.what)} | {_value(row)} | {spread} | {row.runs} | {_cell(row.target)} | {met} |"
    yield ""
    for row in section.rows:
        if row.note:
            yield f"- {row.what}: {row.note}"
    yield ""


def _value(row: Row) -> str:
    return f"{_number(row.value)}{' times' if row.unit == 'x' else ' ' + row.unit}"


def _number(value: float) -> str:
    """Return a number with three digits that count, more where it is whole."""
    if abs(value) >= 100:  # noqa: PLR2004 - three digits
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(argv: list[str] | None = None) -> int:
    """Write or check the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the page would change")
    parser.add_argument("--page", type=Path, default=PAGE, help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    wanted: Path = given.page
    text = page(read_all())
    if wanted.exists() and wanted.read_text(encoding="utf-8") == text:
        return 0
    if given.check:
        print("docs/performance.md is out of date; run python benchmarks/report.py")
        return 1
    wanted.write_text(text, encoding="utf-8")
    print(f"Wrote {wanted.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
