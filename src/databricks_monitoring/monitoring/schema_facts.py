"""How the schema of a monitored table differs from its baseline's, window by window."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from databricks_monitoring.monitoring.effect_words import percent
from databricks_monitoring.names import TABLE_ROW
from databricks_monitoring.unity_catalog import find_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from databricks.sdk import WorkspaceClient

    from databricks_monitoring.names import TableName

MismatchKind = Literal["missing", "added", "changed_type"]

FACT_COLUMNS = ("schema_mismatches", "percent_uncastable")
"""Columns of a profile metric table that tell mismatches; the managed service writes none of them."""

_NUMBERS = frozenset({"tinyint", "smallint", "int", "bigint", "float", "double", "decimal"})
_TIMES = frozenset({"date", "timestamp", "timestamp_ntz"})
_TEXTS = frozenset({"string", "char", "varchar"})


@dataclass(frozen=True)
class SchemaMismatch:
    """One column in which a monitored table differs from its baseline.

    Attributes
    ----------
    kind
        `missing` from the monitored table, `added` to it, or of another type there.
    data_type, baseline_data_type
        Spark SQL's simple names; None where there is no such column.
    uncastable
        Share of the non-null values that do not cast to the baseline's type, 0 to 1; None where unknown.
    values
        How many non-null values that share is of.
    """

    column: str
    kind: MismatchKind
    data_type: str | None
    baseline_data_type: str | None
    uncastable: float | None = None
    values: int = 0

    @property
    def is_of_another_kind(self) -> bool:
        """Whether both types are known and other statistics apply to one than to the other."""
        if self.data_type is None or self.baseline_data_type is None:
            return False
        return _kind(self.data_type) != _kind(self.baseline_data_type)

    @property
    def words(self) -> str:
        """What was expected and what was found."""
        if self.kind == "missing":
            return f"expected {self.baseline_data_type} as in the baseline, found no such column"
        if self.kind == "added":
            return f"{self.data_type}, which the baseline does not have"
        said = f"expected {self.baseline_data_type} as in the baseline, found {self.data_type}"
        if self.uncastable is None or not self.values:
            return said
        if self.uncastable == 0:
            return f"{said}; every value casts"
        return f"{said}; {percent(self.uncastable)} of {self.values:,} values do not cast"


def _kind(data_type: str) -> str:
    """Return what a type's statistics are those of: a number, a text, a time, or the type itself."""
    name = data_type.lower().partition("<")[0].partition("(")[0].strip()
    for kind, names in (("number", _NUMBERS), ("text", _TEXTS), ("time", _TIMES)):
        if name in names:
            return kind
    return name


def facts_of_window(rows: Iterable[Mapping[str, object]]) -> dict[str, SchemaMismatch] | None:
    """Return the mismatches that the profile rows of one window tell, by column; None if they tell nothing.

    Parameters
    ----------
    rows
        With `column_name`, `value_count`, `schema_mismatches` and `percent_uncastable`.
    """
    listed: list[Mapping[str, object]] | None = None
    shares: dict[str, tuple[float, int]] = {}
    for row in rows:
        found = row["schema_mismatches"]
        if row["column_name"] == TABLE_ROW and isinstance(found, list):
            listed = found
        if row["percent_uncastable"] is not None:
            share = float(str(row["percent_uncastable"])) / 100
            shares[str(row["column_name"])] = share, int(str(row["value_count"]))
    if listed is None:
        return None
    return {str(entry["column_name"]): _fact(entry, shares) for entry in listed}


def _fact(entry: Mapping[str, object], shares: Mapping[str, tuple[float, int]]) -> SchemaMismatch:
    name = str(entry["column_name"])
    share, values = shares.get(name, (None, 0))
    kinds: dict[object, MismatchKind] = {"missing": "missing", "added": "added"}
    return SchemaMismatch(
        name,
        kinds.get(entry["mismatch"], "changed_type"),
        _text(entry["data_type"]),
        _text(entry["baseline_data_type"]),
        share,
        values,
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def compared_in_catalog(
    client: WorkspaceClient, table: TableName, baseline: TableName, *, timestamp_column: str | None
) -> dict[str, SchemaMismatch] | None:
    """Return the mismatches of two tables as Unity Catalog knows their columns now; None if one is gone.

    The shares of values that do not cast are unknown here. Upper and lower case count as the same, and the
    timestamp column, which baselines need not have, is left out.
    """
    found, expected = (_columns(client, name, timestamp_column) for name in (table, baseline))
    if found is None or expected is None:
        return None
    here = {name.casefold(): (name, kind) for name, kind in found.items()}
    there = {name.casefold(): (name, kind) for name, kind in expected.items()}
    mismatches: dict[str, SchemaMismatch] = {}
    for folded, (name, kind) in there.items():
        if folded not in here:
            mismatches[name] = SchemaMismatch(name, "missing", None, kind)
    for folded, (name, kind) in here.items():
        if folded not in there:
            mismatches[name] = SchemaMismatch(name, "added", kind, None)
        elif kind != there[folded][1]:
            mismatches[name] = SchemaMismatch(name, "changed_type", kind, there[folded][1])
    return mismatches


def _columns(client: WorkspaceClient, name: TableName, besides: str | None) -> dict[str, str] | None:
    table = find_table(client, name)
    if table is None:
        return None
    return {
        column.name: (column.type_text or "").lower().replace(" ", "")
        for column in table.columns or []
        if column.name and column.name.casefold() != (besides or "").casefold()
    }


def by_window(
    rows: Iterable[Mapping[str, object]],
) -> dict[tuple[object, object], list[Mapping[str, object]]]:
    """Return rows by the start and the end of their window."""
    grouped: dict[tuple[object, object], list[Mapping[str, object]]] = defaultdict(list)
    for row in rows:
        grouped[row["window_start"], row["window_end"]].append(row)
    return grouped
