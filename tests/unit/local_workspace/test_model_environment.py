from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from databricks.sdk.errors import InvalidParameterValue

from databricks_monitoring.local_workspace.clock import WorkspaceClock
from databricks_monitoring.local_workspace.endpoints.environment import ModelEnvironment, check_variables
from databricks_monitoring.local_workspace.model_server.process import LoadError
from databricks_monitoring.local_workspace.secret_scopes import SecretScopes
from databricks_monitoring.local_workspace.storage import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def secrets(tmp_path: Path) -> Iterator[SecretScopes]:
    store = Store(tmp_path / "workspace.db")
    secrets = SecretScopes(tmp_path, WorkspaceClock(store))
    secrets.create_scope("team", None)
    secrets.put("team", "api.key", b"value")
    yield secrets
    secrets.close()
    store.close()


def test_references_become_values_at_each_start(secrets: SecretScopes) -> None:
    given = ModelEnvironment(
        {"PLAIN": "text", "KEY": "{{secrets/team/api.key}}", "SPACED": "{{ secrets/team/api.key }}"}, secrets
    )
    assert given() == {"PLAIN": "text", "KEY": "value", "SPACED": "value"}
    assert given.is_current()
    secrets.put("team", "api.key", b"another")
    assert not given.is_current()
    assert given()["KEY"] == "another"
    secrets.delete("team", "api.key")
    assert not given.is_current()


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        (
            "{{secrets/team/other}}",
            "KEY cannot be set: Secret does not exist with scope: team and",
        ),
        ("{{secrets/tean/api.key}}", "Scope tean does not exist! Did you mean 'team'?"),
        ("{{secrets/team/bytes}}", "bytes that are no text"),
    ],
)
def test_a_secret_that_cannot_be_given_is_named(secrets: SecretScopes, reference: str, words: str) -> None:
    secrets.put("team", "bytes", b"\xff")
    with pytest.raises(LoadError) as found:
        ModelEnvironment({"KEY": reference}, secrets)()
    assert words in str(found.value)


@pytest.mark.parametrize("value", ["{{secrets/a}}", "x{{secrets/a/b}}", "{{secrets/a/b}}{{secrets/c/d}}"])
def test_a_reference_is_the_whole_value(value: str) -> None:
    with pytest.raises(InvalidParameterValue, match="whole value"):
        check_variables({"KEY": value})


def test_other_braces_are_text() -> None:
    assert check_variables({"TEMPLATE": "{{name}}"}) == {"TEMPLATE": "{{name}}"}
