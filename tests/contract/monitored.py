"""An inference table in a running workspace, and waiting for what happens to it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from databricks.sdk.service.dataquality import (
    AggregationGranularity,
    DataProfilingConfig,
    InferenceLogConfig,
    InferenceProblemType,
    Monitor,
    Refresh,
    RefreshState,
)
from databricks.sdk.service.sql import StatementState

if TYPE_CHECKING:
    from collections.abc import Callable

    from databricks.sdk import WorkspaceClient

Found = TypeVar("Found")

_SECONDS = 60
_COLUMNS = """
  row_id STRING, `timestamp` TIMESTAMP, model_id STRING, age DOUBLE, height_cm DOUBLE, universe STRING,
  prediction STRING, label STRING
"""
_ROWS = """
SELECT concat('{name}_', id) AS row_id, {time} AS `timestamp`,
  concat('characters_', CAST(1 + id % 2 AS STRING)),
  CAST(20 + id % 40 + {shift} AS DOUBLE),
  CASE WHEN id % 10 = 0 THEN NULL ELSE CAST(150 + id % 50 AS DOUBLE) END,
  CASE WHEN id % 3 = 0 THEN 'marvel' ELSE 'dc' END,
  CASE WHEN id % 2 = 0 THEN 'hero' ELSE 'villain' END,
  CASE WHEN id % 5 = 0 THEN 'villain' WHEN id % 2 = 0 THEN 'hero' ELSE 'villain' END
FROM (SELECT explode(sequence(1, {count})) AS id)
"""


def run(client: WorkspaceClient, statement: str) -> list[list[str]]:
    """Run a statement to its end and return its rows."""
    warehouse = next(iter(client.warehouses.list()))
    answer = client.statement_execution.execute_statement(
        statement=statement, warehouse_id=str(warehouse.id), wait_timeout="50s"
    )
    assert answer.status is not None
    assert answer.status.state is StatementState.SUCCEEDED, (answer.status.error, statement)
    return (answer.result.data_array if answer.result else None) or []


def inference_table(client: WorkspaceClient, name: str, *, days: int = 4) -> str:
    """Create an inference table with a baseline beside it and return its id."""
    run(client, f"CREATE TABLE {name} ({_COLUMNS}) TBLPROPERTIES (delta.enableChangeDataFeed = true)")
    run(client, f"CREATE TABLE {name}_baseline ({_COLUMNS})")
    nothing = "CAST(NULL AS TIMESTAMP)"
    run(client, f"INSERT INTO {name}_baseline {_ROWS.format(name='b', time=nothing, shift=0, count=200)}")
    for day in range(days):
        moment = f"date_sub(current_date(), {day}) + INTERVAL 1 SECOND"
        text = _ROWS.format(
            name=f"d{day}", time=f"CAST({moment} AS TIMESTAMP)", shift=10 * (days - day), count=60
        )
        run(client, f"INSERT INTO {name} {text}")
    return str(client.tables.get(name).table_id)


def inference_config(
    client: WorkspaceClient, table: str, *, output_schema: str = "main.default"
) -> DataProfilingConfig:
    """Return a configuration for such a table."""
    return DataProfilingConfig(
        output_schema_id=str(client.schemas.get(output_schema).schema_id),
        baseline_table_name=f"{table}_baseline",
        skip_builtin_dashboard=True,
        inference_log=InferenceLogConfig(
            problem_type=InferenceProblemType.INFERENCE_PROBLEM_TYPE_CLASSIFICATION,
            timestamp_column="timestamp",
            granularities=[AggregationGranularity.AGGREGATION_GRANULARITY_1_DAY],
            prediction_column="prediction",
            model_id_column="model_id",
            label_column="label",
        ),
    )


def monitor(client: WorkspaceClient, table_id: str, config: DataProfilingConfig) -> Monitor:
    """Create a monitor through the current API."""
    return client.data_quality.create_monitor(
        Monitor(object_type="table", object_id=table_id, data_profiling_config=config)
    )


def waited(find: Callable[[], Found | None]) -> Found:
    """Return what `find` finds as soon as it finds something."""
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        found = find()
        if found is not None:
            return found
        time.sleep(0.05)
    raise AssertionError(f"It did not happen within {_SECONDS} s.")


def succeeded(client: WorkspaceClient, table_id: str) -> Refresh:
    """Return the newest refresh of a monitor when it has succeeded."""

    def find() -> Refresh | None:
        newest = next(iter(client.data_quality.list_refresh("table", table_id)), None)
        if newest is None or newest.state in {
            RefreshState.MONITOR_REFRESH_STATE_PENDING,
            RefreshState.MONITOR_REFRESH_STATE_RUNNING,
        }:
            return None
        return newest

    refresh = waited(find)
    assert refresh.state is RefreshState.MONITOR_REFRESH_STATE_SUCCESS, refresh.message
    return refresh
