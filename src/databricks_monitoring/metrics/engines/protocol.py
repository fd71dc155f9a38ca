"""The seam between a refresh and the tables: what every engine can do.

A refresh decides what to compute (`metrics.refresh`); an engine knows the tables, finds out what changed in
them, and has the rows of metric tables made and written, each table in one commit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from databricks_monitoring.metrics.columns import Column
    from databricks_monitoring.metrics.custom import Aggregate, Derived, DriftMetrics
    from databricks_monitoring.metrics.definition import MonitorDefinition
    from databricks_monitoring.metrics.metric_table import State
    from databricks_monitoring.metrics.plan import Change
    from databricks_monitoring.metrics.rows_to_replace import RowsToReplace
    from databricks_monitoring.metrics.schema_comparison import SchemaComparison
    from databricks_monitoring.metrics.slices import Slicing
    from databricks_monitoring.metrics.windows import Calendar


class Source(Protocol):
    """One version of a table that is read: the monitored one, or the baseline."""

    @property
    def name(self) -> str:
        """The table's name or address, for messages."""

    @property
    def identity(self) -> str:
        """The table's own id, new for every table created."""

    @property
    def version(self) -> int | None:
        """The version that is read; None for a table without versions, which may differ at every look."""

    @property
    def columns(self) -> Mapping[str, Column]:
        """The columns by name, in order."""

    @property
    def properties(self) -> Mapping[str, str]:
        """The table's properties."""

    def slicings(self, expressions: Sequence[str]) -> list[Slicing]:
        """Return slicing expressions over this table; raises what `slices.row_expression` does."""

    def values(self, expression: str) -> list[str]:
        """Return the distinct non-null values of an expression in DuckDB's SQL as text, ascending."""

    def unreadable_times(self) -> int:
        """Return the number of rows whose time is NULL or cannot be read."""

    def window_counts(self, calendar: Calendar, span: tuple[int, int] | None = None) -> Mapping[int, int]:
        """Return the number of rows of every window that has rows, by the window's start, ascending.

        Parameters
        ----------
        span
            Half-open, in microseconds: windows outside may be left out.
        """

    def change_since(
        self, version: int, calendars: Sequence[Calendar], *, late_before: int | None
    ) -> Change | None:
        """Return what differs from an earlier version of this table; None if that can no longer be told.

        Parameters
        ----------
        late_before
            Count the new rows of windows that start before this moment, in microseconds.
        """


class MetricTable(Protocol):
    """A metric table with its exact columns, created empty where it was missing."""

    @property
    def name(self) -> str:
        """The table's name, for messages."""

    @property
    def identity(self) -> str:
        """The table's own id, new for every table created."""

    @property
    def version(self) -> int | None:
        """The latest version; None for a table without versions."""

    def state(self) -> tuple[State, int] | None:
        """Return what the latest refresh processed and the version it wrote; None if that is not known."""

    def record(self, state: State) -> None:
        """Commit what was processed, without a change of rows."""

    def window_counts(self) -> dict[str | None, dict[int, int]]:
        """Return the number of rows of every profiled window, by granularity and start, ascending."""


SourceType = TypeVar("SourceType", bound=Source)
TableType = TypeVar("TableType", bound=MetricTable)


@dataclass(frozen=True)
class Profiling(Generic[SourceType]):
    """Profile rows to be made of one table.

    Attributes
    ----------
    source
        The table.
    log_type
        What its rows are called.
    definition
        What to compute.
    columns
        Columns to profile, in order.
    slicings, aggregates
        Slicing expressions and custom metrics that this table can evaluate.
    derived
        Adds the derived metrics to finished rows.
    windows
        Starts of windows by granularity. Under None stands the whole table, once: as the moment of a
        snapshot, or None for rows without a window.
    schema
        The baseline's columns, whose types rows of the monitored table are compared with.
    """

    source: SourceType
    log_type: Literal["INPUT", "BASELINE"]
    definition: MonitorDefinition
    columns: Sequence[Column]
    slicings: Sequence[Slicing]
    aggregates: Sequence[Aggregate]
    derived: Derived
    windows: Mapping[str | None, Sequence[int | None]]
    schema: SchemaComparison | None = None


@dataclass(frozen=True)
class Written:
    """What became of profile rows.

    Attributes
    ----------
    rows
        How many were written.
    rows_read
        Rows of the tables that went into windows.
    unprofiled
        Columns that could not be read, and why; those of the baseline as `baseline.column`.
    """

    rows: int
    rows_read: int
    unprofiled: Mapping[str, str]


@dataclass(frozen=True)
class Drifting:
    """Drift rows to be made of a profile table.

    Attributes
    ----------
    definition
        The monitor's.
    custom
        Computes the custom drift metrics.
    windows
        Starts of profiled windows by granularity.
    before
        The window that each is compared with, where there is one.
    """

    definition: MonitorDefinition
    custom: DriftMetrics
    windows: Mapping[str | None, Sequence[int]]
    before: Mapping[str | None, Mapping[int, int]]


class Engine(Protocol[SourceType, TableType]):
    """Reads, computes and writes for one refresh."""

    def primary(self, timestamp_column: str | None, since: int | None) -> SourceType:
        """Return the monitored table as it is now, without rows before `since` (microseconds)."""

    def baseline(self) -> SourceType | None:
        """Return the baseline as it is now, if the monitor has one."""

    def profile_table(self, schema: pa.Schema, core: set[str]) -> TableType:
        """Return the profile table; see `metric_table.missing_columns` for what is refused."""

    def drift_table(self, schema: pa.Schema, core: set[str]) -> TableType:
        """Return the drift table."""

    def write_profile(
        self,
        table: TableType,
        wanted: Sequence[Profiling[SourceType]],
        replaced: RowsToReplace | None,
        state: State,
        ahead: Drifting | None = None,
    ) -> Written:
        """Put profile rows in the place of others, in one commit that says what was processed.

        Parameters
        ----------
        table
            The profile table.
        wanted
            The new rows.
        replaced
            The rows that go; None for all.
        state
            What this refresh processed.
        ahead
            Drift rows that will be wanted next, for an engine that makes them from the rows it has at hand;
            their windows are among the new ones, and the baseline's rows, if there are any, come first.
        """

    def write_drift(
        self,
        table: TableType,
        profile: TableType,
        wanted: Drifting,
        replaced: RowsToReplace | None,
        state: State,
    ) -> int:
        """Put drift rows in the place of others, as `write_profile` does, and return how many."""

    def close(self) -> None:
        """Release what the engine holds."""
