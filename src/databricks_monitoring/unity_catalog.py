"""Look-ups in Unity Catalog that say what exists when something does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks.sdk.errors import AlreadyExists, NotFound, ResourceAlreadyExists

from databricks_monitoring.errors import (
    CatalogNotFoundError,
    ColumnNotFoundError,
    MissingError,
    SchemaNotFoundError,
    TableNotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from databricks.sdk import WorkspaceClient
    from databricks.sdk.service.catalog import TableInfo

    from databricks_monitoring.names import SchemaName, TableName


def require_catalog(client: WorkspaceClient, catalog: str) -> None:
    """Do nothing if the catalog exists.

    Raises
    ------
    CatalogNotFoundError
        Naming the catalogs that exist.
    """
    try:
        client.catalogs.get(catalog)
    except NotFound:
        raise CatalogNotFoundError(catalog, [item.name or "" for item in client.catalogs.list()]) from None


def schema_exists(client: WorkspaceClient, schema: SchemaName) -> bool:
    """Say whether the schema exists; its catalog must.

    Raises
    ------
    CatalogNotFoundError
        If the catalog does not exist.
    """
    try:
        client.schemas.get(str(schema))
    except NotFound:
        require_catalog(client, schema.catalog)
        return False
    return True


def require_schema(client: WorkspaceClient, schema: SchemaName) -> None:
    """Do nothing if the schema exists.

    Raises
    ------
    SchemaNotFoundError, CatalogNotFoundError
        Whichever level of the name does not exist, naming what does.
    """
    if not schema_exists(client, schema):
        schemas = [item.name or "" for item in client.schemas.list(schema.catalog)]
        raise SchemaNotFoundError(schema.schema, schemas, where=f"catalog {schema.catalog}")


def ensure_schema(client: WorkspaceClient, schema: SchemaName) -> bool:
    """Create the schema unless it exists; say whether it was created.

    Raises
    ------
    CatalogNotFoundError
        If the catalog does not exist. Catalogs are never created.
    """
    if schema_exists(client, schema):
        return False
    try:
        client.schemas.create(name=schema.schema, catalog_name=schema.catalog)
    except (AlreadyExists, ResourceAlreadyExists):
        return False  # someone else created it in between, which is as good
    return True


def find_table(client: WorkspaceClient, name: TableName) -> TableInfo | None:
    """Return the table, or None if it does not exist."""
    try:
        return client.tables.get(str(name))
    except NotFound:
        return None


def missing_table(client: WorkspaceClient, name: TableName) -> MissingError:
    """Return the error that says which level of `name` does not exist, and what does."""
    try:
        require_schema(client, name.parent)
    except (CatalogNotFoundError, SchemaNotFoundError) as error:
        return error
    tables = [item.name or "" for item in client.tables.list(name.catalog, name.schema, omit_columns=True)]
    return TableNotFoundError(name.name, tables, where=f"schema {name.parent}")


def require_table(client: WorkspaceClient, name: TableName) -> TableInfo:
    """Return the table.

    Raises
    ------
    TableNotFoundError, SchemaNotFoundError, CatalogNotFoundError
        Whichever level of the name does not exist, naming what does.
    """
    found = find_table(client, name)
    if found is None:
        raise missing_table(client, name)
    return found


def column_names(table: TableInfo) -> list[str]:
    """Return the names of a table's columns, in order."""
    return [column.name for column in table.columns or [] if column.name]


def require_columns(table: TableInfo, names: Iterable[str]) -> None:
    """Do nothing if the table has all these columns (upper and lower case count as the same).

    Raises
    ------
    ColumnNotFoundError
        For the first that is missing, naming the columns that exist.
    """
    existing = column_names(table)
    folded = {name.casefold() for name in existing}
    for name in names:
        if name.casefold() not in folded:
            raise ColumnNotFoundError(name, existing, where=f"table {table.full_name}")
