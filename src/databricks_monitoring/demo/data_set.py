"""The demo's tables: uploaded as files, turned into tables by SQL, as any client would."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from databricks.sdk.errors import NotFound
from databricks.sdk.service.catalog import VolumeType

from databricks_monitoring.names import quote

if TYPE_CHECKING:
    import pandas as pd
    from databricks.sdk import WorkspaceClient

    from databricks_monitoring.clients import SqlClient
    from databricks_monitoring.names import SchemaName, TableName

_VOLUME = "landing"


class Landing:
    """A volume that files land in, and the tables made from them."""

    def __init__(self, client: WorkspaceClient, sql: SqlClient, schema: SchemaName) -> None:
        self._client = client
        self._sql = sql
        self._schema = schema
        volume = f"{schema}.{_VOLUME}"
        try:
            client.volumes.read(volume)
        except NotFound:
            client.volumes.create(schema.catalog, schema.schema, _VOLUME, VolumeType.MANAGED)

    def upload(self, frame: pd.DataFrame, name: str) -> str:
        """Upload `frame` as a Parquet file and return its path."""
        path = f"/Volumes/{self._schema.catalog}/{self._schema.schema}/{_VOLUME}/{name}.parquet"
        content = io.BytesIO()
        frame.to_parquet(content, index=False)
        content.seek(0)
        self._client.files.upload(path, content, overwrite=True)
        return path

    def write_table(self, frame: pd.DataFrame, table: TableName) -> None:
        """Make `table` hold exactly the rows of `frame`."""
        path = self.upload(frame, table.name)
        self._sql.execute(f"CREATE OR REPLACE TABLE {table.quoted} AS {self._select(frame, path)}")

    def append(self, frame: pd.DataFrame, table: TableName, *, file_name: str) -> None:
        """Add the rows of `frame` to `table`."""
        path = self.upload(frame, file_name)
        self._sql.execute(f"INSERT INTO {table.quoted} {self._select(frame, path)}")

    @staticmethod
    def _select(frame: pd.DataFrame, path: str) -> str:
        columns = ", ".join(quote(str(column)) for column in frame.columns)
        # The path is made of our own constants; read_files takes no bound parameter for it everywhere.
        return f"SELECT {columns} FROM read_files('{path}', format => 'parquet')"  # noqa: S608
