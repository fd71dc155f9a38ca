"""Model versions as serving sees them: whether one exists, and what its signature says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml
from databricks.sdk.errors import BadRequest, InvalidParameterValue, ResourceDoesNotExist

from databricks_monitoring.errors import ModelNotFoundError, ModelVersionNotFoundError

if TYPE_CHECKING:
    from pathlib import Path

    from databricks_monitoring.local_workspace.catalog.tables import Tables
    from databricks_monitoring.local_workspace.storage import Store
    from databricks_monitoring.names import TableName

_MODEL, _VERSION = "registered_model", "model_version"
_JSON_TYPES: dict[str, dict[str, object]] = {
    "boolean": {"type": "boolean"},
    "integer": {"type": "integer", "format": "int32"},
    "long": {"type": "integer", "format": "int64"},
    "float": {"type": "number", "format": "float"},
    "double": {"type": "number", "format": "double"},
    "string": {"type": "string"},
    "binary": {"type": "string", "format": "byte"},
    "datetime": {"type": "string", "format": "date-time"},
}


class ServedModels:
    """The registered models of the workspace."""

    def __init__(self, store: Store, tables: Tables) -> None:
        self._store = store
        self._tables = tables

    def path(self, model: TableName, version: str) -> Path:
        """Return the folder of a model version."""
        return self._tables.model_path(model, int(version)).absolute()

    def servable_version(self, model: TableName, version: str) -> int:
        """Return the version's number if it can be served.

        Raises
        ------
        ResourceDoesNotExist
            If there is no such model or version; the message names those there are.
        InvalidParameterValue
            If an alias was given as the version.
        BadRequest
            If the version is not ready or has no signature.
        """
        versions = [key.rpartition("/")[2] for key, _ in self._store.list(_VERSION, f"{model}/")]
        if self._store.get(_MODEL, str(model)) is None and not versions:
            existing = [key for key, _ in self._store.list(_MODEL)]
            raise ResourceDoesNotExist(str(ModelNotFoundError(str(model), existing)))
        if not str(version).isdecimal():
            raise InvalidParameterValue(
                f"entity_version {version!r} of {model} is not a version number. An alias must be resolved "
                f"to a version first. Existing versions: {', '.join(sorted(versions, key=int)) or 'none'}."
            )
        found = self._store.get(_VERSION, f"{model}/{int(version)}")
        if found is None:
            missing = ModelVersionNotFoundError(str(version), versions, where=f"model {model}")
            raise ResourceDoesNotExist(str(missing))
        if found.get("status", "READY") != "READY":
            raise BadRequest(f"Version {version} of {model} is {found['status']}, expected READY.")
        if self.signature(model, version) is None:
            raise BadRequest(
                f"Version {version} of {model} has no signature. Log the model with a signature or an input "
                "example and register it again."
            )
        return int(version)

    def signature(self, model: TableName, version: str) -> dict[str, Any] | None:
        """Return the signature of a model version, or None if it was logged without.

        Raises
        ------
        ResourceDoesNotExist
            If the version has no model files.
        """
        path = self.path(model, version) / "MLmodel"
        if not path.is_file():
            raise ResourceDoesNotExist(f"Version {version} of {model} has no MLmodel file.")
        found = yaml.safe_load(path.read_text()).get("signature")
        return found if found and found.get("inputs") else None


def open_api(endpoint_name: str, url: str, signature: dict[str, Any]) -> dict[str, Any]:
    """Return the OpenAPI document of an endpoint whose model has this signature."""
    record = _record_schema(json.loads(signature["inputs"]))
    request = {
        "type": "object",
        "properties": {
            "dataframe_records": {"type": "array", "items": record},
            "dataframe_split": {
                "type": "object",
                "properties": {
                    "columns": {"type": "array", "items": {"type": "string"}},
                    "data": {"type": "array", "items": {"type": "array", "items": {}}},
                    "index": {"type": "array", "items": {"type": "integer"}},
                },
                "required": ["data"],
            },
            "instances": {},
            "inputs": {},
            "params": _params_schema(signature.get("params")),
            "client_request_id": {"type": "string"},
        },
    }
    answer = {"type": "object", "properties": {"predictions": _outputs_schema(signature.get("outputs"))}}
    return {
        "openapi": "3.1.0",
        "info": {"title": endpoint_name, "version": "1"},
        "servers": [{"url": f"{url}/serving-endpoints/{endpoint_name}"}],
        "paths": {
            "/invocations": {
                "post": {
                    "requestBody": {"content": {"application/json": {"schema": request}}},
                    "responses": {
                        "200": {
                            "description": "Predictions, one for each row.",
                            "content": {"application/json": {"schema": answer}},
                        }
                    },
                }
            }
        },
    }


def _column(spec: dict[str, Any]) -> dict[str, object]:
    kind = spec.get("type")
    if kind == "array":
        return {"type": "array", "items": _column(spec["items"])}
    if kind == "object":
        inner = {name: _column(one) for name, one in spec["properties"].items()}
        return {"type": "object", "properties": inner}
    if kind == "map":
        return {"type": "object", "additionalProperties": _column(spec["values"])}
    return dict(_JSON_TYPES.get(str(kind), {}))


def _record_schema(columns: list[dict[str, Any]]) -> dict[str, object]:
    named = [column for column in columns if "name" in column]
    return {
        "type": "object",
        "properties": {column["name"]: _column(column) for column in named},
        "required": [column["name"] for column in named if column.get("required", True)],
    }


def _outputs_schema(outputs: str | None) -> dict[str, object]:
    columns = json.loads(outputs) if outputs else []
    named = [column for column in columns if "name" in column]
    items = _record_schema(columns) if named else _column(columns[0]) if columns else {}
    return {"type": "array", "items": items}


def _params_schema(params: str | None) -> dict[str, object]:
    specs = json.loads(params) if params else []
    return {"type": "object", "properties": {spec["name"]: _column(spec) for spec in specs}}
