"""Who of several served entities gets how much of an endpoint's traffic: champion and challenger."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from databricks.sdk.service.serving import (
    EndpointCoreConfigInput,
    Route,
    ServedEntityInput,
    TrafficConfig,
)

from databricks_monitoring.errors import InvalidValueError, ServedEntityNotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from databricks.sdk.service.serving import ServedEntityOutput, ServingEndpointDetailed

_ALL = 100


def active_config(endpoint: ServingEndpointDetailed) -> EndpointCoreConfigInput:
    """Return what an endpoint serves now, in the form in which it is sent."""
    active = endpoint.config
    return EndpointCoreConfigInput(
        name=endpoint.name or "",
        served_entities=[_sent(entity) for entity in (active.served_entities if active else None) or []],
        traffic_config=TrafficConfig(
            routes=[
                _route(route.served_entity_name or route.served_model_name or "", route.traffic_percentage)
                for route in (active.traffic_config.routes if active and active.traffic_config else None)
                or []
            ]
        ),
    )


def with_shares(config: EndpointCoreConfigInput, percentages: Mapping[str, int]) -> EndpointCoreConfigInput:
    """Return the config with other traffic; a served entity that is not named gets none.

    Raises
    ------
    ServedEntityNotFoundError
        If there is no served entity of a name.
    InvalidValueError
        Unless the percentages are whole and add up to 100.
    """
    names = [entity.name or "" for entity in config.served_entities or []]
    for name, share in percentages.items():
        if name not in names:
            raise ServedEntityNotFoundError(str(name), names, where=f"endpoint {config.name}")
        if not isinstance(share, int) or isinstance(share, bool) or not 0 <= share <= _ALL:
            raise InvalidValueError(f"traffic_percentage of {name!r}", share, "a whole number from 0 to 100")
    if sum(percentages.values()) != _ALL:
        said = " + ".join(f"{name} {share}" for name, share in percentages.items()) or "nothing"
        raise InvalidValueError(
            "traffic", f"{said} = {sum(percentages.values())}", f"percentages that add up to {_ALL}"
        )
    return _with(config, {name: percentages.get(name, 0) for name in names}, config.served_entities or [])


def with_challenger(
    config: EndpointCoreConfigInput, name: str, version: str, share: int
) -> EndpointCoreConfigInput:
    """Return the config with a challenger that takes its share from the champion.

    The challenger has the champion's model, compute and environment. One of the same name is replaced.

    Raises
    ------
    InvalidValueError
        If several served entities could be the champion, or the share is none.
    """
    others = [entity for entity in config.served_entities or [] if entity.name != name]
    if len(others) != 1:
        raise InvalidValueError(
            f"endpoint {config.name}",
            [entity.name for entity in others],
            "one served entity to challenge; say all of them with served_entities",
        )
    if not isinstance(share, int) or isinstance(share, bool) or not 0 <= share <= _ALL:
        raise InvalidValueError("traffic_percentage", share, "a whole number from 0 to 100")
    [champion] = others
    challenger = replace(champion, name=name, entity_version=version)
    shares = {champion.name or "": _ALL - share, name: share}
    return _with(config, shares, [champion, challenger])


def with_only(config: EndpointCoreConfigInput, name: str) -> EndpointCoreConfigInput:
    """Return the config with one served entity, which gets all traffic.

    Raises
    ------
    ServedEntityNotFoundError
        If there is no served entity of this name.
    """
    kept = [entity for entity in config.served_entities or [] if entity.name == name]
    if not kept:
        names = [entity.name or "" for entity in config.served_entities or []]
        raise ServedEntityNotFoundError(name, names, where=f"endpoint {config.name}")
    return _with(config, {name: _ALL}, kept)


def _with(
    config: EndpointCoreConfigInput, shares: Mapping[str, int], entities: list[ServedEntityInput]
) -> EndpointCoreConfigInput:
    routes = [_route(name, share) for name, share in shares.items()]
    return EndpointCoreConfigInput(
        name=config.name, served_entities=entities, traffic_config=TrafficConfig(routes=routes)
    )


def _route(name: str, share: int) -> Route:
    return Route(served_entity_name=name, traffic_percentage=share)


def _sent(entity: ServedEntityOutput) -> ServedEntityInput:
    return ServedEntityInput(
        name=entity.name,
        entity_name=entity.entity_name,
        entity_version=entity.entity_version,
        workload_size=entity.workload_size,
        workload_type=entity.workload_type,
        scale_to_zero_enabled=bool(entity.scale_to_zero_enabled),
        # A workload size and a provisioned concurrency exclude each other.
        min_provisioned_concurrency=None if entity.workload_size else entity.min_provisioned_concurrency,
        max_provisioned_concurrency=None if entity.workload_size else entity.max_provisioned_concurrency,
        environment_vars=entity.environment_vars,
        instance_profile_arn=entity.instance_profile_arn,
    )
