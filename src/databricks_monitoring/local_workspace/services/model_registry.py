"""The model registry as MLflow's `databricks-uc` client calls it.

Deviations from the real service: lineage is accepted and not kept, a model cannot be renamed, deployment
jobs do not exist, and files go through the Files API only, never through cloud credentials.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from databricks.sdk.errors import InvalidParameterValue
from databricks.sdk.errors import NotImplemented as Unavailable
from fastapi import APIRouter

from databricks_monitoring.local_workspace.rest.paging import page

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.tracking.models import Models, ModelVersion, RegisteredModel
    from databricks_monitoring.local_workspace.workspace import Workspace

Json = dict[str, Any]

_BASE = "/api/2.0/mlflow/unity-catalog"
_DEFAULT_SIZE = 200
_CONDITION = re.compile(r"\s*(name|run_id|source_path)\s*=\s*('[^']*'|\"[^\"]*\")\s*")


_AND = re.compile(r"\bAND\b(?=(?:[^']*'[^']*')*[^']*$)", re.IGNORECASE)
"""`AND` outside quotes."""


def router(workspace: Workspace) -> APIRouter:
    """Return the routes of the registry, by MLflow's names."""
    routes = APIRouter(prefix=_BASE)
    _route_models(routes, workspace.models)
    _route_aliases(routes, workspace.models)
    _route_versions(routes, workspace.models)
    _route_version_files(routes, workspace.models)
    return routes


def _route_models(routes: APIRouter, models: Models) -> None:
    @routes.post("/registered-models/create")
    def create_registered_model(body: Json) -> Json:
        """Create a registered model in a schema that exists."""
        _refuse_deployment_job(body)
        model = models.create(_name(body), description=body.get("description"), tags=_tags(body))
        return {"registered_model": _model(model)}

    @routes.patch("/registered-models/update")
    def update_registered_model(body: Json) -> Json:
        """Change the description of a registered model."""
        _refuse_deployment_job(body)
        if body.get("new_name"):
            raise Unavailable("A local workspace cannot rename a registered model; register it anew.")
        changes = {"description": body["description"]} if "description" in body else {}
        return {"registered_model": _model(models.update(_name(body), changes))}

    @routes.delete("/registered-models/delete")
    def delete_registered_model(body: Json) -> Json:
        """Delete a registered model with its versions and files."""
        models.delete(_name(body))
        return {}

    @routes.get("/registered-models/get")
    def get_registered_model(name: str) -> Json:
        """Return a registered model with its aliases and tags."""
        return {"registered_model": _model(models.get(name))}

    @routes.get("/registered-models/search")
    def search_registered_models(max_results: int | None = None, page_token: str | None = None) -> Json:
        """Return registered models by name, in pages."""
        shown, token = page(models.listed(), max_results, page_token)
        return _with_token({"registered_models": [_model(model) for model in shown]}, token)

    @routes.post("/registered-models/set-tag")
    def set_registered_model_tag(body: Json) -> Json:
        """Set a tag of a registered model."""
        models.set_tag(_name(body), str(body.get("key", "")), str(body.get("value", "")))
        return {}

    @routes.delete("/registered-models/delete-tag")
    def delete_registered_model_tag(body: Json) -> Json:
        """Delete a tag of a registered model."""
        models.delete_tag(_name(body), str(body.get("key", "")))
        return {}


def _route_aliases(routes: APIRouter, models: Models) -> None:
    @routes.post("/registered-models/alias")
    def set_registered_model_alias(body: Json) -> Json:
        """Point an alias at a version."""
        models.set_alias(_name(body), str(body.get("alias", "")), _version_of(body))
        return {}

    @routes.delete("/registered-models/alias")
    def delete_registered_model_alias(body: Json) -> Json:
        """Delete an alias."""
        models.delete_alias(_name(body), str(body.get("alias", "")))
        return {}

    @routes.get("/registered-models/alias")
    def get_model_version_by_alias(name: str, alias: str) -> Json:
        """Return the version that an alias points at."""
        return {"model_version": _version(models, models.by_alias(name, alias))}


def _route_versions(routes: APIRouter, models: Models) -> None:
    @routes.post("/model-versions/create")
    def create_model_version(body: Json) -> Json:
        """Create the next version of a model; its files follow, then `finalize`."""
        version = models.create_version(
            _name(body),
            source=str(body.get("source", "")),
            run_id=str(body.get("run_id", "")),
            run_workspace_id=str(body.get("run_tracking_server_id", "")),
            model_id=str(body.get("model_id", "")),
            description=body.get("description"),
            tags=_tags(body),
        )
        return {"model_version": _version(models, version)}

    @routes.patch("/model-versions/update")
    def update_model_version(body: Json) -> Json:
        """Change the description of a version."""
        changes = {"description": body["description"]} if "description" in body else {}
        return {
            "model_version": _version(models, models.update_version(_name(body), _version_of(body), changes))
        }

    @routes.delete("/model-versions/delete")
    def delete_model_version(body: Json) -> Json:
        """Delete a version with its files and aliases."""
        models.delete_version(_name(body), _version_of(body))
        return {}

    @routes.get("/model-versions/get")
    def get_model_version(name: str, version: str) -> Json:
        """Return a version with its status, aliases and tags."""
        return {"model_version": _version(models, models.version(name, version))}

    @routes.get("/model-versions/search")
    def search_model_versions(
        filter: str = "",  # noqa: A002 - the parameter's name in the API
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> Json:
        """Return versions, newest first, in pages; `filter` compares name, run_id and source_path by `=`."""
        found = _searched(models, filter)
        shown, token = page(found, max_results, page_token, default_size=_DEFAULT_SIZE)
        return _with_token({"model_versions": [_version(models, version) for version in shown]}, token)

    @routes.post("/model-versions/set-tag")
    def set_model_version_tag(body: Json) -> Json:
        """Set a tag of a version."""
        key, value = str(body.get("key", "")), str(body.get("value", ""))
        models.set_version_tag(_name(body), _version_of(body), key, value)
        return {}

    @routes.delete("/model-versions/delete-tag")
    def delete_model_version_tag(body: Json) -> Json:
        """Delete a tag of a version."""
        models.delete_version_tag(_name(body), _version_of(body), str(body.get("key", "")))
        return {}


def _route_version_files(routes: APIRouter, models: Models) -> None:
    @routes.get("/registered-models:is-databricks-sdk-models-artifact-repository-enabled")
    def is_databricks_sdk_models_artifact_repository_enabled() -> Json:
        """Say that files of versions are written and read through the Files API."""
        return {"is_databricks_sdk_models_artifact_repository_enabled": True}

    @routes.post("/model-versions/finalize")
    def finalize_model_version(body: Json) -> Json:
        """Make a version READY once its files are there, with a signature."""
        return {"model_version": _version(models, models.finalize(_name(body), _version_of(body)))}

    @routes.get("/model-versions/get-download-uri")
    def get_model_version_download_uri(name: str, version: str) -> Json:
        """Return where the files of a version are stored."""
        return {"artifact_uri": models.version(name, version).storage_location}

    @routes.post("/model-versions/emit-lineage")
    def emit_model_version_lineage(body: Json) -> Json:
        """Accept who reads a version; not kept, because a local workspace has no lineage."""
        models.version(_name(body), _version_of(body))
        return {}

    @routes.post("/model-versions/generate-temporary-credentials")
    def generate_temporary_credentials(body: Json) -> Json:  # noqa: ARG001 - refused whatever it says
        """Refuse: there is no cloud storage; files go through the Files API."""
        raise Unavailable(
            "A local workspace has no cloud storage to give credentials for. Files of a model version are "
            "written and read through the Files API: unset "
            "MLFLOW_USE_DATABRICKS_SDK_MODEL_ARTIFACTS_REPO_FOR_UC or set it to true."
        )


def _searched(models: Models, text: str) -> list[ModelVersion]:
    conditions = _conditions(text)
    if "name" in conditions:
        name = conditions["name"].lower()
        known = any(model.name == name for model in models.listed())
        found = models.versions(name) if known else []
    else:
        found = models.all_versions()
    wanted_run, wanted_source = conditions.get("run_id"), conditions.get("source_path")
    return [
        version
        for version in found
        if wanted_run in (None, version.run_id) and wanted_source in (None, version.source)
    ]


def _conditions(text: str) -> dict[str, str]:
    conditions: dict[str, str] = {}
    for part in (
        re.split(r"\bAND\b(?=(?:[^']*'[^']*')*[^']*$)", text, flags=re.IGNORECASE) if text.strip() else []
    ):
        match = _CONDITION.fullmatch(part)
        if match is None:
            raise InvalidParameterValue(
                f"filter: found {text!r}, expected `name = '...'`, `run_id = '...'` or "
                "`source_path = '...'`, joined by AND."
            )
        conditions[match[1]] = match[2][1:-1]
    return conditions


def _name(body: Json) -> str:
    name = body.get("name")
    if not isinstance(name, str) or not name:
        raise InvalidParameterValue(f"name: found {name!r}, expected the full name of a registered model.")
    return name


def _version_of(body: Json) -> str:
    version = str(body.get("version", ""))
    if not version:
        raise InvalidParameterValue("version: expected the number of a version.")
    return version


def _tags(body: Json) -> dict[str, str]:
    return {str(tag["key"]): str(tag.get("value", "")) for tag in body.get("tags") or []}


def _refuse_deployment_job(body: Json) -> None:
    if body.get("deployment_job_id"):
        raise Unavailable(
            "Deployment jobs are not available in a local workspace; leave deployment_job_id out."
        )


def _with_token(body: Json, token: str | None) -> Json:
    return body | {"next_page_token": token} if token else body


def _shown_tags(tags: dict[str, str]) -> list[Json]:
    return [{"key": key, "value": value} for key, value in sorted(tags.items())]


def _model(model: RegisteredModel) -> Json:
    return {
        "name": model.name,
        "description": model.description or "",
        "user_id": model.owner,
        "creation_timestamp": model.created_at,
        "last_updated_timestamp": model.updated_at,
        "aliases": [{"alias": name, "version": number} for name, number in sorted(model.aliases.items())],
        "tags": _shown_tags(model.tags),
    }


def _version(models: Models, version: ModelVersion) -> Json:
    return {
        "name": version.name,
        "version": version.version,
        "description": version.description or "",
        "user_id": version.created_by,
        "creation_timestamp": version.created_at,
        "last_updated_timestamp": version.updated_at,
        "source": version.source,
        "run_id": version.run_id,
        "run_tracking_server_id": version.run_workspace_id,
        "model_id": version.model_id,
        "status": version.status,
        "status_message": version.status_message,
        "storage_location": version.storage_location,
        "aliases": [{"alias": alias, "version": version.version} for alias in models.aliases_of(version)],
        "tags": _shown_tags(version.tags),
    }
