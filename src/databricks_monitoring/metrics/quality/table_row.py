"""Model quality and fairness of every window and group: the cells of `:table` rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from databricks_monitoring.errors import UnsupportedColumnError
from databricks_monitoring.metrics.columns import ColumnClass
from databricks_monitoring.metrics.engines.base import ItemColumn, NumberColumn
from databricks_monitoring.metrics.engines.delta_scan import quoted
from databricks_monitoring.metrics.engines.duckdb import value_sql
from databricks_monitoring.metrics.fairness.groups import fairness
from databricks_monitoring.metrics.quality.accuracy import accuracy_score
from databricks_monitoring.metrics.quality.confusion import Confusion, confusions
from databricks_monitoring.metrics.quality.precision_recall_f1 import precision_recall_f1
from databricks_monitoring.metrics.quality.probabilities import (
    ClassValues,
    probability_cells,
    probability_sql,
    two_classes,
)
from databricks_monitoring.metrics.quality.regression import regression_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from databricks_monitoring.metrics.arrays import Floats
    from databricks_monitoring.metrics.columns import Column
    from databricks_monitoring.metrics.definition import MonitorDefinition
    from databricks_monitoring.metrics.engines.base import Rows
    from databricks_monitoring.metrics.groups import Partition
    from databricks_monitoring.metrics.profile.cells import Cells
    from databricks_monitoring.metrics.profile.window import Layout, Place

_PREDICTION = "@prediction"
_LABEL = "@label"
_PROBABILITY = "@probability "


class TableRowMetrics:
    """What a `:table` row holds besides counts.

    Parameters
    ----------
    definition
        The monitor; only those of inference logs have any.
    columns
        Columns of the table that is profiled; a baseline may lack labels or predictions.
    predicates
        Slicing expressions whose value is a Boolean.
    probabilities
        SQL of each class's probability.
    """

    def __init__(
        self,
        definition: MonitorDefinition,
        columns: Mapping[str, Column],
        predicates: frozenset[str],
        probabilities: Mapping[str, str],
    ) -> None:
        self._definition = definition
        self._probabilities = probabilities
        self._predicates = predicates
        self._prediction = columns.get(definition.prediction_column or "")
        self._label = columns.get(definition.label_column or "")

    @property
    def projections(self) -> dict[str, str]:
        """What has to be read, by name."""
        if self._prediction is None:
            return {}
        if self._definition.is_classification:
            named = class_names(self._prediction, self._label)
        elif _may_be_number(self._prediction):
            there = self._label is not None and _may_be_number(self._label)
            named = (_double(self._prediction), _double(self._label) if self._label and there else None)
        else:
            return {}
        found = {name: sql for name, sql in zip((_PREDICTION, _LABEL), named, strict=True) if sql is not None}
        return found | {_PROBABILITY + name: sql for name, sql in self._probabilities.items()}

    def cells(self, read: Rows, layout: Layout) -> dict[Place, Cells]:
        """Return the cells by the positions of window, partition and group."""
        if _PREDICTION not in read.columns:
            return {}
        if self._definition.is_classification:
            return self._classification(read, layout)
        return self._regression(read, layout) if _LABEL in read.columns else {}

    def _classification(self, read: Rows, layout: Layout) -> dict[Place, Cells]:
        prediction, label = _same_items(read.columns[_PREDICTION], read.columns.get(_LABEL), read.count)
        mine, theirs = layout.items(prediction), layout.items(label)
        probabilities = self._probabilities_of(read, layout)
        names_of = np.array([*mine.items.to_pylist(), ""], dtype=np.str_)
        counted = confusions(mine, theirs, layout)
        found: dict[Place, Cells] = {
            place: _quality(one) if self._label else {} for place, one in counted.items()
        }
        if probabilities:
            for window, at in layout.segments():
                for position, partition in enumerate(layout.partitions[window]):
                    for group in range(len(partition.groups)):
                        rows = partition.members(group)
                        labels = theirs.codes[at][rows]
                        found[window, position, group] |= probability_cells(
                            {name: values[at][rows][labels >= 0] for name, values in probabilities.items()},
                            names_of[labels[labels >= 0]],
                        )
        if self._predicates:
            for window, of in enumerate(layout.partitions):
                self._add_fairness(window, of, counted, found)
        return found

    def _probabilities_of(self, read: Rows, layout: Layout) -> dict[str, Floats]:
        if not self._label:
            return {}
        return {
            name: _numbers(read.columns[_PROBABILITY + name])[layout.order] for name in self._probabilities
        }

    def _add_fairness(
        self,
        window: int,
        partitions: Sequence[Partition],
        counted: Mapping[Place, Confusion],
        found: dict[Place, Cells],
    ) -> None:
        places = {
            partition.groups[group][0]: (window, position, group)
            for position, partition in enumerate(partitions)
            for group in range(len(partition.groups))
        }
        for name, place in places.items():
            if name.slice_key in self._predicates and name.slice_value == "true":
                other = places.get(type(name)(name.slice_key, "false", name.model_id))
                if other is not None:
                    found[place] |= fairness(counted[place], counted[other])

    def _regression(self, read: Rows, layout: Layout) -> dict[Place, Cells]:
        mine, theirs = (_numbers(read.columns[name])[layout.order] for name in (_PREDICTION, _LABEL))
        found: dict[Place, Cells] = {}
        for window, at in layout.segments():
            for position, partition in enumerate(layout.partitions[window]):
                for group in range(len(partition.groups)):
                    rows = partition.members(group)
                    predictions, labels = mine[at][rows], theirs[at][rows]
                    both = ~(np.isnan(predictions) | np.isnan(labels))
                    found[window, position, group] = dict(regression_errors(predictions[both], labels[both]))
        return found


def _quality(counted: Confusion) -> Cells:
    return {
        "accuracy_score": accuracy_score(counted),
        "confusion_matrix": counted.pairs(),
        **precision_recall_f1(counted),
    }


def check_types(definition: MonitorDefinition, columns: Mapping[str, Column]) -> None:
    """Refuse predictions and labels of a regression that are no numbers, nor texts that may spell some.

    Raises
    ------
    UnsupportedColumnError
        Naming the column and its type.
    """
    if definition.problem_type != "regression":
        return
    for role, name in (("Prediction", definition.prediction_column), ("Label", definition.label_column)):
        column = columns.get(name or "")
        if column is not None and not _may_be_number(column):
            raise UnsupportedColumnError(
                f"{role} column {column.name!r} of a regression is {column.data_type}; expected a number."
            )


def _may_be_number(column: Column) -> bool:
    return column.column_class is ColumnClass.NUMERIC or column.is_text


def class_names(prediction: Column, label: Column | None) -> tuple[str, str | None]:
    """Return the texts of classes, the same for the same class in columns of different types.

    Notes
    -----
    Numbers of different types are written as double, so that 1 equals 1.0. Beside a number, a text that
    spells one and a boolean are written as that number would be; beside a boolean, a text that spells one.
    NaN is no class: a row that has it is like one without a prediction or a label. Both zeros are one.
    """
    if label is None:
        return _class_name(prediction), None
    numeric = prediction.column_class is label.column_class is ColumnClass.NUMERIC
    if numeric and prediction.sql_type != label.sql_type:
        return _number_name(_double(prediction), "DOUBLE"), _number_name(_double(label), "DOUBLE")
    return _class_name(prediction, label), _class_name(label, prediction)


def _class_name(column: Column, beside: Column | None = None) -> str:
    value, text = quoted(column.name), value_sql(column, as_text=True)
    if column.data_type in ("float", "double"):
        return _number_name(value, column.sql_type)
    if beside is not None and beside.column_class is ColumnClass.NUMERIC:
        if column.data_type == "boolean":
            return _number_name(f"CAST({value} AS {beside.sql_type})", beside.sql_type)
        if column.is_text:
            spelt = f"TRY_CAST({value} AS {beside.sql_type})"
            exactly = f"TRY_CAST({value} AS DOUBLE) = CAST({spelt} AS DOUBLE)"
            return f"CASE WHEN {exactly} THEN {_number_name(spelt, beside.sql_type)} ELSE {text} END"
    if beside is not None and beside.data_type == "boolean" and column.is_text:
        return f"coalesce(CAST(TRY_CAST({value} AS BOOLEAN) AS VARCHAR), {text})"
    return text


def _number_name(value: str, sql_type: str) -> str:
    text = f"CAST({value} AS VARCHAR)"
    if sql_type not in ("FLOAT", "DOUBLE"):
        return text
    return f"CASE WHEN {value} = 0 THEN '0.0' WHEN NOT isnan({value}) THEN {text} END"


def binary_classes(
    definition: MonitorDefinition, tables: Iterable[tuple[ClassValues, Mapping[str, Column]]]
) -> tuple[str, str] | None:
    """Return the two classes that a single probability a row is for, see `two_classes`.

    Parameters
    ----------
    tables
        The monitored table and the baseline, each with its columns.

    Raises
    ------
    UnsupportedColumnError
        If there are more than two classes.
    """
    seen: set[str] = set()
    for table, columns in tables:
        prediction = columns.get(definition.prediction_column or "")
        label = columns.get(definition.label_column or "")
        known = prediction or label
        if known is not None:
            named = class_names(known, label if prediction else None)
            seen.update(*(table.values(sql) for sql in named if sql))
    return two_classes(definition.prediction_proba_column or "", seen)


def probabilities_of(
    definition: MonitorDefinition, table: ClassValues, columns: Mapping[str, Column]
) -> dict[str, str]:
    """Return the SQL of each class's probability; nothing where a table lacks what that takes.

    Parameters
    ----------
    table
        Tells the classes that occur.
    columns
        The table's.
    """
    proba = columns.get(definition.prediction_proba_column or "")
    prediction = columns.get(definition.prediction_column or "")
    label = columns.get(definition.label_column or "")
    if proba is None or prediction is None or label is None:
        return {}
    return probability_sql(table, proba, definition.binary_classes)


def _double(column: Column) -> str:
    return f"{'TRY_CAST' if column.is_text else 'CAST'}({value_sql(column)} AS DOUBLE)"


def _numbers(column: ItemColumn | NumberColumn) -> Floats:
    """Return numbers with NaN for NULL."""
    if isinstance(column, ItemColumn):
        return np.full(len(column), np.nan)
    values = column.values.astype(np.float64, copy=False)
    return values if column.valid is None else np.where(column.valid, values, np.nan)


def _same_items(
    prediction: ItemColumn | NumberColumn, label: ItemColumn | NumberColumn | None, rows: int
) -> tuple[ItemColumn, ItemColumn]:
    """Return both columns as positions in one list of classes."""
    empty = ItemColumn(np.full(rows, -1, np.int32), pa.array([], type=pa.string()))
    mine = prediction if isinstance(prediction, ItemColumn) else empty
    theirs = label if isinstance(label, ItemColumn) else empty
    together = pa.concat_arrays([mine.items.cast(pa.string()), theirs.items.cast(pa.string())])
    items = pc.unique(together)
    number = pc.index_in(together, items).to_numpy(zero_copy_only=False).astype(np.int32)
    split = len(mine.items)
    return (
        ItemColumn(np.append(number[:split], np.int32(-1))[mine.codes], items),
        ItemColumn(np.append(number[split:], np.int32(-1))[theirs.codes], items),
    )
