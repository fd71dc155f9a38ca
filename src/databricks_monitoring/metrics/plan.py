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
    """What differs between two versions of a table, by granularity.

    Attributes
    ----------
    windows
        Starts of the windows whose rows differ.
    late_rows
        Rows that are new or changed, by the start of their window; of windows that began before the moment
        that was asked for.
    """

    windows: dict[str, list[int]]
    late_rows: dict[str, dict[int, int]]

    @property
    def is_empty(self) -> bool:
        """Whether no window differs."""
        return not any(self.windows.values())


def change_since(
    table: DeltaTable,
    version: int,
    engine: DuckDBEngine,
    calendars: list[Calendar],
    *,
    late_before: int | None = None,
) -> Change | None:
    """Return the windows whose rows changed since a version; None if that can no longer be told.

    Parameters
    ----------
    table
        The snapshot that `engine` reads.
    version
        An earlier version of the same table.
    late_before
        Count the new rows of windows that start before this moment, in microseconds.

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
    windows, late_rows = {}, {}
    for calendar in calendars:
        try:
            old, new = engine.fingerprints(calendar, removed), engine.fingerprints(calendar, added)
        except duckdb.Error as error:
            # A column that cannot be read is left out of profiles, but it hides which rows changed.
            logger.info("changes since version %d cannot be told: %s", version, error)
            return None
        differing = {start for start in old.keys() | new.keys() if old.get(start) != new.get(start)}
        windows[calendar.granularity] = sorted(differing)
        if late_before is not None and any(start < late_before for start in differing):
            late_rows[calendar.granularity] = engine.new_rows(calendar, removed, added, late_before)
    return Change(windows, late_rows)
