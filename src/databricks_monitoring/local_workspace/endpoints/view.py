"""A serving endpoint as `GET` shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks.sdk.service.serving import (
    AiGatewayConfig,
    EmailNotifications,
    EndpointCoreConfigOutput,
    EndpointPendingConfig,
    EndpointStateConfigUpdate,
    EndpointTag,
    ServedEntityOutput,
    ServingEndpoint,
    ServingEndpointDetailed,
    ServingEndpointDetailedPermissionLevel,
)

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.endpoints.record import EndpointRecord
    from databricks_monitoring.local_workspace.endpoints.served_endpoint import RunningConfig, ServedEndpoint


def gateway_of(record: EndpointRecord) -> AiGatewayConfig | None:
    """Return the AI Gateway block of an endpoint, or None."""
    return AiGatewayConfig.from_dict(record.ai_gateway) if record.ai_gateway is not None else None


def tags_of(record: EndpointRecord) -> list[EndpointTag] | None:
    """Return the tags of an endpoint, or None if it has none."""
    return [EndpointTag(key, value) for key, value in record.tags.items()] or None


def summary(endpoint: ServedEndpoint) -> ServingEndpoint:
    """Return an endpoint as a listing shows it."""
    record = endpoint.record
    shown = record.active or record.pending
    return ServingEndpoint(
        name=record.name,
        id=record.id,
        creator=record.creator,
        creation_timestamp=record.creation_timestamp,
        last_updated_timestamp=record.last_updated_timestamp,
        state=endpoint.state(),
        config=shown.summary() if shown else None,
        ai_gateway=gateway_of(record),
        tags=tags_of(record),
        description=record.description,
    )


def detailed(endpoint: ServedEndpoint) -> ServingEndpointDetailed:
    """Return an endpoint with its configs and the state of every served entity."""
    record = endpoint.record
    notifications = record.email_notifications
    return ServingEndpointDetailed(
        name=record.name,
        id=record.id,
        creator=record.creator,
        creation_timestamp=record.creation_timestamp,
        last_updated_timestamp=record.last_updated_timestamp,
        state=endpoint.state(),
        config=_active(endpoint),
        pending_config=_pending(endpoint),
        ai_gateway=gateway_of(record),
        tags=tags_of(record),
        email_notifications=EmailNotifications.from_dict(notifications) if notifications else None,
        permission_level=ServingEndpointDetailedPermissionLevel.CAN_MANAGE,
        route_optimized=False,
        description=record.description,
    )


def _entities(endpoint: ServedEndpoint, running: RunningConfig) -> list[ServedEntityOutput]:
    return [entity.record.output(endpoint.entity_state(entity)) for entity in running.entities.values()]


def _active(endpoint: ServedEndpoint) -> EndpointCoreConfigOutput | None:
    running = endpoint.active
    if running is None:
        return None
    return EndpointCoreConfigOutput(
        config_version=running.config.version,
        served_entities=_entities(endpoint, running),
        traffic_config=running.config.traffic(),
    )


def _pending(endpoint: ServedEndpoint) -> EndpointPendingConfig | None:
    pending = endpoint.record.pending
    if pending is None:
        return None
    running = endpoint.deploying
    if endpoint.record.config_update is EndpointStateConfigUpdate.IN_PROGRESS and running is not None:
        entities = _entities(endpoint, running)
    else:
        entities = [entity.output(pending.failed_state(entity.name)) for entity in pending.entities]
    return EndpointPendingConfig(
        config_version=pending.version,
        served_entities=entities,
        start_time=pending.start_time,
        traffic_config=pending.traffic(),
    )
