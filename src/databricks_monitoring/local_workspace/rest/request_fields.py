"""Fields of Unity Catalog requests, checked where they enter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from databricks.sdk.errors import InvalidParameterValue
from databricks.sdk.errors import NotImplemented as NotServed

from databricks_monitoring.errors import InvalidNameError
from databricks_monitoring.names import SchemaName, TableName

if TYPE_CHECKING:
    from collections.abc import Collection

Json = dict[str, Any]


def text(body: Json, field: str) -> str:
    """Return a field that must be a text and not empty."""
    value = body.get(field)
    if not isinstance(value, str) or not value:
        raise InvalidParameterValue(f"{field}: found {value!r}, expected a text.")
    return value


def properties(body: Json) -> dict[str, str] | None:
    """Return the field `properties`, which maps texts to texts, or None if it is missing."""
    value = body.get("properties")
    if value is None:
        return None
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise InvalidParameterValue(f"properties: found {value!r}, expected an object of texts.")
    return value


def changes(body: Json, allowed: Collection[str]) -> Json:
    """Return the fields that a PATCH changes, refusing those that a local workspace cannot change."""
    wanted = {field: value for field, value in body.items() if value is not None}
    if unknown := sorted(set(wanted) - set(allowed)):
        raise NotServed(
            f"{unknown[0]}: a local workspace cannot change it; it changes {', '.join(sorted(allowed))}."
        )
    if "properties" in wanted:
        properties(wanted)
    return wanted


def schema_name(full_name: str) -> SchemaName:
    """Read `catalog.schema`, answering a malformed one as the service does."""
    try:
        return SchemaName.parse(full_name)
    except InvalidNameError as error:
        raise InvalidParameterValue(str(error)) from error


def table_name(full_name: str) -> TableName:
    """Read `catalog.schema.name`, answering a malformed one as the service does."""
    try:
        return TableName.parse(full_name)
    except InvalidNameError as error:
        raise InvalidParameterValue(str(error)) from error
