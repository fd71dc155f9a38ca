"""Profile rows as Arrow batches in the columns of the metric table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from databricks_monitoring.metrics.groups import Group
    from databricks_monitoring.metrics.profile.cells import Arrays
    from databricks_monitoring.metrics.profile.window import Layout


class GroupRows:
    """The rows that each column has in a batch: one for every group, under one of the names it goes by.

    Parameters
    ----------
    layout
        The groups of the batch.
    schema
        Columns of the metric table.
    name
        Position of the name; groups that have fewer have no row.
    """

    def __init__(self, layout: Layout, schema: pa.Schema, name: int) -> None:
        self._schema = schema
        places, sizes = layout.places, layout.sizes.tolist()
        names = [layout.partitions[window][position].groups[group] for window, position, group in places]
        # A slice without rows of this model is no slice; the whole may be empty.
        kept = [
            at
            for at, (_, position, _) in enumerate(places)
            if name < len(names[at]) and (sizes[at] or not position)
        ]
        self.groups: Sequence[Group] = [names[at][name] for at in kept]
        self.windows: Sequence[int] = [places[at][0] for at in kept]
        self._kept = None if len(kept) == len(places) else pa.array(kept, pa.int64())

    @classmethod
    def of_every_name(cls, layout: Layout, schema: pa.Schema) -> list[Self]:
        """Return the rows under each name: the same cells several times, which take no memory twice."""
        names = max(
            (len(group) for some in layout.partitions for of in some for group in of.groups), default=0
        )
        return [cls(layout, schema, name) for name in range(names)]

    def __len__(self) -> int:
        return len(self.groups)

    def of_groups(self, cells: Arrays) -> Arrays:
        """Return the cells of each row from those of each group of the batch."""
        if self._kept is None:
            return cells
        return {name: values.take(self._kept) for name, values in cells.items()}

    def of_windows(self, values: Sequence[object], column: str) -> pa.Array:
        """Return a cell of each row from one of each window."""
        return pa.array(values, self._schema.field(column).type).take(pa.array(self.windows, pa.int64()))

    def constant(self, value: object, column: str) -> pa.Array:
        """Return a cell that is the same in each row."""
        kind = self._schema.field(column).type
        if value is None:
            return pa.nulls(len(self), kind)
        if pa.types.is_nested(kind):
            return pa.array([value], kind).take(pa.array(np.zeros(len(self), np.int64)))
        return pa.repeat(pa.scalar(value, kind), len(self))

    def given(self, values: Sequence[object], column: str) -> pa.Array:
        """Return a cell of each row as an array of the column's type."""
        return pa.array(values, self._schema.field(column).type)

    def batch(self, arrays: Mapping[str, pa.Array]) -> pa.RecordBatch:
        """Return rows in the columns of the metric table, NULL in those that are not given."""
        return pa.RecordBatch.from_arrays(
            [
                arrays[field.name].cast(field.type)
                if field.name in arrays
                else pa.nulls(len(self), field.type)
                for field in self._schema
            ],
            schema=self._schema,
        )
