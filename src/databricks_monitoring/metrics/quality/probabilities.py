"""Class probabilities: where each class's probability is, and the quality columns that need them."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

import numpy as np
from sqlglot import exp

from databricks_monitoring.errors import UnsupportedColumnError
from databricks_monitoring.metrics.columns import ColumnClass
from databricks_monitoring.metrics.conventions import BINARY_PAIRS
from databricks_monitoring.metrics.engines.delta_scan import literal, quoted
from databricks_monitoring.metrics.quality.log_loss import log_loss
from databricks_monitoring.metrics.quality.precision_recall_f1 import averaged
from databricks_monitoring.metrics.quality.roc_auc import roc_auc

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from databricks_monitoring.metrics.arrays import Floats
    from databricks_monitoring.metrics.columns import Column
    from databricks_monitoring.metrics.profile.cells import Cells

_BOTH = 2
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_NUMBERS = ("tinyint", "smallint", "int", "bigint", "float", "double", "decimal")


class ClassValues(Protocol):
    """A table that can tell which classes occur in it."""

    def values(self, expression: str) -> list[str]:
        """Return the distinct non-null values of an expression in DuckDB's SQL as text, ascending."""


def probability_sql(
    engine: ClassValues, column: Column, binary_classes: tuple[str, str] | None
) -> dict[str, str]:
    """Return the SQL of each class's probability, NULL where the row has none at all.

    Parameters
    ----------
    engine
        The table.
    column
        A map or struct from class to probability, or a number: the probability of the positive class of two.
    binary_classes
        The two classes that a number is for, the positive one last; None if they are not known.

    Raises
    ------
    UnsupportedColumnError
        If the column is of another type.
    """
    name = quoted(column.name)
    if _holds_numbers(column, "map<string,"):
        classes = engine.values(f"unnest(map_keys({name}))")
        found = {each: f"list_extract(map_extract({name}, {literal(each)}), 1)" for each in classes}
        # An empty map gives no class anything: it is as good as none.
        return {each: _zero_if_absent(f"nullif(cardinality({name}), 0)", sql) for each, sql in found.items()}
    if _holds_numbers(column, "struct<"):
        fields = engine.values(f"unnest(struct_keys({name}))")
        found = {each: f"struct_extract({name}, {literal(each)})" for each in fields}
        return {each: _zero_if_absent(name, sql) for each, sql in found.items()}
    if column.column_class is ColumnClass.NUMERIC:
        if binary_classes is None:
            return {}
        probability = f"CAST({name} AS DOUBLE)"
        return {binary_classes[0]: f"1.0 - {probability}", binary_classes[1]: probability}
    raise UnsupportedColumnError(
        f"Column {column.name!r} of probabilities is {column.data_type}; expected map<string,double>, "
        "a struct with a number for each class, or a number: the probability of the positive class."
    )


def _holds_numbers(column: Column, kind: str) -> bool:
    """Whether a column is a map or struct as wanted, and what is in it are numbers."""
    if not column.data_type.startswith(kind):
        return False
    parsed = exp.DataType.build(column.data_type, dialect="spark")
    parts = [part.args["kind"] if isinstance(part, exp.ColumnDef) else part for part in parsed.expressions]
    held = parts[1:] if kind.startswith("map") else parts
    return all(part.sql(dialect="databricks").lower().partition("(")[0] in _NUMBERS for part in held)


def class_identity(name: str) -> str | Decimal:
    """Return what two names of one class share: the number that they spell, or the truth value, or the name.

    Examples
    --------
    >>> class_identity("1") == class_identity("1.0"), class_identity("True"), class_identity("01")
    (True, 'true', '01')
    """
    if _NUMBER.fullmatch(name):
        return Decimal(name)
    return name.lower() if name.lower() in ("true", "false") else name


def _zero_if_absent(there: str, sql: str) -> str:
    return f"CASE WHEN {there} IS NOT NULL THEN coalesce(CAST({sql} AS DOUBLE), 0.0) END"


def two_classes(column: str, seen: Iterable[str]) -> tuple[str, str] | None:
    """Return the classes that one probability a row is for, the positive one last; None if that is open.

    Parameters
    ----------
    column
        The column of probabilities, for the message.
    seen
        Names of classes that were predicted or labelled anywhere.

    Notes
    -----
    Of two classes the positive one is the later in order of their text (`conventions.POSITIVE_CLASS`). Where
    only one has been seen, its name tells which it is if it is of a pair that everybody writes
    (`conventions.BINARY_PAIRS`).

    Raises
    ------
    UnsupportedColumnError
        If there are more than two classes.

    Examples
    --------
    >>> two_classes("p", ["stay", "churn"]), two_classes("p", ["0"]), two_classes("p", ["churn"])
    (('churn', 'stay'), ('0', '1'), None)
    """
    # Tables may write one class in different ways.
    named = {class_identity(name): name for name in sorted(set(seen), reverse=True)}
    classes = sorted(named.values())
    if len(classes) > _BOTH:
        raise UnsupportedColumnError(
            f"Column {column!r} holds one probability a row, but there are {len(classes)} classes: "
            f"{', '.join(classes[:5])}. Give a map from class to probability."
        )
    if len(classes) == _BOTH:
        return classes[0], classes[1]
    return next((pair for pair in BINARY_PAIRS if classes and classes[0] in pair), None)


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
    Rows without probabilities are left out. A class that a row gives no probability has probability 0 there.
    The label 1 is the class of the probability that is called ``1.0`` (`class_identity`).
    The area is computed for each label against all others, unless all rows have it; `macro` and `weighted`
    are means over these. So what other rows of the table give probabilities to changes nothing.
    """
    if not probabilities:
        return {}
    has = ~np.any([np.isnan(values) for values in probabilities.values()], axis=0)
    labels = labels[has]
    if len(labels) == 0:
        return {}
    by_class: dict[str | Decimal, Floats] = {}
    for name, values in probabilities.items():
        one = class_identity(name)
        by_class[one] = by_class[one] + values[has] if one in by_class else values[has]
    absent = np.zeros(len(labels))
    given = {name: by_class.get(class_identity(str(name)), absent) for name in np.unique(labels)}
    of_labels = np.zeros(len(labels))
    for name, values in given.items():
        of_labels[labels == name] = values[labels == name]
    areas = {str(name): roc_auc(values, labels == name) for name, values in given.items()}
    known = {name: area for name, area in areas.items() if area is not None}
    support = np.array([int((labels == name).sum()) for name in known], dtype=np.int64)
    return {
        "log_loss": log_loss(of_labels),
        "roc_auc_score": averaged(list(known), np.array(list(known.values())), support) if known else None,
    }
