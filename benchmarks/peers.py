"""The engine beside NannyML, Evidently and whylogs, on the same rows in one run.

    python benchmarks/peers.py [--rows 1000000] [--repeat 5] [--seconds 100] [--peer NAME ...]

A peer runs until it has run `--repeat` times or for `--seconds`, at least once. One that is not installed
(`python benchmarks/peers/install.py`), or not asked for, keeps the figures it has.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import data
from engine import DAYS, full
from processes import Measured, run
from recording import Row, Section, at_least, figure, read, this_machine, write

sys.path.append(str(Path(__file__).parent / "peers"))

import install

SCRIPTS = Path(__file__).parent / "peers"


@dataclass(frozen=True)
class Peer:
    """One peer, and how many times faster the engine is meant to be."""

    name: str
    work: str
    times: float


PEERS = (
    Peer(
        "nannyml",
        "NannyML: univariate drift, KS, Wasserstein and JS (numbers), chi2 and JS (texts), daily chunks",
        10,
    ),
    Peer("evidently", "Evidently: the data drift preset against the baseline, looped by day", 50),
    Peer("whylogs", "whylogs: profiles by day, no drift", 10),
)

DESCRIPTION = """\
The log of the engine's benchmark, {rows:,} rows and {days} days. A peer works on the 20 numeric and 5
categorical columns and gets them as pandas frames in memory; only its work is timed, not reading the Parquet
files (the engine's figure includes reading them and writing its tables) and not its imports. Each has an
environment of its own with the versions it was made for. Ratios are medians of runs alternating with the
engine's; where a peer takes long, it has fewer runs. The engine computes all of its statistics, both drift
types and model quality in every run; a peer computes what is named."""


def measured(peer: Peer, given: argparse.Namespace) -> tuple[list[Measured], list[Measured]]:
    """Return the runs of a peer and those of the engine beside them."""
    log = data.log(given.rows, DAYS)
    files = data.files_of(log)
    theirs: list[Measured] = []
    ours: list[Measured] = []
    full(log, DAYS)
    while len(theirs) < given.repeat and (not theirs or sum(one.seconds for one in theirs) < given.seconds):
        ours.append(full(log, DAYS))
        theirs.append(
            run([install.interpreter(peer.name), SCRIPTS / f"run_{peer.name}.py", peer.name, files])
        )
        print(
            f"    {peer.name:10} {theirs[-1].seconds:8.2f} s   engine {ours[-1].seconds:6.2f} s", flush=True
        )
    return theirs, ours


def rows_of(peer: Peer, theirs: list[Measured], ours: list[Measured]) -> tuple[Row, Row, Row]:
    """Return the rows of one peer."""
    answer = theirs[0].answer
    times = [one.seconds / other.seconds for one, other in zip(theirs, ours, strict=True)]
    note = f"{answer['version']} on Python {answer['python']}, pandas {answer['pandas']}"
    return (
        figure(peer.work, [one.seconds for one in theirs], "s", digits=2, note=note),
        figure("the engine beside it: full refresh", [one.seconds for one in ours], "s", digits=2),
        at_least(
            figure(f"{peer.name} / engine", times, "x", digits=1),
            peer.times,
            f"at least {peer.times:g} times faster",
        ),
    )


def main(argv: list[str] | None = None) -> int:
    """Measure the peers that are installed, and record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=100, help="of one peer's runs")
    parser.add_argument("--peer", action="append", choices=[peer.name for peer in PEERS])
    parser.add_argument("--name", default="peers", help="of the result file")
    given = parser.parse_args(argv)
    machine = this_machine()
    before = read(given.name)
    sections = {section.part: section for section in before.sections} if before else {}
    for peer in PEERS:
        if given.peer and peer.name not in given.peer:
            continue
        if not install.interpreter(peer.name).exists():
            print(f"  {peer.name} is not installed: python benchmarks/peers/install.py {peer.name}")
            continue
        print(f"  {peer.name}", flush=True)
        sections[peer.name] = Section(
            part=peer.name,
            title=f"Beside {peer.work.partition(':')[0]}",
            description=DESCRIPTION.format(rows=given.rows, days=DAYS),
            rows=rows_of(peer, *measured(peer, given)),
        )
    write(
        given.name,
        title="The engine and its peers",
        order=11,
        command="python benchmarks/peers.py",
        machine=machine,
        sections=[sections[peer.name] for peer in PEERS if peer.name in sections],
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
