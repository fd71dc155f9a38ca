"""A serving endpoint that runs: picks the served entity for each request, answers it and logs it."""

from __future__ import annotations

import json
import logging
import os
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from databricks.sdk.errors import InvalidState, ResourceDoesNotExist
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service.serving import (
    AiGatewayConfig,
    EndpointState,
    EndpointStateReady,
    ServedModelState,
    ServedModelStateDeployment,
)

from databricks_monitoring.local_workspace.endpoints.gateway import RateLimiter
from databricks_monitoring.local_workspace.model_server.endpoint_metrics import EntityCounters, ProcessUsage
from databricks_monitoring.local_workspace.model_server.payload_record import PayloadRecord
from databricks_monitoring.local_workspace.model_server.settings import MAX_REQUEST_BYTES
from databricks_monitoring.local_workspace.model_server.supervisor import Phase
from databricks_monitoring.local_workspace.rest.responses import status_and_code
from databricks_monitoring.local_workspace.user import USER_NAME

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.clock import WorkspaceClock
    from databricks_monitoring.local_workspace.endpoints.environment import ModelEnvironment
    from databricks_monitoring.local_workspace.endpoints.record import (
        ConfigRecord,
        EndpointRecord,
        EntityRecord,
    )
    from databricks_monitoring.local_workspace.model_server.payload_log import PayloadLog
    from databricks_monitoring.local_workspace.model_server.payload_logs import PayloadLogs
    from databricks_monitoring.local_workspace.model_server.supervisor import Supervisor
    from databricks_monitoring.names import TableName

logger = logging.getLogger(__name__)

SERVED_BY = "served-model-name"
"""Answer header that names the served entity."""

_RETRY_AFTER_SECONDS = "1"
_TRY_AGAIN = {429, 503}
_UUID_FIXED_BITS = 0xF000_C000 << 48
_UUID_RANDOM = 0x4000_8000 << 48
"""Version 4, variant of RFC 9562, at their places among the 128 bits."""


@dataclass(frozen=True)
class Invocation:
    """The answer to one request."""

    status: int
    body: bytes
    headers: dict[str, str]


@dataclass
class RunningEntity:
    """A served entity with its process and its numbers."""

    record: EntityRecord
    id: str
    supervisor: Supervisor
    environment: ModelEnvironment
    counters: EntityCounters = field(default_factory=EntityCounters)
    usage: ProcessUsage = field(default_factory=ProcessUsage)

    def is_current(self) -> bool:
        """Say whether its process was given the secrets as they are now."""
        return self.environment.is_current()

    def state(self) -> ServedModelState:
        """Return the deployment state."""
        phase = self.supervisor.phase
        deployment = "DEPLOYMENT_READY" if phase is Phase.ASLEEP else phase.value
        return ServedModelState(ServedModelStateDeployment(deployment), self.supervisor.message)


@dataclass(frozen=True)
class RunningConfig:
    """A config and its served entities by name; one object, so that a request never sees half a change."""

    config: ConfigRecord
    entities: dict[str, RunningEntity]

    def processes(self) -> list[Supervisor]:
        """Return the processes, each once."""
        return list({id(entity.supervisor): entity.supervisor for entity in self.entities.values()}.values())


class ServedEndpoint:
    """One endpoint while the workspace runs.

    Attributes
    ----------
    record
        What is remembered; replaced, never changed.
    active, deploying
        The config that serves, and the one that is being deployed.
    """

    def __init__(self, record: EndpointRecord, clock: WorkspaceClock, logs: PayloadLogs) -> None:
        self.record = record
        self.active: RunningConfig | None = None
        self.deploying: RunningConfig | None = None
        self.log: PayloadLog | None = None
        self._clock = clock
        self._logs = logs
        self._limiter = RateLimiter(None)

    def limit(self, gateway: AiGatewayConfig | None) -> None:
        """Take over the rate limits of an AI Gateway block."""
        self._limiter = RateLimiter(gateway.rate_limits if gateway else None)

    def state(self) -> EndpointState:
        """Return whether it can be asked, and how its last update went."""
        phases = [process.phase for process in self.active.processes()] if self.active else []
        ready = bool(phases) and all(phase in {Phase.READY, Phase.ASLEEP} for phase in phases)
        return EndpointState(
            config_update=self.record.config_update,
            ready=EndpointStateReady.READY if ready else EndpointStateReady.NOT_READY,
        )

    def processes(self) -> list[Supervisor]:
        """Return every process of the endpoint."""
        return [
            process for config in (self.active, self.deploying) if config for process in config.processes()
        ]

    def entity_state(self, entity: RunningEntity) -> ServedModelState:
        """Return the deployment state of a served entity, with what is wrong with the log."""
        state = entity.state()
        if self.log is not None and self.log.error:
            trouble = f"Inference table {self.log.table}: {self.log.error}"
            state.deployment_state_message = f"{state.deployment_state_message} {trouble}".strip()
        return state

    async def invoke(self, body: bytes | None, content_type: str, served_entity: str | None) -> Invocation:
        """Answer one request; `body` is None when it was larger than an endpoint takes.

        Whatever becomes of it, it is in the log before it is answered. The one exception is the answer 503
        that says it could not be recorded.
        """
        arrived_us = self._clock.now_us()
        began = time.perf_counter()
        entity: RunningEntity | None = None
        duration_ms: int | None = None
        client_request_id: str | None = None
        try:
            entity = self._named(served_entity) if served_entity is not None else self._pick()
            self._limiter.take()
            if body is None:
                status, answer = 413, _too_large()
            else:
                frame = await entity.supervisor.ask(body, content_type)
                status, answer = frame.header["status"], frame.body
                duration_ms = frame.header["duration_ms"]
                client_request_id = frame.header["client_request_id"]
        except DatabricksError as error:
            status, code = status_and_code(error)
            answer = _failure(code, str(error))
            client_request_id = _client_request_id(body)
        except Exception as error:
            # A fault of the server is an answer like any other, so it is logged like any other.
            logger.exception("a request to %s failed", self.record.name)
            status, answer = 500, _failure("INTERNAL_ERROR", f"{type(error).__name__}: {error}")
            client_request_id = _client_request_id(body)
        request_id = _new_request_id()
        if (log := self.log) is not None:
            record = PayloadRecord.of(
                request_id=request_id,
                client_request_id=client_request_id,
                arrived_us=arrived_us,
                status=status,
                duration_ms=duration_ms,
                request=body,
                response=answer,
                served_entity_id=entity.id if entity else None,
                requester=USER_NAME,
            )
            try:
                await self._logs.append(log, record)
            except OSError as error:
                status, answer = 503, _not_recorded(log.table, error)
        headers = {"x-request-id": request_id}
        if entity is not None:
            entity.counters.count(status, (time.perf_counter() - began) * 1000)
            headers[SERVED_BY] = entity.record.name
        if status in _TRY_AGAIN:
            headers["Retry-After"] = _RETRY_AFTER_SECONDS
        return Invocation(status, answer, headers)

    def _serving(self) -> RunningConfig:
        if self.active is None:
            raise InvalidState(
                f"Endpoint {self.record.name!r} is not ready: its config update is "
                f"{self.record.config_update.value}."
            )
        return self.active

    def _pick(self) -> RunningEntity:
        serving = self._serving()
        routes = serving.config.routes
        if len(routes) == 1:
            return serving.entities[routes[0].served_entity_name]
        shares = [route.traffic_percentage for route in routes]
        # Drawn, not dealt in turn: traffic that alternates by itself would always meet the same entity.
        chosen = random.choices(routes, shares)[0]  # noqa: S311 - nothing secret depends on it
        return serving.entities[chosen.served_entity_name]

    def _named(self, name: str) -> RunningEntity:
        entities = self._serving().entities
        if name not in entities:
            existing = ", ".join(sorted(entities))
            raise ResourceDoesNotExist(
                f"Endpoint {self.record.name!r} has no served entity {name!r}. Existing: {existing}."
            )
        return entities[name]


def _new_request_id() -> str:
    """Return a random UUID, as `uuid.uuid4` makes them but without its object."""
    number = int.from_bytes(os.urandom(16), "big") & ~_UUID_FIXED_BITS | _UUID_RANDOM
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _failure(code: str, message: str) -> bytes:
    return json.dumps({"error_code": code, "message": message}).encode()


def _too_large() -> bytes:
    message = f"The request is larger than {MAX_REQUEST_BYTES} bytes. Send fewer rows at a time."
    return _failure("BAD_REQUEST", message)


def _not_recorded(table: TableName, error: OSError) -> bytes:
    """Return the answer that takes the place of one which the inference table would never show."""
    return _failure(
        "TEMPORARILY_UNAVAILABLE",
        f"The request could not be recorded for the inference table {table}, so it is not answered: {error}. "
        "Make room on the disk of the workspace, or disable the inference table; then send it again.",
    )


def _client_request_id(body: bytes | None) -> str | None:
    """Return the id in the body of a request that no model has read."""
    try:
        decoded = json.loads(body or b"")
    except ValueError:
        return None
    identifier = decoded.get("client_request_id") if isinstance(decoded, dict) else None
    return identifier if identifier is None or isinstance(identifier, str) else json.dumps(identifier)
