"""Serving endpoints: what was asked for, what runs, and the way from one to the other."""

from __future__ import annotations

import shutil
import threading
import uuid
from typing import TYPE_CHECKING

from databricks.sdk.errors import (
    InvalidParameterValue,
    ResourceAlreadyExists,
    ResourceConflict,
    ResourceDoesNotExist,
)
from databricks.sdk.service.serving import (
    AiGatewayConfig,
    EndpointStateConfigUpdate,
    EndpointTag,
    ServingEndpoint,
    ServingEndpointDetailed,
)

from databricks_monitoring.errors import EndpointNotFoundError
from databricks_monitoring.local_workspace.endpoints.config import check_endpoint_name, read_config
from databricks_monitoring.local_workspace.endpoints.deployment import Deployment
from databricks_monitoring.local_workspace.endpoints.gateway import (
    check_move,
    ensure_inference_table,
    inference_table,
    read_gateway,
)
from databricks_monitoring.local_workspace.endpoints.record import EndpointRecord, stored
from databricks_monitoring.local_workspace.endpoints.served_endpoint import (
    Invocation,
    RunningConfig,
    ServedEndpoint,
)
from databricks_monitoring.local_workspace.endpoints.served_entities import SERVED_ENTITIES, ServedEntities
from databricks_monitoring.local_workspace.endpoints.served_models import ServedModels
from databricks_monitoring.local_workspace.endpoints.view import detailed, gateway_of, summary, tags_of
from databricks_monitoring.local_workspace.model_server.payload_logs import PayloadLogs
from databricks_monitoring.local_workspace.model_server.settings import ServingSettings
from databricks_monitoring.local_workspace.user import USER_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from databricks.sdk.service.serving import EmailNotifications, EndpointCoreConfigInput

    from databricks_monitoring.local_workspace.catalog.tables import Tables
    from databricks_monitoring.local_workspace.clock import WorkspaceClock
    from databricks_monitoring.local_workspace.secret_scopes import SecretScopes
    from databricks_monitoring.local_workspace.storage import Store
    from databricks_monitoring.names import TableName

_KIND = "serving_endpoint"
_SECONDS_BETWEEN_LOOKS = 0.5
_UPDATE = EndpointStateConfigUpdate


class Endpoints:
    """Every serving endpoint of the workspace."""

    def __init__(
        self,
        root: Path,
        store: Store,
        clock: WorkspaceClock,
        tables: Tables,
        secrets: SecretScopes,
        *,
        settings: ServingSettings | None = None,
    ) -> None:
        self._folder = root.absolute() / "endpoints"
        self._store = store
        self._clock = clock
        self._tables = tables
        self._settings = settings or ServingSettings.from_environment()
        self._lock = threading.RLock()
        self._running: dict[str, ServedEndpoint] = {}
        self._closing = threading.Event()
        self.models = ServedModels(store, tables)
        self.served_entities = ServedEntities(store)
        self.logs = PayloadLogs(
            self._folder / "inference_logs", tables, commit_seconds=self._settings.commit_seconds
        )
        self._deployment = Deployment(self._folder, self.models, self._settings, clock, secrets)
        tables.virtual[SERVED_ENTITIES] = self.served_entities.table

    def start(self) -> None:
        """Bring up what was up, finish the updates that were running, commit what was answered before."""
        self.logs.start()
        for _, body in self._store.list(_KIND):
            endpoint = self._add(EndpointRecord.model_validate(body))
            active = endpoint.record.active
            if active is not None:
                endpoint.active = self._deployment.begin(endpoint.record, active, deployed=True)
            if endpoint.record.config_update is _UPDATE.IN_PROGRESS:
                self._deploy(endpoint)
        threading.Thread(target=self._look_after, name="look after models", daemon=True).start()

    def close(self) -> None:
        """End every process and commit what was answered."""
        self._closing.set()
        with self._lock:
            running = list(self._running.values())
            self._running.clear()
        stopping = [
            threading.Thread(target=process.stop) for endpoint in running for process in endpoint.processes()
        ]
        for thread in stopping:
            thread.start()
        for thread in stopping:
            thread.join()
        self.logs.close()

    def create(
        self,
        name: str,
        config: EndpointCoreConfigInput,
        *,
        ai_gateway: AiGatewayConfig | None = None,
        tags: Sequence[EndpointTag] = (),
        email_notifications: EmailNotifications | None = None,
        description: str | None = None,
    ) -> ServingEndpointDetailed:
        """Create an endpoint and begin to deploy it; returns at once.

        Raises
        ------
        InvalidParameterValue, BadRequest
            If the request breaks a rule.
        ResourceDoesNotExist
            If a model version or the inference table's schema does not exist.
        ResourceAlreadyExists
            If the name is taken.
        """
        check_endpoint_name(name)
        now_ms = self._clock.now_ms()
        with self._lock:
            if name in self._running:
                raise ResourceAlreadyExists(f"Endpoint with name '{name}' already exists.")
            pending = read_config(config, self.models, version=1, now_ms=now_ms)
            gateway = read_gateway(ai_gateway, name) if ai_gateway else None
            record = EndpointRecord(
                name=name,
                id=uuid.uuid4().hex,
                creator=USER_NAME,
                creation_timestamp=now_ms,
                last_updated_timestamp=now_ms,
                config_update=_UPDATE.IN_PROGRESS,
                last_version=1,
                description=description,
                tags=_tags(tags),
                email_notifications=email_notifications.as_dict() if email_notifications else None,
                ai_gateway=gateway.as_dict() if gateway else None,
                pending=pending,
            )
            self._ensure_table(gateway)
            self._store.put(_KIND, name, stored(record))
            endpoint = self._add(record)
            self._deploy(endpoint)
            return detailed(endpoint)

    def get(self, name: str) -> ServingEndpointDetailed:
        """Return an endpoint as it is now."""
        return detailed(self._found(name))

    def list(self) -> list[ServingEndpoint]:
        """Return every endpoint, by name."""
        with self._lock:
            running = [self._running[name] for name in sorted(self._running)]
        return [summary(endpoint) for endpoint in running]

    def update_config(self, name: str, config: EndpointCoreConfigInput) -> ServingEndpointDetailed:
        """Begin to replace the config; the old one serves until the new one is deployed, and if it fails.

        Raises
        ------
        ResourceConflict
            If an update is running.
        """
        with self._lock:
            endpoint = self._found(name)
            record = endpoint.record
            if record.config_update is _UPDATE.IN_PROGRESS:
                raise ResourceConflict(
                    f"Endpoint '{name}' is being updated and takes no other update until that ends.",
                    error_code="RESOURCE_CONFLICT",
                )
            now_ms = self._clock.now_ms()
            version = record.last_version + 1
            pending = read_config(config, self.models, version=version, now_ms=now_ms)
            self._save(
                endpoint,
                record.changed(
                    now_ms, pending=pending, last_version=version, config_update=_UPDATE.IN_PROGRESS
                ),
            )
            self._deploy(endpoint)
            return detailed(endpoint)

    def put_ai_gateway(self, name: str, config: AiGatewayConfig) -> AiGatewayConfig:
        """Replace the AI Gateway block as a whole, on a live endpoint; what is left out is switched off.

        Raises
        ------
        InvalidParameterValue
            If the inference table would move while it is enabled.
        """
        with self._lock:
            endpoint = self._found(name)
            wanted = read_gateway(config, name)
            check_move(inference_table(gateway_of(endpoint.record)), inference_table(wanted))
            self._ensure_table(wanted)
            self._save(endpoint, endpoint.record.changed(self._clock.now_ms(), ai_gateway=wanted.as_dict()))
            self._apply_gateway(endpoint)
            return wanted

    def patch_tags(
        self, name: str, add: Sequence[EndpointTag], delete: Sequence[str]
    ) -> Sequence[EndpointTag]:
        """Add or replace tags, then delete others by key; return what the endpoint has."""
        with self._lock:
            endpoint = self._found(name)
            tags = endpoint.record.tags | _tags(add)
            tags = {key: value for key, value in tags.items() if key not in delete}
            self._save(endpoint, endpoint.record.changed(self._clock.now_ms(), tags=tags))
            return tags_of(endpoint.record) or []

    def update_notifications(self, name: str, notifications: EmailNotifications) -> None:
        """Replace who is told of updates."""
        with self._lock:
            endpoint = self._found(name)
            body = notifications.as_dict()
            self._save(endpoint, endpoint.record.changed(self._clock.now_ms(), email_notifications=body))

    def delete(self, name: str) -> None:
        """Delete an endpoint; its inference table stays."""
        with self._lock:
            endpoint = self._found(name)
            with self._store.transaction():
                self._store.delete(_KIND, name)
                self.served_entities.deleted(endpoint.record, self._clock.now_ms())
            del self._running[name]
        threading.Thread(target=self._clear, args=(endpoint,), name=f"clear {name}", daemon=True).start()

    def name_of(self, endpoint_id: str) -> str:
        """Return the name of the endpoint with this id."""
        with self._lock:
            for endpoint in self._running.values():
                if endpoint.record.id == endpoint_id:
                    return endpoint.record.name
        raise ResourceDoesNotExist(f"No serving endpoint has the id {endpoint_id!r}.")

    async def invoke(
        self, name: str, body: bytes | None, content_type: str, *, served_entity: str | None = None
    ) -> Invocation:
        """Answer one request; `body` is None when it was larger than an endpoint takes.

        Every failure of a request that reached a served entity is an answer with its status and is logged.
        """
        endpoint = self._running.get(name)
        if endpoint is None:
            raise self._missing(name)
        return await endpoint.invoke(body, content_type, served_entity)

    def flush(self, table: TableName | None = None) -> None:
        """Commit everything answered so far to the inference tables."""
        self.logs.flush(table)

    def served(self, name: str) -> ServedEndpoint:
        """Return an endpoint as it runs."""
        return self._found(name)

    def log_path(self, name: str, served_entity: str) -> Path:
        """Return the folder with the logs of a served entity of the active or the pending config."""
        record = self._found(name).record
        configs = [config for config in (record.pending, record.active) if config]
        entities = {entity.name: entity for config in configs for entity in config.entities}
        if served_entity not in entities:
            existing = ", ".join(sorted(entities))
            raise ResourceDoesNotExist(
                f"Endpoint '{name}' has no served entity '{served_entity}'. Existing: {existing}."
            )
        return self._deployment.folder_of(record, entities[served_entity])

    def _add(self, record: EndpointRecord) -> ServedEndpoint:
        endpoint = ServedEndpoint(record, self._clock, self.logs)
        self._running[record.name] = endpoint
        self._apply_gateway(endpoint)
        return endpoint

    def _apply_gateway(self, endpoint: ServedEndpoint) -> None:
        gateway = gateway_of(endpoint.record)
        table = inference_table(gateway)
        endpoint.limit(gateway)
        endpoint.log = self.logs.open(endpoint.record.id, table) if table else None

    def _ensure_table(self, gateway: AiGatewayConfig | None) -> None:
        table = inference_table(gateway)
        if table is not None:
            ensure_inference_table(self._tables, table)

    def _save(self, endpoint: ServedEndpoint, record: EndpointRecord) -> None:
        self._store.put(_KIND, record.name, stored(record))
        endpoint.record = record

    def _deploy(self, endpoint: ServedEndpoint) -> None:
        pending = endpoint.record.pending
        if pending is None:
            return
        endpoint.deploying = self._deployment.begin(endpoint.record, pending, endpoint.active)
        threading.Thread(
            target=self._finish,
            args=(endpoint, endpoint.deploying),
            name=f"deploy {endpoint.record.name}",
            daemon=True,
        ).start()

    def _finish(self, endpoint: ServedEndpoint, wanted: RunningConfig) -> None:
        """Wait for the processes of `wanted`, then let it serve, or say why it cannot."""
        failures = self._deployment.failures(wanted)
        with self._lock:
            if self._running.get(endpoint.record.name) is not endpoint:
                return
            before = endpoint.active
            leaving: RunningConfig | None
            staying: RunningConfig | None
            if failures:
                failed = wanted.config.model_copy(update={"failures": failures})
                changes: dict[str, object] = {"pending": failed, "config_update": _UPDATE.UPDATE_FAILED}
                leaving, staying = wanted, before
            else:
                changes = {"active": wanted.config, "pending": None, "config_update": _UPDATE.NOT_UPDATING}
                leaving, staying = before, wanted
            with self._store.transaction():
                if not failures:
                    self.served_entities.served(endpoint.record, wanted.config, self._clock.now_ms())
                self._save(endpoint, endpoint.record.model_copy(update=changes))
            endpoint.active, endpoint.deploying = staying, None
        kept = staying.processes() if staying else []
        for process in leaving.processes() if leaving else []:
            if process not in kept:
                process.stop(drain_seconds=self._settings.request_seconds)

    def _clear(self, endpoint: ServedEndpoint) -> None:
        """End the processes of a deleted endpoint, then remove what they wrote."""
        for process in endpoint.processes():
            process.stop()
        shutil.rmtree(self._folder / endpoint.record.id, ignore_errors=True)

    def _look_after(self) -> None:
        while not self._closing.wait(_SECONDS_BETWEEN_LOOKS):
            with self._lock:
                processes = [one for endpoint in self._running.values() for one in endpoint.processes()]
            for process in processes:
                process.look_after()

    def _found(self, name: str) -> ServedEndpoint:
        endpoint = self._running.get(name)
        if endpoint is None:
            raise self._missing(name)
        return endpoint

    def _missing(self, name: str) -> ResourceDoesNotExist:
        return ResourceDoesNotExist(str(EndpointNotFoundError(name, self._running)))


def _tags(tags: Sequence[EndpointTag]) -> dict[str, str | None]:
    if any(not tag.key for tag in tags):
        raise InvalidParameterValue("A tag needs a key.")
    return {tag.key: tag.value for tag in tags}
