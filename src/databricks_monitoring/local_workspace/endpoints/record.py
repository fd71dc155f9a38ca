"""What the workspace remembers of a serving endpoint, and how it looks from outside."""

from __future__ import annotations

import hashlib
from typing import Any

from databricks.sdk.errors import InvalidParameterValue
from databricks.sdk.service.serving import (
    EndpointCoreConfigSummary,
    EndpointStateConfigUpdate,
    Route,
    ServedEntityOutput,
    ServedEntitySpec,
    ServedModelState,
    ServedModelStateDeployment,
    ServingModelWorkloadType,
    TrafficConfig,
)
from pydantic import BaseModel, ConfigDict, ValidationError

PLACES = {"Small": (4, 4), "Medium": (8, 16), "Large": (16, 64)}
"""Least and most requests a served entity takes at a time, by workload size."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EntityRecord(_Record):
    """One served entity of a config, with every default filled in. Times in milliseconds since the epoch."""

    name: str
    entity_name: str
    entity_version: str
    workload_size: str | None
    workload_type: str
    scale_to_zero_enabled: bool
    min_provisioned_concurrency: int | None
    max_provisioned_concurrency: int | None
    environment_vars: dict[str, str]
    creation_timestamp: int
    creator: str

    @property
    def places(self) -> int:
        """Requests it takes at a time."""
        if self.workload_size is not None:
            return PLACES[self.workload_size][1]
        return self.max_provisioned_concurrency or PLACES["Small"][1]

    def runs_like(self, other: EntityRecord) -> bool:
        """Say whether the process of one may serve the other."""
        labels = {"name", "creation_timestamp", "creator"}
        return self.model_dump(exclude=labels) == other.model_dump(exclude=labels)

    def output(self, state: ServedModelState) -> ServedEntityOutput:
        """Return the body that GET answers."""
        return ServedEntityOutput(
            name=self.name,
            entity_name=self.entity_name,
            entity_version=self.entity_version,
            workload_size=self.workload_size,
            workload_type=ServingModelWorkloadType(self.workload_type),
            scale_to_zero_enabled=self.scale_to_zero_enabled,
            min_provisioned_concurrency=self.min_provisioned_concurrency,
            max_provisioned_concurrency=self.max_provisioned_concurrency,
            environment_vars=self.environment_vars or None,
            creation_timestamp=self.creation_timestamp,
            creator=self.creator,
            state=state,
        )


class RouteRecord(_Record):
    """The share of the traffic that a served entity gets, in percent."""

    served_entity_name: str
    traffic_percentage: int


class ConfigRecord(_Record):
    """One version of an endpoint's config.

    Attributes
    ----------
    failures
        Why served entities could not be deployed, by name.
    """

    version: int
    start_time: int
    entities: tuple[EntityRecord, ...]
    routes: tuple[RouteRecord, ...]
    failures: dict[str, str] = {}

    def traffic(self) -> TrafficConfig:
        """Return the routes as GET echoes them, under the new name and the old."""
        return TrafficConfig(
            routes=[
                Route(
                    served_entity_name=route.served_entity_name,
                    served_model_name=route.served_entity_name,
                    traffic_percentage=route.traffic_percentage,
                )
                for route in self.routes
            ]
        )

    def summary(self) -> EndpointCoreConfigSummary:
        """Return what a listing shows."""
        return EndpointCoreConfigSummary(
            served_entities=[
                ServedEntitySpec(
                    name=entity.name, entity_name=entity.entity_name, entity_version=entity.entity_version
                )
                for entity in self.entities
            ]
        )

    def failed_state(self, name: str) -> ServedModelState:
        """Return the state of a served entity of a config that could not be deployed."""
        if name in self.failures:
            return ServedModelState(ServedModelStateDeployment.DEPLOYMENT_FAILED, self.failures[name])
        message = "Given up because another served entity of the update failed."
        return ServedModelState(ServedModelStateDeployment.DEPLOYMENT_ABORTED, message)


class EndpointRecord(_Record):
    """A serving endpoint.

    Attributes
    ----------
    active
        The config that serves; None until the first one is deployed.
    pending
        The config of an update that runs or failed.
    ai_gateway
        Body of an `AiGatewayConfig`.
    """

    name: str
    id: str
    creator: str
    creation_timestamp: int
    last_updated_timestamp: int
    config_update: EndpointStateConfigUpdate
    last_version: int = 0
    description: str | None = None
    tags: dict[str, str | None] = {}
    email_notifications: dict[str, Any] | None = None
    ai_gateway: dict[str, Any] | None = None
    active: ConfigRecord | None = None
    pending: ConfigRecord | None = None

    def served_entity_id(self, entity: EntityRecord) -> str:
        """Return the id that stands for a model version behind this endpoint, the same in every config."""
        text = f"{self.id}/{entity.entity_name}/{entity.entity_version}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def changed(self, now_ms: int, **changes: object) -> EndpointRecord:
        """Return the record with changes made by a user at `now_ms`."""
        return self.model_copy(update={"last_updated_timestamp": now_ms, **changes})


def stored(record: EndpointRecord) -> dict[str, Any]:
    """Return a record as it is kept.

    Raises
    ------
    InvalidParameterValue
        If it could not be read again, which would keep the workspace from starting.
    """
    body = record.model_dump(mode="json", warnings=False)
    try:
        EndpointRecord.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidParameterValue(f"{where}: {first['msg']}, found {first['input']!r}.") from error
    return body
