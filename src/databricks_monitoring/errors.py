"""Every error this package raises.

::

    MonitoringError
    ├── ConfigError                   a dictionary, a YAML file or an argument is wrong
    │   ├── UnknownKeyError
    │   ├── InvalidValueError
    │   └── InvalidNameError
    ├── MissingError                  something named does not exist; says what does
    │   ├── CatalogNotFoundError
    │   ├── SchemaNotFoundError
    │   ├── TableNotFoundError
    │   │   └── InferenceTableNotFoundError
    │   ├── ColumnNotFoundError
    │   ├── ModelNotFoundError
    │   ├── ModelVersionNotFoundError
    │   ├── AliasNotFoundError
    │   ├── EndpointNotFoundError
    │   ├── ServedEntityNotFoundError
    │   ├── MonitorNotFoundError
    │   └── WarehouseNotFoundError
    ├── WorkspaceUnreachableError     nothing answers at the configured host
    ├── StatementError                a SQL statement ended in FAILED, CANCELED or CLOSED
    ├── EndpointError                 an endpoint is not as wanted, or did not answer as wanted
    │   ├── DeploymentFailedError
    │   ├── EndpointTimeoutError
    │   └── InvocationError           an endpoint answered a request with an error
    ├── MonitorError                  a monitor or one of its refreshes failed
    │   ├── RefreshFailedError
    │   └── RefreshTimeoutError
    ├── MetricError                   the metric engine refuses its input
    │   ├── UnsupportedColumnError
    │   ├── MetricTableMismatchError
    │   └── RefreshInProgressError
    ├── ValidationFailedError         a check of a table or a deployment found faults
    ├── NotificationError             a notification was not delivered
    └── LocalWorkspaceError           the local workspace cannot start, stop or answer
        ├── PortInUseError
        ├── RootInUseError
        ├── RootNotWritableError
        └── NotRunningError

Other errors of the Databricks SDK and of MLflow pass through unchanged.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LISTED_AT_MOST = 12


def _listing(names: Iterable[str]) -> str:
    ordered = sorted(names)
    shown = ", ".join(ordered[:_LISTED_AT_MOST])
    more = len(ordered) - _LISTED_AT_MOST
    return f"{shown} and {more} more" if more > 0 else shown or "none"


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate spelt most like `name`, or None if nothing comes close.

    Examples
    --------
    >>> nearest("treshold", ["threshold", "metric"])
    'threshold'
    """
    by_fold = {candidate.casefold(): candidate for candidate in candidates}
    found = difflib.get_close_matches(name.casefold(), list(by_fold), n=1, cutoff=0.5)
    return by_fold[found[0]] if found else None


class MonitoringError(Exception):
    """Base of every error raised by this package."""


class ConfigError(MonitoringError):
    """A dictionary, a configuration file or an argument is wrong."""


class UnknownKeyError(ConfigError):
    """A dictionary has a key that nothing reads."""

    def __init__(self, key: str, where: str, valid: Sequence[str]) -> None:
        guess = nearest(key, valid)
        hint = f" Did you mean {guess!r}?" if guess else ""
        super().__init__(f"Unknown key {key!r} in {where}.{hint} Valid keys: {', '.join(sorted(valid))}.")
        self.key = key
        self.where = where
        self.nearest = guess


class InvalidValueError(ConfigError):
    """A value is of the wrong type or outside what is accepted."""

    def __init__(self, where: str, found: object, expected: str) -> None:
        super().__init__(f"{where}: found {found!r}, expected {expected}.")
        self.where = where


class InvalidNameError(ConfigError):
    """A full name does not have the levels it needs."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"Invalid name {name!r}: {problem}.")
        self.name = name


class MissingError(MonitoringError):
    """Something named does not exist; the message lists what does."""

    kind = "object"

    def __init__(self, name: str, available: Iterable[str], *, where: str = "", hint: str = "") -> None:
        available = list(available)
        guess = nearest(name, available)
        place = f" in {where}" if where else ""
        # Without a name, any would have done.
        missing = f"{self.kind.capitalize()} {name!r} does not exist" if name else f"There is no {self.kind}"
        parts = [f"{missing}{place}."]
        if guess:
            parts.append(f"Did you mean {guess!r}?")
        parts.append(f"Existing: {_listing(available)}.")
        if hint:
            parts.append(hint)
        super().__init__(" ".join(parts))
        self.name = name
        self.available = available


class CatalogNotFoundError(MissingError):
    """No catalog has this name."""

    kind = "catalog"


class SchemaNotFoundError(MissingError):
    """The catalog has no such schema."""

    kind = "schema"


class TableNotFoundError(MissingError):
    """The schema has no such table."""

    kind = "table"


class InferenceTableNotFoundError(TableNotFoundError):
    """None of the schema's tables is an inference table."""

    kind = "inference table"


class ColumnNotFoundError(MissingError):
    """The table has no such column."""

    kind = "column"


class ModelNotFoundError(MissingError):
    """The registry has no such model."""

    kind = "registered model"


class ModelVersionNotFoundError(MissingError):
    """The registered model has no such version."""

    kind = "model version"


class AliasNotFoundError(MissingError):
    """The registered model has no such alias."""

    kind = "alias"


class EndpointNotFoundError(MissingError):
    """No serving endpoint has this name."""

    kind = "serving endpoint"


class ServedEntityNotFoundError(MissingError):
    """The endpoint has no such served entity."""

    kind = "served entity"


class MonitorNotFoundError(MissingError):
    """The table has no monitor."""

    kind = "monitor"


class WarehouseNotFoundError(MissingError):
    """No SQL warehouse can run a statement."""

    kind = "SQL warehouse"


class WorkspaceUnreachableError(MonitoringError):
    """Nothing answers at the configured host."""

    def __init__(self, host: str, reason: str) -> None:
        super().__init__(
            f"Nothing answers at {host} ({reason}). If that is a local workspace, start it with "
            "`databricks-monitoring local up --root DIR`; otherwise correct DATABRICKS_HOST."
        )
        self.host = host


class StatementError(MonitoringError):
    """A SQL statement did not succeed.

    Attributes
    ----------
    error_code : str
        The service's own code, such as `BAD_REQUEST`.
    """

    def __init__(self, statement: str, state: str, error_code: str, message: str) -> None:
        first_line = " ".join(statement.split())
        shown = first_line if len(first_line) <= 160 else first_line[:157] + "..."  # noqa: PLR2004
        super().__init__(f"Statement {state}: {message} [{error_code}] in: {shown}")
        self.error_code = error_code
        self.statement = statement
        self.service_message = message


class EndpointError(MonitoringError):
    """A serving endpoint is not as wanted, or did not answer as wanted."""


class DeploymentFailedError(EndpointError):
    """A served entity failed to deploy; the message carries the deployment's own words."""


class EndpointTimeoutError(EndpointError):
    """An endpoint was not ready in time."""


class InvocationError(EndpointError):
    """An endpoint answered a request with an error.

    Attributes
    ----------
    status : int or None
        The HTTP status; None if the service's error does not tell.
    error_code : str or None
        The service's own code, such as `BAD_REQUEST`.
    body : dict
        What the endpoint answered.
    """

    def __init__(self, endpoint: str, status: int | None, error_code: str | None, message: str) -> None:
        said = " ".join(str(part) for part in (status, error_code) if part) or "an error"
        super().__init__(f"Endpoint {endpoint!r} answered {said}: {message}")
        self.status = status
        self.error_code = error_code
        self.body = {"error_code": error_code, "message": message}


class MonitorError(MonitoringError):
    """A monitor or one of its refreshes failed."""


class RefreshFailedError(MonitorError):
    """A refresh ended in FAILED or CANCELED."""


class RefreshTimeoutError(MonitorError):
    """A refresh did not end in time."""


class MetricError(MonitoringError):
    """The metric engine refuses its input."""


class UnsupportedColumnError(MetricError):
    """A statistic does not apply to a column of this type."""


class MetricTableMismatchError(MetricError):
    """A metric table exists with columns that this definition would not write."""


class RefreshInProgressError(MetricError):
    """Another refresh, or another writer, is at work on the metric tables; nothing was changed."""

    def __init__(self, table: str, found: str) -> None:
        super().__init__(
            f"Metric table {table}: {found}. Nothing was changed. Wait until the other one has ended, or end "
            "it, and refresh again; a refresh repeats nothing that is done."
        )
        self.table = table


class ValidationFailedError(MonitoringError):
    """A check found faults; the message lists them in words."""

    def __init__(self, subject: str, findings: Sequence[str]) -> None:
        lines = "\n".join(f"  - {finding}" for finding in findings)
        super().__init__(f"{subject} is not in order:\n{lines}")
        self.findings = list(findings)


class NotificationError(MonitoringError):
    """A notification was not delivered."""


class LocalWorkspaceError(MonitoringError):
    """The local workspace cannot start, stop or answer."""


class PortInUseError(LocalWorkspaceError):
    """Another program listens on the wanted port."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            f"Port {port} on {host} is taken by another program. "
            "Choose another with --port, or --port 0 for any free one."
        )
        self.port = port


class RootInUseError(LocalWorkspaceError):
    """Another server holds the root folder."""

    def __init__(self, root: str, pid: int | None) -> None:
        holder = f"process {pid}" if pid else "another process"
        super().__init__(
            f"The local workspace in {root} is already served by {holder}. "
            "Stop it with `databricks-monitoring local down --root ...`, or use another root."
        )
        self.pid = pid


class RootNotWritableError(LocalWorkspaceError):
    """The root folder cannot be created or written."""

    def __init__(self, root: str, reason: str) -> None:
        super().__init__(f"The folder {root} cannot be written: {reason}. Choose another with --root.")


class NotRunningError(LocalWorkspaceError):
    """No server holds the root folder."""

    def __init__(self, root: str) -> None:
        super().__init__(
            f"No local workspace is running in {root}. "
            f"Start it with `databricks-monitoring local up --root {root}`."
        )
