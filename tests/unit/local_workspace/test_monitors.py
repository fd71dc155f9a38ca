"""Monitors over real tables and a real refreshing process, without HTTP."""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator  # noqa: TC003 - fixtures are inspected
from datetime import UTC, datetime
from pathlib import Path  # noqa: TC003
from typing import TypeVar

import pyarrow as pa
import pytest
from databricks.sdk.errors import AlreadyExists, InvalidParameterValue, NotFound
from databricks.sdk.service.dataquality import (
    AggregationGranularity,
    DataProfilingConfig,
    DataProfilingStatus,
    Refresh,
    RefreshState,
    SnapshotConfig,
    TimeSeriesConfig,
)
from deltalake import write_deltalake

from databricks_monitoring.local_workspace.catalog.tables import Tables
from databricks_monitoring.local_workspace.clock import WorkspaceClock
from databricks_monitoring.local_workspace.monitors.monitors import Monitors
from databricks_monitoring.local_workspace.storage import Store
from databricks_monitoring.names import SchemaName, TableName

Found = TypeVar("Found")

ENDED = {
    RefreshState.MONITOR_REFRESH_STATE_SUCCESS,
    RefreshState.MONITOR_REFRESH_STATE_FAILED,
    RefreshState.MONITOR_REFRESH_STATE_CANCELED,
}
NUMBERS = itertools.count()
OUTPUT = SchemaName("main", "default")


class House:
    """A store, tables and monitors in one folder; may be closed and opened again."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.open()

    def open(self) -> None:
        self.store = Store(self.root / "workspace.db")
        self.clock = WorkspaceClock(self.store)
        self.tables = Tables(self.root, self.store, self.clock)
        self.monitors = Monitors(self.store, self.clock, self.tables, root=self.root)
        self.monitors.start()

    def close(self) -> None:
        self.monitors.close()
        self.store.close()

    def add_events(self, name: TableName | None = None) -> str:
        name = name or TableName("main", "default", f"events{next(NUMBERS)}")
        schema = pa.schema([("at", pa.timestamp("us", "UTC")), ("amount", pa.float64())])
        info = self.tables.create(name, schema)
        now = datetime.now(UTC)
        rows = pa.table({"at": [now] * 20, "amount": [float(n) for n in range(20)]}, schema=schema)
        write_deltalake(self.tables.location(name), rows, mode="append")
        return str(info.table_id)

    def config(self, **changes: object) -> DataProfilingConfig:
        values: dict[str, object] = {
            "output_schema_id": self.tables.get_schema(OUTPUT).schema_id,
            "skip_builtin_dashboard": True,
            "time_series": TimeSeriesConfig("at", [AggregationGranularity.AGGREGATION_GRANULARITY_1_DAY]),
        }
        return DataProfilingConfig(**(values | changes))  # type: ignore[arg-type]  # changed by tests

    def ended(self, table_id: str, refresh_id: int | None = None) -> Refresh:
        def found() -> Refresh | None:
            refreshes = self.monitors.list_refresh(table_id)
            wanted = [one for one in refreshes if refresh_id in {None, one.refresh_id} and one.state in ENDED]
            return wanted[0] if wanted else None

        return waited(found)


def waited(find: Callable[[], Found | None]) -> Found:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = find()
        if found is not None:
            return found
        time.sleep(0.02)
    pytest.fail("It did not happen within 30 s.")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One house for all: what a refreshing process imports takes seconds. Each test has its own table."""
    house = House(tmp_path_factory.mktemp("house"))
    yield house
    house.close()


def test_a_monitor_becomes_active_and_refreshes_by_itself(house: House) -> None:
    table_id = house.add_events()
    created = house.monitors.create(table_id, house.config())
    assert created.status is DataProfilingStatus.DATA_PROFILING_STATUS_PENDING
    refresh = house.ended(table_id)
    assert refresh.state is RefreshState.MONITOR_REFRESH_STATE_SUCCESS, refresh.message
    assert house.monitors.get(table_id).status is DataProfilingStatus.DATA_PROFILING_STATUS_ACTIVE
    columns = house.tables.open(created.profile_table).to_pyarrow_table().column("column_name").to_pylist()
    assert {":table", "at", "amount"} == set(columns)
    assert house.tables.exists(created.drift_table)


def test_a_process_that_dies_fails_the_refresh_and_the_next_one_gets_another(house: House) -> None:
    table_id = house.add_events()
    house.monitors.create(table_id, house.config())
    house.ended(table_id)
    process = house.monitors._worker._process
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    refresh = house.monitors.create_refresh(table_id)
    waited(
        lambda: (
            True
            if house.monitors.get_refresh(table_id, int(refresh.refresh_id or 0)).state
            is RefreshState.MONITOR_REFRESH_STATE_RUNNING
            else None
        )
    )
    os.kill(process.pid, signal.SIGKILL)
    failed = house.ended(table_id, refresh.refresh_id)
    assert failed.state is RefreshState.MONITOR_REFRESH_STATE_FAILED
    assert "SIGKILL" in str(failed.message)
    again = house.monitors.create_refresh(table_id)
    assert house.ended(table_id, again.refresh_id).state is RefreshState.MONITOR_REFRESH_STATE_SUCCESS


def test_running_refreshes_fail_and_waiting_ones_run_after_a_restart(house: House) -> None:
    table_id = house.add_events()
    house.monitors.create(table_id, house.config())
    house.ended(table_id)
    process = house.monitors._worker._process
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    running = house.monitors.create_refresh(table_id)
    waiting = house.monitors.create_refresh(table_id)
    waited(
        lambda: house.monitors._running if house.monitors._running == (table_id, running.refresh_id) else None
    )
    assert house.monitors.get_refresh(table_id, int(waiting.refresh_id or 0)).state is (
        RefreshState.MONITOR_REFRESH_STATE_PENDING
    )
    os.kill(process.pid, signal.SIGKILL)
    house.close()
    house.open()
    failed = house.ended(table_id, running.refresh_id)
    assert failed.state is RefreshState.MONITOR_REFRESH_STATE_FAILED
    done = house.ended(table_id, waiting.refresh_id)
    assert done.state is RefreshState.MONITOR_REFRESH_STATE_SUCCESS


def test_a_refresh_can_be_cancelled_while_it_waits_and_while_it_runs(house: House) -> None:
    table_id = house.add_events()
    house.monitors.create(table_id, house.config())
    house.ended(table_id)
    process = house.monitors._worker._process
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    running = house.monitors.create_refresh(table_id)
    waiting = house.monitors.create_refresh(table_id)
    waited(
        lambda: house.monitors._running if house.monitors._running == (table_id, running.refresh_id) else None
    )
    for refresh in (waiting, running):
        canceled = house.monitors.cancel_refresh(table_id, int(refresh.refresh_id or 0))
        assert canceled.state is RefreshState.MONITOR_REFRESH_STATE_CANCELED
    again = house.monitors.create_refresh(table_id)
    assert house.ended(table_id, again.refresh_id).state is RefreshState.MONITOR_REFRESH_STATE_SUCCESS
    for refresh in (waiting, running):
        kept = house.monitors.get_refresh(table_id, int(refresh.refresh_id or 0))
        assert kept.state is RefreshState.MONITOR_REFRESH_STATE_CANCELED


def test_a_refresh_of_a_dropped_table_fails_with_the_reason(house: House) -> None:
    table_id = house.add_events()
    house.monitors.create(table_id, house.config())
    house.ended(table_id)
    table = house.monitors.get(table_id).table
    house.tables.drop(table)
    refresh = house.monitors.create_refresh(table_id)
    failed = house.ended(table_id, refresh.refresh_id)
    assert failed.state is RefreshState.MONITOR_REFRESH_STATE_FAILED
    assert str(table) in str(failed.message)


def test_a_monitor_with_its_own_dashboard_gets_one(house: House) -> None:
    table_id = house.add_events()
    house.monitors.create(table_id, house.config(skip_builtin_dashboard=False))
    house.ended(table_id)
    assert len(str(house.monitors.get(table_id).dashboard_id)) == 32


def test_two_tables_cannot_share_metric_tables(house: House) -> None:
    house.tables.create_schema(SchemaName("main", "other"))
    first = house.add_events(TableName("main", "default", "twins"))
    second = house.add_events(TableName("main", "other", "twins"))
    house.monitors.create(first, house.config())
    with pytest.raises(
        InvalidParameterValue, match=r"already belongs to the monitor of main\.default\.twins"
    ):
        house.monitors.create(second, house.config())


def test_a_second_monitor_of_one_table_is_refused_in_the_services_words(house: House) -> None:
    table_id = house.add_events(TableName("main", "default", "watched"))
    house.monitors.create(table_id, house.config())
    with pytest.raises(AlreadyExists, match=r"^Data Monitor 'main\.default\.watched' already exists$"):
        house.monitors.create(table_id, house.config())


def test_a_deleted_monitor_leaves_its_metric_tables(house: House) -> None:
    table_id = house.add_events()
    created = house.monitors.create(table_id, house.config())
    house.ended(table_id)
    house.monitors.delete(table_id)
    with pytest.raises(NotFound, match=rf"^Cannot find Monitor with ID: /metastores:.*/tables:{table_id}/$"):
        house.monitors.get(table_id)
    assert house.tables.exists(created.profile_table)


def test_the_version_counts_changes_only(house: House) -> None:
    table_id = house.add_events()
    house.monitors.create(table_id, house.config())
    assert house.monitors.update(table_id, house.config()).version == 0
    assert house.monitors.update(table_id, house.config(slicing_exprs=["amount < 3"])).version == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"time_series": None}, "found none"),
        ({"snapshot": SnapshotConfig()}, "found time_series and snapshot"),
        (
            {"time_series": TimeSeriesConfig("when", [AggregationGranularity.AGGREGATION_GRANULARITY_1_DAY])},
            "column 'when' does not exist in main.default.events[0-9]+. Columns: at, amount",
        ),
        ({"time_series": TimeSeriesConfig("at", [])}, "at least one granularity"),
        ({"slicing_exprs": ["amont < 3"]}, "Did you mean 'amount'"),
        ({"slicing_exprs": ["amount <"]}, "is not a SQL expression"),
        ({"slicing_exprs": ["avg(amount)"]}, "more than one row"),
        ({"output_schema_id": "main.default"}, "not a UUID"),
    ],
)
def test_a_configuration_that_cannot_be_computed_is_refused(
    house: House, changes: dict[str, object], words: str
) -> None:
    table_id = house.add_events()
    with pytest.raises(InvalidParameterValue, match=words.replace("(", r"\(")):
        house.monitors.create(table_id, house.config(**changes))
    assert table_id not in {monitor.table_id for monitor in house.monitors.list()}


def test_a_table_is_no_baseline_of_itself(house: House) -> None:
    table_id = house.add_events(TableName("main", "default", "mirror"))
    with pytest.raises(InvalidParameterValue, match="is the monitored table itself"):
        house.monitors.create(table_id, house.config(baseline_table_name="main.default.mirror"))
