"""One refresh of a monitor: recomputes the windows that changed, then the drift that hangs on them.

A refresh reads one snapshot of the monitored table and one of the baseline. It commits the profile table
first and the drift table second, each once or not at all. Either commit carries what it was computed from;
so if a refresh is cut off between the two, the next one sees that drift lags behind and recomputes it.
Windows of which retention has deleted rows are left as they are (`retention`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic

from databricks_monitoring.errors import ColumnNotFoundError, InvalidValueError
from databricks_monitoring.metrics import conventions, tables
from databricks_monitoring.metrics.columns import ColumnClass
from databricks_monitoring.metrics.custom import Derived, DriftMetrics, aggregates, aggregates_of_baseline
from databricks_monitoring.metrics.definition import MonitorDefinition, check_columns
from databricks_monitoring.metrics.drift.rows import compared_with
from databricks_monitoring.metrics.engines.protocol import Drifting, Profiling, SourceType, TableType, Written
from databricks_monitoring.metrics.plan import Work
from databricks_monitoring.metrics.quality.table_row import binary_classes, check_types
from databricks_monitoring.metrics.refresh_lock import only_refresh
from databricks_monitoring.metrics.retention import Retention, retained_since
from databricks_monitoring.metrics.rows_to_replace import RowsToReplace
from databricks_monitoring.metrics.schema_comparison import SchemaComparison, fingerprint
from databricks_monitoring.metrics.windows import Calendar, Window, microseconds, moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from databricks_monitoring.metrics.columns import Column
    from databricks_monitoring.metrics.engines.protocol import Engine
    from databricks_monitoring.metrics.metric_table import State

_DAY = 24 * 3_600_000_000


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
        Delta versions that were read; None for a table without versions.
    profile_version, drift_version
        Delta versions of the metric tables afterwards; None for tables without versions.
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
    primary_version: int | None
    baseline_version: int | None
    profile_version: int | None
    drift_version: int | None
    conventions: Mapping[str, str] = field(default_factory=conventions.recorded)


def warm_up() -> None:
    """Import and compile what the first refresh would otherwise wait for."""
    import pyarrow as pa  # noqa: PLC0415 - beside the next

    from databricks_monitoring.metrics.drift import cells as drift_cells  # noqa: PLC0415 - beside the next
    from databricks_monitoring.metrics.engines.duckdb import connect  # noqa: PLC0415 - beside the next
    from databricks_monitoring.metrics.profile import cells as profile_cells  # noqa: PLC0415 - beside the next

    drift_cells.warm_up()
    profile_cells.warm_up()
    connect().close()
    # Arrow looks for pandas when it first hands out an array.
    pa.array([0]).to_numpy(zero_copy_only=False)


def refresh(
    definition: MonitorDefinition, locations: TableLocations, *, now: datetime, created_at: datetime
) -> RefreshReport:
    """Bring the metric tables of a monitor up to date, on this machine; a second refresh waits for the first.

    Parameters
    ----------
    definition
        What to compute.
    locations
        Where the tables are.
    now, created_at
        See `refresh_with`.

    Returns
    -------
    RefreshReport
        What was read, recomputed and left out.

    Raises
    ------
    MetricTableMismatchError, ColumnNotFoundError, InvalidValueError
        See `refresh_with`.
    RefreshInProgressError
        If another refresh of the monitor does not end, or another writer changed a metric table meanwhile.
    """
    from databricks_monitoring.metrics.engines.one_machine import OneMachine  # noqa: PLC0415 - needs deltalake

    with only_refresh(locations.profile):
        return refresh_with(OneMachine(locations), definition, now=now, created_at=created_at)


def refresh_with(
    engine: Engine[SourceType, TableType],
    definition: MonitorDefinition,
    *,
    now: datetime,
    created_at: datetime,
) -> RefreshReport:
    """Bring both metric tables up to date with the monitored table and the baseline.

    Parameters
    ----------
    engine
        Reads, computes and writes; closed afterwards.
    definition
        What to compute.
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
    try:
        return _Refresh(engine, definition, now=now, created_at=created_at).run()
    finally:
        engine.close()


class _Refresh(Generic[SourceType, TableType]):
    def __init__(
        self,
        engine: Engine[SourceType, TableType],
        definition: MonitorDefinition,
        *,
        now: datetime,
        created_at: datetime,
    ) -> None:
        self.engine = engine
        self.definition = definition
        self.now = microseconds(now)
        self.since = microseconds(created_at) - definition.lookback_days * _DAY
        self.calendars = [
            Calendar(granularity, definition.week_anchor) for granularity in definition.granularities
        ]
        timed = definition.timestamp_column is not None
        self.primary = engine.primary(definition.timestamp_column, self.since if timed else None)
        self.baseline = engine.baseline()
        profile = tables.profile_schema(definition, has_baseline=self.baseline is not None)
        drift = tables.drift_schema(definition)
        check_columns(definition, tuple(self.primary.columns))
        check_types(definition, self.primary.columns)
        self.notes: list[str] = []
        self.definition = self._with_classes(definition)
        self.schema = self._compared_schema()
        self.slicings = self.primary.slicings(definition.slicing_exprs)
        self.aggregates = aggregates(definition, self.primary.columns)
        self.derived = Derived(definition, profile)
        self.drift_metrics = DriftMetrics(definition, profile)
        self.profile = engine.profile_table(profile, tables.core_columns(profile, definition))
        self.drift = engine.drift_table(drift, tables.core_columns(drift, definition))
        self.retention = Retention(retained_since(self.primary) if timed else None)

    def _with_classes(self, definition: MonitorDefinition) -> MonitorDefinition:
        """Return a definition that knows the two classes of a single probability a row, where there is one.

        They are of the whole table: when they change, so does the definition, and every window is made anew.
        """
        proba = self.primary.columns.get(definition.prediction_proba_column or "")
        if proba is None or proba.column_class is not ColumnClass.NUMERIC or definition.binary_classes:
            return definition
        found = binary_classes(
            definition,
            [(table, table.columns) for table in (self.primary, self.baseline) if table is not None],
        )
        if found is None:
            self.notes.append(
                f"Column {proba.name} holds the probability of the positive class of two, and which one that "
                "is cannot be told before both have occurred: no log_loss and no roc_auc_score."
            )
        return replace(definition, binary_classes=found)

    def _compared_schema(self) -> SchemaComparison | None:
        if self.baseline is None:
            return None
        return SchemaComparison.of(
            self.primary.columns,
            self.baseline.columns,
            timestamp_column=self.definition.timestamp_column,
        )

    def run(self) -> RefreshReport:
        before = self.profile.state()
        work = self._work(before[0] if before else None)
        written = self._write_profile(work, before[0] if before else None)
        drift_rows = self._write_drift(work, before[1] if before else None)
        windows = {
            granularity: [self._window(granularity, start) for start in starts]
            for granularity, starts in work.windows.items()
        }
        unreadable = self.primary.unreadable_times()
        return RefreshReport(
            message=self._message(work, written, drift_rows, unreadable),
            windows=windows,
            rows_read=written.rows_read,
            profile_rows=written.rows,
            drift_rows=drift_rows,
            unreadable_times=unreadable,
            unprofiled=written.unprofiled,
            primary_version=self.primary.version,
            baseline_version=self.baseline.version if self.baseline else None,
            profile_version=self.profile.version,
            drift_version=self.drift.version,
        )

    def _state(self) -> State:
        state: State = {
            "primary": self.primary.identity,
            "primary_version": self.primary.version,
            # Files that stay as they are may have rows of other columns or types than before.
            "primary_schema": fingerprint(self.primary.columns),
            "baseline": self.baseline.identity if self.baseline else None,
            "baseline_version": self.baseline.version if self.baseline else None,
            # What is said of every window's schema hangs on it.
            "baseline_schema": self.schema.fingerprint() if self.schema else None,
            "definition": self.definition.fingerprint(),
            "since": self.since,
        }
        return state | {"now": self.now} if self.definition.kind == "snapshot" else state

    def _drift_state(self) -> State:
        written = self.profile.state()
        version = written[1] if written else self.profile.version
        return {"profile": self.profile.identity, "profile_version": version}

    def _work(self, before: State | None) -> Work:
        """Compare what the latest refresh processed with what there is now."""
        state = self._state()
        everywhere = ("primary", "primary_schema", "definition", "since", "baseline_schema")
        afresh = before is None or any(before.get(name) != state[name] for name in everywhere)
        baseline = self.baseline is not None and (afresh or self._other_baseline(before or {}, state))
        dropped = self.baseline is None and before is not None and before.get("baseline") is not None
        if self.definition.kind == "snapshot":
            again = before != state or state["primary_version"] is None
            return Work({None: [self.now] if again else []}, baseline or dropped)
        if before is not None and before.get("primary") == state["primary"]:
            self.retention.keep()
        if before is not None and not afresh and self.primary.version is not None:
            version = int(str(before["primary_version"]))
            if version == self.primary.version:
                return Work({}, baseline or dropped)
            change = self.primary.change_since(version, self.calendars, late_before=self.retention.since)
            if change is not None:
                recomputable = self.retention.of_change(change, self.profile)
                windows: dict[str | None, list[int]] = {
                    name: self._within_lookback(starts) for name, starts in recomputable.items()
                }
                return Work(windows, baseline or dropped)
        every: dict[str | None, list[int]] = {
            calendar.granularity: self._within_lookback(
                self.retention.complete(list(self.primary.window_counts(calendar)))
            )
            for calendar in self.calendars
        }
        # Windows out of reach keep their rows, but only those of this very table.
        another = before is not None and before.get("primary") != state["primary"]
        return Work(every, baseline=True, everything=another or not self.definition.enforce_lookback)

    def _other_baseline(self, before: State, state: State) -> bool:
        # A baseline without versions may be another at every look.
        return state["baseline_version"] is None or any(
            before.get(name) != state[name] for name in ("baseline", "baseline_version")
        )

    def _within_lookback(self, starts: list[int]) -> list[int]:
        if not self.definition.enforce_lookback:
            return starts
        horizon = self.now - self.definition.lookback_days * _DAY
        return [start for start in starts if start >= horizon]

    def _write_profile(self, work: Work, before: State | None) -> Written:
        state = self._state()
        if work.is_empty:
            if before != state:
                self.profile.record(state)
            return Written(0, 0, {})
        wanted = [self._of_primary(work.windows)]
        if work.baseline and self.baseline is not None:
            wanted.insert(0, self._of_baseline(self.baseline))
        replaced = self._replaced(work)
        return self.engine.write_profile(self.profile, wanted, replaced, state, self._ahead(work, replaced))

    def _ahead(self, work: Work, replaced: RowsToReplace | None) -> Drifting | None:
        """Return the drift of new windows that hangs on new rows only."""
        if self.baseline is not None and not work.baseline:
            return None
        windows: dict[str | None, Sequence[int]] = {}
        before: dict[str | None, Mapping[int, int]] = {}
        for granularity, starts in work.windows.items():
            if granularity is None or not starts:
                continue
            calendar = self._calendar(granularity)
            there = self.primary.window_counts(calendar, calendar.span(starts))
            new = sorted(there.keys() & set(starts))
            before[granularity] = compared_with(self.definition, granularity, new)
            # What is not replaced may hold the window that another is compared with.
            windows[granularity] = new if replaced is None else list(before[granularity])
        return Drifting(self.definition, self.drift_metrics, windows, before)

    def _replaced(self, work: Work) -> RowsToReplace | None:
        """Return the profile rows that go; None for all."""
        if not work.everything:
            return RowsToReplace(baseline=work.baseline, spans=self._spans(work.windows))
        kept = self.retention.kept_rows_from
        return None if kept is None else RowsToReplace(since=kept)

    def _spans(self, windows: Mapping[str | None, Sequence[int]]) -> dict[str | None, list[tuple[int, int]]]:
        return {
            granularity: [(start, start + 1) for start in starts]
            if granularity is None
            else self._calendar(granularity).runs(list(starts))
            for granularity, starts in windows.items()
        }

    def _calendar(self, granularity: str) -> Calendar:
        return Calendar(granularity, self.definition.week_anchor)

    def _window(self, granularity: str | None, start: int) -> Window:
        if granularity is None:
            return Window(moment(start), moment(start))
        return self._calendar(granularity).window(start)

    def _of_primary(self, windows: Mapping[str | None, Sequence[int]]) -> Profiling[SourceType]:
        return Profiling(
            source=self.primary,
            log_type="INPUT",
            definition=self.definition,
            columns=list(self.primary.columns.values()),
            slicings=self.slicings,
            aggregates=self.aggregates,
            derived=self.derived,
            windows=windows,
            schema=self.schema,
        )

    def _of_baseline(self, baseline: SourceType) -> Profiling[SourceType]:
        slicings = []
        for expression in self.definition.slicing_exprs:
            try:
                slicings += baseline.slicings([expression])
            except (ColumnNotFoundError, InvalidValueError) as error:
                self.notes.append(f"The baseline has no slices of {expression!r}: {error}")
        columns: list[Column] = [
            column
            for name, column in baseline.columns.items()
            if name in self.primary.columns and name != self.definition.timestamp_column
        ]
        custom, lacking = aggregates_of_baseline(self.definition, baseline.columns)
        self.notes += lacking
        return Profiling(
            source=baseline,
            log_type="BASELINE",
            definition=self.definition,
            columns=columns,
            slicings=slicings,
            aggregates=custom,
            derived=self.derived,
            windows={None: [None]},
        )

    def _write_drift(self, work: Work, profile_before: int | None) -> int:
        state, found = self._drift_state(), self.drift.state()
        if found is not None and found[0] == state:
            return 0
        expected = {"profile": self.profile.identity, "profile_version": profile_before}
        lagging = found is None or found[0] != expected
        afresh = lagging or work.everything or work.baseline
        profiled = {granularity: list(counts) for granularity, counts in self.profile.window_counts().items()}
        before = {
            granularity: compared_with(self.definition, granularity, starts)
            for granularity, starts in profiled.items()
        }
        windows = profiled if afresh else self._and_after(before, work.windows)
        if not afresh and not any(windows.values()):
            self.drift.record(state)
            return 0
        kept = self.retention.kept_rows_from
        replaced: RowsToReplace | None = None
        if not afresh:
            replaced = RowsToReplace(spans=self._spans(windows))
        elif not lagging and kept is not None:
            # Drift that lags is missing, or of another profile: then even old windows' is made anew.
            windows = self._changeable(windows, work.windows)
            replaced = RowsToReplace(since=kept, spans=self._spans(work.windows))
        there = {
            granularity: sorted(set(starts).intersection(profiled.get(granularity, ())))
            for granularity, starts in windows.items()
        }
        wanted = Drifting(self.definition, self.drift_metrics, there, before)
        return self.engine.write_drift(self.drift, self.profile, wanted, replaced, state)

    def _and_after(
        self, before: Mapping[str | None, Mapping[int, int]], windows: Mapping[str | None, list[int]]
    ) -> dict[str | None, list[int]]:
        """Return windows and those that are compared with one of them."""
        both: dict[str | None, list[int]] = {}
        for granularity, starts in windows.items():
            if granularity is None:
                after = [later for later, earlier in before.get(None, {}).items() if earlier in starts]
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

    def _message(self, work: Work, written: Written, drift_rows: int, unreadable: int) -> str:
        version = self.primary.version
        table = "the table" if version is None else f"version {version}"
        if work.is_empty and not drift_rows:
            read = f"Read {table}."
            done = "No window had to be recomputed." if self.retention.message() else "Nothing had changed."
        else:
            read = f"Read {written.rows_read} rows of {table}."
            done = f"Wrote {written.rows} profile rows and {drift_rows} drift rows."
        parts = [
            read,
            *self._counted(work),
            done,
            self.retention.message(),
            f"{unreadable} rows without a readable timestamp belong to no window." if unreadable else "",
            *(f"Column {name} could not be profiled: {why}." for name, why in written.unprofiled.items()),
            *self.notes,
        ]
        return " ".join(part for part in parts if part)

    def _counted(self, work: Work) -> Iterator[str]:
        """Return how many windows were recomputed, and how many were removed with their last row."""
        with_rows, without = [], []
        for granularity, starts in work.windows.items():
            if granularity is None or not starts:
                continue
            calendar = self._calendar(granularity)
            filled = len(self.primary.window_counts(calendar, calendar.span(starts)).keys() & set(starts))
            with_rows += [f"{filled} of {granularity}"] if filled else []
            without += [f"{len(starts) - filled} of {granularity}"] if filled < len(starts) else []
        if with_rows:
            yield f"Recomputed windows: {', '.join(with_rows)}."
        if without:
            yield f"Removed windows, which have no rows any more: {', '.join(without)}."
