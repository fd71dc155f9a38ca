"""What a serving endpoint tells of itself: metrics, its request schema, the ends of its logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from databricks.sdk.errors import BadRequest

from databricks_monitoring.local_workspace.endpoints.served_models import open_api
from databricks_monitoring.local_workspace.model_server.endpoint_metrics import render
from databricks_monitoring.local_workspace.model_server.log_file import tail
from databricks_monitoring.names import TableName

if TYPE_CHECKING:
    from pathlib import Path

    from databricks_monitoring.local_workspace.endpoints.served_endpoint import ServedEndpoint
    from databricks_monitoring.local_workspace.endpoints.served_models import ServedModels

_TAIL_BYTES = 256 * 1024


def metrics(endpoint: ServedEndpoint) -> str:
    """Return the metrics of an endpoint in Prometheus text."""
    running = endpoint.active.entities if endpoint.active else {}
    entities = {
        name: (entity.counters, entity.usage.read(entity.supervisor.pid), entity.record.places)
        for name, entity in running.items()
    }
    return render(endpoint.record.name, entities, endpoint.log)


def request_schema(endpoint: ServedEndpoint, models: ServedModels, url: str) -> dict[str, Any]:
    """Return the OpenAPI document of an endpoint.

    Raises
    ------
    BadRequest
        If it serves nothing yet, or a model without a signature.
    """
    name, active = endpoint.record.name, endpoint.record.active
    if active is None:
        raise BadRequest(f"Endpoint '{name}' is not ready.")
    entity = active.entities[0]
    signature = models.signature(TableName.parse(entity.entity_name), entity.entity_version)
    if signature is None:
        raise BadRequest(f"Version {entity.entity_version} of {entity.entity_name} has no signature.")
    return open_api(name, url, signature)


def log_tail(path: Path) -> str:
    """Return the end of a log, from the beginning of a line; empty if there is none yet."""
    return tail(path, _TAIL_BYTES).decode(errors="replace")
