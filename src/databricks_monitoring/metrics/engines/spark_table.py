"""Tables of a Spark session: by name, as a Delta table in a folder, or as a folder of Parquet files."""

from __future__ import annotations

import json
import logging
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from pyspark.errors import (
    AnalysisException,
    IllegalArgumentException,
    ParseException,
    PySparkException,
    UnsupportedOperationException,
)

from databricks_monitoring.errors import MetricError
from databricks_monitoring.metrics.metric_table import USER_METADATA, state_in
from databricks_monitoring.names import TableName, quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyspark.sql import DataFrame, DataFrameReader, SparkSession

    from databricks_monitoring.metrics.metric_table import State

logger = logging.getLogger(__name__)

_AS_PATH = re.compile(r"(?P<format>delta|parquet)\.`(?P<path>.+)`", re.IGNORECASE)
_RECENT = 20


@dataclass(frozen=True)
class Commit:
    """One entry of a table's history."""

    version: int
    user_metadata: str | None


@dataclass(frozen=True)
class Details:
    """What a Delta table says of itself."""

    identity: str
    properties: Mapping[str, str] = field(default_factory=dict)


class SparkTable(ABC):
    """One table, as a session reaches it."""

    def __init__(self, spark: SparkSession, name: str) -> None:
        self.spark = spark
        self.name = name

    @abstractmethod
    def exists(self) -> bool:
        """Whether there is such a table."""

    @abstractmethod
    def read(self, version: int | None = None) -> DataFrame:
        """Return the rows of a version, or the latest."""

    def read_changes(self, first: int, last: int) -> DataFrame | None:
        """Return what versions changed, from the change feed; None where there is none."""
        del first, last
        return None

    @property
    def replaces_in_place(self) -> bool:
        """Whether some rows can be replaced without writing the others again."""
        return False

    @abstractmethod
    def write(self, frame: DataFrame, *, mode: str, options: Mapping[str, str]) -> None:
        """Write rows, in one commit where the format has any."""

    @property
    @abstractmethod
    def identity(self) -> str:
        """The table's own id, new for every table created; its name where it has none."""

    @property
    @abstractmethod
    def properties(self) -> Mapping[str, str]:
        """The table's properties."""

    @abstractmethod
    def version(self) -> int | None:
        """Return the latest version; None if the table has none."""

    @abstractmethod
    def state(self) -> tuple[State, int] | None:
        """Return what the latest refresh processed, and the version it wrote."""


def table_of(spark: SparkSession, reference: str) -> SparkTable:
    """Return the table that a text names, as Spark writes it.

    Parameters
    ----------
    reference
        `catalog.schema.table`; a folder of a Delta table, bare or as ``delta.`...` ``; or ``parquet.`...` ``.

    Raises
    ------
    InvalidNameError
        If it is none of them.
    """
    matched = _AS_PATH.fullmatch(reference.strip())
    if matched is not None and matched["format"].lower() == "parquet":
        return ParquetFolder(spark, matched["path"])
    if matched is not None:
        return DeltaFolder(spark, matched["path"])
    if reference.startswith(("/", "./", "../")) or re.match(r"[a-z][a-z0-9+.-]*:/", reference):
        return DeltaFolder(spark, reference)
    return CatalogTable(spark, TableName.parse(reference))


class ParquetFolder(SparkTable):
    """A folder of Parquet files: without versions, so that every refresh makes everything anew."""

    identity = ""
    properties: Mapping[str, str] = {}

    def __init__(self, spark: SparkSession, path: str) -> None:
        super().__init__(spark, path)
        self.identity = path

    def exists(self) -> bool:
        """Whether there are files."""
        try:
            self.read().schema  # noqa: B018 - asks the session
        except AnalysisException:
            return False
        return True

    def read(self, version: int | None = None) -> DataFrame:
        """Return the rows."""
        del version
        return self.spark.read.parquet(self.name)

    def write(self, frame: DataFrame, *, mode: str, options: Mapping[str, str]) -> None:
        """Write rows; files take no options of a commit."""
        del options
        frame.write.mode(mode).parquet(self.name)

    def version(self) -> None:
        """Return None."""

    def state(self) -> None:
        """Return None: files say nothing of refreshes."""


class _Delta(SparkTable):
    """A Delta table."""

    @property
    @abstractmethod
    def reference(self) -> str:
        """The table in a statement."""

    @abstractmethod
    def folder(self) -> str | None:
        """Return the folder of the table, if the session tells."""

    @cached_property
    def _log(self) -> _Log:
        statement = f"DESCRIBE DETAIL {self.reference}"
        try:
            found = self.spark.sql(statement).first()
        except AnalysisException as error:
            if not isinstance(error, ParseException):
                raise MetricError(
                    f"Table {self.name} tells no version: {_words(error)} Give a Delta table, or files as "
                    "parquet.`folder`."
                ) from error
            found = None
        except (IllegalArgumentException, UnsupportedOperationException):
            found = None
        if found is not None:
            details = Details(str(found["id"]), dict(found["properties"] or {}))
            return _History(self.spark, self.reference, details)
        folder = self.folder()
        if folder is None:
            raise MetricError(
                f"This Spark session does not know {statement.rsplit(' ', 1)[0]}, and not where "
                f"{self.name} is kept. Give the table's folder instead of its name."
            )
        return _LogFiles(self.spark, folder)

    def read_changes(self, first: int, last: int) -> DataFrame | None:
        """Return what versions changed, from the change feed."""
        reader = self.spark.read.format("delta").option("readChangeFeed", "true")
        reader = reader.option("startingVersion", first).option("endingVersion", last)
        return self._load(reader)

    @abstractmethod
    def _load(self, reader: DataFrameReader) -> DataFrame:
        """Return what a reader with options finds in this table."""

    @property
    def identity(self) -> str:
        """The table's own id."""
        return self._log.details.identity

    @property
    def replaces_in_place(self) -> bool:
        """Whether the session's Delta replaces rows of nested types, which Sail's does not."""
        return isinstance(self._log, _History)

    @property
    def properties(self) -> Mapping[str, str]:
        """The table's properties."""
        return self._log.details.properties

    def version(self) -> int:
        """Return the latest version."""
        return next(self._log.commits()).version

    def state(self) -> tuple[State, int] | None:
        """Return what the latest refresh processed, and the version it wrote."""
        for commit in self._log.commits():
            found = state_in({USER_METADATA: commit.user_metadata})
            if found is not None:
                return found, commit.version
        return None


class DeltaFolder(_Delta):
    """A Delta table in a folder."""

    @property
    def reference(self) -> str:
        """The table in a statement."""
        return f"delta.{quote(self.name)}"

    def folder(self) -> str:
        """Return the folder."""
        return self.name

    def exists(self) -> bool:
        """Whether a table is there."""
        try:
            self.read().schema  # noqa: B018 - asks the session
        except AnalysisException as error:
            logger.info("no Delta table at %s: %s", self.name, error)
            return False
        return True

    def read(self, version: int | None = None) -> DataFrame:
        """Return the rows of a version, or the latest."""
        reader = self.spark.read.format("delta")
        return self._load(reader if version is None else reader.option("versionAsOf", version))

    def _load(self, reader: DataFrameReader) -> DataFrame:
        return reader.load(self.name)

    def write(self, frame: DataFrame, *, mode: str, options: Mapping[str, str]) -> None:
        """Write rows in one commit."""
        frame.write.format("delta").mode(mode).options(**options).save(self.name)


class CatalogTable(_Delta):
    """A Delta table of a catalog."""

    def __init__(self, spark: SparkSession, table: TableName) -> None:
        super().__init__(spark, str(table))
        self.reference_of = table

    @property
    def reference(self) -> str:
        """The table in a statement."""
        return self.reference_of.quoted

    def folder(self) -> str | None:
        """Return the folder of the table, if the session tells."""
        rows = self.spark.sql(f"DESCRIBE TABLE EXTENDED {self.reference}").collect()
        return next((str(row[1]) for row in rows if row[0] == "Location" and row[1]), None)

    def exists(self) -> bool:
        """Whether the catalog has the table."""
        return bool(self.spark.catalog.tableExists(self.reference))

    def read(self, version: int | None = None) -> DataFrame:
        """Return the rows of a version, or the latest."""
        if version is None:
            return self.spark.table(self.reference)
        return self.spark.sql(f"SELECT * FROM {self.reference} VERSION AS OF {int(version)}")  # noqa: S608 - quoted

    def _load(self, reader: DataFrameReader) -> DataFrame:
        return reader.table(self.reference)

    def write(self, frame: DataFrame, *, mode: str, options: Mapping[str, str]) -> None:
        """Write rows in one commit."""
        frame.write.format("delta").mode(mode).options(**options).saveAsTable(self.reference)


class _Log(ABC):
    details: Details

    @abstractmethod
    def commits(self) -> Iterator[Commit]:
        """Return the commits, the latest first."""


class _History(_Log):
    """The history as Delta on Spark tells it."""

    def __init__(self, spark: SparkSession, reference: str, details: Details) -> None:
        self._spark = spark
        self._reference = reference
        self.details = details

    def commits(self) -> Iterator[Commit]:
        """Return the commits, the latest first; nearly always the first few are enough."""
        for limit in (f" LIMIT {_RECENT}", ""):
            history = self._spark.sql(f"DESCRIBE HISTORY {self._reference}{limit}")
            rows = history.select("version", USER_METADATA).collect()
            found = sorted(
                (Commit(int(row["version"]), row[USER_METADATA]) for row in rows),
                key=lambda commit: -commit.version,
            )
            yield from found
            if len(found) < _RECENT:
                return


class _LogFiles(_Log):
    """The log's files, for sessions that know no `DESCRIBE HISTORY`."""

    def __init__(self, spark: SparkSession, folder: str) -> None:
        self._spark = spark
        self._folder = folder

    def _entries(self) -> list[tuple[int, list[dict[str, dict[str, object]]]]]:
        reader = self._spark.read.format("binaryFile").option("pathGlobFilter", "*.json")
        rows = reader.load(f"{self._folder}/_delta_log").select("path", "content").collect()
        found = []
        for row in rows:
            stem = PurePosixPath(row["path"]).stem
            if stem.isdigit():
                lines = bytes(row["content"]).decode().splitlines()
                found.append((int(stem), [json.loads(line) for line in lines if line]))
        return sorted(found, key=lambda entry: -entry[0])

    @cached_property
    def details(self) -> Details:  # type: ignore[override] # read when first asked for
        """The latest metadata."""
        for _, actions in self._entries():
            for action in actions:
                if "metaData" in action:
                    metadata = action["metaData"]
                    configuration = metadata.get("configuration")
                    return Details(
                        str(metadata["id"]), configuration if isinstance(configuration, dict) else {}
                    )
        raise MetricError(
            f"The log of the Delta table at {self._folder} has no metadata left in its JSON files."
        )

    def commits(self) -> Iterator[Commit]:
        """Return the commits, the latest first."""
        for version, actions in self._entries():
            said = next((action["commitInfo"] for action in actions if "commitInfo" in action), {})
            # Writers put it beside the other information, or within.
            within = said.get("info")
            text = said.get(USER_METADATA) or (
                within.get(USER_METADATA) if isinstance(within, dict) else None
            )
            yield Commit(version, text if isinstance(text, str) else None)


def _words(error: PySparkException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
