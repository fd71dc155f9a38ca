"""A monitor as the workspace keeps it: what the user asked for, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from databricks.sdk.service.dataquality import DataProfilingConfig, DataProfilingStatus, Monitor

from databricks_monitoring.names import (
    SchemaName,
    TableName,
    drift_metrics_table,
    profile_metrics_table,
)

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.storage import Document

OUTPUT_FIELDS = frozenset(
    {
        "dashboard_id",
        "drift_metrics_table_name",
        "effective_warehouse_id",
        "latest_monitor_failure_message",
        "monitor_version",
        "monitored_table_name",
        "profile_metrics_table_name",
        "status",
    }
)
"""Fields of `DataProfilingConfig` that the service fills in."""

INPUT_FIELDS = frozenset(field.name for field in fields(DataProfilingConfig)) - OUTPUT_FIELDS


def inputs_only(config: DataProfilingConfig) -> DataProfilingConfig:
    """Return `config` without the fields that the service fills in.

    Two configurations that say the same are equal afterwards: an empty list is the same as none.
    """
    inputs = {key: value for key, value in config.as_dict().items() if key in INPUT_FIELDS}
    return DataProfilingConfig.from_dict(inputs)


@dataclass(frozen=True)
class StoredMonitor:
    """One monitor of one table.

    Attributes
    ----------
    config
        What the user asked for; holds no output field.
    prediction_proba_column
        Class probabilities, which only the legacy API can name.
    created_at
        ISO 8601, workspace time; the lookback of the first refresh counts from here.
    """

    table_id: str
    table: TableName
    output_schema: SchemaName
    config: DataProfilingConfig
    created_at: str
    status: DataProfilingStatus = DataProfilingStatus.DATA_PROFILING_STATUS_PENDING
    version: int = 0
    failure: str | None = None
    dashboard_id: str | None = None
    prediction_proba_column: str | None = None

    @property
    def profile_table(self) -> TableName:
        """Where profile metrics go."""
        return profile_metrics_table(self.output_schema, self.table)

    @property
    def drift_table(self) -> TableName:
        """Where drift metrics go."""
        return drift_metrics_table(self.output_schema, self.table)

    @property
    def full_config(self) -> DataProfilingConfig:
        """The configuration with the fields that the service fills in."""
        return replace(
            self.config,
            dashboard_id=self.dashboard_id,
            drift_metrics_table_name=str(self.drift_table),
            latest_monitor_failure_message=self.failure,
            monitor_version=self.version,
            monitored_table_name=str(self.table),
            profile_metrics_table_name=str(self.profile_table),
            status=self.status,
        )

    def as_monitor(self) -> Monitor:
        """Return the body that the current API answers."""
        return Monitor(object_type="table", object_id=self.table_id, data_profiling_config=self.full_config)

    def document(self) -> Document:
        """Return what is written to the store."""
        return {
            "table_id": self.table_id,
            "table": str(self.table.quoted),
            "output_schema": str(self.output_schema.quoted),
            "config": self.config.as_dict(),
            "created_at": self.created_at,
            "status": self.status.value,
            "version": self.version,
            "failure": self.failure,
            "dashboard_id": self.dashboard_id,
            "prediction_proba_column": self.prediction_proba_column,
        }

    @classmethod
    def read(cls, document: dict[str, Any]) -> StoredMonitor:
        """Read what `document` wrote."""
        return cls(
            **document
            | {
                "table": TableName.parse(document["table"]),
                "output_schema": SchemaName.parse(document["output_schema"]),
                "config": DataProfilingConfig.from_dict(document["config"]),
                "status": DataProfilingStatus(document["status"]),
            }
        )
