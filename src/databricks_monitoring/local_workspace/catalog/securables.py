"""What catalogs, schemas, tables and volumes have in common: their names and how they are refused."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from databricks.sdk.errors import InvalidParameterValue, NotFound

from databricks_monitoring.names import SchemaName, TableName

if TYPE_CHECKING:
    from databricks_monitoring.errors import MissingError
    from databricks_monitoring.local_workspace.storage import Store

GRANT = "grant"
"""Kind of the document that holds the privileges on an object; keys are like `table/catalog.schema.name`."""

LONGEST_NAME = 255
"""Bytes that a level of a name, or of a path, may have."""

_FORBIDDEN = frozenset("./ \x7f") | {chr(code) for code in range(32)}


def checked(name: str, what: str) -> str:
    """Return one level of a name in lower case.

    Raises
    ------
    InvalidParameterValue
        If it is empty, longer than 255 bytes, or has a period, a slash, a space or a control character.
        So a name is always one harmless component of a path.
    """
    if not name:
        raise InvalidParameterValue(f"The name of a {what} is empty.")
    if len(name.encode()) > LONGEST_NAME:
        raise InvalidParameterValue(
            f"The name of a {what} has at most {LONGEST_NAME} bytes; found {name[:40]!r}..."
        )
    if bad := sorted(_FORBIDDEN.intersection(name)):
        raise InvalidParameterValue(
            f"{name!r} is not a valid name of a {what}: it contains {bad[0]!r}. "
            "Periods, slashes, spaces and control characters are not allowed."
        )
    return name.lower()


def checked_schema(name: SchemaName) -> SchemaName:
    """Return the name of a schema in lower case, refusing levels that could not exist."""
    return SchemaName(checked(name.catalog, "catalog"), checked(name.schema, "schema"))


def checked_table(name: TableName, what: str = "table") -> TableName:
    """Return a three-level name in lower case, refusing levels that could not exist."""
    return TableName(
        checked(name.catalog, "catalog"), checked(name.schema, "schema"), checked(name.name, what)
    )


def not_found(error: MissingError) -> NotFound:
    """Return the answer to a request for something that does not exist, in the words of `error`."""
    return NotFound(str(error), error_code=f"{error.kind.upper()}_DOES_NOT_EXIST")


def metastore_id(store: Store) -> str:
    """Return the id of the one metastore, drawn when first asked for."""
    store.add("metastore", "id", {"id": str(uuid.uuid4())})
    document = store.get("metastore", "id")
    return str(document["id"]) if document else ""
