"""Refreshes that are killed, that run at once, and how much memory they take."""

from __future__ import annotations

import os
import random
import shutil
import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from databricks_monitoring.errors import RefreshInProgressError
from databricks_monitoring.metrics import refresh_lock
from databricks_monitoring.metrics.definition import MonitorDefinition
from databricks_monitoring.metrics.engines.delta_metric_table import DeltaMetricTable
from databricks_monitoring.metrics.tables import core_columns, profile_schema
from tests.e2e.refreshing import WATCHED, change, monitored_days, peak_memory, refresh_at_once, start
from tests.unit.metrics.delta import LOG, TIMESTAMP, Monitored, at, rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.context import ForkServerProcess
    from pathlib import Path

KILLS = 6
NAMES = ("profile", "drift")
Digests = dict[str, tuple[int, int]]


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Monitored:
    """Return a monitor whose tables have changed since its metric tables were refreshed."""
    found = monitored_days(tmp_path_factory.mktemp("old"))
    change(found)
    return found


@pytest.fixture(scope="module")
def new(old: Monitored, tmp_path_factory: pytest.TempPathFactory) -> Monitored:
    """Return the same monitor, refreshed."""
    found = copy_of(old, tmp_path_factory.mktemp("new") / "tables")
    found.refresh(WATCHED)
    return found


def copy_of(monitored: Monitored, root: Path) -> Monitored:
    shutil.copytree(monitored.root, root)
    return Monitored(root, has_baseline=monitored.has_baseline)


def digests(monitored: Monitored) -> Digests:
    return {name: monitored.digest(name) for name in NAMES}


def kill_when(child: ForkServerProcess, reached: Callable[[], bool]) -> None:
    """Kill a process with SIGKILL once something is so, unless it has ended before."""
    while child.is_alive() and not reached():
        time.sleep(0.0005)
    child.kill()
    child.join(30)


def commits(monitored: Monitored, name: str) -> int:
    return sum(1 for _ in (monitored.root / name / "_delta_log").glob("*.json"))


def data_files(monitored: Monitored, name: str) -> int:
    return sum(1 for _ in (monitored.root / name).glob("*.parquet"))


def assert_old_or_new(killed: Monitored, was: Digests, will_be: Digests) -> None:
    found = digests(killed)
    for name in NAMES:
        assert found[name] in (was[name], will_be[name]), f"{name} is a mixture"
    assert not (found["drift"] == will_be["drift"] and found["profile"] == was["profile"])
    killed.refresh(WATCHED)
    assert digests(killed) == will_be


def test_a_refresh_killed_at_any_moment_leaves_the_old_or_the_new_tables(
    old: Monitored, new: Monitored, tmp_path: Path
) -> None:
    was, will_be = digests(old), digests(new)
    assert all(was[name] != will_be[name] for name in NAMES)
    undisturbed = copy_of(old, tmp_path / "undisturbed")
    child, began = start(undisturbed), time.monotonic()
    child.join(60)
    normal = time.monotonic() - began
    assert child.exitcode == 0
    assert digests(undisturbed) == will_be
    for attempt in range(KILLS):
        killed = copy_of(old, tmp_path / f"killed{attempt}")
        moment = time.monotonic() + normal * random.random()  # noqa: S311 - any moment will do
        child = start(killed)
        kill_when(child, lambda moment=moment: time.monotonic() >= moment)  # type: ignore[misc] # a default
        assert_old_or_new(killed, was, will_be)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("grows", [data_files, commits])
def test_a_refresh_killed_around_a_commit_leaves_the_old_or_the_new_tables(
    old: Monitored, new: Monitored, tmp_path: Path, grows: Callable[[Monitored, str], int], name: str
) -> None:
    killed = copy_of(old, tmp_path / "killed")
    was = grows(killed, name)
    child = start(killed)
    kill_when(child, lambda: grows(killed, name) > was)
    assert_old_or_new(killed, digests(old), digests(new))


def test_a_first_refresh_that_is_killed_can_be_repeated(tmp_path: Path) -> None:
    monitored = monitored_days(tmp_path / "tables")
    expected = digests(monitored)
    for name in NAMES:
        shutil.rmtree(monitored.root / name)
    child = start(monitored)
    kill_when(child, (monitored.root / "profile").exists)
    monitored.refresh(WATCHED)
    assert digests(monitored) == expected


def test_refreshes_in_several_processes_at_once(old: Monitored, new: Monitored, tmp_path: Path) -> None:
    monitored = copy_of(old, tmp_path / "tables")
    messages = [str(ended) for ended in refresh_at_once(monitored, 2)]
    assert sum("Nothing had changed" in message for message in messages) == 1, messages
    assert sum("Wrote" in message for message in messages) == 1, messages
    assert digests(monitored) == digests(new)


def test_first_refreshes_in_several_threads_at_once(tmp_path: Path) -> None:
    alone, together = Monitored(tmp_path / "alone"), Monitored(tmp_path / "together")
    for monitored in (alone, together):
        for day in (10, 11):
            monitored.append(rows(20, day, first=100 * day))
    alone.refresh(LOG)
    messages: list[str] = []
    threads = [
        threading.Thread(target=lambda: messages.append(together.refresh(LOG).message)) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum("Nothing had changed" in message for message in messages) == 2
    assert digests(together) == digests(alone)


def test_a_refresh_that_need_not_wait_is_refused(tmp_path: Path) -> None:
    profile = tmp_path / "profile"
    with (
        refresh_lock.only_refresh(profile),
        pytest.raises(RefreshInProgressError, match=rf"process {os.getpid()}\)\. Nothing was changed"),
        refresh_lock.only_refresh(profile, wait_seconds=0.1),
    ):
        pytest.fail("two refreshes at once")
    with refresh_lock.only_refresh(profile, wait_seconds=0):
        pass


def test_of_two_writers_without_a_lock_one_is_refused(tmp_path: Path) -> None:
    """Tables elsewhere have no lock of the operating system, only what Delta does."""
    schema = profile_schema(LOG)
    first, second = (
        DeltaMetricTable(tmp_path / "profile", schema, core_columns(schema, LOG)) for _ in range(2)
    )
    row = pa.RecordBatch.from_pylist([{"column_name": "a", "log_type": "INPUT", "count": 1}], schema=schema)
    assert first.replace([row], None, {"primary_version": 1}) == 1
    with pytest.raises(RefreshInProgressError, match="changed while this refresh computed"):
        second.replace([row], None, {"primary_version": 1})
    with pytest.raises(RefreshInProgressError):
        second.record({"primary_version": 1})
    assert first.delta.to_pyarrow_table().num_rows == 1
    again = DeltaMetricTable(tmp_path / "profile", schema, core_columns(schema, LOG))
    assert again.replace([row], None, {"primary_version": 1}) == 1
    assert again.delta.to_pyarrow_table().num_rows == 1


def wide(root: Path, days: int, columns: int, rows_a_day: int) -> Monitored:
    rng = np.random.default_rng(days)
    for day in range(days):
        numbers = {f"x{number}": pa.array(rng.normal(size=rows_a_day)) for number in range(columns)}
        times = pa.array([at(1 + day)] * rows_a_day, type=TIMESTAMP)
        write_deltalake(str(root / "primary"), pa.table({"timestamp": times, **numbers}), mode="append")
    return Monitored(root)


@pytest.mark.parametrize(
    ("rows_a_day", "small", "large"),
    [(100_000, (6, 12), (24, 12)), (160_000, (1, 12), (1, 60))],
    ids=["more windows", "more columns"],
)
def test_memory_grows_with_a_window_of_a_few_columns_not_with_the_table(
    tmp_path: Path, rows_a_day: int, small: tuple[int, int], large: tuple[int, int]
) -> None:
    definition = MonitorDefinition(kind="time_series", timestamp_column="timestamp", granularities=("1 day",))
    # Three columns of a window at once.
    limits = {"VALUES_AT_ONCE": 3 * rows_a_day, "PROFILES_AT_ONCE": 50}
    grown = []
    for days, columns in (small, large):
        monitored = wide(tmp_path / f"{days}x{columns}", days, columns, rows_a_day)
        before, after = peak_memory(monitored, definition, limits)
        grown.append(after - before)
    more = 8 * rows_a_day * (large[0] * large[1] - small[0] * small[1])
    assert grown[1] - grown[0] < more / 2, (grown, more)
