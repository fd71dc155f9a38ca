"""Environment variables of served entities: texts, and secrets that are looked up when the model starts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from databricks.sdk.errors import InvalidParameterValue, ResourceDoesNotExist

from databricks_monitoring.local_workspace.model_server.process import LoadError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from databricks_monitoring.local_workspace.secret_scopes import SecretScopes

_REFERENCE = re.compile(r"\{\{\s*secrets/(?P<scope>[^/{}]+)/(?P<key>[^/{}]+?)\s*\}\}")
_BEGINNING = re.compile(r"\{\{\s*secrets/")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables of a served entity as they are kept; secrets stay references.

    Raises
    ------
    InvalidParameterValue
        If a name is none, a value is no text, or a reference is not the whole value.
    """
    for name, value in variables.items():
        if not _VARIABLE.fullmatch(name):
            raise InvalidParameterValue(
                f"Environment variable {name!r}: a name has letters, digits and underscores, and no digit "
                "at its beginning."
            )
        if not isinstance(value, str) or "\0" in value:
            raise InvalidParameterValue(f"Environment variable {name}: expected a text.")
        if _BEGINNING.search(value) and not _REFERENCE.fullmatch(value):
            raise InvalidParameterValue(
                f"Environment variable {name}: expected {{{{secrets/scope/key}}}} as its whole value."
            )
    return dict(variables)


class ModelEnvironment:
    """The environment variables of one model process, with secrets in place of references to them."""

    def __init__(self, variables: Mapping[str, str], secrets: SecretScopes) -> None:
        self._variables = dict(variables)
        self._secrets = secrets
        self._given: dict[str, str] | None = None

    def __call__(self) -> dict[str, str]:
        """Return the variables for a start.

        Raises
        ------
        LoadError
            If a secret does not exist or is no text; names the variable, scope and key.
        """
        self._given = {name: self._resolved(name, value) for name, value in self._variables.items()}
        return self._given

    def is_current(self) -> bool:
        """Say whether the last start was given what a start would be given now."""
        if not any(_REFERENCE.fullmatch(value) for value in self._variables.values()):
            return True
        try:
            now = {name: self._resolved(name, value) for name, value in self._variables.items()}
        except LoadError:
            return False
        return now == self._given

    def _resolved(self, name: str, value: str) -> str:
        found = _REFERENCE.fullmatch(value)
        if found is None:
            return value
        scope, key = found["scope"], found["key"]
        try:
            content = self._secrets.get(scope, key).decode()
        except ResourceDoesNotExist as error:
            raise LoadError(f"Environment variable {name} cannot be set: {error}") from error
        except UnicodeDecodeError:
            content = "\0"
        if "\0" in content:
            raise LoadError(
                f"Environment variable {name} cannot be set: the secret with scope: {scope} and key: {key} "
                "holds bytes that are no text."
            )
        return content
