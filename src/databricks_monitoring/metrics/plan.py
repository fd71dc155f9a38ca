"""Which windows a refresh has to recompute."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from databricks_monitoring.metrics.engines import delta_scan

if TYPE_CHECKING:
    from databricks_monitoring.metrics.engines.duckdb import DuckDBEngine
    from databricks_monitoring.metrics.windows import Calendar

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Change:
    """Windows whose rows differ between two versions of a table, by granularity."""

    windows: dict[str, list[int]]

    @property
    def is_empty(self) -> bool:
        """Whether no window differs."""
        return not any(self.windows.values())


def change_since(
    table: DeltaTable, version: int, engine: DuckDBEngine, calendars: list[Calendar]
) -> Change | None:
    """Return the windows whose rows changed since a version; None if that can no longer be told.

    Parameters
    ----------
    table
        The snapshot that `engine` reads.
    version
        An earlier version of the same table.

    Notes
    -----
    Only data files that one version has and the other has not are read. Their rows are compared by window,
    as counts and sums of row hashes: a file rewritten with the same rows touches no window, a row that moved
    touches the one it left and the one it came to.
    """
    try:
        earlier = DeltaTable(table.table_uri, version=version)
        before = {delta_scan.local_path(uri) for uri in earlier.file_uris()}
    except DeltaError as error:
        logger.info("version %d of %s cannot be read: %s", version, table.table_uri, error)
        return None
    after = {delta_scan.local_path(uri) for uri in table.file_uris()}
    removed, added = sorted(before - after), sorted(after - before)
    gone = [path for path in removed if not Path(path).exists()]
    if gone:
        logger.info("%d data files of version %d are gone", len(gone), version)
        return None
    windows = {}
    for calendar in calendars:
        try:
            old, new = engine.fingerprints(calendar, removed), engine.fingerprints(calendar, added)
        except duckdb.Error as error:
            # A column that cannot be read is left out of profiles, but it hides which rows changed.
            logger.info("changes since version %d cannot be told: %s", version, error)
            return None
        differing = {start for start in old.keys() | new.keys() if old.get(start) != new.get(start)}
        windows[calendar.granularity] = sorted(differing)
    return Change(windows)
