"""When an endpoint serves what it should.

The SDK's own waiter looks at `config_update` alone; an endpoint may be not updating and not ready, or ready
with the version from before.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from databricks.sdk.service.serving import EndpointStateConfigUpdate, EndpointStateReady

from databricks_monitoring.errors import DeploymentFailedError, EndpointTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable

    from databricks.sdk.service.serving import (
        EndpointCoreConfigInput,
        ServedEntityOutput,
        ServingEndpointDetailed,
    )

_FIRST_POLL_SECONDS = 0.2
_SLOWEST_POLL_SECONDS = 5.0
_SECONDS_BETWEEN_WORDS = 30.0
_FAILED = frozenset({EndpointStateConfigUpdate.UPDATE_FAILED, EndpointStateConfigUpdate.UPDATE_CANCELED})

ModelAndVersion = tuple[str, str]
"""Full name of a model in lower case, and a version of it."""


def config_update(endpoint: ServingEndpointDetailed) -> EndpointStateConfigUpdate | None:
    """Return how the last change of an endpoint's configuration stands."""
    return endpoint.state.config_update if endpoint.state else None


def has_failed(endpoint: ServingEndpointDetailed) -> bool:
    """Say whether the last change of an endpoint's configuration failed or was cancelled."""
    return config_update(endpoint) in _FAILED


def is_settled(endpoint: ServingEndpointDetailed) -> bool:
    """Say whether no change of the endpoint's configuration is under way."""
    return config_update(endpoint) is not EndpointStateConfigUpdate.IN_PROGRESS


def served_entities(endpoint: ServingEndpointDetailed) -> list[ServedEntityOutput]:
    """Return the served entities of what is being deployed, then of what serves, each name once."""
    found: dict[str, ServedEntityOutput] = {}
    for config in (endpoint.pending_config, endpoint.config):
        for entity in (config.served_entities if config else None) or []:
            found.setdefault(entity.name or "", entity)
    return list(found.values())


def versions_of(config: EndpointCoreConfigInput) -> frozenset[ModelAndVersion]:
    """Return the model versions that a configuration asks for."""
    return frozenset(
        ((entity.entity_name or "").lower(), str(entity.entity_version))
        for entity in config.served_entities or []
    )


def served_versions(endpoint: ServingEndpointDetailed) -> frozenset[ModelAndVersion]:
    """Return the model versions that an endpoint's active configuration has."""
    entities = (endpoint.config.served_entities if endpoint.config else None) or []
    return frozenset(((entity.entity_name or "").lower(), str(entity.entity_version)) for entity in entities)


def is_ready(
    endpoint: ServingEndpointDetailed,
    model_version: str | None,
    wanted: frozenset[ModelAndVersion] = frozenset(),
) -> bool:
    """Say whether an endpoint answers, is not changing, and serves what is wanted.

    Parameters
    ----------
    model_version : str or None
        A version, of whatever model.
    wanted : frozenset
        What was asked for, if that is known: all of it and nothing else must be served.
    """
    settled = config_update(endpoint) in (None, EndpointStateConfigUpdate.NOT_UPDATING)
    if not is_answering(endpoint) or not settled:
        return False
    served = served_versions(endpoint)
    if wanted and served != wanted:
        return False
    return model_version is None or model_version in {number for _, number in served}


def wait(
    get: Callable[[], ServingEndpointDetailed],
    until: Callable[[ServingEndpointDetailed], bool],
    *,
    timeout: float,
    wanted: str,
    progress: Callable[[str], None] | None = None,
) -> ServingEndpointDetailed:
    """Return the endpoint once `until` holds.

    Parameters
    ----------
    timeout : float
        Seconds.
    wanted : str
        What is waited for, in words.
    progress : callable, optional
        Told how the endpoint stands, when that changes and every half minute.

    Raises
    ------
    EndpointTimeoutError
        If it did not come to hold in time; says how the endpoint stood.
    """
    started = time.monotonic()
    pause = _FIRST_POLL_SECONDS
    told, told_at = "", 0.0
    while True:
        endpoint = get()
        if until(endpoint):
            return endpoint
        elapsed = time.monotonic() - started
        standing = describe(endpoint)
        if elapsed + pause > timeout:
            raise EndpointTimeoutError(
                f"Endpoint {endpoint.name!r} is not {wanted} after {elapsed:.0f} s: {standing}. "
                "Wait longer with a larger timeout, or read its logs: "
                f"`ServingSetup().read_logs({endpoint.name!r})`."
            )
        if progress and (standing != told or elapsed - told_at >= _SECONDS_BETWEEN_WORDS):
            progress(f"endpoint {endpoint.name} after {elapsed:.0f} s: {standing}")
            told, told_at = standing, elapsed
        time.sleep(pause)
        pause = min(pause * 1.3, _SLOWEST_POLL_SECONDS)


def describe(endpoint: ServingEndpointDetailed) -> str:
    """Return an endpoint's state and the states of its served entities in words."""
    state = endpoint.state
    parts = [
        (state.ready.value if state and state.ready else "NO STATE").lower().replace("_", " "),
        (state.config_update.value if state and state.config_update else "NOT_UPDATING")
        .lower()
        .replace("_", " "),
    ]
    parts += deployment_messages(endpoint)
    return ", ".join(parts)


def deployment_messages(endpoint: ServingEndpointDetailed) -> list[str]:
    """Return what each served entity, pending ones first, says about its deployment."""
    found: dict[str, None] = {}
    for config in (endpoint.pending_config, endpoint.config):
        for entity in (config.served_entities if config else None) or []:
            state = entity.state
            if state is None or state.deployment is None:
                continue
            words = f": {state.deployment_state_message}" if state.deployment_state_message else ""
            found[f"{entity.name} {state.deployment.value.removeprefix('DEPLOYMENT_').lower()}{words}"] = None
    return list(found)


def failure(endpoint: ServingEndpointDetailed, page: str | None = None) -> DeploymentFailedError:
    """Return the error that says why an endpoint's last change did not succeed.

    Parameters
    ----------
    page : str, optional
        Address of the endpoint's page in the workspace.
    """
    messages = deployment_messages(endpoint) or ["the service gave no reason"]
    standing = config_update(endpoint)
    words = standing.value if standing else "failed"
    sentences = [
        f"Endpoint {endpoint.name!r}: {words}. {'; '.join(messages).rstrip('.')}.",
        "The configuration from before still serves." if is_answering(endpoint) else "It serves nothing.",
        f"Logs: `ServingSetup().read_logs({endpoint.name!r})`{f', or {page}' if page else ''}.",
    ]
    return DeploymentFailedError(" ".join(sentences))


def is_answering(endpoint: ServingEndpointDetailed) -> bool:
    """Say whether an endpoint answers requests at all."""
    return endpoint.state is not None and endpoint.state.ready is EndpointStateReady.READY
