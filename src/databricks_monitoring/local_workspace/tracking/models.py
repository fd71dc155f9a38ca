"""Registered models, their versions, aliases and tags: one registry under two REST surfaces."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any

import yaml
from databricks.sdk.errors import (
    InvalidParameterValue,
    InvalidState,
    ResourceAlreadyExists,
    ResourceDoesNotExist,
)
from pydantic import BaseModel, ConfigDict, Field

from databricks_monitoring.errors import (
    AliasNotFoundError,
    InvalidNameError,
    ModelNotFoundError,
    ModelVersionNotFoundError,
)
from databricks_monitoring.local_workspace.catalog.securables import checked_table
from databricks_monitoring.local_workspace.user import USER_NAME
from databricks_monitoring.names import SchemaName, TableName

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from databricks_monitoring.errors import MissingError
    from databricks_monitoring.local_workspace.catalog.tables import Tables
    from databricks_monitoring.local_workspace.clock import WorkspaceClock
    from databricks_monitoring.local_workspace.storage import Store

MODEL, VERSION = "registered_model", "model_version"
"""Kinds of document: keys are `catalog.schema.model` and `catalog.schema.model/<version>`."""

PENDING, READY, FAILED = "PENDING_REGISTRATION", "READY", "FAILED_REGISTRATION"

_ALIAS = re.compile(r"[A-Za-z0-9_-]{1,255}")
_RESERVED_ALIAS = re.compile(r"latest|v\d+", re.IGNORECASE)


class RegisteredModel(BaseModel):
    """A registered model; times are milliseconds since the epoch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    description: str | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    aliases: dict[str, str] = Field(default_factory=dict)
    owner: str = USER_NAME
    created_at: int
    created_by: str = USER_NAME
    updated_at: int
    updated_by: str = USER_NAME
    last_version: int = 0


class ModelVersion(BaseModel):
    """One version of a registered model; times are milliseconds since the epoch."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    name: str
    version: str
    status: str = PENDING
    status_message: str = ""
    source: str = ""
    run_id: str = ""
    run_workspace_id: str = ""
    model_id: str = ""
    storage_location: str
    description: str | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    created_at: int
    created_by: str = USER_NAME
    updated_at: int
    updated_by: str = USER_NAME


class Models:
    """The model registry of one workspace.

    Every method takes full names as text, in any case, and raises the SDK's error classes: a name without
    three levels is `InvalidParameterValue`, what does not exist is `ResourceDoesNotExist` naming what does.
    """

    def __init__(self, store: Store, clock: WorkspaceClock, tables: Tables) -> None:
        self._store = store
        self._clock = clock
        self._tables = tables

    def create(
        self, full_name: str, *, description: str | None = None, tags: Mapping[str, str] | None = None
    ) -> RegisteredModel:
        """Create a model without versions, in a schema that exists."""
        name = _parsed(full_name)
        self._tables.get_schema(name.parent)
        now = self._clock.now_ms()
        model = RegisteredModel(
            name=str(name), description=description, tags=dict(tags or {}), created_at=now, updated_at=now
        )
        if not self._store.add(MODEL, str(name), model.model_dump()):
            raise ResourceAlreadyExists(f"Registered model '{name}' already exists.")
        return model

    def get(self, full_name: str) -> RegisteredModel:
        """Return a model."""
        name = _parsed(full_name)
        body = self._store.get(MODEL, str(name))
        if body is None:
            raise _missing(
                ModelNotFoundError(str(name), self._names(name.parent), where=f"schema {name.parent}")
            )
        return RegisteredModel.model_validate(body)

    def listed(self, schema: SchemaName | None = None, catalog: str | None = None) -> list[RegisteredModel]:
        """Return models by name: of one schema, of one catalog, or all."""
        prefix = f"{schema}." if schema else f"{catalog}." if catalog else ""
        return [RegisteredModel.model_validate(body) for _, body in self._store.list(MODEL, prefix.lower())]

    def update(self, full_name: str, changes: Mapping[str, Any]) -> RegisteredModel:
        """Change `description` or `owner` of a model."""
        with self._store.transaction():
            return self._save(self.get(full_name), changes)

    def delete(self, full_name: str) -> None:
        """Delete a model, all its versions and their files."""
        model = self.get(full_name)
        for version in self.versions(model.name):
            self.delete_version(model.name, version.version)
        self._store.delete(MODEL, model.name)
        shutil.rmtree(self._folder(model.name, "0").parent, ignore_errors=True)

    def set_tag(self, full_name: str, key: str, value: str) -> None:
        """Set a tag of a model."""
        with self._store.transaction():
            model = self.get(full_name)
            self._save(model, {"tags": model.tags | {_tag_key(key): value}})

    def delete_tag(self, full_name: str, key: str) -> None:
        """Delete a tag of a model; silent if there is none."""
        with self._store.transaction():
            model = self.get(full_name)
            self._save(model, {"tags": {name: text for name, text in model.tags.items() if name != key}})

    def set_alias(self, full_name: str, alias: str, version: str) -> None:
        """Point an alias at a version; moves it if it points at another."""
        _check_alias(alias)
        with self._store.transaction():
            found = self.version(full_name, version)
            model = self.get(full_name)
            self._save(model, {"aliases": model.aliases | {alias: found.version}})

    def delete_alias(self, full_name: str, alias: str) -> None:
        """Delete an alias; silent if there is none."""
        with self._store.transaction():
            model = self.get(full_name)
            kept = {name: version for name, version in model.aliases.items() if name != alias}
            self._save(model, {"aliases": kept})

    def by_alias(self, full_name: str, alias: str) -> ModelVersion:
        """Return the version that an alias points at."""
        model = self.get(full_name)
        if alias not in model.aliases:
            raise _missing(AliasNotFoundError(alias, model.aliases, where=f"registered model {model.name}"))
        return self.version(model.name, model.aliases[alias])

    def create_version(
        self,
        full_name: str,
        *,
        source: str = "",
        run_id: str = "",
        run_workspace_id: str = "",
        model_id: str = "",
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> ModelVersion:
        """Create the next version of a model, waiting for its files; numbers are never used twice."""
        with self._store.transaction():
            model = self.get(full_name)
            number = model.last_version + 1
            now = self._clock.now_ms()
            version = ModelVersion(
                name=model.name,
                version=str(number),
                source=source,
                run_id=run_id,
                run_workspace_id=run_workspace_id,
                model_id=model_id,
                storage_location=self._folder(model.name, str(number)).absolute().as_uri(),
                description=description,
                tags=dict(tags or {}),
                created_at=now,
                updated_at=now,
            )
            self._store.put(VERSION, _key(version), version.model_dump())
            self._save(model, {"last_version": number})
        return version

    def finalize(self, full_name: str, version: str) -> ModelVersion:
        """Make a version READY once its files are there; one that is READY stays so.

        Raises
        ------
        InvalidParameterValue
            If the files hold no MLflow model with a signature of inputs and outputs; the version is then
            FAILED_REGISTRATION.
        """
        found = self.version(full_name, version)
        if found.status == READY:
            return found
        if found.status == FAILED:
            raise InvalidState(
                f"{_shown(found)} failed to register: {found.status_message} Register the model again."
            )
        if fault := _fault(self._folder(found.name, found.version)):
            self._save_version(found, {"status": FAILED, "status_message": fault})
            raise InvalidParameterValue(f"{_shown(found)}: {fault}")
        return self._save_version(found, {"status": READY})

    def version(self, full_name: str, version: str) -> ModelVersion:
        """Return a version of a model."""
        model = self.get(full_name)
        body = self._store.get(VERSION, f"{model.name}/{version}")
        if body is None:
            existing = [found.version for found in self.versions(model.name)]
            where = f"registered model {model.name}"
            hint = "An alias is resolved to a version first." if not str(version).isdigit() else ""
            raise _missing(ModelVersionNotFoundError(str(version), existing, where=where, hint=hint))
        return ModelVersion.model_validate(body)

    def versions(self, full_name: str) -> list[ModelVersion]:
        """Return the versions of a model, newest first."""
        return self._newest_first(f"{self.get(full_name).name}/")

    def all_versions(self) -> list[ModelVersion]:
        """Return the versions of all models, newest first within each."""
        return self._newest_first("")

    def update_version(self, full_name: str, version: str, changes: Mapping[str, Any]) -> ModelVersion:
        """Change the `description` of a version."""
        with self._store.transaction():
            return self._save_version(self.version(full_name, version), changes)

    def delete_version(self, full_name: str, version: str) -> None:
        """Delete a version with its files and the aliases that point at it."""
        with self._store.transaction():
            found = self.version(full_name, version)
            model = self.get(found.name)
            kept = {name: number for name, number in model.aliases.items() if number != found.version}
            self._save(model, {"aliases": kept})
            self._store.delete(VERSION, _key(found))
        folder = self._folder(found.name, found.version)
        if folder.exists():
            shutil.rmtree(folder)

    def set_version_tag(self, full_name: str, version: str, key: str, value: str) -> None:
        """Set a tag of a version."""
        with self._store.transaction():
            found = self.version(full_name, version)
            self._save_version(found, {"tags": found.tags | {_tag_key(key): value}})

    def delete_version_tag(self, full_name: str, version: str, key: str) -> None:
        """Delete a tag of a version; silent if there is none."""
        with self._store.transaction():
            found = self.version(full_name, version)
            kept = {name: text for name, text in found.tags.items() if name != key}
            self._save_version(found, {"tags": kept})

    def aliases_of(self, version: ModelVersion) -> list[str]:
        """Return the aliases that point at a version, by name."""
        aliases = self.get(version.name).aliases
        return sorted(alias for alias, number in aliases.items() if number == version.version)

    def _newest_first(self, prefix: str) -> list[ModelVersion]:
        found = [ModelVersion.model_validate(body) for _, body in self._store.list(VERSION, prefix)]
        return sorted(found, key=lambda version: (version.name, -int(version.version)))

    def _names(self, schema: SchemaName) -> list[str]:
        return [key for key, _ in self._store.list(MODEL, f"{schema}.")]

    def _folder(self, full_name: str, version: str) -> Path:
        return self._tables.model_path(TableName.parse(full_name), int(version))

    def _save(self, model: RegisteredModel, changes: Mapping[str, Any]) -> RegisteredModel:
        changed = model.model_copy(update=dict(changes) | self._touched())
        self._store.put(MODEL, changed.name, changed.model_dump())
        return changed

    def _save_version(self, version: ModelVersion, changes: Mapping[str, Any]) -> ModelVersion:
        changed = version.model_copy(update=dict(changes) | self._touched())
        self._store.put(VERSION, _key(changed), changed.model_dump())
        return changed

    def _touched(self) -> dict[str, Any]:
        return {"updated_at": self._clock.now_ms(), "updated_by": USER_NAME}


def _parsed(full_name: str) -> TableName:
    try:
        name = TableName.parse(full_name)
    except InvalidNameError as error:
        # MLflow's client recognises these words and adds a hint about its own setting.
        raise InvalidParameterValue(
            f"{full_name!r} names no registered model: specify all three levels, `catalog.schema.model`."
        ) from error
    return checked_table(name, "registered model")


def _missing(error: MissingError) -> ResourceDoesNotExist:
    return ResourceDoesNotExist(str(error))


def _key(version: ModelVersion) -> str:
    return f"{version.name}/{version.version}"


def _shown(version: ModelVersion) -> str:
    return f"Version {version.version} of registered model {version.name}"


def _check_alias(alias: str) -> None:
    if not _ALIAS.fullmatch(alias):
        raise InvalidParameterValue(
            f"{alias!r} is not a valid alias: expected 1 to 255 letters, digits, hyphens and underscores."
        )
    if _RESERVED_ALIAS.fullmatch(alias):
        raise InvalidParameterValue(f"{alias!r} is not a valid alias: `latest` and `v<number>` are reserved.")


def _tag_key(key: str) -> str:
    if not key:
        raise InvalidParameterValue("key: a tag needs a name.")
    return key


def _fault(folder: Path) -> str | None:
    """Return what is wrong with the files of a version, or None."""
    described = folder / "MLmodel"
    if not described.is_file():
        return "its files hold no MLmodel; the upload was not finished."
    try:
        content = yaml.safe_load(described.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        return f"its MLmodel cannot be read: {error}."
    signature = content.get("signature") if isinstance(content, dict) else None
    if not signature:
        return (
            "it was logged without a signature; a model in Unity Catalog needs one with inputs and outputs."
        )
    missing = [part for part in ("inputs", "outputs") if not signature.get(part)]
    if missing:
        return f"its signature has no {' and no '.join(missing)}; a model in Unity Catalog needs both."
    return None
