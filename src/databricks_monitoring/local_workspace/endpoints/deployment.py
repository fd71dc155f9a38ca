"""Starts the processes of an endpoint's config, keeping those that the config before already has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from databricks_monitoring.local_workspace.endpoints.environment import ModelEnvironment
from databricks_monitoring.local_workspace.endpoints.served_endpoint import RunningConfig, RunningEntity
from databricks_monitoring.local_workspace.model_server.log_file import bound
from databricks_monitoring.local_workspace.model_server.process import ProcessSpec
from databricks_monitoring.local_workspace.model_server.supervisor import Phase, Supervisor
from databricks_monitoring.names import TableName

if TYPE_CHECKING:
    from pathlib import Path

    from databricks_monitoring.local_workspace.clock import WorkspaceClock
    from databricks_monitoring.local_workspace.endpoints.record import (
        ConfigRecord,
        EndpointRecord,
        EntityRecord,
    )
    from databricks_monitoring.local_workspace.endpoints.served_models import ServedModels
    from databricks_monitoring.local_workspace.model_server.settings import ServingSettings
    from databricks_monitoring.local_workspace.secret_scopes import SecretScopes

BUILD_LOG = "build.log"
"""What happened to the process: loading, failing, sleeping, starting again."""

MODEL_LOG = "model.log"
"""What the model printed."""

_SECONDS_TO_START = 15.0


@dataclass(frozen=True)
class Deployment:
    """How processes of served entities are started.

    Attributes
    ----------
    folder
        Holds a folder for each endpoint with one for each served entity.
    """

    folder: Path
    models: ServedModels
    settings: ServingSettings
    clock: WorkspaceClock
    secrets: SecretScopes

    def begin(
        self,
        record: EndpointRecord,
        config: ConfigRecord,
        before: RunningConfig | None = None,
        *,
        deployed: bool = False,
    ) -> RunningConfig:
        """Start what `before` does not already run, and return at once.

        Parameters
        ----------
        deployed
            Whether the config has served before, so that a model that cannot be loaded is tried again.
        """
        kept = list(before.entities.values()) if before else []
        entities = {}
        for entity in config.entities:
            same = next((one for one in kept if one.record.runs_like(entity) and one.is_current()), None)
            if same is None:
                environment = ModelEnvironment(entity.environment_vars, self.secrets)
                supervisor = self._supervisor(record, entity, environment, deployed=deployed)
                supervisor.start()
                identifier = record.served_entity_id(entity)
                entities[entity.name] = RunningEntity(entity, identifier, supervisor, environment)
            else:
                entities[entity.name] = replace(same, record=entity)
        return RunningConfig(config, entities)

    def failures(self, running: RunningConfig) -> dict[str, str]:
        """Wait until every model is loaded; return why some are not, by served entity."""
        seconds = self.settings.load_seconds + _SECONDS_TO_START
        for entity in running.entities.values():
            if not entity.supervisor.wait_deployed(seconds):
                # One that cannot be loaded decides; the others need not be waited for.
                break
        return {
            name: entity.supervisor.message
            for name, entity in running.entities.items()
            if entity.supervisor.phase is Phase.FAILED
        }

    def folder_of(self, record: EndpointRecord, entity: EntityRecord) -> Path:
        """Return the folder with the logs of a served entity."""
        return self.folder / record.id / record.served_entity_id(entity)

    def _supervisor(
        self, record: EndpointRecord, entity: EntityRecord, environment: ModelEnvironment, *, deployed: bool
    ) -> Supervisor:
        folder = self.folder_of(record, entity)
        folder.mkdir(parents=True, exist_ok=True)
        build_log = folder / BUILD_LOG

        def note(event: str) -> None:
            bound(build_log, self.settings.log_mib)
            with build_log.open("a") as log:
                log.write(f"{self.clock.now().isoformat(timespec='milliseconds')} {event}\n")

        spec = ProcessSpec(
            model_path=self.models.path(TableName.parse(entity.entity_name), entity.entity_version),
            log_path=folder / MODEL_LOG,
            places=entity.places,
            environment=environment,
            scale_to_zero=entity.scale_to_zero_enabled,
        )
        return Supervisor(spec, self.settings, note, lambda: self.clock.now().timestamp(), deployed=deployed)
