"""Reads the config of a serving endpoint: what is wanted, checked against the rules and the registry."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from databricks.sdk.errors import BadRequest, InvalidParameterValue
from databricks.sdk.service.serving import ServedEntityInput, ServingModelWorkloadType

from databricks_monitoring.errors import InvalidNameError
from databricks_monitoring.local_workspace.endpoints.environment import check_variables
from databricks_monitoring.local_workspace.endpoints.record import (
    PLACES,
    ConfigRecord,
    EntityRecord,
    RouteRecord,
)
from databricks_monitoring.local_workspace.user import USER_NAME
from databricks_monitoring.names import TableName

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from databricks.sdk.service.serving import (
        EndpointCoreConfigInput,
        Route,
        ServedModelInput,
        TrafficConfig,
    )

    from databricks_monitoring.local_workspace.endpoints.served_models import ServedModels

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_LONGEST_NAME = 63
_MOST_ENTITIES = 10
_ALL_TRAFFIC = 100
_PLACES_STEP = 4
_CPU = {"CPU", "CPU_MEDIUM", "CPU_LARGE"}
_NOT_SERVED = (
    "external_model",
    "instance_profile_arn",
    "min_provisioned_throughput",
    "max_provisioned_throughput",
    "provisioned_model_units",
)


def check_endpoint_name(name: object) -> str:
    """Return the name of a new endpoint.

    Raises
    ------
    InvalidParameterValue
        If it is not made of letters, digits, dashes and underscores, or is reserved.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise InvalidParameterValue(
            f"Endpoint name {name!r} is invalid: 1 to {_LONGEST_NAME} letters, digits, dashes and "
            "underscores, beginning with a letter or digit."
        )
    if name.startswith("databricks-"):
        raise InvalidParameterValue(f"Endpoint name {name!r} is reserved: it begins with 'databricks-'.")
    return name


def read_config(
    config: EndpointCoreConfigInput, models: ServedModels, *, version: int, now_ms: int
) -> ConfigRecord:
    """Return the config with defaults filled in.

    Raises
    ------
    InvalidParameterValue, BadRequest
        If it breaks a rule, or asks for what a local workspace does not serve.
    ResourceDoesNotExist
        If a model version does not exist; the message names those that do.
    """
    if config.auto_capture_config is not None:
        raise BadRequest(
            "auto_capture_config can no longer be enabled: legacy inference tables have ended. "
            "Set ai_gateway.inference_table_config with catalog_name, schema_name, table_name_prefix "
            "and enabled instead."
        )
    if config.served_entities and config.served_models:
        raise InvalidParameterValue("Give served_entities or served_models, not both.")
    wanted = config.served_entities or [_translated(model) for model in config.served_models or []]
    if not 1 <= len(wanted) <= _MOST_ENTITIES:
        raise InvalidParameterValue(f"Found {len(wanted)} served entities, expected 1 to {_MOST_ENTITIES}.")
    entities = tuple(_entity(entity, models, now_ms) for entity in wanted)
    names = [entity.name for entity in entities]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise InvalidParameterValue(f"Served entity names must be unique, found {repeated} more than once.")
    routes = _routes(config.traffic_config, names)
    return ConfigRecord(version=version, start_time=now_ms, entities=entities, routes=routes)


def _translated(model: ServedModelInput) -> ServedEntityInput:
    return ServedEntityInput(
        name=model.name,
        entity_name=model.model_name,
        entity_version=model.model_version,
        workload_size=model.workload_size,
        workload_type=ServingModelWorkloadType(model.workload_type.value) if model.workload_type else None,
        scale_to_zero_enabled=model.scale_to_zero_enabled,
        min_provisioned_concurrency=model.min_provisioned_concurrency,
        max_provisioned_concurrency=model.max_provisioned_concurrency,
        environment_vars=model.environment_vars,
        instance_profile_arn=model.instance_profile_arn,
    )


def _entity(entity: ServedEntityInput, models: ServedModels, now_ms: int) -> EntityRecord:
    for field in _NOT_SERVED:
        if getattr(entity, field) is not None:
            raise InvalidParameterValue(f"{field} is not available: a local workspace serves custom models.")
    for field in ("name", "entity_name", "entity_version", "workload_size"):
        found = getattr(entity, field)
        if not isinstance(found, str | None):
            raise InvalidParameterValue(f"{field}: expected a text, found {found!r}.")
    if not isinstance(entity.scale_to_zero_enabled, bool | None):
        raise InvalidParameterValue(
            f"scale_to_zero_enabled: expected true or false, found {entity.scale_to_zero_enabled!r}."
        )
    if not entity.entity_name or entity.entity_version is None:
        raise InvalidParameterValue("A served entity needs entity_name and entity_version.")
    model = _model_name(entity.entity_name)
    version = models.servable_version(model, entity.entity_version)
    size, low, high = _concurrency(entity)
    return EntityRecord(
        name=_entity_name(entity.name or f"{model.name}-{version}"),
        entity_name=str(model),
        entity_version=str(version),
        workload_size=size,
        workload_type=_workload_type(entity.workload_type),
        scale_to_zero_enabled=bool(entity.scale_to_zero_enabled),
        min_provisioned_concurrency=low,
        max_provisioned_concurrency=high,
        environment_vars=check_variables(entity.environment_vars or {}),
        creation_timestamp=now_ms,
        creator=USER_NAME,
    )


def _model_name(name: str) -> TableName:
    try:
        parsed = TableName.parse(name)
    except InvalidNameError as error:
        raise InvalidParameterValue(
            f"entity_name {name!r}: expected the full name of a Unity Catalog model, catalog.schema.model."
        ) from error
    return TableName(parsed.catalog.lower(), parsed.schema.lower(), parsed.name.lower())


def _entity_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise InvalidParameterValue(
            f"Served entity name {name!r} is invalid: letters, digits, dashes and underscores."
        )
    return name


def _concurrency(entity: ServedEntityInput) -> tuple[str | None, int | None, int | None]:
    low, high = entity.min_provisioned_concurrency, entity.max_provisioned_concurrency
    if low is None and high is None:
        size = entity.workload_size or "Small"
        if size not in PLACES:
            raise InvalidParameterValue(f"workload_size {size!r} is invalid: expected one of {list(PLACES)}.")
        return size, None, None
    if entity.workload_size is not None:
        raise InvalidParameterValue("Give workload_size or a provisioned concurrency, not both.")
    if low is None or high is None or not 0 <= low <= high or not high:
        raise InvalidParameterValue(
            f"Found min_provisioned_concurrency {low} and max_provisioned_concurrency {high}, expected both, "
            "the first at most the second."
        )
    if low % _PLACES_STEP or high % _PLACES_STEP:
        raise InvalidParameterValue(f"A provisioned concurrency is a multiple of {_PLACES_STEP}.")
    return None, low, high


def _workload_type(wanted: ServingModelWorkloadType | None) -> str:
    value = wanted.value if wanted else "CPU"
    if value not in _CPU:
        raise InvalidParameterValue(f"workload_type {value} is not available: a local workspace has no GPU.")
    return value


def _routes(traffic: TrafficConfig | None, names: Sequence[str]) -> tuple[RouteRecord, ...]:
    given = (traffic.routes if traffic else None) or []
    if not given:
        if len(names) > 1:
            raise InvalidParameterValue(
                f"Several served entities need a traffic_config with a route for each: {list(names)}."
            )
        return (RouteRecord(served_entity_name=names[0], traffic_percentage=_ALL_TRAFFIC),)
    routes = tuple(_route(route, names) for route in given)
    total = sum(route.traffic_percentage for route in routes)
    if total != _ALL_TRAFFIC:
        raise InvalidParameterValue(f"Traffic percentages must sum to {_ALL_TRAFFIC}, found {total}.")
    if repeated := _repeated(route.served_entity_name for route in routes):
        raise InvalidParameterValue(f"Each served entity has one route, found several for {repeated}.")
    return routes


def _route(route: Route, names: Sequence[str]) -> RouteRecord:
    name = route.served_entity_name or route.served_model_name
    if name is None or name not in names:
        raise InvalidParameterValue(f"Route to {name!r}: the served entities are {list(names)}.")
    share = route.traffic_percentage
    if not isinstance(share, int) or isinstance(share, bool) or not 0 <= share <= _ALL_TRAFFIC:
        raise InvalidParameterValue(f"traffic_percentage {share!r}: expected an integer from 0 to 100.")
    return RouteRecord(served_entity_name=name, traffic_percentage=share)


def _repeated(names: Iterable[str]) -> list[str]:
    listed = list(names)
    return sorted({name for name in listed if listed.count(name) > 1})
