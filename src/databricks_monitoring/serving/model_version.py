"""Which version of a registered model is meant, and what its signature says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from databricks.sdk.errors import NotFound

from databricks_monitoring.errors import (
    AliasNotFoundError,
    CatalogNotFoundError,
    ModelNotFoundError,
    ModelVersionNotFoundError,
    SchemaNotFoundError,
)
from databricks_monitoring.names import TableName, model_id
from databricks_monitoring.unity_catalog import schema_exists

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

    from databricks_monitoring.errors import MissingError


@dataclass(frozen=True)
class ModelVersion:
    """One version of a registered model, and the alias it was found by, if any."""

    model: TableName
    version: str
    alias: str | None = None

    @property
    def model_id(self) -> str:
        """The text that stands for this version in monitored rows."""
        return model_id(str(self.model), self.version)

    @property
    def uri(self) -> str:
        """The model's address for MLflow."""
        return f"models:/{self.model}/{self.version}"


def resolve(client: WorkspaceClient, model: TableName, version: str) -> ModelVersion:
    """Return the version that a number or an alias (with or without `@`) names.

    Raises
    ------
    ModelNotFoundError, ModelVersionNotFoundError, AliasNotFoundError
        Naming what exists.
    """
    full_name = str(model)
    try:
        registered = client.registered_models.get(full_name, include_aliases=True)
    except NotFound:
        raise _missing_model(client, model) from None
    if version.isdecimal():
        try:
            client.model_versions.get(full_name, int(version))
        except NotFound:
            existing = [str(found.version) for found in client.model_versions.list(full_name)]
            where = f"model {model}"
            raise ModelVersionNotFoundError(version, existing, where=where) from None
        return ModelVersion(model, version)
    alias = version.removeprefix("@")
    aliases = {item.alias_name or "": item.version_num for item in registered.aliases or []}
    if aliases.get(alias) is None:
        raise AliasNotFoundError(alias, aliases, where=f"model {model}")
    return ModelVersion(model, str(aliases[alias]), alias)


def only_model(client: WorkspaceClient, catalog: str, schema: str) -> TableName:
    """Return the one registered model of a schema.

    Raises
    ------
    ModelNotFoundError
        If the schema has none or several; the message lists them.
    """
    found = list(client.registered_models.list(catalog_name=catalog, schema_name=schema))
    if len(found) != 1:
        raise ModelNotFoundError(
            "",
            [item.name or "" for item in found],
            where=f"schema {catalog}.{schema} that is its only one",
            hint="Say which: `model.name` in the configuration file, or --model-name.",
        )
    return TableName(catalog, schema, found[0].name or "")


def _missing_model(client: WorkspaceClient, model: TableName) -> MissingError:
    try:
        if not schema_exists(client, model.parent):
            schemas = [item.name or "" for item in client.schemas.list(model.catalog)]
            return SchemaNotFoundError(model.schema, schemas, where=f"catalog {model.catalog}")
    except CatalogNotFoundError as error:
        return error
    models = client.registered_models.list(catalog_name=model.catalog, schema_name=model.schema)
    names = [item.name or "" for item in models]
    return ModelNotFoundError(model.name, names, where=f"schema {model.parent}")
