"""Which rows are read together, so that windows of all granularities are made of one reading."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from databricks_monitoring.metrics.windows import Calendar


@dataclass(frozen=True)
class Batch:
    """Windows that are made of rows that are read together; one without a span is the whole table.

    Attributes
    ----------
    starts
        Of the windows, ascending.
    span
        The time of the rows that are read, half-open in microseconds; rows of no window may be among them.
    rows
        About how many these are.
    """

    starts: Sequence[int]
    span: tuple[int, int] | None
    rows: int


@dataclass(frozen=True)
class Asked:
    """Windows of one granularity that are to be profiled.

    Attributes
    ----------
    calendar
        Of the granularity.
    starts
        Of the windows; those without rows are skipped.
    counts
        Number of rows of every window that has rows.
    """

    calendar: Calendar
    starts: Sequence[int]
    counts: Mapping[int, int]

    def filled(self) -> list[int]:
        """Return the windows that have rows, in the order of time."""
        return sorted(self.counts.keys() & set(self.starts))


def batches(asked: Sequence[Asked], rows_at_most: int) -> Iterator[list[tuple[Asked, Batch]]]:
    """Return batches in the order of time; those that come together are of one reading.

    A reading holds whole windows of every granularity. Where the windows that overlap have more rows than may
    be held, each granularity is read by itself, and a window that has more by itself.
    """
    if len(asked) == 1:
        for batch in _of_one(asked[0], asked[0].filled(), rows_at_most):
            yield [(asked[0], batch)]
        return
    held: list[_Block] = []
    for block in _blocks(asked):
        together = sum(each.rows for each in held) + block.rows
        if held and (together > rows_at_most or _between(asked, held[-1].end, block.start)):
            yield _read_together(asked, held)
            held = []
        if block.rows > rows_at_most:
            for each, starts in zip(asked, block.windows, strict=True):
                for batch in _of_one(each, starts, rows_at_most):
                    yield [(each, batch)]
        else:
            held.append(block)
    if held:
        yield _read_together(asked, held)


@dataclass
class _Block:
    """A span that no wanted window reaches across, and the windows in it of each granularity."""

    start: int
    end: int
    windows: list[list[int]]
    rows: int = 0


def _blocks(asked: Sequence[Asked]) -> Iterator[_Block]:
    everything = sorted(
        (start, each.calendar.end_of(start), at) for at, each in enumerate(asked) for start in each.filled()
    )
    block: _Block | None = None
    for start, end, at in everything:
        if block is None or start >= block.end:
            if block is not None:
                yield _counted(asked, block)
            block = _Block(start, end, [[] for _ in asked])
        block.end = max(block.end, end)
        block.windows[at].append(start)
    if block is not None:
        yield _counted(asked, block)


def _counted(asked: Sequence[Asked], block: _Block) -> _Block:
    block.rows = max(
        sum(each.counts[start] for start in starts) for each, starts in zip(asked, block.windows, strict=True)
    )
    return block


def _between(asked: Sequence[Asked], end: int, start: int) -> bool:
    """Whether rows that nobody wants lie between two blocks."""
    known = sorted(asked[0].counts)
    at = bisect_left(known, end)
    return at < len(known) and known[at] < start


def _read_together(asked: Sequence[Asked], blocks: Sequence[_Block]) -> list[tuple[Asked, Batch]]:
    span = blocks[0].start, blocks[-1].end
    rows = sum(block.rows for block in blocks)
    starts = [[start for block in blocks for start in block.windows[at]] for at in range(len(asked))]
    return [(each, Batch(some, span, rows)) for each, some in zip(asked, starts, strict=True) if some]


def _of_one(asked: Asked, starts: Sequence[int], rows_at_most: int) -> Iterator[Batch]:
    wanted, calendar = set(starts), asked.calendar
    run: list[int] = []
    rows = 0
    for start in sorted(asked.counts):
        count = asked.counts[start]
        if run and (rows + count > rows_at_most or start not in wanted):
            yield Batch(run, (run[0], calendar.end_of(run[-1])), rows)
            run, rows = [], 0
        if start in wanted:
            run, rows = [*run, start], rows + count
    if run:
        yield Batch(run, (run[0], calendar.end_of(run[-1])), rows)
