"""Secrets through the SDK, and what models are given of them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
from databricks.sdk.errors import (
    BadRequest,
    InvalidParameterValue,
    InvalidState,
    NotFound,
    ResourceAlreadyExists,
    ResourceDoesNotExist,
)
from databricks.sdk.service.serving import EndpointStateConfigUpdate, EndpointStateReady, ServedEntityInput
from databricks.sdk.service.workspace import AclPermission, ScopeBackendType

from tests.contract.serving.running import MODEL, deployed

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

    from tests.contract.serving.running import Running


def test_scopes_and_their_secrets(served: Running, client: WorkspaceClient) -> None:
    secrets = client.secrets
    secrets.create_scope("plain", initial_manage_principal="users")
    with pytest.raises(ResourceAlreadyExists, match="Scope plain already exists!"):
        secrets.create_scope("plain")
    secrets.put_secret("plain", "text", string_value="a word")
    secrets.put_secret("plain", "bytes", bytes_value=base64.b64encode(b"\xff\x00").decode())
    secrets.put_secret("plain", "text", string_value="another word")
    assert base64.b64decode(secrets.get_secret("plain", "text").value or "") == b"another word"
    assert client.dbutils.secrets.get("plain", "text") == "another word"
    assert client.dbutils.secrets.getBytes("plain", "bytes") == b"\xff\x00"
    listed = list(secrets.list_secrets("plain"))
    assert [secret.key for secret in listed] == ["bytes", "text"]
    assert all(secret.last_updated_timestamp for secret in listed)
    assert ("plain", ScopeBackendType.DATABRICKS) in [
        (scope.name, scope.backend_type) for scope in secrets.list_scopes()
    ]
    for path in served.root.glob("secrets.db*"):
        assert path.stat().st_mode & 0o077 == 0, path
    secrets.delete_secret("plain", "bytes")
    with pytest.raises(ResourceDoesNotExist, match="with scope: plain and key: bytes"):
        secrets.get_secret("plain", "bytes")
    secrets.delete_scope("plain")
    secrets.create_scope("plain")
    assert not list(secrets.list_secrets("plain"))
    secrets.delete_scope("plain")
    with pytest.raises(ResourceDoesNotExist, match="Scope plain does not exist!"):
        secrets.delete_scope("plain")


def test_who_may_do_what_with_a_scope(client: WorkspaceClient) -> None:
    secrets = client.secrets
    secrets.create_scope("shared")
    secrets.put_acl("shared", "analysts", AclPermission.READ)
    secrets.put_acl("shared", "analysts", AclPermission.WRITE)
    assert {item.principal: item.permission for item in secrets.list_acls("shared")} == {
        "analysts": AclPermission.WRITE,
        "local.user@example.com": AclPermission.MANAGE,
    }
    assert secrets.get_acl("shared", "analysts").permission is AclPermission.WRITE
    secrets.delete_acl("shared", "analysts")
    with pytest.raises(NotFound, match="analysts"):
        secrets.get_acl("shared", "analysts")
    with pytest.raises(NotFound, match="analysts"):
        secrets.delete_acl("shared", "analysts")
    secrets.delete_scope("shared")


_INVALID = InvalidParameterValue


@pytest.mark.parametrize(
    ("path", "body", "error", "words"),
    [
        ("scopes/create", {"scope": "a:b"}, _INVALID, "a:b"),
        (
            "scopes/create",
            {"scope": "a", "scope_backend_type": "AZURE_KEYVAULT"},
            InvalidParameterValue,
            "vault",
        ),
        ("scopes/create", {"scope": "a", "initial_manage_principal": "ann"}, _INVALID, "users"),
        (
            "put",
            {"scope": "nowhere", "key": "k", "string_value": "v"},
            NotFound,
            "Scope nowhere does not exist",
        ),
        ("put", {"scope": "nowhere", "key": "a/b", "string_value": "v"}, _INVALID, "a/b"),
        ("put", {"scope": "nowhere", "key": "k"}, BadRequest, "Exactly one"),
        ("put", {"scope": "nowhere", "key": "k", "bytes_value": "?"}, BadRequest, "base64"),
        (
            "put",
            {"scope": "nowhere", "key": "k", "string_value": "v" * 131073},
            InvalidParameterValue,
            "131072",
        ),
        ("put", {"key": "k", "string_value": "v"}, _INVALID, "scope"),
        (
            "acls/put",
            {"scope": "nowhere", "principal": "p", "permission": "OWN"},
            InvalidParameterValue,
            "READ",
        ),
    ],
)
def test_what_is_wrong_is_named(
    client: WorkspaceClient, path: str, body: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        client.api_client.do("POST", f"/api/2.0/secrets/{path}", body=body)


def test_a_model_is_given_its_secrets_when_it_starts(served: Running, client: WorkspaceClient) -> None:
    reference = "{{secrets/models/number}}"
    entity = {
        "name": "one",
        "entity_name": MODEL,
        "entity_version": "1",
        "scale_to_zero_enabled": False,
        "environment_vars": {"NUMBER": reference},
    }
    asked = {"dataframe_records": [{"x": 1.0, "action": "environment"}]}
    client.secrets.create_scope("models")
    served.post("/api/2.0/serving-endpoints", {"name": "guarded", "config": {"served_entities": [entity]}})
    failed = deployed(client, "guarded")
    assert failed.state is not None
    assert failed.state.ready is EndpointStateReady.NOT_READY
    assert failed.state.config_update is EndpointStateConfigUpdate.UPDATE_FAILED
    assert failed.pending_config is not None
    [tried] = failed.pending_config.served_entities or []
    assert tried.state is not None
    assert tried.state.deployment_state_message == (
        "Environment variable NUMBER cannot be set: Secret does not exist with scope: models and key: number"
    )
    with pytest.raises(InvalidState, match="not ready"):
        client.serving_endpoints.query("guarded", dataframe_records=asked["dataframe_records"])
    for number in ("7", "8"):
        # The configuration is the same; the secret is not.
        client.secrets.put_secret("models", "number", string_value=number)
        client.serving_endpoints.update_config(
            "guarded", served_entities=[ServedEntityInput.from_dict(entity)]
        )
        ready = deployed(client, "guarded")
        assert ready.config is not None
        [shown] = ready.config.served_entities or []
        assert shown.environment_vars == {"NUMBER": reference}
        assert served.ask("guarded", asked).json == {"predictions": [float(number)]}
    client.serving_endpoints.delete("guarded")
    client.secrets.delete_scope("models")
