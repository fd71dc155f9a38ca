"""One refresh of a monitor: recomputes the windows that changed, then the drift that hangs on them.

A refresh reads one snapshot of the monitored table and one of the baseline. It commits the profile table
first and the drift table second, each once or not at all. Either commit carries what it was computed from;
so if a refresh is cut off between the two, the next one sees that drift lags behind and recomputes it.
Windows of which retention has deleted rows are left as they are (`retention`).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from deltalake import DeltaTable

from databricks_monitoring.errors import ColumnNotFoundError, InvalidValueError, MetricError
from databricks_monitoring.metrics import conventions, tables
from databricks_monitoring.metrics.custom import Derived, DriftMetrics, aggregates
from databricks_monitoring.metrics.definition import MonitorDefinition, check_columns
from databricks_monitoring.metrics.drift.rows import DriftRows
from databricks_monitoring.metrics.engines.duckdb import DuckDBEngine
from databricks_monitoring.metrics.metric_table import BASELINE_ROWS, MetricTable, State, span_rows
from databricks_monitoring.metrics.plan import change_since
from databricks_monitoring.metrics.profile.rows import ProfileRows
from databricks_monitoring.metrics.retention import Retention, retained_since
from databricks_monitoring.metrics.windows import Calendar, Window, microseconds, moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from databricks_monitoring.metrics.columns import Column
    from databricks_monitoring.metrics.profile.cells import Cells

logger = logging.getLogger(__name__)

_DAY = 24 * 3_600_000_000

__all__ = ["MonitorDefinition", "RefreshReport", "TableLocations", "refresh", "warm_up"]


@dataclass(frozen=True)
class TableLocations:
    """Folders of the Delta tables of a monitor.

    Attributes
    ----------
    primary, baseline
        What is read; no baseline is None.
    profile, drift
        What is written; created empty if missing.
    """

    primary: Path
    baseline: Path | None
    profile: Path
    drift: Path


@dataclass(frozen=True)
class RefreshReport:
    """What a refresh did.

    Attributes
    ----------
    message
        The same in words, for the refresh's `message`.
    windows
        Windows recomputed or removed, by granularity; None is the granularity of a snapshot.
    rows_read
        Rows of the monitored table and the baseline that were profiled.
    profile_rows, drift_rows
        Rows written.
    unreadable_times
        Rows without a readable timestamp, which belong to no window.
    unprofiled
        Columns that could not be profiled, and why.
    primary_version, baseline_version
        Delta versions that were read.
    profile_version, drift_version
        Delta versions of the metric tables afterwards.
    conventions
        Every choice behind the numbers, by name.
    """

    message: str
    windows: Mapping[str | None, Sequence[Window]]
    rows_read: int
    profile_rows: int
    drift_rows: int
    unreadable_times: int
    unprofiled: Mapping[str, str]
    primary_version: int
    baseline_version: int | None
    profile_version: int
    drift_version: int
    conventions: Mapping[str, str] = field(default_factory=conventions.recorded)


def warm_up() -> None:
    """Import what the first refresh would otherwise wait for, more than a second."""
    import scipy.stats  # noqa: F401, PLC0415 - imported for the import


def refresh(
    definition: MonitorDefinition, locations: TableLocations, *, now: datetime, created_at: datetime
) -> RefreshReport:
    """Bring both metric tables up to date with the monitored table and the baseline.

    Parameters
    ----------
    definition
        What to compute.
    locations
        Where the tables are.
    now
        Time of this refresh, aware; the window of a snapshot.
    created_at
        When the monitor was created, aware; rows older than `definition.lookback_days` before are ignored.

    Returns
    -------
    RefreshReport
        What was read, recomputed and left out.

    Raises
    ------
    MetricTableMismatchError
        If a metric table exists with other columns.
    ColumnNotFoundError, InvalidValueError
        If the definition does not fit the monitored table.
    MetricError
        If a table cannot be monitored at all.
    """
    for name, value in (("now", now), ("created_at", created_at)):
        if value.tzinfo is None:
            raise InvalidValueError(name, value, "a datetime with a time zone")
    return _Refresh(definition, locations, now=now, created_at=created_at).run()


@dataclass
class _Work:
    """What there is to recompute."""

    windows: Mapping[str | None, list[int]]
    baseline: bool
    everything: bool = False

    @property
    def is_empty(self) -> bool:
        return not (self.everything or self.baseline or any(self.windows.values()))


class _Refresh:
    def __init__(
        self, definition: MonitorDefinition, locations: TableLocations, *, now: datetime, created_at: datetime
    ) -> None:
        self.definition = definition
        self.now = microseconds(now)
        self.primary = DeltaTable(str(locations.primary))
        self.baseline = DeltaTable(str(locations.baseline)) if locations.baseline else None
        self.since = microseconds(created_at) - definition.lookback_days * _DAY
        self.calendars = [
            Calendar(granularity, definition.week_anchor) for granularity in definition.granularities
        ]
        profile, drift = tables.profile_schema(definition), tables.drift_schema(definition)
        self.engine = DuckDBEngine(
            self.primary,
            timestamp_column=definition.timestamp_column,
            since=self.since if definition.timestamp_column else None,
        )
        check_columns(definition, tuple(self.engine.columns))
        self.slicings = self.engine.slicings(definition.slicing_exprs)
        self.aggregates = aggregates(definition, self.engine.columns)
        self.derived = Derived(definition, profile)
        self.drift_metrics = DriftMetrics(definition, profile)
        self.profile = MetricTable(locations.profile, profile, tables.core_columns(profile, definition))
        self.drift = MetricTable(locations.drift, drift, tables.core_columns(drift, definition))
        self.retention = Retention(retained_since(self.primary) if definition.timestamp_column else None)
        self.notes: list[str] = []
        self.unprofiled: dict[str, str] = {}
        self.rows_read = 0

    def run(self) -> RefreshReport:
        with self.engine:
            return self._run()

    def _run(self) -> RefreshReport:
        before = self.profile.state()
        work = self._work(before[0] if before else None)
        state = self._state()
        profile_rows = self._write_profile(work, state, before[0] if before else None)
        written = self.profile.state()
        if written is None:
            raise MetricError(f"The profile table {self.profile.path} has no refresh after one was written.")
        drift_state = {"profile": self.profile.identity, "profile_version": written[1]}
        drift_rows = self._write_drift(work, before[1] if before else None, drift_state)
        windows = {
            granularity: [self._window(granularity, start) for start in starts]
            for granularity, starts in work.windows.items()
        }
        unreadable = self.engine.unreadable_times()
        return RefreshReport(
            message=self._message(work, profile_rows, drift_rows, unreadable),
            windows=windows,
            rows_read=self.rows_read,
            profile_rows=profile_rows,
            drift_rows=drift_rows,
            unreadable_times=unreadable,
            unprofiled=self.unprofiled,
            primary_version=self.primary.version(),
            baseline_version=self.baseline.version() if self.baseline else None,
            profile_version=self.profile.delta.version(),
            drift_version=self.drift.delta.version(),
        )

    def _state(self) -> State:
        state: State = {
            "primary": str(self.primary.metadata().id),
            "primary_version": self.primary.version(),
            "baseline": str(self.baseline.metadata().id) if self.baseline else None,
            "baseline_version": self.baseline.version() if self.baseline else None,
            "definition": self.definition.fingerprint(),
            "since": self.since,
        }
        return state | {"now": self.now} if self.definition.kind == "snapshot" else state

    def _work(self, before: State | None) -> _Work:
        """Compare what the latest refresh processed with what there is now."""
        state = self._state()
        afresh = before is None or any(
            before.get(name) != state[name] for name in ("primary", "definition", "since")
        )
        other_baseline = before is None or any(
            before.get(name) != state[name] for name in ("baseline", "baseline_version")
        )
        baseline = self.baseline is not None and (afresh or other_baseline)
        dropped = self.baseline is None and before is not None and before.get("baseline") is not None
        if self.definition.kind == "snapshot":
            again = before != state
            return _Work({None: [self.now] if again else []}, baseline or dropped)
        if before is not None and before.get("primary") == state["primary"]:
            self.retention.keep()
        if before is not None and not afresh:
            version = int(str(before["primary_version"]))
            if version == state["primary_version"]:
                return _Work({}, baseline or dropped)
            change = change_since(
                self.primary, version, self.engine, self.calendars, late_before=self.retention.since
            )
            if change is not None:
                recomputable = self.retention.of_change(change, self.profile.delta)
                windows: dict[str | None, list[int]] = {
                    name: self._within_lookback(starts) for name, starts in recomputable.items()
                }
                return _Work(windows, baseline or dropped)
        every: dict[str | None, list[int]] = {
            calendar.granularity: self._within_lookback(
                self.retention.complete(list(self.engine.window_counts(calendar)))
            )
            for calendar in self.calendars
        }
        return _Work(every, baseline=True, everything=not self.definition.enforce_lookback)

    def _within_lookback(self, starts: list[int]) -> list[int]:
        if not self.definition.enforce_lookback:
            return starts
        horizon = self.now - self.definition.lookback_days * _DAY
        return [start for start in starts if start >= horizon]

    def _write_profile(self, work: _Work, state: State, before: State | None) -> int:
        if work.is_empty:
            if before != state:
                self.profile.record(state)
            return 0
        return self.profile.replace(self._profile_rows(work), self._where(work), state)

    def _where(self, work: _Work) -> str | None:
        if work.everything:
            return self.retention.outside
        parts = [BASELINE_ROWS] if work.baseline else []
        return " OR ".join(parts + self._spans(work.windows))

    def _spans(self, windows: Mapping[str | None, list[int]]) -> list[str]:
        spans = []
        for granularity, starts in windows.items():
            if not starts:
                continue
            if granularity is None:
                spans.append(span_rows(None, [(start, start + 1) for start in starts]))
            else:
                spans.append(span_rows(granularity, self._calendar(granularity).runs(starts)))
        return spans

    def _calendar(self, granularity: str) -> Calendar:
        return Calendar(granularity, self.definition.week_anchor)

    def _window(self, granularity: str | None, start: int) -> Window:
        if granularity is None:
            return Window(moment(start), moment(start))
        return self._calendar(granularity).window(start)

    def _profile_rows(self, work: _Work) -> Iterator[list[Cells]]:
        columns = list(self.engine.columns.values())
        rows = ProfileRows(
            self.engine,
            self.definition,
            columns,
            self.slicings,
            "INPUT",
            self.derived,
            self.aggregates,
            self.unprofiled,
        )
        for granularity, starts in work.windows.items():
            if granularity is None:
                window = self._window(None, starts[0]) if starts else None
                if window is not None:
                    yield from rows.of_table({"start": window.start, "end": window.end})
                continue
            calendar = self._calendar(granularity)
            if starts:
                yield from rows.of_windows(calendar, starts, self.engine.window_counts(calendar))
        self.rows_read += rows.rows_read
        if work.baseline and self.baseline is not None:
            yield from self._baseline_rows(self.baseline)

    def _baseline_rows(self, table: DeltaTable) -> Iterator[list[Cells]]:
        with DuckDBEngine(table, timestamp_column=None) as engine:
            slicings = []
            for expression in self.definition.slicing_exprs:
                try:
                    slicings += engine.slicings([expression])
                except (ColumnNotFoundError, InvalidValueError) as error:
                    self.notes.append(f"The baseline has no slices of {expression!r}: {error}")
            columns: list[Column] = [
                column
                for name, column in engine.columns.items()
                if name in self.engine.columns and name != self.definition.timestamp_column
            ]
            try:
                custom = aggregates(self.definition, engine.columns)
            except ColumnNotFoundError as error:
                custom = []
                self.notes.append(f"The baseline has no aggregate custom metrics: {error}")
            rows = ProfileRows(engine, self.definition, columns, slicings, "BASELINE", self.derived, custom)
            yield from rows.of_table(None)
            self.rows_read += rows.rows_read
            for name, reason in rows.unprofiled.items():
                self.unprofiled[f"baseline.{name}"] = reason

    def _write_drift(self, work: _Work, profile_before: int | None, state: State) -> int:
        found = self.drift.state()
        if found is not None and found[0] == state:
            return 0
        expected = {"profile": self.profile.identity, "profile_version": profile_before}
        lagging = found is None or found[0] != expected
        afresh = lagging or work.everything or work.baseline
        rows = DriftRows(self.profile.delta, self.definition, self.drift_metrics)
        try:
            windows = rows.windows() if afresh else self._and_after(rows, work.windows)
            if not afresh and not any(windows.values()):
                self.drift.record(state)
                return 0
            outside = self.retention.outside
            if not afresh:
                where: str | None = " OR ".join(self._spans(windows))
            elif lagging or outside is None:
                # Drift that lags is missing, or of another profile: then even old windows' is made anew.
                where = None
            else:
                windows = self._changeable(windows, work.windows)
                where = " OR ".join([outside, *self._spans(work.windows)])
            made = (rows.of_windows(granularity, starts) for granularity, starts in windows.items())
            return self.drift.replace(chain.from_iterable(made), where, state)
        finally:
            rows.close()

    def _and_after(
        self, rows: DriftRows, windows: Mapping[str | None, list[int]]
    ) -> dict[str | None, list[int]]:
        """Return windows and those that are compared with one of them."""
        both: dict[str | None, list[int]] = {}
        for granularity, starts in windows.items():
            if granularity is None:
                after = [
                    start for start in rows.windows().get(None, []) if rows.before(None, start) in starts
                ]
            else:
                calendar = self._calendar(granularity)
                after = [calendar.end_of(start) for start in starts]
            both[granularity] = sorted({*starts, *after})
        return self._changeable(both, windows)

    def _changeable(
        self, windows: Mapping[str | None, list[int]], besides: Mapping[str | None, list[int]]
    ) -> dict[str | None, list[int]]:
        """Return the windows whose drift may be replaced, `besides` among them."""
        return {
            granularity: [
                start
                for start in starts
                if self.retention.may_change(granularity, start) or start in besides.get(granularity, ())
            ]
            for granularity, starts in windows.items()
        }

    def _message(self, work: _Work, profile_rows: int, drift_rows: int, unreadable: int) -> str:
        if work.is_empty and not drift_rows:
            read = f"Read version {self.primary.version()}."
            done = "No window had to be recomputed." if self.retention.message() else "Nothing had changed."
        else:
            read = f"Read {self.rows_read} rows of version {self.primary.version()}."
            done = f"Wrote {profile_rows} profile rows and {drift_rows} drift rows."
        parts = [
            read,
            *self._counted(work),
            done,
            self.retention.message(),
            f"{unreadable} rows without a readable timestamp belong to no window." if unreadable else "",
            *(f"Column {name} could not be profiled: {why}." for name, why in self.unprofiled.items()),
            *self.notes,
        ]
        return " ".join(part for part in parts if part)

    def _counted(self, work: _Work) -> Iterator[str]:
        """Return how many windows were recomputed, and how many were removed with their last row."""
        with_rows, without = [], []
        for granularity, starts in work.windows.items():
            if granularity is None or not starts:
                continue
            filled = len(self.engine.window_counts(self._calendar(granularity)).keys() & set(starts))
            with_rows += [f"{filled} of {granularity}"] if filled else []
            without += [f"{len(starts) - filled} of {granularity}"] if filled < len(starts) else []
        if with_rows:
            yield f"Recomputed windows: {', '.join(with_rows)}."
        if without:
            yield f"Removed windows, which have no rows any more: {', '.join(without)}."
