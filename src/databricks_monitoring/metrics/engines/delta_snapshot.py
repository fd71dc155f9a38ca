"""One version of a Delta table on this machine's disk, and what changed in it since an earlier one."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from databricks_monitoring.metrics.columns import columns_of
from databricks_monitoring.metrics.engines import delta_scan
from databricks_monitoring.metrics.engines.duckdb import MICROS, DuckDBEngine
from databricks_monitoring.metrics.plan import Change
from databricks_monitoring.metrics.windows import NO_TIME_FROM, microseconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from databricks_monitoring.metrics.windows import Calendar

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fingerprint:
    """What tells whether the rows of a window changed: how many there are, and the sum of their hashes."""

    rows: int
    hashes: int


_ROUNDED = 1_000
"""Microseconds that statistics of times may have been cut by."""


@dataclass(frozen=True)
class _Times:
    """What is known of the times in a data file; None for what is not."""

    rows: int | None
    nulls: int | None
    earliest: int | None
    latest: int | None

    def may_reach(self, span: tuple[int, int]) -> bool:
        """Whether a row may lie in a time span, half-open in microseconds."""
        if self.earliest is None or self.latest is None:
            return self.nulls is None or self.nulls != self.rows
        return self.earliest < span[1] and self.latest + _ROUNDED >= span[0]


class DeltaSnapshot(DuckDBEngine):
    """Reads one Delta snapshot; later commits to the table are not seen.

    Parameters
    ----------
    path
        Folder of the table.
    timestamp_column
        Time of a row; None for a table without windows.
    since
        Rows before this moment (microseconds) are not read.
    """

    def __init__(self, path: Path, *, timestamp_column: str | None, since: int | None = None) -> None:
        self._table = DeltaTable(str(path))
        super().__init__(
            lambda _: delta_scan.scan(self._table),
            columns_of(self._table.schema().to_json()),
            version=self._table.version(),
            timestamp_column=timestamp_column,
            since=since,
        )

    @property
    def name(self) -> str:
        """The table's address."""
        return str(self._table.table_uri)

    @cached_property
    def identity(self) -> str:
        """The table's own id, new for every table created."""
        return str(self._table.metadata().id)

    @property
    def properties(self) -> Mapping[str, str]:
        """The table's properties."""
        found: dict[str, str] = self._table.metadata().configuration
        return found

    def change_since(
        self, version: int, calendars: Sequence[Calendar], *, late_before: int | None
    ) -> Change | None:
        """Return what differs from an earlier version; None if that can no longer be told.

        Parameters
        ----------
        late_before
            Count the new rows of windows that start before this moment, in microseconds.

        Notes
        -----
        Only data files that one version has and the other has not are read. Their rows are compared by
        window, as counts and sums of row hashes: a file rewritten with the same rows touches no window, a row
        that moved touches the one it left and the one it came to. Where a column cannot be read, every window
        that the files reach into has changed.
        """
        try:
            earlier = DeltaTable(self._table.table_uri, version=version)
            before = {delta_scan.local_path(uri) for uri in earlier.file_uris()}
        except DeltaError as error:
            logger.info("version %d of %s cannot be read: %s", version, self.name, error)
            return None
        after = {delta_scan.local_path(uri) for uri in self._table.file_uris()}
        removed, added = sorted(before - after), sorted(after - before)
        gone = [path for path in removed if not Path(path).exists()]
        if gone:
            logger.info("%d data files of version %d are gone", len(gone), version)
            return None
        windows, late_rows = {}, {}
        for calendar in calendars:
            try:
                found = self._compared(calendar, removed, added, late_before)
            except duckdb.Error as error:
                logger.info("changed rows since version %d cannot be told: %s", version, error)
                try:
                    found = self._reached(calendar, removed, added, late_before)
                except duckdb.Error as worse:
                    logger.info("nor can the windows they are of: %s", worse)
                    return None
            windows[calendar.granularity], late_rows[calendar.granularity] = found
        return Change(windows, late_rows)

    def _compared(
        self, calendar: Calendar, removed: Sequence[str], added: Sequence[str], late_before: int | None
    ) -> tuple[list[int], dict[int, int]]:
        """Return the windows whose rows differ between two sets of files, and the late rows among these."""
        if removed:
            old, new = self.fingerprints(calendar, removed), self.fingerprints(calendar, added)
            differing = sorted(start for start in old.keys() | new.keys() if old.get(start) != new.get(start))
        else:
            # Where rows only came, each changes its window.
            differing = sorted(self._counted(calendar, added))
        late = late_before is not None and any(start < late_before for start in differing)
        return differing, self.new_rows(calendar, removed, added, late_before or 0) if late else {}

    def _reached(
        self, calendar: Calendar, removed: Sequence[str], added: Sequence[str], late_before: int | None
    ) -> tuple[list[int], dict[int, int]]:
        """Return the windows that files have rows of, reading nothing but their times; and the rows added."""
        old, new = self._counted(calendar, removed), self._counted(calendar, added)
        late = {
            start: count - old.get(start, 0)
            for start, count in new.items()
            if late_before is not None and start < late_before and count > old.get(start, 0)
        }
        return sorted(old.keys() | new.keys()), late

    def _counted(self, calendar: Calendar, files: Sequence[str]) -> dict[int, int]:
        if not files:
            return {}
        rows = self.connection.sql(
            f"SELECT {calendar.start_sql(MICROS)} AS s, count(*) FROM ({self._of_files(files)}){self.timed} "  # noqa: S608
            "GROUP BY 1"
        ).fetchall()
        return {int(start): int(count) for start, count in rows}

    def unreadable_times(self) -> int:
        """Return the number of rows whose time is NULL or none of a calendar's, from the log if it knows."""
        known = self._unreadable_by_log()
        return super().unreadable_times() if known is None else known

    def _unreadable_by_log(self) -> int | None:
        nulls = 0
        for file in self._times_of_files.values():
            if file.nulls is None or (file.latest is None and file.nulls != file.rows):
                return None
            if file.latest is not None and file.latest >= NO_TIME_FROM:
                return None
            nulls += file.nulls
        return nulls if self._times_of_files else None

    def _rows_of(self, span: tuple[int, int] | None) -> str:
        """Return what to select from for the rows of a time span: the files that may have some."""
        if span is None or not self._times_of_files:
            return self._rows
        files = [path for path, times in self._times_of_files.items() if times.may_reach(span)]
        return self._rows if len(files) == len(self._times_of_files) else f"({self._of_files(files)})"

    @cached_property
    def _times_of_files(self) -> dict[str, _Times]:
        """What the log knows of the times in each data file; nothing where times are no timestamps."""
        column = self.columns.get(self._timestamp or "")
        # With a dot in its name a column's statistics could be those of a part of another one.
        if column is None or column.data_type != "timestamp" or "." in column.name:
            return {}
        statistics = pa.table(self._table.get_add_actions(flatten=True))
        names = ["num_records", *(f"{of}.{column.name}" for of in ("null_count", "min", "max"))]
        if not set(names) <= set(statistics.column_names):
            return {}
        known = zip(*(statistics.column(name).to_pylist() for name in ["path", *names]), strict=True)
        root = Path(delta_scan.local_path(self._table.table_uri))
        found = {
            str(root / delta_scan.local_path(path)): _Times(
                rows, nulls, *(None if time is None else microseconds(time) for time in (first, last))
            )
            for path, rows, nulls, first, last in known
        }
        files = {delta_scan.local_path(uri) for uri in self._table.file_uris()}
        return found if found.keys() == files else {}

    def _of_files(self, files: Sequence[str]) -> str:
        return self.with_micros(delta_scan.scan(self._table, files=files))

    def fingerprints(self, calendar: Calendar, files: Sequence[str]) -> dict[int, Fingerprint]:
        """Return the fingerprint of the rows that some data files hold of each window.

        Two sets of files hold the same rows of a window exactly if their fingerprints agree (up to a
        collision of sums of 64-bit hashes), in whatever order and files the rows lie.
        """
        if not files:
            return {}
        names = ", ".join(delta_scan.quoted(name) for name in self.columns)
        rows = self.connection.sql(
            f"SELECT {calendar.start_sql(MICROS)} AS s, count(*), sum(CAST(hash({names}) AS HUGEINT)) "  # noqa: S608
            f"FROM ({self._of_files(files)}){self.timed} GROUP BY 1"
        ).fetchall()
        return {int(start): Fingerprint(int(count), int(hashes)) for start, count, hashes in rows}

    def new_rows(
        self, calendar: Calendar, removed: Sequence[str], added: Sequence[str], before: int
    ) -> dict[int, int]:
        """Return how many rows added files hold that removed ones do not, by the start of their window.

        Parameters
        ----------
        removed, added
            Data files.
        before
            Only windows that start before this moment, in microseconds.
        """
        names = ", ".join(delta_scan.quoted(name) for name in self.columns)
        start = calendar.start_sql(MICROS)
        where = f"{self.timed} AND {start} < {before}"
        either = " EXCEPT ALL ".join(
            f"SELECT {start} AS s, hash({names}) AS h FROM ({self._of_files(files)}){where}"  # noqa: S608
            for files in (added, removed)
        )
        rows = self.connection.sql(f"SELECT s, count(*) FROM ({either}) GROUP BY s").fetchall()  # noqa: S608
        return {int(start): int(count) for start, count in rows}
