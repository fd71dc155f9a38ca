"""Serving endpoints: brought to the wanted state, waited for, asked."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast

from databricks.sdk.errors import NotFound
from databricks.sdk.service.serving import (
    AiGatewayConfig,
    EndpointTag,
    ServingEndpointAccessControlRequest,
    ServingEndpointPermissionLevel,
)

from databricks_monitoring import clients
from databricks_monitoring.config import InferenceTableConfig, ServingConfig
from databricks_monitoring.errors import EndpointNotFoundError, InvalidValueError
from databricks_monitoring.names import SchemaName, TableName
from databricks_monitoring.parsing import parse
from databricks_monitoring.serving import readiness
from databricks_monitoring.serving.endpoint_config import (
    PayloadLog,
    core_config,
    entity_name,
    payload_log,
    serves,
)
from databricks_monitoring.serving.model_version import ModelVersion, resolve
from databricks_monitoring.serving.payload import request_body
from databricks_monitoring.unity_catalog import require_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from databricks.sdk import WorkspaceClient
    from databricks.sdk.service.serving import EndpointCoreConfigInput, ServingEndpointDetailed

logger = logging.getLogger(__name__)

ALIAS_TAG = "model_alias"


class ServingSetup:
    """Serving endpoints of one workspace.

    Parameters
    ----------
    client : WorkspaceClient, optional
        The workspace; else the one that the environment names.
    progress : callable, optional
        Told in words how waiting goes.
    """

    def __init__(
        self, client: WorkspaceClient | None = None, *, progress: Callable[[str], None] | None = None
    ) -> None:
        self.client = client or clients.connect()
        self._progress = progress

    def create_endpoint(  # noqa: PLR0917 - the documented signature
        self,
        endpoint_name: str,
        model_name: str,
        model_version: str | int | None = None,
        workload_size: str = "Small",
        scale_to_zero: bool = True,  # noqa: FBT001, FBT002 - a documented argument
        inference_table_config: Mapping[str, object] | None = None,
        tags: Mapping[str, str] | None = None,
        environment_vars: Mapping[str, str] | None = None,
        *,
        workload_type: str = "CPU",
        served_entities: Sequence[Mapping[str, object]] | None = None,
    ) -> str:
        """Make an endpoint serve a model version, and return its name; creates or updates it.

        Sends nothing where nothing differs. Returns at once; see `wait_for_endpoint_ready`.

        Parameters
        ----------
        model_name : str
            Full name of the registered model.
        model_version : str or int, optional
            A version or an alias, which is resolved now: moving it later changes nothing until the next call.
            Left out with `served_entities`.
        inference_table_config : mapping, optional
            Keys of `InferenceTableConfig`; requests are logged to `<table_name>_payload`.
        tags : mapping, optional
            Added to the endpoint's tags.
        served_entities : sequence of mapping, optional
            Several versions with traffic between them; keys of `ServedEntity`.

        Raises
        ------
        ModelNotFoundError, ModelVersionNotFoundError, AliasNotFoundError
            Before anything is created, naming what exists.
        ConfigError
            If an argument is wrong.
        """
        body: dict[str, object] = {
            "endpoint_name": endpoint_name,
            "workload_size": workload_size,
            "workload_type": workload_type,
            "scale_to_zero": scale_to_zero,
            "environment_vars": dict(environment_vars or {}),
            "served_entities": list(served_entities or []),
        }
        table = None
        if inference_table_config is not None:
            table = parse(InferenceTableConfig, inference_table_config, "inference_table_config")
        self.deploy(
            parse(ServingConfig, body, "create_endpoint"),
            TableName.parse(model_name),
            None if model_version is None else str(model_version),
            inference_table=table,
            tags=dict(tags or {}),
        )
        return endpoint_name

    def deploy(
        self,
        config: ServingConfig,
        model: TableName,
        version: str | None,
        *,
        inference_table: InferenceTableConfig | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> list[ModelVersion]:
        """Make an endpoint what `config` says and return the versions it is to serve.

        The typed form of `create_endpoint`, which see.
        """
        served = self._named(config, model, version)
        log = None if inference_table is None else self._wanted_log(inference_table, model)
        wanted = core_config(config, served)
        all_tags = dict(tags or {})
        aliases = [found.alias for _, found in served if found.alias]
        if aliases:
            all_tags.setdefault(ALIAS_TAG, ",".join(aliases))
        endpoint = self.find(config.endpoint_name)
        if endpoint is None:
            self._create(wanted, log, all_tags)
        else:
            self._update(endpoint, wanted, log, all_tags, timeout=config.timeout_seconds)
        return [found for _, found in served]

    def resolve(self, config: ServingConfig, model: TableName, version: str | None) -> list[ModelVersion]:
        """Return the versions that `deploy` would serve with the same arguments.

        Raises
        ------
        ModelNotFoundError, ModelVersionNotFoundError, AliasNotFoundError
            Naming what exists.
        """
        return [found for _, found in self._named(config, model, version)]

    def wait_for_endpoint_ready(
        self, endpoint_name: str, timeout: float = 600, model_version: str | int | None = None
    ) -> ServingEndpointDetailed:
        """Return the endpoint once it answers, is not changing, and serves the version, if one is given.

        Parameters
        ----------
        timeout : float
            Seconds. A first deployment on Databricks can take more than half an hour.

        Raises
        ------
        DeploymentFailedError
            With the deployment's own message.
        EndpointTimeoutError
            Saying how the endpoint stood.
        EndpointNotFoundError
            Naming the endpoints that exist.
        """
        version = None if model_version is None else str(model_version)
        words = "ready" if version is None else f"ready with version {version}"
        endpoint = readiness.wait(
            lambda: self.get(endpoint_name),
            lambda found: readiness.has_failed(found) or readiness.is_ready(found, version),
            timeout=timeout,
            wanted=words,
            progress=self._progress,
        )
        if readiness.has_failed(endpoint):
            raise readiness.failure(endpoint)
        return endpoint

    def invoke_endpoint(
        self,
        endpoint_name: str,
        payload: Mapping[str, object],
        client_request_id: str | None = None,
        params: Mapping[str, object] | None = None,
        *,
        served_entity: str | None = None,
    ) -> dict[str, Any]:
        """Return an endpoint's answer, `{"predictions": ...}`.

        Parameters
        ----------
        payload : mapping
            Exactly one of `dataframe_split`, `dataframe_records`, `instances` and `inputs`.
        client_request_id : str, optional
            Kept with the request in the payload table; labels can be joined on it.
        params : mapping, optional
            Parameters of the model's signature.
        served_entity : str, optional
            Ask this one, whatever the traffic says.

        Raises
        ------
        EndpointNotFoundError
            Naming the endpoints that exist.
        ConfigError
            If the payload is not a request.
        """
        body = request_body(payload, client_request_id=client_request_id, params=params)
        entity = f"/served-models/{served_entity}" if served_entity else ""
        try:
            answer = self.client.api_client.do(
                "POST", f"/serving-endpoints/{endpoint_name}{entity}/invocations", body=body
            )
        except NotFound:
            self.get(endpoint_name)
            raise
        return cast("dict[str, Any]", answer)

    def enable_inference_table(self, endpoint_name: str, catalog: str, schema: str, table_name: str) -> str:
        """Log an endpoint's requests from now on, and return the payload table's full name.

        Works on a live endpoint. Rate limits and usage tracking stay as they are.
        """
        log = PayloadLog(SchemaName(catalog, schema), table_name, enabled=True)
        self._require_schema(log.schema)
        self._set_log(self.get(endpoint_name), log)
        return str(log.table)

    def disable_inference_table(self, endpoint_name: str) -> None:
        """Stop logging an endpoint's requests; the table stays. It can be enabled again."""
        endpoint = self.get(endpoint_name)
        log = payload_log(endpoint)
        if log is not None:
            self._set_log(endpoint, PayloadLog(log.schema, log.prefix, enabled=False))

    def delete_endpoint(self, endpoint_name: str) -> bool:
        """Delete an endpoint, for good; say whether it existed. Its payload table stays."""
        try:
            self.client.serving_endpoints.delete(endpoint_name)
        except NotFound:
            return False
        return True

    def grant_permission(
        self,
        endpoint_name: str,
        permission_level: str,
        *,
        user_name: str | None = None,
        group_name: str | None = None,
        service_principal_name: str | None = None,
    ) -> None:
        """Give one user, group or service principal a permission on an endpoint; others keep theirs.

        Parameters
        ----------
        permission_level : str
            `CAN_VIEW`, `CAN_QUERY` or `CAN_MANAGE`.
        """
        levels = [level.value for level in ServingEndpointPermissionLevel]
        if permission_level not in levels:
            raise InvalidValueError("permission_level", permission_level, "one of " + ", ".join(levels))
        if sum(name is not None for name in (user_name, group_name, service_principal_name)) != 1:
            raise InvalidValueError(
                "grant_permission",
                [user_name, group_name, service_principal_name],
                "exactly one of user_name, group_name and service_principal_name",
            )
        endpoint = self.get(endpoint_name)
        request = ServingEndpointAccessControlRequest(
            group_name=group_name,
            permission_level=ServingEndpointPermissionLevel(permission_level),
            service_principal_name=service_principal_name,
            user_name=user_name,
        )
        # Permissions go by the endpoint's id, everything else by its name.
        self.client.serving_endpoints.update_permissions(endpoint.id or "", access_control_list=[request])

    def find(self, endpoint_name: str) -> ServingEndpointDetailed | None:
        """Return an endpoint, or None."""
        try:
            return self.client.serving_endpoints.get(endpoint_name)
        except NotFound:
            return None

    def get(self, endpoint_name: str) -> ServingEndpointDetailed:
        """Return an endpoint.

        Raises
        ------
        EndpointNotFoundError
            Naming the endpoints that exist.
        """
        found = self.find(endpoint_name)
        if found is None:
            existing = [item.name or "" for item in self.client.serving_endpoints.list()]
            raise EndpointNotFoundError(endpoint_name, existing)
        return found

    def _named(
        self, config: ServingConfig, model: TableName, version: str | None
    ) -> list[tuple[str, ModelVersion]]:
        if not config.served_entities:
            if version is None:
                raise InvalidValueError("model_version", None, "a version, an alias, or served_entities")
            found = resolve(self.client, model, version)
            return [(entity_name(found), found)]
        if version is not None:
            raise InvalidValueError(
                "model_version", version, "nothing, since served_entities name their versions"
            )
        return [
            (
                entity.name,
                resolve(
                    self.client,
                    TableName.parse(entity.model_name, within=model.parent) if entity.model_name else model,
                    entity.model_version or entity.alias or "",
                ),
            )
            for entity in config.served_entities
        ]

    def _wanted_log(self, config: InferenceTableConfig, model: TableName) -> PayloadLog:
        schema = SchemaName(config.catalog or model.catalog, config.schema_name or model.schema)
        if config.enabled:
            self._require_schema(schema)
        return PayloadLog(schema, config.name, enabled=config.enabled)

    def _require_schema(self, schema: SchemaName) -> None:
        require_schema(self.client, schema)

    def _create(
        self, wanted: EndpointCoreConfigInput, log: PayloadLog | None, tags: Mapping[str, str]
    ) -> None:
        gateway = AiGatewayConfig(inference_table_config=log.as_config()) if log and log.enabled else None
        self.client.serving_endpoints.create(
            wanted.name,
            config=wanted,
            ai_gateway=gateway,
            tags=[EndpointTag(key=key, value=value) for key, value in tags.items()] or None,
        )
        logger.info("created endpoint %s", wanted.name)

    def _update(
        self,
        endpoint: ServingEndpointDetailed,
        wanted: EndpointCoreConfigInput,
        log: PayloadLog | None,
        tags: Mapping[str, str],
        *,
        timeout: float,
    ) -> None:
        name = endpoint.name or wanted.name
        if log is not None:
            self._set_log(endpoint, log)
        existing = {tag.key: tag.value for tag in endpoint.tags or []}
        new = [EndpointTag(key=key, value=value) for key, value in tags.items() if existing.get(key) != value]
        # An alias that no longer says what is served would mislead.
        old = [ALIAS_TAG] if ALIAS_TAG in existing and ALIAS_TAG not in tags else []
        if new or old:
            self.client.serving_endpoints.patch(name, add_tags=new or None, delete_tags=old or None)
        if serves(endpoint, wanted) and not readiness.has_failed(endpoint):
            logger.info("endpoint %s is as wanted", name)
            return
        # A change is refused while another is under way.
        settled = readiness.wait(
            lambda: self.get(name),
            readiness.is_settled,
            timeout=timeout,
            wanted="done with its last change",
            progress=self._progress,
        )
        if serves(settled, wanted) and not readiness.has_failed(settled):
            return
        self.client.serving_endpoints.update_config(
            name, served_entities=wanted.served_entities, traffic_config=wanted.traffic_config
        )
        logger.info("updated endpoint %s", name)

    def _set_log(self, endpoint: ServingEndpointDetailed, wanted: PayloadLog) -> None:
        current = payload_log(endpoint)
        if current == wanted or (current is None and not wanted.enabled):
            return
        if current and current.enabled and wanted.enabled:
            # The place can only be changed while logging is off.
            self._put_log(endpoint, PayloadLog(current.schema, current.prefix, enabled=False))
        self._put_log(endpoint, wanted)

    def _put_log(self, endpoint: ServingEndpointDetailed, log: PayloadLog) -> None:
        # PUT replaces the whole gateway: what is not repeated is lost.
        gateway = endpoint.ai_gateway or AiGatewayConfig()
        self.client.serving_endpoints.put_ai_gateway(
            endpoint.name or "",
            fallback_config=gateway.fallback_config,
            guardrails=gateway.guardrails,
            inference_table_config=log.as_config(),
            rate_limits=gateway.rate_limits,
            usage_tracking_config=gateway.usage_tracking_config,
        )
        logger.info(
            "%s payload logging of %s to %s",
            "enabled" if log.enabled else "disabled",
            endpoint.name,
            log.table,
        )
