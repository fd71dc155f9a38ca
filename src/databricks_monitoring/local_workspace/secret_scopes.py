"""Secret scopes: values that have names, so that configurations need not carry them.

They are kept apart from everything else the workspace remembers, in a file that only its owner can read. They
are not encrypted: who can read the owner's files can read them.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from typing import TYPE_CHECKING, Any

from databricks.sdk.errors import (
    BadRequest,
    InvalidParameterValue,
    ResourceAlreadyExists,
    ResourceDoesNotExist,
    ResourceExhausted,
)
from databricks.sdk.service.workspace import (
    AclItem,
    AclPermission,
    ScopeBackendType,
    SecretMetadata,
    SecretScope,
)

from databricks_monitoring.errors import nearest
from databricks_monitoring.local_workspace.root_folder import OWNER_ONLY
from databricks_monitoring.local_workspace.storage import Store
from databricks_monitoring.local_workspace.user import USER_NAME

if TYPE_CHECKING:
    from pathlib import Path

    from databricks_monitoring.local_workspace.clock import WorkspaceClock

_SCOPE, _SECRET = "secret_scope", "secret"
_NAME = re.compile(r"[A-Za-z0-9_.@/ -]{1,128}")
_KEY = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_LARGEST_VALUE = 128 * 1024
_MOST_SCOPES = 1000
_MOST_SECRETS = 1000
_ALL_USERS = "users"


class SecretScopes:
    """Every secret of the workspace.

    Parameters
    ----------
    folder
        Gets a database of mode 0600.
    """

    def __init__(self, folder: Path, clock: WorkspaceClock) -> None:
        path = folder / "secrets.db"
        # SQLite gives the files beside a database the mode of the database.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, OWNER_ONLY))
        path.chmod(OWNER_ONLY)
        self._store = Store(path)
        self._clock = clock

    def close(self) -> None:
        """Close the database."""
        self._store.close()

    def create_scope(self, scope: str, manager: str | None) -> None:
        """Create a scope, which its creator (or all users) may manage.

        Raises
        ------
        InvalidParameterValue
            If a name is not allowed.
        ResourceAlreadyExists
            If there is such a scope.
        """
        if not _NAME.fullmatch(scope):
            raise InvalidParameterValue(
                f"Scope name {scope!r} is invalid: 1 to 128 letters, digits, dashes, underscores, periods, "
                "spaces, @ and /."
            )
        if manager not in {None, _ALL_USERS}:
            raise InvalidParameterValue(
                f"initial_manage_principal {manager!r}: only the group {_ALL_USERS!r} can be given."
            )
        with self._store.transaction():
            if len(self._store.list(_SCOPE)) >= _MOST_SCOPES:
                raise ResourceExhausted(
                    f"The workspace has {_MOST_SCOPES} scopes already.", error_code="RESOURCE_LIMIT_EXCEEDED"
                )
            if not self._store.add(_SCOPE, scope, {"acls": {manager or USER_NAME: "MANAGE"}}):
                raise ResourceAlreadyExists(f"Scope {scope} already exists!")

    def list_scopes(self) -> list[SecretScope]:
        """Return every scope, by name."""
        kind = ScopeBackendType.DATABRICKS
        return [SecretScope(backend_type=kind, name=name) for name, _ in self._store.list(_SCOPE)]

    def delete_scope(self, scope: str) -> None:
        """Delete a scope with its secrets."""
        with self._store.transaction():
            self._scope(scope)
            self._store.delete(_SCOPE, scope)
            for key, _ in self._store.list(_SECRET, f"{scope}\n"):
                self._store.delete(_SECRET, key)

    def put(self, scope: str, key: str, value: bytes) -> None:
        """Write a secret, replacing the one that was there.

        Raises
        ------
        ResourceDoesNotExist
            If there is no such scope.
        InvalidParameterValue
            If the key is not allowed or the value too large.
        """
        if not _KEY.fullmatch(key):
            raise InvalidParameterValue(
                f"Secret key {key!r} is invalid: 1 to 128 letters, digits, dashes, underscores and periods."
            )
        if len(value) > _LARGEST_VALUE:
            raise InvalidParameterValue(
                f"The value has {len(value)} bytes; a secret has at most {_LARGEST_VALUE}."
            )
        with self._store.transaction():
            self._scope(scope)
            known = [name for name, _ in self._store.list(_SECRET, f"{scope}\n")]
            if len(known) >= _MOST_SECRETS and f"{scope}\n{key}" not in known:
                raise ResourceExhausted(
                    f"Scope {scope} has {_MOST_SECRETS} secrets already.",
                    error_code="RESOURCE_LIMIT_EXCEEDED",
                )
            body = {"value": base64.b64encode(value).decode(), "written_ms": self._clock.now_ms()}
            self._store.put(_SECRET, f"{scope}\n{key}", body)

    def get(self, scope: str, key: str) -> bytes:
        """Return the value of a secret.

        Raises
        ------
        ResourceDoesNotExist
            If there is none; the message names scope and key.
        """
        self._scope(scope)
        body = self._store.get(_SECRET, f"{scope}\n{key}")
        if body is None:
            raise ResourceDoesNotExist(f"Secret does not exist with scope: {scope} and key: {key}")
        return base64.b64decode(body["value"])

    def list_secrets(self, scope: str) -> list[SecretMetadata]:
        """Return keys and times of a scope's secrets, without their values."""
        self._scope(scope)
        return [
            SecretMetadata(key=name.partition("\n")[2], last_updated_timestamp=body["written_ms"])
            for name, body in self._store.list(_SECRET, f"{scope}\n")
        ]

    def delete(self, scope: str, key: str) -> None:
        """Delete a secret."""
        self._scope(scope)
        if not self._store.delete(_SECRET, f"{scope}\n{key}"):
            raise ResourceDoesNotExist(f"Secret does not exist with scope: {scope} and key: {key}")

    def put_acl(self, scope: str, principal: str, permission: AclPermission) -> None:
        """Say what a user or group may do with a scope."""
        with self._store.transaction():
            acls = self._scope(scope)["acls"] | {principal: permission.value}
            self._store.put(_SCOPE, scope, {"acls": acls})

    def list_acls(self, scope: str) -> list[AclItem]:
        """Return who may do what with a scope, by name."""
        acls = self._scope(scope)["acls"]
        return [AclItem(principal=who, permission=AclPermission(acls[who])) for who in sorted(acls)]

    def get_acl(self, scope: str, principal: str) -> AclItem:
        """Return what a user or group may do with a scope."""
        found = [item for item in self.list_acls(scope) if item.principal == principal]
        if not found:
            raise _no_acl(scope, principal)
        return found[0]

    def delete_acl(self, scope: str, principal: str) -> None:
        """Take from a user or group what it may do with a scope."""
        with self._store.transaction():
            acls: dict[str, str] = dict(self._scope(scope)["acls"])
            if acls.pop(principal, None) is None:
                raise _no_acl(scope, principal)
            self._store.put(_SCOPE, scope, {"acls": acls})

    def _scope(self, scope: str) -> dict[str, Any]:
        found = self._store.get(_SCOPE, scope)
        if found is None:
            guess = nearest(scope, [name for name, _ in self._store.list(_SCOPE)])
            hint = f" Did you mean {guess!r}?" if guess else ""
            raise ResourceDoesNotExist(f"Scope {scope} does not exist!{hint}")
        return found


def decoded(bytes_value: str) -> bytes:
    """Return the bytes that a request carries as base64.

    Raises
    ------
    BadRequest
        If they are not base64.
    """
    try:
        return base64.b64decode(bytes_value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequest(
            "bytes_value: expected base64; give text as string_value.", error_code="MALFORMED_REQUEST"
        ) from error


def _no_acl(scope: str, principal: str) -> ResourceDoesNotExist:
    return ResourceDoesNotExist(f"Scope {scope} has no ACL for principal {principal!r}.")
