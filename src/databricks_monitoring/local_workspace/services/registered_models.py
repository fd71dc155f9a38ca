"""The model registry as the SDK calls it (`w.registered_models`, `w.model_versions`).

Deviations from the real service: a model cannot be renamed, and `storage_location` cannot be chosen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from databricks.sdk.errors import InvalidParameterValue
from databricks.sdk.errors import NotImplemented as Unavailable
from databricks.sdk.service.catalog import (
    ListModelVersionsResponse,
    ListRegisteredModelsResponse,
    ModelVersionInfo,
    ModelVersionInfoStatus,
    RegisteredModelAlias,
    RegisteredModelInfo,
)
from fastapi import APIRouter

from databricks_monitoring.local_workspace.rest.paging import page
from databricks_monitoring.names import SchemaName, TableName

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.tracking.models import Models, ModelVersion, RegisteredModel
    from databricks_monitoring.local_workspace.workspace import Workspace

Json = dict[str, Any]


def router(workspace: Workspace) -> APIRouter:  # noqa: C901 - one nested function a route
    """Return the routes of the registry, by the SDK's names."""
    routes = APIRouter(prefix="/api/2.1/unity-catalog/models")
    models = workspace.models

    @routes.post("")
    def create(body: Json) -> Json:
        """Create a registered model in a schema that exists."""
        if body.get("storage_location"):
            raise Unavailable("storage_location cannot be chosen in a local workspace; leave it out.")
        levels = [str(body.get(field) or "") for field in ("catalog_name", "schema_name", "name")]
        full_name = str(body.get("full_name") or ".".join(levels))
        return _model(models.create(full_name, description=body.get("comment"))).as_dict()

    @routes.get("")
    def list_models(
        catalog_name: str | None = None,
        schema_name: str | None = None,
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> Json:
        """Return registered models of a schema, a catalog or the metastore, by name, in pages."""
        if schema_name and not catalog_name:
            raise InvalidParameterValue("schema_name needs catalog_name.")
        schema = SchemaName(catalog_name, schema_name) if catalog_name and schema_name else None
        if schema is not None:
            workspace.tables.get_schema(schema)
        shown, token = page(models.listed(schema, catalog_name), max_results, page_token)
        return ListRegisteredModelsResponse(
            next_page_token=token, registered_models=[_model(model) for model in shown]
        ).as_dict()

    @routes.get("/{full_name}")
    def get(full_name: str, *, include_aliases: bool = False) -> Json:
        """Return a registered model."""
        return _model(models.get(full_name), aliases=include_aliases).as_dict()

    @routes.patch("/{full_name}")
    def update(full_name: str, body: Json) -> Json:
        """Change comment or owner of a registered model."""
        if body.get("new_name"):
            raise Unavailable("A local workspace cannot rename a registered model; register it anew.")
        names = {"comment": "description", "owner": "owner"}
        changes = {ours: body[theirs] for theirs, ours in names.items() if body.get(theirs) is not None}
        return _model(models.update(full_name, changes)).as_dict()

    @routes.delete("/{full_name}")
    def delete(full_name: str) -> Json:
        """Delete a registered model with its versions and files."""
        models.delete(full_name)
        return {}

    @routes.put("/{full_name}/aliases/{alias}")
    def set_alias(full_name: str, alias: str, body: Json) -> Json:
        """Point an alias at a version."""
        models.set_alias(full_name, alias, str(body.get("version_num", "")))
        return _alias(models.get(full_name), alias).as_dict()

    @routes.delete("/{full_name}/aliases/{alias}")
    def delete_alias(full_name: str, alias: str) -> Json:
        """Delete an alias."""
        models.delete_alias(full_name, alias)
        return {}

    @routes.get("/{full_name}/aliases/{alias}")
    def get_by_alias(full_name: str, alias: str, *, include_aliases: bool = False) -> Json:
        """Return the version that an alias points at."""
        return _version(models, models.by_alias(full_name, alias), aliases=include_aliases).as_dict()

    @routes.get("/{full_name}/versions")
    def list_versions(full_name: str, max_results: int | None = None, page_token: str | None = None) -> Json:
        """Return the versions of a model, newest first, in pages; without aliases."""
        shown, token = page(models.versions(full_name), max_results, page_token)
        found = [_version(models, version, aliases=False) for version in shown]
        return ListModelVersionsResponse(model_versions=found, next_page_token=token).as_dict()

    @routes.get("/{full_name}/versions/{version}")
    def get_version(full_name: str, version: int, *, include_aliases: bool = False) -> Json:
        """Return a version."""
        return _version(models, models.version(full_name, str(version)), aliases=include_aliases).as_dict()

    @routes.patch("/{full_name}/versions/{version}")
    def update_version(full_name: str, version: int, body: Json) -> Json:
        """Change the comment of a version."""
        changes = {"description": body["comment"]} if body.get("comment") is not None else {}
        changed = models.update_version(full_name, str(version), changes)
        return _version(models, changed, aliases=False).as_dict()

    @routes.delete("/{full_name}/versions/{version}")
    def delete_version(full_name: str, version: int) -> Json:
        """Delete a version with its files and aliases."""
        models.delete_version(full_name, str(version))
        return {}

    return routes


def _model(model: RegisteredModel, *, aliases: bool = False) -> RegisteredModelInfo:
    name = TableName.parse(model.name)
    return RegisteredModelInfo(
        catalog_name=name.catalog,
        schema_name=name.schema,
        name=name.name,
        full_name=model.name,
        comment=model.description,
        owner=model.owner,
        created_at=model.created_at,
        created_by=model.created_by,
        updated_at=model.updated_at,
        updated_by=model.updated_by,
        aliases=[_alias(model, alias) for alias in sorted(model.aliases)] if aliases else None,
    )


def _alias(model: RegisteredModel, alias: str) -> RegisteredModelAlias:
    name = TableName.parse(model.name)
    return RegisteredModelAlias(
        alias_name=alias,
        version_num=int(model.aliases[alias]),
        catalog_name=name.catalog,
        schema_name=name.schema,
        model_name=name.name,
    )


def _version(models: Models, version: ModelVersion, *, aliases: bool) -> ModelVersionInfo:
    name = TableName.parse(version.name)
    model = models.get(version.name)
    shown = [_alias(model, alias) for alias in models.aliases_of(version)] if aliases else None
    return ModelVersionInfo(
        catalog_name=name.catalog,
        schema_name=name.schema,
        model_name=name.name,
        version=int(version.version),
        status=ModelVersionInfoStatus(version.status),
        source=version.source or None,
        run_id=version.run_id or None,
        run_workspace_id=int(version.run_workspace_id) if version.run_workspace_id.isdigit() else None,
        storage_location=version.storage_location,
        comment=version.description,
        created_at=version.created_at,
        created_by=version.created_by,
        updated_at=version.updated_at,
        updated_by=version.updated_by,
        aliases=shown,
    )
