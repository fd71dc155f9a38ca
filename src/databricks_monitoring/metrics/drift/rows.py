"""Drift rows, from profile rows alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from databricks_monitoring.metrics.drift.cells import Pair, ProfileRow, drift_cells
from databricks_monitoring.metrics.windows import Calendar, Window, moment
from databricks_monitoring.names import ALL_MODELS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa

    from databricks_monitoring.metrics.arrays import Floats
    from databricks_monitoring.metrics.definition import MonitorDefinition
    from databricks_monitoring.metrics.profile.cells import Cells

START = "@start"
"""Column with the start of a profile row's window in microseconds, NULL for the baseline's."""

_READ = (
    "count",
    "data_type",
    "avg",
    "num_nan",
    "percent_null",
    "percent_zeros",
    "percent_distinct",
    "non_null_columns",
    "frequent_items",
)


@dataclass(frozen=True)
class Key:
    """What two compared rows have in common."""

    slice_key: str | None
    slice_value: str | None
    model_id: str | None
    column_name: str


Profile = dict[Key, ProfileRow]
"""The profile rows of one window, or of the baseline."""

Compared = tuple["Cells", "Mapping[str, object]", "Mapping[str, object]"]
"""A drift row, and what custom metrics read of the two profile rows it compares."""


def columns_read(definition: MonitorDefinition, besides: Sequence[str]) -> list[str]:
    """Return the columns of the profile table that drift is computed from, `window` aside."""
    model = [definition.model_id_column] if definition.model_id_column else []
    keys = ["slice_key", "slice_value", *model, "column_name"]
    return list(dict.fromkeys([*keys, "quantiles", *_READ, *besides]))


def profiles_of(
    table: pa.Table, definition: MonitorDefinition, besides: Sequence[str]
) -> dict[int | None, Profile]:
    """Return profile rows by their window's start, None for the baseline's.

    Parameters
    ----------
    table
        `START` and the `columns_read`.
    besides
        Columns that custom drift metrics read.
    """
    keys = [
        table.column(name).to_pylist() if name else [None] * table.num_rows
        for name in ("slice_key", "slice_value", definition.model_id_column, "column_name")
    ]
    quantiles = _quantiles(table.column("quantiles"))
    read = {name: table.column(name).to_pylist() for name in _READ}
    more = {name: table.column(name).to_pylist() for name in besides}
    profiles: dict[int | None, Profile] = {}
    for at, start in enumerate(table.column(START).to_pylist()):
        cells = {name: values[at] for name, values in read.items()}
        items = cells.pop("frequent_items")
        pairs = None if items is None else [(item["item"], item["count"]) for item in items]
        custom = {name: values[at] for name, values in more.items()}
        row = ProfileRow(**cells, frequent_items=pairs, quantiles=quantiles[at], besides=custom)
        slice_key, slice_value, model, column = (key[at] for key in keys)
        profiles.setdefault(start, {})[Key(slice_key, slice_value, model, str(column))] = row
    return profiles


def compared_with(
    definition: MonitorDefinition, granularity: str | None, starts: Sequence[int]
) -> dict[int, int]:
    """Return the window that each is compared with, where there is one.

    Parameters
    ----------
    starts
        All profiled windows of the granularity, ascending.
    """
    if granularity is None:
        return {after: before for before, after in pairwise(starts)}
    calendar = Calendar(granularity, definition.week_anchor)
    present = set(starts)
    earlier = {start: calendar.before(start) for start in starts}
    return {start: before for start, before in earlier.items() if before in present}


class DriftRows:
    """Computes drift rows.

    Parameters
    ----------
    definition
        The monitor's.
    baseline
        The baseline's profile rows; empty if there are none.
    """

    def __init__(self, definition: MonitorDefinition, baseline: Profile) -> None:
        self._definition = definition
        self._baseline = baseline
        self._baseline_models = {key.model_id for key in baseline}
        self._baseline_columns = {key.column_name for key in baseline}

    def of_window(
        self,
        granularity: str | None,
        start: int,
        before: int | None,
        profiles: Mapping[int | None, Profile],
    ) -> Iterator[Compared]:
        """Return the drift rows of a window.

        Parameters
        ----------
        start, before
            The window, and the one that it is compared with.
        profiles
            The profile rows of both, by their start.
        """
        return self.of_windows(granularity, {start: before}, profiles)

    def of_windows(
        self,
        granularity: str | None,
        windows: Mapping[int, int | None],
        profiles: Mapping[int | None, Profile],
    ) -> Iterator[Compared]:
        """Return the drift rows of some windows, which takes less than one after the other.

        Parameters
        ----------
        windows
            The starts of the windows, and of those that they are compared with.
        profiles
            The profile rows of all of them, by their start.
        """
        found = _Pairs()
        for start, before in windows.items():
            self._add_window(found, granularity, start, before, profiles)
        yield from found.rows()

    def _add_window(
        self,
        found: _Pairs,
        granularity: str | None,
        start: int,
        before: int | None,
        profiles: Mapping[int | None, Profile],
    ) -> None:
        current = profiles[start]
        earlier = profiles.get(before, {}) if before is not None else {}
        for key, row in current.items():
            base: Cells = {
                "window": self._window(granularity, start),
                "granularity": granularity,
                "monitor_version": self._definition.monitor_version,
                "slice_key": key.slice_key,
                "slice_value": key.slice_value,
                "column_name": key.column_name,
            }
            if self._definition.model_id_column:
                base[self._definition.model_id_column] = key.model_id
            once = _once(key, row, current)
            if before is not None and key in earlier:
                consecutive: Cells = {
                    "drift_type": "CONSECUTIVE",
                    "window_cmp": self._window(granularity, before),
                }
                other = earlier[key]
                found.add(base | consecutive, (row, other), (once, _once(key, other, earlier)))
            compared = self._baseline_row(key)
            if compared is not None:
                pair = (self._as_in_baseline(once), compared)
                found.add(base | {"drift_type": "BASELINE"}, (row, compared), pair)

    def _baseline_row(self, key: Key) -> ProfileRow | None:
        model = key.model_id if key.model_id in self._baseline_models else ALL_MODELS
        if self._definition.model_id_column is None:
            model = None
        return self._baseline.get(Key(key.slice_key, key.slice_value, model, key.column_name))

    def _as_in_baseline(self, row: ProfileRow) -> ProfileRow:
        """Return a row without mention of columns that the baseline never has, such as the timestamp."""
        if row.non_null_columns is None:
            return row
        kept = [name for name in row.non_null_columns if name in self._baseline_columns]
        return replace(row, non_null_columns=kept)

    def _window(self, granularity: str | None, start: int) -> dict[str, object]:
        if granularity is None:
            window = Window(moment(start), moment(start))
        else:
            window = Calendar(granularity, self._definition.week_anchor).window(start)
        return {"start": window.start, "end": window.end}


class _Pairs:
    """Drift rows in the making: each pair of profile rows is compared once, however many rows it makes."""

    def __init__(self) -> None:
        self._pairs: list[Pair] = []
        self._position: dict[tuple[int, int], int] = {}
        self._rows: list[tuple[Cells, Pair, int]] = []

    def add(self, keys: Cells, named: Pair, compared: Pair) -> None:
        """Add a row with its keys, the rows that custom metrics read, and those that are compared."""
        both = id(compared[0]), id(compared[1])
        if both not in self._position:
            self._position[both] = len(self._pairs)
            self._pairs.append(compared)
        self._rows.append((keys, named, self._position[both]))

    def rows(self) -> Iterator[Compared]:
        """Return the finished rows in the order in which they were added."""
        cells = drift_cells(self._pairs)
        for keys, (current, comparison), at in self._rows:
            yield keys | cells[at], current.besides, comparison.besides


def _once(key: Key, row: ProfileRow, profile: Profile) -> ProfileRow:
    """Return the row of all models together where it says the same: a window mostly has one model."""
    if key.model_id in (None, ALL_MODELS):
        return row
    together = profile.get(replace(key, model_id=ALL_MODELS))
    same = together is not None and together.says_the_same(row)
    return together if together is not None and same else row


def _quantiles(column: pa.ChunkedArray) -> list[Floats | None]:
    """Return the arrays of a list column, without turning their numbers into Python's."""
    found: list[Floats | None] = []
    for chunk in column.chunks:
        values = chunk.values.to_numpy(zero_copy_only=False)
        offsets = chunk.offsets.to_numpy()
        present = chunk.is_valid().to_pylist()
        found += [
            values[offsets[at] : offsets[at + 1]] if there and offsets[at] < offsets[at + 1] else None
            for at, there in enumerate(present)
        ]
    return found
