"""Serving endpoints: brought to the wanted state, waited for, asked."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from databricks.sdk.errors import NotFound, ResourceAlreadyExists, ResourceConflict
from databricks.sdk.service.serving import AiGatewayConfig, EndpointTag

from databricks_monitoring import clients
from databricks_monitoring.config import InferenceTableConfig, ServingConfig
from databricks_monitoring.errors import (
    EndpointNotFoundError,
    EndpointTimeoutError,
    InvalidValueError,
    InvocationError,
    ServedEntityNotFoundError,
)
from databricks_monitoring.names import SchemaName, TableName
from databricks_monitoring.parsing import parse
from databricks_monitoring.serving import permissions as endpoint_permissions
from databricks_monitoring.serving import readiness, shares
from databricks_monitoring.serving.endpoint_config import (
    PayloadLog,
    core_config,
    entity_name,
    payload_log,
    serves,
    with_log,
)
from databricks_monitoring.serving.invocation import ask
from databricks_monitoring.serving.model_version import ModelVersion, resolve
from databricks_monitoring.serving.payload import request_body
from databricks_monitoring.serving.permissions import EndpointPermission, parse_permissions
from databricks_monitoring.unity_catalog import require_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from databricks.sdk import WorkspaceClient
    from databricks.sdk.service.serving import EndpointCoreConfigInput, ServingEndpointDetailed

logger = logging.getLogger(__name__)

ALIAS_TAG = "model_alias"
"""Tag with the alias that the served version was asked for by."""

VERSION_TAG = "model_version"
"""Tag with the version that was asked for, or that the alias named at the time."""

_CHANGE_SECONDS = 2400.0
_SECONDS_BETWEEN_TRIES = 1.0
_PAGES = "ml/endpoints"


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
        self._wanted: dict[str, frozenset[readiness.ModelAndVersion]] = {}

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
        permissions: Sequence[Mapping[str, object]] | None = None,
    ) -> str:
        """Make an endpoint serve a model version, and return its name; creates or updates it.

        Configuration, inference table, tags and permissions each change by a request of their own, and only
        where they differ; the same call again sends no change. Returns once the change is accepted, which a
        change that is under way delays; see `wait_for_endpoint_ready`.

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
            Added to the endpoint's tags, beside `model_version` and, for an alias, `model_alias`.
        environment_vars : mapping, optional
            Environment of the model; a secret as `{{secrets/scope/key}}`, which is passed on as it is.
        served_entities : sequence of mapping, optional
            Several versions with traffic between them, which adds up to 100; keys of `ServedEntity`.
        permissions : sequence of mapping, optional
            Granted beside those there are: `permission_level` (`CAN_VIEW`, `CAN_QUERY`, `CAN_MANAGE`) and one
            of `user_name`, `group_name`, `service_principal_name`.

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
            permissions=parse_permissions(permissions or (), "permissions"),
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
        permissions: Sequence[EndpointPermission] = (),
    ) -> list[ModelVersion]:
        """Make an endpoint what `config` says and return the versions it is to serve.

        The typed form of `create_endpoint`, which see.
        """
        served = self._named(config, model, version)
        log = None if inference_table is None else self._wanted_log(inference_table, model)
        wanted = core_config(config, served)
        all_tags = {**_version_tags([found for _, found in served]), **(tags or {})}
        endpoint = self.find(config.endpoint_name)
        if endpoint is None and not self._create(wanted, log, all_tags):
            endpoint = self.get(config.endpoint_name)
        if endpoint is not None:
            self._update(endpoint, wanted, log, all_tags, timeout=config.timeout_seconds)
        if permissions:
            identifier = self.get(config.endpoint_name).id or ""
            endpoint_permissions.grant(self.client, identifier, permissions)
        self._wanted[config.endpoint_name] = readiness.versions_of(wanted)
        return [found for _, found in served]

    def set_traffic(self, endpoint_name: str, percentages: Mapping[str, int]) -> None:
        """Divide an endpoint's traffic between its served entities; sends nothing if it is so divided.

        Parameters
        ----------
        percentages : mapping of str to int
            Share of each served entity by name, 100 together; one that is not named gets none.

        Raises
        ------
        ServedEntityNotFoundError
            Naming the served entities there are.
        """
        config = shares.active_config(self._settled(endpoint_name))
        self._change(endpoint_name, shares.with_shares(config, percentages))

    def add_challenger(
        self,
        endpoint_name: str,
        model_version: str | int,
        traffic_percentage: int,
        *,
        name: str = "challenger",
    ) -> str:
        """Serve another version of an endpoint's model beside the one it serves, and return which.

        The challenger takes its share of the traffic from the champion, whose compute and environment it has.
        Called again, it changes version or share.

        Parameters
        ----------
        model_version : str or int
            A version or an alias, which is resolved now.
        traffic_percentage : int
            The challenger's share, 0 to 100.
        """
        config = shares.active_config(self._settled(endpoint_name))
        models = {entity.entity_name or "" for entity in config.served_entities or []}
        if len(models) != 1:
            raise InvalidValueError(f"endpoint {endpoint_name}", sorted(models), "one model to challenge")
        found = resolve(self.client, TableName.parse(models.pop()), str(model_version))
        self._change(endpoint_name, shares.with_challenger(config, name, found.version, traffic_percentage))
        return found.version

    def promote(self, endpoint_name: str, served_entity: str = "challenger") -> str:
        """Give one served entity all traffic, take the others away, and return its version."""
        config = shares.with_only(shares.active_config(self._settled(endpoint_name)), served_entity)
        self._change(endpoint_name, config)
        [kept] = config.served_entities or []
        return str(kept.entity_version)

    def redeploy(self, endpoint_name: str) -> None:
        """Deploy what an endpoint serves once more, so that its models start with secrets as they are now."""
        config = shares.active_config(self._settled(endpoint_name))
        self._send(endpoint_name, config, timeout=_CHANGE_SECONDS, again=True)
        self._wanted[endpoint_name] = readiness.versions_of(config)

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
        """Return the endpoint once it answers, is not changing, and serves the wanted version.

        Parameters
        ----------
        timeout : float
            Seconds. A first deployment on Databricks can take more than half an hour.
        model_version : str or int, optional
            The version to wait for; else what this object asked for last, if it did.

        Raises
        ------
        DeploymentFailedError
            With the deployment's own message, and where its logs are.
        EndpointTimeoutError
            Saying how the endpoint stood.
        EndpointNotFoundError
            Naming the endpoints that exist.
        """
        version = None if model_version is None else str(model_version)
        wanted = self._wanted.get(endpoint_name, frozenset()) if version is None else frozenset()
        listed = version or ", ".join(sorted(number for _, number in wanted))
        words = f"ready with version {listed}" if listed else "ready"
        endpoint = readiness.wait(
            lambda: self.get(endpoint_name),
            lambda found: readiness.has_failed(found) or readiness.is_ready(found, version, wanted),
            timeout=timeout,
            wanted=words,
            progress=self._progress,
        )
        self._wanted.pop(endpoint_name, None)
        if readiness.has_failed(endpoint):
            host = (self.client.config.host or "").rstrip("/")
            raise readiness.failure(endpoint, f"{host}/{_PAGES}/{endpoint_name}")
        return endpoint

    def read_logs(self, endpoint_name: str, served_entity: str | None = None) -> dict[str, str]:
        """Return the logs of served entities by name: how the deployment went, then what the model printed.

        Parameters
        ----------
        served_entity : str, optional
            This one alone; else all of the configuration that serves and of the one being deployed.

        Raises
        ------
        ServedEntityNotFoundError
            Naming the served entities there are.
        """
        endpoint = self.get(endpoint_name)
        names = [entity.name or "" for entity in readiness.served_entities(endpoint)]
        if served_entity is not None and served_entity not in names:
            raise ServedEntityNotFoundError(served_entity, names, where=f"endpoint {endpoint_name}")
        api = self.client.serving_endpoints
        return {
            name: f"{api.build_logs(endpoint_name, name).logs}\n{api.logs(endpoint_name, name).logs}".strip()
            for name in names
            if served_entity in (None, name)
        }

    def invoke_endpoint(
        self,
        endpoint_name: str,
        payload: object,
        client_request_id: str | None = None,
        params: Mapping[str, object] | None = None,
        *,
        served_entity: str | None = None,
        timeout: float | None = None,
    ) -> dict[str, Any]:
        """Return an endpoint's answer, `{"predictions": ...}`.

        Parameters
        ----------
        payload : mapping, DataFrame or list of mapping
            Exactly one of `dataframe_split`, `dataframe_records`, `instances` and `inputs`; or rows, which
            are sent as the first or the second.
        client_request_id : str, optional
            Kept with the request in the payload table; labels can be joined on it.
        params : mapping, optional
            Parameters of the model's signature.
        served_entity : str, optional
            Ask this one, whatever the traffic says.
        timeout : float, optional
            Seconds for the answer. Without it the client's own hold: it gives one request 60 seconds and
            repeats it, also after 429 and 503, for 300.

        Raises
        ------
        EndpointNotFoundError
            Naming the endpoints that exist.
        InvocationError
            With the status and the body, if the endpoint answered with an error.
        EndpointTimeoutError
            If it did not answer in time.
        ConfigError
            If the payload is not a request.
        """
        body = request_body(payload, client_request_id=client_request_id, params=params)
        try:
            return ask(self.client, endpoint_name, body, served_entity=served_entity, timeout=timeout)
        except InvocationError as error:
            if isinstance(error.__cause__, NotFound):
                self.get(endpoint_name)
            raise

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
        self._wanted.pop(endpoint_name, None)
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
        body = {
            "permission_level": permission_level,
            "user_name": user_name,
            "group_name": group_name,
            "service_principal_name": service_principal_name,
        }
        wanted = parse(EndpointPermission, body, "grant_permission")
        endpoint_permissions.grant(self.client, self.get(endpoint_name).id or "", [wanted])

    def get_permissions(self, endpoint_name: str) -> list[dict[str, str]]:
        """Return what was granted on an endpoint, in the form in which `set_permissions` takes it."""
        found = endpoint_permissions.current(self.client, self.get(endpoint_name).id or "")
        return [permission.model_dump(exclude_none=True) for permission in found]

    def set_permissions(self, endpoint_name: str, permissions: Sequence[Mapping[str, object]]) -> None:
        """Replace what was granted on an endpoint.

        Parameters
        ----------
        permissions : sequence of mapping
            `permission_level` and one of `user_name`, `group_name`, `service_principal_name` each.
        """
        wanted = parse_permissions(permissions, "permissions")
        endpoint_permissions.replace(self.client, self.get(endpoint_name).id or "", wanted)

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
    ) -> bool:
        """Create an endpoint, unless somebody else did so meanwhile."""
        gateway = AiGatewayConfig(inference_table_config=log.as_config()) if log and log.enabled else None
        try:
            self.client.serving_endpoints.create(
                wanted.name,
                config=wanted,
                ai_gateway=gateway,
                tags=[EndpointTag(key=key, value=value) for key, value in tags.items()] or None,
            )
        except ResourceAlreadyExists:
            return False
        logger.info("created endpoint %s", wanted.name)
        return True

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
        if serves(endpoint, wanted) and not readiness.has_failed(endpoint):
            logger.info("endpoint %s serves what is wanted", name)
        else:
            self._send(name, wanted, timeout=timeout)
        # After the configuration: if that is refused, the tags still say what is served.
        self._set_tags(endpoint, tags)

    def _set_tags(self, endpoint: ServingEndpointDetailed, tags: Mapping[str, str]) -> None:
        existing = {tag.key: tag.value for tag in endpoint.tags or []}
        new = [EndpointTag(key=key, value=value) for key, value in tags.items() if existing.get(key) != value]
        # An alias that no longer says what is served would mislead.
        old = [ALIAS_TAG] if ALIAS_TAG in existing and ALIAS_TAG not in tags else []
        if new or old:
            self.client.serving_endpoints.patch(
                endpoint.name or "", add_tags=new or None, delete_tags=old or None
            )

    def _change(self, name: str, wanted: EndpointCoreConfigInput) -> None:
        """Bring an endpoint from what it serves to a variation of it."""
        endpoint = self.get(name)
        if not serves(endpoint, wanted) or readiness.has_failed(endpoint):
            self._send(name, wanted, timeout=_CHANGE_SECONDS)
        versions = [str(entity.entity_version) for entity in wanted.served_entities or []]
        self._set_tags(endpoint, {VERSION_TAG: ",".join(versions)})
        self._wanted[name] = readiness.versions_of(wanted)

    def _send(
        self, name: str, wanted: EndpointCoreConfigInput, *, timeout: float, again: bool = False
    ) -> None:
        """Ask for a configuration, once no other change is under way.

        Parameters
        ----------
        again : bool
            Whether to ask for it even if that other change has brought it.
        """
        deadline = time.monotonic() + timeout
        while True:
            settled = self._settled(name, timeout=deadline - time.monotonic())
            if not again and serves(settled, wanted) and not readiness.has_failed(settled):
                return
            try:
                self.client.serving_endpoints.update_config(
                    name, served_entities=wanted.served_entities, traffic_config=wanted.traffic_config
                )
            except ResourceConflict as error:
                # Somebody else was faster, or the service does not show yet that it is at work.
                if time.monotonic() > deadline:
                    raise EndpointTimeoutError(
                        f"Endpoint {name!r} takes no other change for {timeout:.0f} s: {error}"
                    ) from error
                time.sleep(_SECONDS_BETWEEN_TRIES)
            else:
                logger.info("updated endpoint %s", name)
                return

    def _settled(self, name: str, timeout: float = _CHANGE_SECONDS) -> ServingEndpointDetailed:
        """Return an endpoint once no change of its configuration is under way."""
        return readiness.wait(
            lambda: self.get(name),
            readiness.is_settled,
            timeout=timeout,
            wanted="done with its last change",
            progress=self._progress,
        )

    def _set_log(self, endpoint: ServingEndpointDetailed, wanted: PayloadLog) -> None:
        current = payload_log(endpoint)
        if current == wanted or (current is None and not wanted.enabled):
            return
        if current and current.enabled and wanted.enabled:
            # The place can only be changed while logging is off.
            self._put_log(endpoint, PayloadLog(current.schema, current.prefix, enabled=False))
        self._put_log(endpoint, wanted)

    def _put_log(self, endpoint: ServingEndpointDetailed, log: PayloadLog) -> None:
        gateway = with_log(endpoint.ai_gateway, log)
        self.client.serving_endpoints.put_ai_gateway(
            endpoint.name or "",
            fallback_config=gateway.fallback_config,
            guardrails=gateway.guardrails,
            inference_table_config=gateway.inference_table_config,
            rate_limits=gateway.rate_limits,
            usage_tracking_config=gateway.usage_tracking_config,
        )
        logger.info(
            "%s payload logging of %s to %s",
            "enabled" if log.enabled else "disabled",
            endpoint.name,
            log.table,
        )


def _version_tags(served: Sequence[ModelVersion]) -> dict[str, str]:
    """Return the tags that say what an endpoint was asked to serve."""
    tags = {VERSION_TAG: ",".join(found.version for found in served)}
    aliases = [found.alias for found in served if found.alias]
    return tags | ({ALIAS_TAG: ",".join(aliases)} if aliases else {})
