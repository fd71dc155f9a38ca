"""One request to an endpoint: sent, answered, or an error that says what the endpoint said."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from databricks.sdk.core import ApiClient
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.errors.platform import STATUS_CODE_MAPPING

from databricks_monitoring.errors import EndpointTimeoutError, InvalidValueError, InvocationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from databricks.sdk import WorkspaceClient

_STATUS_OF = {error: status for status, error in STATUS_CODE_MAPPING.items()}


def ask(
    client: WorkspaceClient,
    endpoint_name: str,
    body: Mapping[str, object],
    *,
    served_entity: str | None,
    timeout: float | None,
) -> dict[str, Any]:
    """Return an endpoint's answer to a request body.

    Parameters
    ----------
    timeout : float or None
        Seconds for the answer, repeated requests after 429 and 503 included; None for the client's own.

    Raises
    ------
    InvocationError
        With the status and the body of an answer that is no prediction.
    EndpointTimeoutError
        If there was no answer in time.
    """
    entity = f"/served-models/{quote(served_entity, safe='')}" if served_entity else ""
    path = f"/serving-endpoints/{quote(endpoint_name, safe='')}{entity}/invocations"
    sender = client.api_client if timeout is None else _patient(client, timeout)
    try:
        return cast("dict[str, Any]", sender.do("POST", path, body=dict(body)))
    except DatabricksError as error:
        raise _refusal(endpoint_name, error) from error
    except TimeoutError as error:
        # The SDK repeats what is answered with 429 or 503 until its own time is up.
        if isinstance(error.__cause__, DatabricksError):
            raise _refusal(endpoint_name, error.__cause__) from error
        raise EndpointTimeoutError(
            f"Endpoint {endpoint_name!r} did not answer in time ({error}). Send fewer rows at a time, or "
            "wait longer with a larger timeout; the request may have been processed."
        ) from error


def _patient(client: WorkspaceClient, timeout: float) -> ApiClient:
    if not timeout > 0:
        raise InvalidValueError("timeout", timeout, "a number of seconds above zero")
    config = client.config.copy()  # type: ignore[no-untyped-call] # the SDK has types only in parts
    config.http_timeout_seconds = timeout
    config.retry_timeout_seconds = math.ceil(timeout)
    return ApiClient(config)


def _refusal(endpoint_name: str, error: DatabricksError) -> InvocationError:
    status = next((_STATUS_OF[kind] for kind in type(error).__mro__ if kind in _STATUS_OF), None)
    return InvocationError(endpoint_name, status, error.error_code, str(error))
