"""Registered models, their versions and aliases in one schema of Unity Catalog."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from databricks_monitoring.clients import connect
from databricks_monitoring.errors import (
    AliasNotFoundError,
    InvalidNameError,
    InvalidValueError,
    ModelNotFoundError,
    ModelVersionNotFoundError,
)
from databricks_monitoring.mlflow_client import point_mlflow_at
from databricks_monitoring.names import SchemaName, TableName
from databricks_monitoring.unity_catalog import require_schema

if TYPE_CHECKING:
    from collections.abc import Mapping

    from databricks.sdk import WorkspaceClient
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel
    from mlflow.pyfunc import PyFuncModel

_MISSING = ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND")
_RUN_URI = re.compile(r"runs:/(?P<run>[^/]+)/(?P<path>.+)")
_ALIAS = re.compile(r"[A-Za-z0-9_-]{1,255}")
_RESERVED_ALIAS = re.compile(r"latest|v\d+", re.IGNORECASE)


class ModelRegistry:
    """The models of one schema.

    Wherever a method takes a `model_name`, it may be one level (within the schema) or all three.

    Parameters
    ----------
    catalog, schema : str
        Where models are found.
    client : WorkspaceClient, optional
        The workspace; else the one the environment names.
    """

    def __init__(self, catalog: str, schema: str, *, client: WorkspaceClient | None = None) -> None:
        import mlflow  # noqa: PLC0415 - takes seconds

        self.schema = SchemaName.parse(schema, default_catalog=catalog)
        self.client = client or connect()
        point_mlflow_at(self.client)
        self._mlflow = mlflow.MlflowClient()

    def register_model(
        self,
        model_uri: str,
        model_name: str,
        tags: Mapping[str, str] | None = None,
        description: str | None = None,
    ) -> ModelVersion:
        """Make a logged model a version of a registered model; a model that is one already stays that one.

        Parameters
        ----------
        model_uri : str
            `models:/m-...` as in `ModelInfo.model_uri`, or `runs:/<run id>/<name>`. If the run logged one
            model only, any name finds it.
        model_name : str
            The registered model; created if it does not exist.
        tags : mapping, optional
            Tags of the version.
        description : str, optional
            Description of the version.

        Returns
        -------
        mlflow.entities.model_registry.ModelVersion
            READY.

        Raises
        ------
        SchemaNotFoundError
            If the schema does not exist.
        InvalidValueError
            If the run logged no such model.
        mlflow.exceptions.MlflowException
            If the model has no signature of inputs and outputs.
        """
        import mlflow  # noqa: PLC0415 - takes seconds

        full_name = self.full_name(model_name)
        require_schema(self.client, TableName.parse(full_name).parent)
        uri = self._logged_model_uri(model_uri)
        version = self._version_of_source(full_name, uri)
        if version is None:
            created = mlflow.register_model(uri, full_name, tags=dict(tags or {}) or None)
            version = str(created.version)
        else:
            for key, value in (tags or {}).items():
                self._mlflow.set_model_version_tag(full_name, version, key, value)
        if description is not None:
            self._mlflow.update_model_version(full_name, version, description)
        return self._mlflow.get_model_version(full_name, version)

    def set_model_alias(self, model_name: str, version: str | int, alias: str) -> None:
        """Point an alias at a version; an endpoint that serves another version keeps serving it.

        Raises
        ------
        InvalidValueError
            If the alias is not 1 to 255 letters, digits, `_` and `-`, or is `latest` or like `v1`.
        ModelNotFoundError, ModelVersionNotFoundError
            Naming what exists.
        """
        check_alias(alias)
        found = self._get_version(self.full_name(model_name), str(version))
        self._mlflow.set_registered_model_alias(found.name, alias, str(found.version))

    def load_model_for_inference(
        self, model_name: str, alias: str | None = None, version: str | int | None = None
    ) -> PyFuncModel:
        """Return a version, found by alias or number, with `predict`.

        Raises
        ------
        InvalidValueError
            Unless exactly one of `alias` and `version` is given.
        ModelNotFoundError, ModelVersionNotFoundError, AliasNotFoundError
            Naming what exists.
        """
        import mlflow  # noqa: PLC0415 - takes seconds

        if (alias is None) == (version is None):
            raise InvalidValueError(
                "load_model_for_inference",
                {"alias": alias, "version": version},
                "either an alias or a version",
            )
        found = (
            self.get_model_version_by_alias(model_name, alias)
            if alias is not None
            else self._get_version(self.full_name(model_name), str(version))
        )
        model: PyFuncModel = mlflow.pyfunc.load_model(f"models:/{found.name}/{found.version}")
        return model

    def get_model_version_by_alias(self, model_name: str, alias: str) -> ModelVersion:
        """Return the version that an alias points at.

        Raises
        ------
        ModelNotFoundError, AliasNotFoundError
            Naming what exists.
        """
        full_name = self.full_name(model_name)
        aliases = {name: str(version) for name, version in self._get_model(full_name).aliases.items()}
        if alias not in aliases:
            raise AliasNotFoundError(alias, aliases, where=f"registered model {full_name}")
        return self._get_version(full_name, aliases[alias])

    def list_model_versions(self, model_name: str) -> list[ModelVersion]:
        """Return the versions of a model with tags and aliases, newest first; one request per version.

        Raises
        ------
        ModelNotFoundError
            Naming what exists.
        """
        full_name = self.full_name(model_name)
        self._get_model(full_name)
        return [self._mlflow.get_model_version(full_name, number) for number in self._numbers(full_name)]

    def resolve(self, model_name: str, version_or_alias: str | int) -> str:
        """Return the number of a version that is named by number or alias, as text.

        Raises
        ------
        ModelNotFoundError, ModelVersionNotFoundError, AliasNotFoundError
            Naming what exists.
        """
        wanted = str(version_or_alias)
        if wanted.isdigit():
            return str(self._get_version(self.full_name(model_name), wanted).version)
        return str(self.get_model_version_by_alias(model_name, wanted).version)

    def full_name(self, model_name: str) -> str:
        """Return the name of a model with all three levels.

        Raises
        ------
        InvalidNameError
            If it has two levels, or more than three.
        """
        try:
            name = TableName.parse(model_name)
        except InvalidNameError:
            if "." in model_name or not model_name.strip():
                expected = f"expected a name within {self.schema}, or all of `catalog.schema.model`"
                raise InvalidNameError(model_name, expected) from None
            name = TableName.parse(model_name, within=self.schema)
        return str(name)

    def _get_model(self, full_name: str) -> RegisteredModel:
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 - takes seconds

        try:
            return self._mlflow.get_registered_model(full_name)
        except MlflowException as error:
            if error.error_code not in _MISSING:
                raise
            schema = TableName.parse(full_name).parent
            require_schema(self.client, schema)
            models = self.client.registered_models.list(
                catalog_name=schema.catalog, schema_name=schema.schema
            )
            existing = [model.full_name or "" for model in models]
            raise ModelNotFoundError(full_name, existing, where=f"schema {schema}") from error

    def _get_version(self, full_name: str, version: str) -> ModelVersion:
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 - takes seconds

        try:
            return self._mlflow.get_model_version(full_name, version)
        except MlflowException as error:
            if error.error_code not in _MISSING:
                raise
            self._get_model(full_name)
            where = f"registered model {full_name}"
            raise ModelVersionNotFoundError(version, self._numbers(full_name), where=where) from error

    def _numbers(self, full_name: str) -> list[str]:
        versions = self.client.model_versions.list(full_name)
        return [str(number) for number in sorted((int(item.version or 0) for item in versions), reverse=True)]

    def _logged_model_uri(self, model_uri: str) -> str:
        from mlflow.store.artifact.runs_artifact_repo import RunsArtifactRepository  # noqa: PLC0415 - takes seconds

        match = _RUN_URI.fullmatch(model_uri)
        if match is None:
            _require_model(model_uri)
            return model_uri
        run_id, path = match["run"], match["path"]
        if "{" in run_id:
            raise InvalidValueError("model_uri", model_uri, "the id of a run where the placeholder is")
        run = self._mlflow.get_run(run_id)
        outputs = run.outputs.model_outputs if run.outputs else []
        logged = [self._mlflow.get_logged_model(output.model_id) for output in outputs]
        named = [model for model in logged if model.name == path] or (logged if len(logged) == 1 else [])
        if named:
            return str(named[-1].model_uri)
        if self._mlflow.list_artifacts(run_id, path):
            # Logged by an MLflow before 3, which kept models among the run's artifacts.
            return RunsArtifactRepository.get_underlying_uri(model_uri)
        names = ", ".join(sorted({str(model.name) for model in logged})) or "it logged none"
        raise InvalidValueError("model_uri", model_uri, f"a model that run {run_id} logged: {names}")

    def _version_of_source(self, full_name: str, uri: str) -> str | None:
        found = self._mlflow.search_model_versions(f"name = '{full_name}'")
        same = [item for item in found if item.source == uri and item.status == "READY"]
        return max((str(item.version) for item in same), key=int, default=None)


def _require_model(uri: str) -> None:
    """Do nothing if a model is there; MLflow would create the registered model before it looks."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 - takes seconds
    from mlflow.models import get_model_info  # noqa: PLC0415

    try:
        get_model_info(uri)
    except (MlflowException, OSError) as error:
        raise InvalidValueError(
            "model_uri", uri, f"a logged model, `models:/m-...` or `runs:/<run id>/<name>` ({error})"
        ) from error


def check_alias(alias: str) -> None:
    """Do nothing if a version may have this alias.

    Raises
    ------
    InvalidValueError
        If it is not 1 to 255 letters, digits, `_` and `-`, or is reserved: `latest`, `v1`, `v2` ...
    """
    if not _ALIAS.fullmatch(alias) or _RESERVED_ALIAS.fullmatch(alias):
        raise InvalidValueError(
            "alias", alias, "1 to 255 letters, digits, _ and -, other than `latest` and `v<number>`"
        )
