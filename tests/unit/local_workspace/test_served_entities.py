from __future__ import annotations

from typing import TYPE_CHECKING

from databricks.sdk.service.serving import EndpointStateConfigUpdate

from databricks_monitoring.local_workspace.endpoints.record import (
    ConfigRecord,
    EndpointRecord,
    EntityRecord,
    RouteRecord,
)
from databricks_monitoring.local_workspace.endpoints.served_entities import ServedEntities
from databricks_monitoring.local_workspace.storage import Store

if TYPE_CHECKING:
    from pathlib import Path

_ENDPOINT = EndpointRecord(
    name="scores",
    id="e1",
    creator="somebody",
    creation_timestamp=1,
    last_updated_timestamp=1,
    config_update=EndpointStateConfigUpdate.NOT_UPDATING,
)


def _config(number: int, *versions: str) -> ConfigRecord:
    entities = tuple(
        EntityRecord(
            name=f"v{version}",
            entity_name="main.default.m",
            entity_version=version,
            workload_size="Small",
            workload_type="CPU",
            scale_to_zero_enabled=False,
            min_provisioned_concurrency=None,
            max_provisioned_concurrency=None,
            environment_vars={},
            creation_timestamp=1,
            creator="somebody",
        )
        for version in versions
    )
    routes = tuple(RouteRecord(served_entity_name=entity.name, traffic_percentage=0) for entity in entities)
    return ConfigRecord(version=number, start_time=1, entities=entities, routes=routes)


def test_past_entities_stay_and_each_has_one_row(tmp_path: Path) -> None:
    store = Store(tmp_path / "workspace.db")
    served = ServedEntities(store)
    served.served(_ENDPOINT, _config(1, "1"), 1_000)
    served.served(_ENDPOINT, _config(2, "1", "2"), 2_000)
    served.served(_ENDPOINT, _config(3, "2"), 3_000)
    served.deleted(_ENDPOINT, 4_000)
    rows = sorted(served.table().to_pylist(), key=lambda row: row["entity_version"])
    assert [(row["entity_version"], row["endpoint_config_version"]) for row in rows] == [("1", 2), ("2", 3)]
    assert len({row["served_entity_id"] for row in rows}) == 2
    assert {row["endpoint_name"] for row in rows} == {"scores"}
    assert {row["entity_name"] for row in rows} == {"main.default.m"}
    assert all(row["endpoint_delete_time"].timestamp() == 4 for row in rows)
    store.close()
