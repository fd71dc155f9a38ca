"""How long serving waits and how much a model may use; settable from the environment of the workspace."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields

from databricks_monitoring.errors import InvalidValueError

VARIABLE_PREFIX = "DATABRICKS_MONITORING_SERVING_"
MAX_REQUEST_BYTES = 16 * 1024 * 1024
"""Largest request body of a custom model, in bytes."""


@dataclass(frozen=True)
class ServingSettings:
    """Durations in seconds, sizes in MiB; `DATABRICKS_MONITORING_SERVING_IDLE_SECONDS` sets `idle_seconds`.

    Attributes
    ----------
    idle_seconds
        A served entity that may scale to zero is unloaded after this time, on the workspace's clock, without
        a request.
    request_seconds
        Longest time a model may take for one request; then it is ended and started again.
    load_seconds
        Longest time a model may take to load.
    wait_seconds
        Longest time a request waits for a model that is loading. Below the 60 seconds after which the SDK
        gives a request up.
    queue_seconds
        Longest time a request waits for a place while the model answers others; then it is refused with 429.
    commit_seconds
        Shortest time between two commits to one inference table; what was answered meanwhile goes together.
    restart_seconds, restart_seconds_at_most
        First and longest pause before a crashed model is started again; it doubles in between.
    memory_mib
        Resident memory at which a model's process is ended and started again; what the service gives CPU
        endpoints.
    log_mib
        Size at which a model's log begins anew; the part before is kept until the next time.
    """

    idle_seconds: float = 1800.0
    request_seconds: float = 297.0
    load_seconds: float = 600.0
    wait_seconds: float = 50.0
    commit_seconds: float = 1.0
    restart_seconds: float = 0.5
    restart_seconds_at_most: float = 30.0
    queue_seconds: float = 2.0
    memory_mib: float = 4096.0
    log_mib: float = 10.0

    @classmethod
    def from_environment(cls) -> ServingSettings:
        """Return the settings, with those that the environment names.

        Raises
        ------
        InvalidValueError
            If a variable is not a positive number.
        """
        values: dict[str, float] = {}
        for field in fields(cls):
            variable = VARIABLE_PREFIX + field.name.upper()
            text = os.environ.get(variable)
            if text is None:
                continue
            try:
                values[field.name] = float(text)
            except ValueError as error:
                raise InvalidValueError(variable, text, "a number") from error
            if not values[field.name] > 0:
                raise InvalidValueError(variable, text, "a number above zero")
        return cls(**values)
