"""Catalogs and schemas."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from databricks.sdk.errors import AlreadyExists, BadRequest, PermissionDenied
from databricks.sdk.service.catalog import CatalogInfo, CatalogType, SchemaInfo

from databricks_monitoring.errors import CatalogNotFoundError, SchemaNotFoundError
from databricks_monitoring.local_workspace.catalog.securables import (
    GRANT,
    checked,
    checked_schema,
    metastore_id,
    not_found,
)
from databricks_monitoring.local_workspace.user import USER_NAME
from databricks_monitoring.names import SchemaName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from databricks_monitoring.local_workspace.clock import WorkspaceClock
    from databricks_monitoring.local_workspace.storage import Store

SYSTEM = "system"
"""The catalog of read-only tables that the workspace itself answers."""

FIRST_CATALOGS = ("main", "mlops_dev", "mlops_aut", "mlops_prod")
"""Catalogs of a fresh workspace beside `system`, each with a schema `default`."""

_CATALOG, _SCHEMA, _SEEDED = "catalog", "schema", "seeded"


class Catalogs:
    """Catalogs and schemas of one workspace."""

    def __init__(self, store: Store, clock: WorkspaceClock) -> None:
        self._store = store
        self._clock = clock
        self._metastore_id = metastore_id(store)
        self._seed()

    def _seed(self) -> None:
        with self._store.transaction():
            if not self._store.add(_SEEDED, "catalogs", {}):
                return
            for name in (*FIRST_CATALOGS, SYSTEM):
                self._put_catalog(name, comment=None, properties=None)

    def list_catalogs(self) -> list[CatalogInfo]:
        """Return every catalog, by name."""
        return [CatalogInfo.from_dict(body) for _, body in self._store.list(_CATALOG)]

    def get_catalog(self, name: str) -> CatalogInfo:
        """Return a catalog.

        Raises
        ------
        NotFound
            If there is none of this name; the message names those there are.
        """
        body = self._store.get(_CATALOG, name.lower())
        if body is None:
            raise not_found(CatalogNotFoundError(name, [key for key, _ in self._store.list(_CATALOG)]))
        return CatalogInfo.from_dict(body)

    def create_catalog(
        self,
        name: str,
        *,
        comment: str | None = None,
        properties: Mapping[str, str] | None = None,
        if_not_exists: bool = False,
    ) -> CatalogInfo:
        """Create a catalog with a schema `default`."""
        name = checked(name, "catalog")
        with self._store.transaction():
            if self._store.get(_CATALOG, name) is None:
                self._put_catalog(name, comment=comment, properties=properties)
            elif not if_not_exists:
                raise AlreadyExists(f"Catalog '{name}' already exists.")
            return self.get_catalog(name)

    def update_catalog(self, name: str, changes: Mapping[str, Any]) -> CatalogInfo:
        """Change `comment`, `owner` or `properties` of a catalog."""
        with self._store.transaction():
            body = {**self.get_catalog(name).as_dict(), **changes, **self._touched()}
            self._store.put(_CATALOG, name.lower(), body)
        return CatalogInfo.from_dict(body)

    def drop_catalog(self, name: str, *, cascade: bool = False) -> None:
        """Delete a catalog; one with more than an empty `default` schema only if `cascade`."""
        catalog = str(self.get_catalog(name).name)
        refuse_system(catalog)
        schemas = [SchemaName(catalog, str(schema.name)) for schema in self.list_schemas(catalog)]
        held = [schema for schema in schemas if schema.schema != "default" or self.contents(schema)]
        if held and not cascade:
            shown = ", ".join(map(str, held))
            raise BadRequest(
                f"Catalog '{catalog}' is not empty: it holds {shown}. "
                "Delete with force=true (CASCADE) to drop all.",
                error_code="CATALOG_NOT_EMPTY",
            )
        for schema in schemas:
            self.drop_schema(schema, cascade=cascade)
        self._store.delete(_CATALOG, catalog)
        self._store.delete(GRANT, f"catalog/{catalog}")

    def list_schemas(self, catalog: str) -> list[SchemaInfo]:
        """Return the schemas of a catalog, by name."""
        name = str(self.get_catalog(catalog).name)
        return [SchemaInfo.from_dict(body) for _, body in self._store.list(_SCHEMA, f"{name}.")]

    def get_schema(self, name: SchemaName) -> SchemaInfo:
        """Return a schema.

        Raises
        ------
        NotFound
            If the catalog or the schema does not exist; the message names those there are.
        """
        wanted = f"{name.catalog}.{name.schema}".lower()
        schemas = {str(schema.full_name): schema for schema in self.list_schemas(name.catalog)}
        if wanted not in schemas:
            raise not_found(SchemaNotFoundError(wanted, schemas))
        return schemas[wanted]

    def create_schema(
        self,
        name: SchemaName,
        *,
        comment: str | None = None,
        properties: Mapping[str, str] | None = None,
        if_not_exists: bool = False,
    ) -> SchemaInfo:
        """Create a schema in a catalog that exists."""
        name = checked_schema(name)
        with self._store.transaction():
            self.get_catalog(name.catalog)
            if self._store.get(_SCHEMA, str(name)) is not None:
                if not if_not_exists:
                    raise AlreadyExists(f"Schema '{name}' already exists.")
                return self.get_schema(name)
            refuse_system(name.catalog)
            self._put_schema(name, comment=comment, properties=properties)
        return self.get_schema(name)

    def update_schema(self, name: SchemaName, changes: Mapping[str, Any]) -> SchemaInfo:
        """Change `comment`, `owner` or `properties` of a schema."""
        refuse_system(name.catalog)
        with self._store.transaction():
            found = self.get_schema(name)
            body = {**found.as_dict(), **changes, **self._touched()}
            self._store.put(_SCHEMA, str(found.full_name), body)
        return SchemaInfo.from_dict(body)

    def drop_schema(self, name: SchemaName, *, cascade: bool = False) -> None:
        """Delete a schema; one that holds something only if `cascade`."""
        refuse_system(name.catalog)
        found = SchemaName.parse(str(self.get_schema(name).full_name))
        held = self.contents(found)
        if held and not cascade:
            raise BadRequest(
                f"Schema '{found}' is not empty: it holds {', '.join(held)}. "
                "Delete with force=true (CASCADE) to drop all.",
                error_code="SCHEMA_NOT_EMPTY",
            )
        self.drop_contents(found)
        self._store.delete(_SCHEMA, str(found))
        self._store.delete(GRANT, f"schema/{found}")

    def contents(self, schema: SchemaName) -> list[str]:  # noqa: ARG002 - for those that keep something in schemas
        """Return the names of everything a schema holds."""
        return []

    def drop_contents(self, schema: SchemaName) -> None:
        """Delete everything a schema holds."""

    def _put_catalog(self, name: str, *, comment: str | None, properties: Mapping[str, str] | None) -> None:
        info = CatalogInfo(
            name=name,
            full_name=name,
            comment=comment,
            properties=dict(properties) if properties else None,
            catalog_type=CatalogType.SYSTEM_CATALOG if name == SYSTEM else CatalogType.MANAGED_CATALOG,
        )
        self._store.put(_CATALOG, name, info.as_dict() | self._born())
        if name != SYSTEM:
            self._put_schema(SchemaName(name, "default"), comment="Default schema", properties=None)

    def _put_schema(
        self, name: SchemaName, *, comment: str | None, properties: Mapping[str, str] | None
    ) -> None:
        info = SchemaInfo(
            name=name.schema,
            catalog_name=name.catalog,
            full_name=str(name),
            schema_id=str(uuid.uuid4()),
            comment=comment,
            properties=dict(properties) if properties else None,
            catalog_type=CatalogType.MANAGED_CATALOG,
        )
        self._store.put(_SCHEMA, str(name), info.as_dict() | self._born())

    def _born(self) -> dict[str, object]:
        now = self._clock.now_ms()
        return {
            "owner": USER_NAME,
            "metastore_id": self._metastore_id,
            "created_at": now,
            "created_by": USER_NAME,
            "updated_at": now,
            "updated_by": USER_NAME,
        }

    def _touched(self) -> dict[str, object]:
        return {"updated_at": self._clock.now_ms(), "updated_by": USER_NAME}


def refuse_system(catalog: str) -> None:
    """Raise `PermissionDenied` if `catalog` is the one that nobody writes."""
    if catalog.lower() == SYSTEM:
        raise PermissionDenied("Catalog 'system' is read-only: the workspace itself answers its tables.")
