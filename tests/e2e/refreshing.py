"""A monitor that is refreshed in processes of its own, which tests may kill or measure."""

from __future__ import annotations

import dataclasses
import multiprocessing
import resource
from typing import TYPE_CHECKING, Any

from databricks_monitoring.errors import RefreshInProgressError
from databricks_monitoring.metrics.profile import rows as profile_rows
from databricks_monitoring.metrics.refresh import warm_up
from tests.unit.metrics.delta import LOG, SCHEMA, Monitored, rows

if TYPE_CHECKING:
    from collections.abc import Mapping
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerProcess
    from pathlib import Path

    from databricks_monitoring.metrics.definition import MonitorDefinition

CONTEXT = multiprocessing.get_context("forkserver")
"""Children start from a process that has imported everything and run nothing: in a few milliseconds."""
CONTEXT.set_forkserver_preload([__name__])

WATCHED = dataclasses.replace(LOG, granularities=("1 hour", "1 day"), slicing_exprs=("city",))
BASELINE_SCHEMA = SCHEMA.remove(SCHEMA.get_field_index("timestamp"))

# What the first refresh of a process imports; children inherit it.
warm_up()


def monitored_days(root: Path) -> Monitored:
    """Return a monitored table of four days and a baseline, refreshed."""
    found = Monitored(root, has_baseline=True)
    for day in (10, 11, 12, 13):
        found.append(rows(30, day, first=100 * day, label="yes"))
    found.append(rows(40, 1, label="no"), to="baseline", schema=BASELINE_SCHEMA)
    found.refresh(WATCHED)
    return found


def change(monitored: Monitored) -> None:
    """Insert, update and delete rows of some days, and give the baseline more."""
    monitored.append(rows(30, 14, first=1400, model_id="churn_2"))
    monitored.delta().update(predicate="row_id LIKE 'r11%'", updates={"label": "'no'"})
    monitored.delta().delete("row_id LIKE 'r12%5'")
    monitored.append(rows(20, 2, first=40, label="yes"), to="baseline", schema=BASELINE_SCHEMA)


def _refresh(monitored: Monitored, started: Connection) -> None:
    started.send("started")
    monitored.refresh(WATCHED)


def start(monitored: Monitored) -> ForkServerProcess:
    """Return a process that is about to refresh."""
    mine, theirs = CONTEXT.Pipe(duplex=False)
    child = CONTEXT.Process(target=_refresh, args=(monitored, theirs))
    child.start()
    assert mine.recv() == "started"
    return child


def _outcome(monitored: Monitored, begin: Any, answer: Connection) -> None:  # noqa: ANN401 - a Barrier
    begin.wait(30)
    try:
        answer.send(monitored.refresh(WATCHED).message)
    except RefreshInProgressError as error:
        answer.send(error)


def refresh_at_once(monitored: Monitored, processes: int) -> list[str | RefreshInProgressError]:
    """Return how refreshes ended that began at one moment, each in a process of its own."""
    begin = CONTEXT.Barrier(processes)
    pipes = [CONTEXT.Pipe(duplex=False) for _ in range(processes)]
    children = [CONTEXT.Process(target=_outcome, args=(monitored, begin, theirs)) for _, theirs in pipes]
    for child in children:
        child.start()
    found: list[str | RefreshInProgressError] = [mine.recv() for mine, _ in pipes]
    for child in children:
        child.join(30)
    return found


def _peak(
    monitored: Monitored, definition: MonitorDefinition, limits: Mapping[str, int], answer: Connection
) -> None:
    for name, value in limits.items():
        setattr(profile_rows, name, value)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    monitored.refresh(definition)
    answer.send((before * 1024, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024))


def peak_memory(
    monitored: Monitored, definition: MonitorDefinition, limits: Mapping[str, int]
) -> tuple[int, int]:
    """Return the greatest memory (bytes) of a new process before and after it refreshed.

    Parameters
    ----------
    limits
        Settings of `profile.rows`: how much it holds at once.
    """
    mine, theirs = CONTEXT.Pipe(duplex=False)
    child = CONTEXT.Process(target=_peak, args=(monitored, definition, limits, theirs))
    child.start()
    before, after = mine.recv()
    child.join(30)
    return before, after
