"""What an endpoint should look like, what it looks like, and whether that is the same."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from databricks.sdk.service.serving import (
    AiGatewayConfig,
    AiGatewayInferenceTableConfig,
    EndpointCoreConfigInput,
    Route,
    ServedEntityInput,
    ServingModelWorkloadType,
    TrafficConfig,
)

from databricks_monitoring.names import SchemaName, payload_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from databricks.sdk.service.serving import ServedEntityOutput, ServingEndpointDetailed

    from databricks_monitoring.config import ServingConfig
    from databricks_monitoring.names import TableName
    from databricks_monitoring.serving.model_version import ModelVersion

_NOT_IN_ENTITY_NAMES = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(frozen=True)
class PayloadLog:
    """Where an endpoint writes what it is asked and answers."""

    schema: SchemaName
    prefix: str
    enabled: bool

    @property
    def table(self) -> TableName:
        """The payload table."""
        return payload_table(self.schema, self.prefix)

    def as_config(self) -> AiGatewayInferenceTableConfig:
        """Return it as the AI Gateway wants it."""
        return AiGatewayInferenceTableConfig(
            catalog_name=self.schema.catalog,
            schema_name=self.schema.schema,
            table_name_prefix=self.prefix,
            enabled=self.enabled,
        )


def payload_log(endpoint: ServingEndpointDetailed) -> PayloadLog | None:
    """Return where an endpoint writes its payloads, or None if it never was told to."""
    found = endpoint.ai_gateway.inference_table_config if endpoint.ai_gateway else None
    if found is None or not found.catalog_name or not found.schema_name:
        return None
    schema = SchemaName(found.catalog_name, found.schema_name)
    return PayloadLog(schema, found.table_name_prefix or endpoint.name or "", bool(found.enabled))


def with_log(gateway: AiGatewayConfig | None, log: PayloadLog) -> AiGatewayConfig:
    """Return an AI Gateway block with another inference table and everything else as it was.

    The service replaces the whole block: what is not repeated is lost.
    """
    before = gateway or AiGatewayConfig()
    # The SDK reads a list that is not there as an empty one.
    return replace(before, inference_table_config=log.as_config(), rate_limits=before.rate_limits or None)


def entity_name(version: ModelVersion) -> str:
    """Return the name of a served entity that serves `version` alone."""
    return _NOT_IN_ENTITY_NAMES.sub("_", version.model_id)


def core_config(config: ServingConfig, served: Sequence[tuple[str, ModelVersion]]) -> EndpointCoreConfigInput:
    """Return the wanted served entities and the traffic between them.

    Parameters
    ----------
    served : sequence of (str, ModelVersion)
        Name of each served entity and what it serves; in the order of `config.served_entities` if it has any.
    """
    entities = []
    routes = []
    chosen = config.served_entities or (None,) * len(served)
    for (name, version), own in zip(served, chosen, strict=True):
        entities.append(
            ServedEntityInput(
                name=name,
                entity_name=str(version.model),
                entity_version=version.version,
                workload_size=(own and own.workload_size) or config.workload_size,
                workload_type=ServingModelWorkloadType(config.workload_type),
                scale_to_zero_enabled=(
                    own.scale_to_zero if own and own.scale_to_zero is not None else config.scale_to_zero
                ),
                environment_vars={**config.environment_vars, **(own.environment_vars if own else {})} or None,
            )
        )
        share = own.traffic_percentage if own else 100
        routes.append(Route(served_entity_name=name, traffic_percentage=share))
    return EndpointCoreConfigInput(
        name=config.endpoint_name, served_entities=entities, traffic_config=TrafficConfig(routes=routes)
    )


def serves(endpoint: ServingEndpointDetailed, wanted: EndpointCoreConfigInput) -> bool:
    """Say whether an endpoint's active, or else its pending, configuration is the wanted one."""
    current = endpoint.pending_config or endpoint.config
    if current is None:
        return False
    return _entities(current.served_entities) == _entities(wanted.served_entities) and _shares(
        current.traffic_config
    ) == _shares(wanted.traffic_config)


def _entities(
    entities: Iterable[ServedEntityInput | ServedEntityOutput] | None,
) -> dict[str, tuple[object, ...]]:
    return {
        entity.name or "": (
            (entity.entity_name or "").lower(),
            str(entity.entity_version),
            entity.workload_size,
            entity.workload_type or ServingModelWorkloadType.CPU,
            bool(entity.scale_to_zero_enabled),
            tuple(sorted((entity.environment_vars or {}).items())),
        )
        for entity in entities or []
    }


def _shares(traffic: TrafficConfig | None) -> dict[str, int]:
    routes = (traffic.routes if traffic else None) or []
    return {
        route.served_entity_name or route.served_model_name or "": route.traffic_percentage
        for route in routes
    }
