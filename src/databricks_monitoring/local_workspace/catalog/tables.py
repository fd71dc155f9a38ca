"""Tables: Delta folders on disk, registered in the store.

The Delta log is the truth about columns, properties and comment; the store knows that a table exists and who
made it when. A table is registered last and forgotten first, so a server killed at any moment leaves at worst
a folder that no name leads to, which the next `create` clears.
"""

from __future__ import annotations

import shutil
import threading
import uuid
from collections import defaultdict
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from databricks.sdk.errors import AlreadyExists, InvalidParameterValue, NotFound
from databricks.sdk.service.catalog import (
    CatalogType,
    ColumnInfo,
    DataSourceFormat,
    SchemaInfo,
    TableInfo,
    TableType,
)
from deltalake import DeltaTable, Schema
from deltalake.exceptions import TableNotFoundError as DeltaTableNotFoundError

from databricks_monitoring.errors import TableNotFoundError
from databricks_monitoring.local_workspace.catalog.catalogs import SYSTEM, Catalogs, refuse_system
from databricks_monitoring.local_workspace.catalog.columns import column_infos
from databricks_monitoring.local_workspace.catalog.information_schema import (
    information_schema,
    virtual_schema,
)
from databricks_monitoring.local_workspace.catalog.securables import GRANT, checked_table, not_found
from databricks_monitoring.local_workspace.catalog.volumes import Volumes
from databricks_monitoring.local_workspace.tracking.models import MODEL, VERSION
from databricks_monitoring.local_workspace.user import USER_NAME
from databricks_monitoring.names import TableName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import pyarrow as pa

    from databricks_monitoring.local_workspace.clock import WorkspaceClock
    from databricks_monitoring.local_workspace.storage import Document, Store
    from databricks_monitoring.names import SchemaName

_TABLE = "table"
_DROPPED = ".dropped"


@dataclass(frozen=True)
class _Described:
    """What one version of a Delta log says about its table."""

    table_id: str
    version: int
    columns: list[ColumnInfo]
    properties: dict[str, str]
    comment: str | None


class Tables(Catalogs):
    """Catalogs, schemas, tables and volumes of one workspace.

    Attributes
    ----------
    virtual
        Read-only tables that code answers: name (lower case) to function. Whoever knows the answer adds it.
    before_read
        Called by `open` before it reads the newest version: whoever writes a table late catches up there.
    volumes
        The volumes.
    """

    def __init__(self, root: Path, store: Store, clock: WorkspaceClock) -> None:
        super().__init__(store, clock)
        self._root = root
        self._locks: defaultdict[TableName, threading.RLock] = defaultdict(threading.RLock)
        self._locks_lock = threading.Lock()
        self._described: dict[TableName, _Described] = {}
        self.volumes = Volumes(root, store, clock, self._metastore_id)
        self.virtual: dict[TableName, Callable[[], pa.Table]] = information_schema(self)
        self.before_read: dict[TableName, Callable[[], None]] = {}
        shutil.rmtree(root / "tables" / _DROPPED, ignore_errors=True)

    def exists(self, name: TableName) -> bool:
        """Whether there is a table of this name."""
        name = _folded(name)
        return name in self.virtual or self._store.get(_TABLE, str(name)) is not None

    def get(self, name: TableName) -> TableInfo:
        """Return a table with its columns and properties as of now.

        Raises
        ------
        NotFound
            If there is no such table; the message names those there are.
        """
        name = _folded(name)
        if name in self.virtual:
            return self._virtual_info(name)
        return self._info(name, self._registered(name))

    def location(self, name: TableName) -> Path:
        """Return the folder of a table, whether or not it exists."""
        name = checked_table(name)
        return self._root / "tables" / name.catalog / name.schema / name.name

    def open(self, name: TableName, version: int | None = None) -> DeltaTable:
        """Return the Delta table, at its newest version or at `version`.

        Raises
        ------
        NotFound
            If there is no such table; the message names those there are.
        InvalidParameterValue
            If the table is virtual, and so has no Delta log.
        """
        name = _folded(name)
        if name in self.virtual:
            raise InvalidParameterValue(f"Table '{name}' is answered by the workspace and has no Delta log.")
        self._registered(name)
        if version is None and (catch_up := self.before_read.get(name)) is not None:
            catch_up()
        return DeltaTable(self.location(name), version=version)

    def create(
        self,
        name: TableName,
        schema: pa.Schema,
        *,
        properties: Mapping[str, str] | None = None,
        comment: str | None = None,
        if_not_exists: bool = False,
    ) -> TableInfo:
        """Create an empty table in a schema that exists.

        Parameters
        ----------
        properties
            Table properties; keys that begin with `delta.` configure Delta itself.
        if_not_exists
            Return the table that is there instead of raising `AlreadyExists`.
        """
        name = checked_table(name)
        refuse_system(name.catalog)
        self.get_schema(name.parent)
        with self.writing(name):
            if self.exists(name):
                if not if_not_exists:
                    raise AlreadyExists(f"Table '{name}' already exists.")
                return self.get(name)
            location = self.location(name)
            # Nothing registered leads here: it is what a killed server left.
            self._remove(location)
            DeltaTable.create(
                location,
                Schema.from_arrow(schema),
                mode="error",
                name=name.name,
                description=comment,
                configuration=dict(properties) if properties else None,
                raise_if_key_not_exists=False,
            )
            return self._register(name)

    def adopt(self, name: TableName) -> TableInfo:
        """Register the Delta table that was written at `location(name)`; repeatable.

        Raises
        ------
        NotFound
            If the schema does not exist or no Delta table lies there.
        """
        name = checked_table(name)
        refuse_system(name.catalog)
        self.get_schema(name.parent)
        with self.writing(name):
            if self.exists(name):
                return self.get(name)
            if not DeltaTable.is_deltatable(str(self.location(name))):
                raise self._missing(name)
            return self._register(name)

    def drop(self, name: TableName) -> None:
        """Delete a table and its data."""
        name = _folded(name)
        refuse_system(name.catalog)
        with self.writing(name):
            self._registered(name)
            self._store.delete(_TABLE, str(name))
            self._store.delete(GRANT, f"table/{name}")
            self._remove(self.location(name))

    @contextmanager
    def writing(self, name: TableName) -> Iterator[None]:
        """Hold the right to write a table; other threads of this process wait, the same one may nest."""
        with self._locks_lock:
            lock = self._locks[_folded(name)]
        with lock:
            yield

    def set_properties(self, name: TableName, properties: Mapping[str, str]) -> None:
        """Add or replace table properties; keys that begin with `delta.` configure Delta itself."""
        name = _folded(name)
        with self.writing(name):
            table = self.open(name)
            current = table.metadata().configuration
            if any(current.get(key) != value for key, value in properties.items()):
                table.alter.set_table_properties(dict(properties), raise_if_not_exists=False)
                self.update(name, {})

    def update(self, name: TableName, changes: Mapping[str, str]) -> TableInfo:
        """Change `owner` of a table, and when it was last altered."""
        name = _folded(name)
        with self._store.transaction():
            touched = {"updated_at": self._clock.now_ms(), "updated_by": USER_NAME}
            self._store.put(_TABLE, str(name), {**self._registered(name), **changes, **touched})
        return self.get(name)

    def volume_path(self, volume: TableName, relative: str = "") -> Path:
        """Return where a file of a volume lies; raise `NotFound` or refuse what leads out of the volume."""
        return self.volumes.path(volume, relative)

    def model_path(self, model: TableName, version: int) -> Path:
        """Return the folder of a model version's files, whether or not it exists."""
        model = checked_table(model, "registered model")
        return self._root / "models" / model.catalog / model.schema / model.name / str(int(version))

    def list_schemas(self, catalog: str) -> list[SchemaInfo]:
        """Return the schemas of a catalog, by name; those of `system` are where virtual tables are."""
        if catalog.lower() != SYSTEM:
            return super().list_schemas(catalog)
        born = self.get_catalog(SYSTEM)
        return [
            SchemaInfo(
                name=name.schema,
                catalog_name=SYSTEM,
                full_name=str(name),
                schema_id=_fixed_id(str(name)),
                catalog_type=CatalogType.SYSTEM_CATALOG,
                metastore_id=self._metastore_id,
                owner=USER_NAME,
                created_at=born.created_at,
                created_by=USER_NAME,
                updated_at=born.created_at,
                updated_by=USER_NAME,
            )
            for name in sorted({table.parent for table in self.virtual})
        ]

    def contents(self, schema: SchemaName) -> list[str]:
        """Return the names of the tables, volumes and registered models of a schema."""
        tables = [key for key, _ in self._store.list(_TABLE, f"{schema}.".lower())]
        models = [key for key, _ in self._store.list(MODEL, f"{schema}.".lower())]
        return tables + [str(volume.full_name) for volume in self.volumes.list(schema)] + models

    def drop_contents(self, schema: SchemaName) -> None:
        """Delete the tables, volumes and registered models of a schema."""
        for kind in (MODEL, VERSION):
            for key, _ in self._store.list(kind, f"{schema}.".lower()):
                self._store.delete(kind, key)
        shutil.rmtree(self._root / "models" / schema.catalog / schema.schema, ignore_errors=True)
        for key, _ in self._store.list(_TABLE, f"{schema}.".lower()):
            self.drop(TableName.parse(key))
        for volume in self.volumes.list(schema):
            self.volumes.drop(TableName.parse(str(volume.full_name)))

    def names(self) -> list[TableName]:
        """Return the names of all tables, virtual ones left out."""
        return [TableName.parse(key) for key, _ in self._store.list(_TABLE)]

    def list(self, schema: SchemaName) -> list[TableInfo]:
        """Return the tables of a schema that exists, by name."""
        self.get_schema(schema)
        prefix = f"{schema}.".lower()
        virtual = [self._virtual_info(name) for name in sorted(self.virtual) if f"{name.parent}." == prefix]
        found = []
        for key, body in self._store.list(_TABLE, prefix):
            # One that was dropped since it was listed is left out.
            with suppress(NotFound):
                found.append(self._info(TableName.parse(key), body))
        return virtual + found

    def _registered(self, name: TableName) -> Document:
        body = self._store.get(_TABLE, str(name))
        if body is None:
            raise self._missing(name)
        return body

    def _missing(self, name: TableName) -> Exception:
        self.get_schema(name.parent)
        existing = [key for key, _ in self._store.list(_TABLE, f"{name.parent}.")]
        existing += [str(table) for table in self.virtual if table.parent == name.parent]
        return not_found(TableNotFoundError(str(name), existing))

    def _register(self, name: TableName) -> TableInfo:
        now = self._clock.now_ms()
        body = TableInfo(
            name=name.name,
            catalog_name=name.catalog,
            schema_name=name.schema,
            full_name=str(name),
            table_id=str(uuid.uuid4()),
            table_type=TableType.MANAGED,
            data_source_format=DataSourceFormat.DELTA,
            storage_location=self.location(name).absolute().as_uri(),
            metastore_id=self._metastore_id,
            owner=USER_NAME,
            created_at=now,
            created_by=USER_NAME,
            updated_at=now,
            updated_by=USER_NAME,
        ).as_dict()
        self._store.put(_TABLE, str(name), body)
        return self._info(name, body)

    def _info(self, name: TableName, body: Document) -> TableInfo:
        info = TableInfo.from_dict(body)
        try:
            described = self._describe(name, str(info.table_id))
        except DeltaTableNotFoundError:
            self._registered(name)
            raise
        # Callers may change what they were given; what is remembered stays.
        info.columns = [ColumnInfo.from_dict(column.as_dict()) for column in described.columns]
        info.properties = dict(described.properties)
        info.comment = described.comment
        return info

    def _describe(self, name: TableName, table_id: str) -> _Described:
        location = self.location(name)
        newest = _newest_version(location)
        known = self._described.get(name)
        if known is not None and (known.table_id, known.version) == (table_id, newest):
            return known
        table = DeltaTable(location)
        metadata, protocol = table.metadata(), table.protocol()
        described = _Described(
            table_id=table_id,
            version=table.version(),
            columns=column_infos(table.schema().to_json()),
            properties={
                **metadata.configuration,
                "delta.minReaderVersion": str(protocol.min_reader_version),
                "delta.minWriterVersion": str(protocol.min_writer_version),
            },
            comment=metadata.description or None,
        )
        self._described[name] = described
        return described

    def _virtual_info(self, name: TableName) -> TableInfo:
        schema = virtual_schema(name) or self.virtual[name]().schema
        born = self.get_catalog(SYSTEM)
        return TableInfo(
            name=name.name,
            catalog_name=name.catalog,
            schema_name=name.schema,
            full_name=str(name),
            table_id=_fixed_id(str(name)),
            table_type=TableType.VIEW,
            columns=column_infos(Schema.from_arrow(schema).to_json()),
            metastore_id=self._metastore_id,
            owner=USER_NAME,
            created_at=born.created_at,
            created_by=USER_NAME,
            updated_at=born.created_at,
            updated_by=USER_NAME,
        )

    def _remove(self, location: Path) -> None:
        """Delete a folder; it is out of the way at once, even if the process dies while deleting."""
        if not location.exists():
            return
        grave = self._root / "tables" / _DROPPED / str(uuid.uuid4())
        grave.parent.mkdir(parents=True, exist_ok=True)
        location.rename(grave)
        shutil.rmtree(grave)


def _folded(name: TableName) -> TableName:
    return TableName(name.catalog.lower(), name.schema.lower(), name.name.lower())


def _fixed_id(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"unity-catalog:{name}"))


def _newest_version(location: Path) -> int:
    names = (entry.name for entry in (location / "_delta_log").glob("*.json"))
    return max((int(name[:20]) for name in names if name[:20].isdigit()), default=-1)
