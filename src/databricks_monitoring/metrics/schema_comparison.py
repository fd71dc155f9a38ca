"""How the columns of a monitored table differ from those of its baseline."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from databricks_monitoring.metrics.columns import Column
    from databricks_monitoring.metrics.profile.cells import Cells


@dataclass(frozen=True)
class SchemaComparison:
    """The columns that a baseline has, and in which ones the monitored table differs from it.

    Attributes
    ----------
    baseline
        The baseline's columns by name, without the timestamp column, which it need not have.
    mismatches
        Cells of `schema_mismatches`: what the baseline has and the table lacks, in the baseline's order, then
        what the table has besides or of another type, in the table's order.
    """

    baseline: Mapping[str, Column]
    mismatches: Sequence[Cells]

    @classmethod
    def of(
        cls, monitored: Mapping[str, Column], baseline: Mapping[str, Column], *, timestamp_column: str | None
    ) -> SchemaComparison:
        """Compare two tables' columns by name, as they are spelt, and type.

        Examples
        --------
        >>> SchemaComparison.of({}, {}, timestamp_column="ts").mismatches
        []
        """
        expected = {name: column for name, column in baseline.items() if name != timestamp_column}
        found = {name: column for name, column in monitored.items() if name != timestamp_column}
        mismatches = [
            _mismatch("missing", None, column) for name, column in expected.items() if name not in found
        ]
        for name, column in found.items():
            if name not in expected:
                mismatches.append(_mismatch("added", column, None))
            elif column.data_type != expected[name].data_type:
                mismatches.append(_mismatch("changed_type", column, expected[name]))
        return cls(expected, mismatches)

    def baseline_type(self, column: str) -> str | None:
        """Return the baseline's type of a column; None if it has no such column."""
        found = self.baseline.get(column)
        return found.data_type if found else None

    def fingerprint(self) -> str:
        """Return a text that two baselines share exactly if the same is said of every monitored table."""
        return fingerprint(self.baseline)


def fingerprint(columns: Mapping[str, Column]) -> str:
    """Return a text that two tables share exactly if they have the same columns, in order and of type."""
    types = [[name, column.data_type] for name, column in columns.items()]
    return hashlib.sha256(json.dumps(types).encode()).hexdigest()


def _mismatch(kind: str, found: Column | None, expected: Column | None) -> Cells:
    named = found or expected
    return {
        "column_name": named.name if named else None,
        "mismatch": kind,
        "data_type": found.data_type if found else None,
        "baseline_data_type": expected.data_type if expected else None,
    }
