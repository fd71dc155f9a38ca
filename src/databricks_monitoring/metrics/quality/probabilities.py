"""Class probabilities: where each class's probability is, and the quality columns that need them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from databricks_monitoring.errors import UnsupportedColumnError
from databricks_monitoring.metrics.columns import ColumnClass
from databricks_monitoring.metrics.engines.delta_scan import literal, quoted
from databricks_monitoring.metrics.quality.log_loss import log_loss
from databricks_monitoring.metrics.quality.precision_recall_f1 import averaged
from databricks_monitoring.metrics.quality.roc_auc import roc_auc

if TYPE_CHECKING:
    from collections.abc import Mapping

    from databricks_monitoring.metrics.arrays import Floats
    from databricks_monitoring.metrics.columns import Column
    from databricks_monitoring.metrics.profile.cells import Cells

_BOTH = 2


class ClassValues(Protocol):
    """A table that can tell which classes occur in it."""

    def values(self, expression: str) -> list[str]:
        """Return the distinct non-null values of an expression in DuckDB's SQL as text, ascending."""


def probability_sql(
    engine: ClassValues, column: Column, class_names: tuple[str, str | None]
) -> dict[str, str]:
    """Return the SQL of each class's probability, NULL where the row has none at all.

    Parameters
    ----------
    engine
        The table.
    column
        A map or struct from class to probability, or a number: the probability of the positive class of two.
    class_names
        SQL of the class names of predictions and labels.

    Raises
    ------
    UnsupportedColumnError
        If the column is of another type, or a number and there are more than two classes.
    """
    name = quoted(column.name)
    if column.data_type.startswith("map<string,"):
        classes = engine.values(f"unnest(map_keys({name}))")
        found = {each: f"list_extract(map_extract({name}, {literal(each)}), 1)" for each in classes}
        return {each: _zero_if_absent(name, sql) for each, sql in found.items()}
    if column.data_type.startswith("struct<"):
        fields = engine.values(f"unnest(struct_keys({name}))")
        found = {each: f"struct_extract({name}, {literal(each)})" for each in fields}
        return {each: _zero_if_absent(name, sql) for each, sql in found.items()}
    if column.column_class is ColumnClass.NUMERIC:
        return _of_two(engine, column, class_names)
    raise UnsupportedColumnError(
        f"Column {column.name!r} of probabilities is {column.data_type}; expected map<string,double>, "
        "a struct with a number for each class, or a number: the probability of the positive class."
    )


def _zero_if_absent(name: str, sql: str) -> str:
    return f"CASE WHEN {name} IS NOT NULL THEN coalesce(CAST({sql} AS DOUBLE), 0.0) END"


def _of_two(engine: ClassValues, column: Column, class_names: tuple[str, str | None]) -> dict[str, str]:
    classes = sorted({each for sql in class_names if sql for each in engine.values(sql)})
    if len(classes) > _BOTH:
        raise UnsupportedColumnError(
            f"Column {column.name!r} holds one probability a row, but there are {len(classes)} classes: "
            f"{', '.join(classes[:5])}. Give a map from class to probability."
        )
    if len(classes) < _BOTH:
        # Which of two classes the only one seen is cannot be told.
        return {}
    probability = f"CAST({quoted(column.name)} AS DOUBLE)"
    return {classes[0]: f"1.0 - {probability}", classes[1]: probability}


def probability_cells(probabilities: Mapping[str, Floats], labels: np.typing.NDArray[np.str_]) -> Cells:
    """Return `log_loss` and `roc_auc_score` of some labelled rows; nothing without any.

    Parameters
    ----------
    probabilities
        By class, one number a row, NaN where the row has none.
    labels : ndarray, shape (n,)
        The true class of each row.

    Notes
    -----
    Rows without probabilities are left out. A label that no probability is given for has probability 0. The
    area is computed for each class against all others; `macro` and `weighted` are means over the classes that
    occur among labels but are not all of them.
    """
    if not probabilities:
        return {}
    has = ~np.any([np.isnan(values) for values in probabilities.values()], axis=0)
    labels = labels[has]
    if len(labels) == 0:
        return {}
    given = {name: values[has] for name, values in probabilities.items()}
    of_labels = np.zeros(len(labels))
    for name, values in given.items():
        of_labels[labels == name] = values[labels == name]
    areas = {name: roc_auc(values, labels == name) for name, values in sorted(given.items())}
    known = {name: area for name, area in areas.items() if area is not None}
    support = np.array([int((labels == name).sum()) for name in known], dtype=np.int64)
    return {
        "log_loss": log_loss(of_labels),
        "roc_auc_score": averaged(list(known), np.array(list(known.values())), support) if known else None,
    }
