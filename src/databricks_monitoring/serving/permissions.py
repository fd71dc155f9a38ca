"""Who may do what with an endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from databricks.sdk.service.serving import (
    ServingEndpointAccessControlRequest,
    ServingEndpointPermissionLevel,
)
from pydantic import BaseModel, ConfigDict, Field, model_validator

from databricks_monitoring.parsing import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Self

    from databricks.sdk import WorkspaceClient

_PRINCIPALS = ("user_name", "group_name", "service_principal_name")

Principal = tuple[str, str]
"""Which kind of name it is, and the name."""


class EndpointPermission(BaseModel):
    """One user, group or service principal, and what it may do."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    permission_level: Literal["CAN_VIEW", "CAN_QUERY", "CAN_MANAGE"]
    user_name: str | None = Field(default=None, min_length=1)
    group_name: str | None = Field(default=None, min_length=1)
    service_principal_name: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _one_name(self) -> Self:
        if sum(getattr(self, kind) is not None for kind in _PRINCIPALS) != 1:
            raise ValueError("exactly one of user_name, group_name and service_principal_name")
        return self

    @property
    def principal(self) -> Principal:
        """Whom it is about."""
        kind = next(kind for kind in _PRINCIPALS if getattr(self, kind) is not None)
        return kind, getattr(self, kind)

    def as_request(self) -> ServingEndpointAccessControlRequest:
        """Return it as the service wants it."""
        return ServingEndpointAccessControlRequest(
            group_name=self.group_name,
            permission_level=ServingEndpointPermissionLevel(self.permission_level),
            service_principal_name=self.service_principal_name,
            user_name=self.user_name,
        )


def parse_permissions(bodies: Iterable[Mapping[str, object]], where: str) -> list[EndpointPermission]:
    """Return the permissions that dictionaries describe."""
    return [parse(EndpointPermission, body, f"{where}[{number}]") for number, body in enumerate(bodies)]


def current(client: WorkspaceClient, endpoint_id: str) -> list[EndpointPermission]:
    """Return what was granted on an endpoint itself, without what comes from above it."""
    # Permissions go by the endpoint's id, everything else by its name.
    entries = client.serving_endpoints.get_permissions(endpoint_id).access_control_list or []
    return [
        EndpointPermission(
            permission_level=permission.permission_level.value,
            user_name=entry.user_name,
            group_name=entry.group_name,
            service_principal_name=entry.service_principal_name,
        )
        for entry in entries
        for permission in entry.all_permissions or []
        if permission.permission_level is not None and not permission.inherited
    ]


def grant(client: WorkspaceClient, endpoint_id: str, wanted: Sequence[EndpointPermission]) -> bool:
    """Add what is missing, leaving the permissions of others; say whether anything was."""
    if not wanted:
        return False
    known = current(client, endpoint_id)
    missing = [permission.as_request() for permission in wanted if permission not in known]
    if missing:
        client.serving_endpoints.update_permissions(endpoint_id, access_control_list=missing)
    return bool(missing)


def replace(client: WorkspaceClient, endpoint_id: str, wanted: Sequence[EndpointPermission]) -> None:
    """Take all permissions but the wanted ones; the service keeps its owner's."""
    requests = [permission.as_request() for permission in wanted]
    client.serving_endpoints.set_permissions(endpoint_id, access_control_list=requests)
