"""The table `system.serving.served_entities`: every model version that was ever served."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from databricks_monitoring.local_workspace.user import WORKSPACE_ID
from databricks_monitoring.names import TableName

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.endpoints.record import ConfigRecord, EndpointRecord
    from databricks_monitoring.local_workspace.storage import Store

SERVED_ENTITIES = TableName("system", "serving", "served_entities")

_KIND = "served_entity"
_TIME = pa.timestamp("us", tz="UTC")
_SCHEMA = pa.schema(
    [
        ("served_entity_id", pa.string()),
        ("account_id", pa.string()),
        ("workspace_id", pa.string()),
        ("created_by", pa.string()),
        ("endpoint_name", pa.string()),
        ("endpoint_id", pa.string()),
        ("served_entity_name", pa.string()),
        ("entity_type", pa.string()),
        ("entity_name", pa.string()),
        ("entity_version", pa.string()),
        ("endpoint_config_version", pa.int32()),
        ("task", pa.string()),
        ("change_time", _TIME),
        ("endpoint_delete_time", _TIME),
    ]
)


class ServedEntities:
    """One row for each model version behind each endpoint, as its newest config has it.

    A row outlives the config and the endpoint, because the inference table still points at it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def served(self, endpoint: EndpointRecord, config: ConfigRecord, now_ms: int) -> None:
        """Note what `endpoint` serves from now on."""
        with self._store.transaction():
            for entity in config.entities:
                identifier = endpoint.served_entity_id(entity)
                row = {
                    "served_entity_id": identifier,
                    "workspace_id": WORKSPACE_ID,
                    "created_by": entity.creator,
                    "endpoint_name": endpoint.name,
                    "endpoint_id": endpoint.id,
                    "served_entity_name": entity.name,
                    "entity_type": "CUSTOM_MODEL",
                    "entity_name": entity.entity_name,
                    "entity_version": entity.entity_version,
                    "endpoint_config_version": config.version,
                    "change_time": now_ms,
                    "endpoint_delete_time": None,
                }
                self._store.put(_KIND, f"{endpoint.id}/{identifier}", row)

    def deleted(self, endpoint: EndpointRecord, now_ms: int) -> None:
        """Note that an endpoint is gone."""
        with self._store.transaction():
            for key, row in self._store.list(_KIND, f"{endpoint.id}/"):
                self._store.put(_KIND, key, row | {"endpoint_delete_time": now_ms})

    def table(self) -> pa.Table:
        """Return every row."""
        rows = [
            row | {name: _time(row[name]) for name in ("change_time", "endpoint_delete_time")}
            for _, row in self._store.list(_KIND)
        ]
        return pa.Table.from_pylist(rows, schema=_SCHEMA)


def _time(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
