"""The share of a column's values that do not cast to the type that the baseline has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from sqlglot import exp

from databricks_monitoring.metrics.engines.delta_scan import quoted
from databricks_monitoring.metrics.profile.percent import percent

if TYPE_CHECKING:
    from databricks_monitoring.metrics.arrays import Floats, Integers
    from databricks_monitoring.metrics.columns import Column
    from databricks_monitoring.metrics.engines.base import NumberColumn
    from databricks_monitoring.metrics.profile.cells import Arrays
    from databricks_monitoring.metrics.profile.window import Layout

_INTEGERS = ("tinyint", "smallint", "int", "bigint")
_FLOATS = ("float", "double")
_TRUE = ("t", "true", "y", "yes", "1")
_FALSE = ("f", "false", "n", "no", "0")
_WHOLE_NUMBER = "[+-]?[0-9]+"
_NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
_DOUBLE = _NUMBER + "[dDfF]?|[+-]?([iI][nN][fF]([iI][nN][iI][tT][yY])?|[nN][aA][nN])"
_DATE = "[0-9]{4}(-[0-9]{1,2}){0,2}"
_TIMED = "([ T].*)?"

_NEVER, _ALWAYS = "false", "true"


def percent_uncastable(uncastable: Integers, count: Integers) -> Floats:
    """Return the share of values that do not cast to the baseline's type, 0 to 100; NaN without values.

    Parameters
    ----------
    uncastable : ndarray, shape (k,)
        How many of each group's non-null values do not cast.
    count : ndarray, shape (k,)
        How many non-null values there are, NaN among them.

    Notes
    -----
    ``100 * uncastable / count``. A value casts if Spark SQL's `try_cast` from the column's type to the
    baseline's gives a value; see `uncastable_sql`. The managed service has no such column.
    """
    return percent(uncastable, count)


def uncastable_sql(column: Column, baseline: Column) -> str | None:
    """Return DuckDB's SQL of whether a value does not cast to the baseline's type, NULL where it is NULL.

    Returns
    -------
    str or None
        Of type BIGINT, 1 or 0; None where the types are the same.

    Notes
    -----
    The rules are those of Spark SQL's `try_cast`, which are those of the ANSI standard's `CAST`:

    - Everything casts to a string. Numbers cast to wider and narrower ones; one that is out of range (after
      its fraction is cut off, where the baseline has whole numbers) does not, nor do NaN and the infinities
      to other than floating point.
    - Text casts to a number, boolean, date or timestamp that it spells, spaces around it aside: `12` is a
      whole number, `12.0` is none; `t`, `true`, `y`, `yes`, `1` and their opposites are booleans.
    - Timestamps cast to numbers (seconds) and back; dates cast to timestamps and back; booleans cast to
      numbers and back. No other pair of simple types casts at all.
    - Arrays, maps and structs cast to their like, structs field by field in order; a value casts if all
      that is in it does.
    """
    if column.data_type == baseline.data_type:
        return None
    have, want = (
        exp.DataType.build(kind, dialect="spark") for kind in (column.data_type, baseline.data_type)
    )
    name = quoted(column.name)
    return f"CASE WHEN {name} IS NOT NULL THEN CAST({_fails(name, have, want)} AS BIGINT) END"


def _fails(value: str, have: exp.DataType, want: exp.DataType, depth: int = 0) -> str:
    """Return the condition under which a value that is not NULL does not cast."""
    if have == want:
        return _NEVER
    source, target = _name(have), _name(want)
    if target == "string":
        return _NEVER
    if source != target or source not in {"array", "map", "struct"}:
        return _simple(value, source, target, want)
    if source == "struct":
        return _struct(value, have, want, depth)
    parts = [(value, 0)] if source == "array" else [(f"map_keys({value})", 0), (f"map_values({value})", 1)]
    return _any(
        [
            _in_list(items, have.expressions[position], want.expressions[position], depth)
            for items, position in parts
        ]
    )


def _name(kind: exp.DataType) -> str:
    return kind.sql(dialect="databricks").lower().partition("<")[0].partition("(")[0]


def _any(conditions: list[str]) -> str:
    possible = [condition for condition in conditions if condition != _NEVER]
    if _ALWAYS in possible:
        return _ALWAYS
    return "(" + " OR ".join(possible) + ")" if possible else _NEVER


def _within(value: str, condition: str) -> str:
    """Return a condition on a part, which holds for no NULL."""
    return condition if condition == _NEVER else f"({value} IS NOT NULL AND {condition})"


def _in_list(items: str, have: exp.DataType, want: exp.DataType, depth: int) -> str:
    element = f"e{depth}"
    condition = _within(element, _fails(element, have, want, depth + 1))
    if condition == _NEVER:
        return _NEVER
    return f"(len(list_filter({items}, lambda {element}: {condition})) > 0)"


def _struct(value: str, have: exp.DataType, want: exp.DataType, depth: int) -> str:
    if len(have.expressions) != len(want.expressions):
        return _ALWAYS
    conditions = []
    for mine, theirs in zip(have.expressions, want.expressions, strict=True):
        part = f"{value}.{quoted(mine.name)}"
        conditions.append(_within(part, _fails(part, mine.args["kind"], theirs.args["kind"], depth)))
    return _any(conditions)


def _simple(value: str, source: str, target: str, want: exp.DataType) -> str:
    if source in {"string", "varchar", "char"}:
        return _text(f"trim({value}, E' \\t\\n\\r')", target, want)
    is_number = source in {*_INTEGERS, *_FLOATS, "decimal"}
    if target in {*_INTEGERS, "decimal"}:
        return _to_exact(value, source, want, is_number=is_number)
    if target in _FLOATS:
        return _NEVER if is_number or source in {"boolean", "timestamp"} else _ALWAYS
    if target == "boolean":
        return _NEVER if is_number else _ALWAYS
    if target == "timestamp" and is_number:
        return f"NOT isfinite({value})" if source in _FLOATS else _NEVER
    times = {"date", "timestamp", "timestamp_ntz"}
    return _NEVER if source in times and target in times else _ALWAYS


def _to_exact(value: str, source: str, want: exp.DataType, *, is_number: bool) -> str:
    """Return the condition for whole numbers and decimals, which have a range."""
    whole = _name(want) in _INTEGERS
    if source == "timestamp":
        seconds = f"epoch_us({value}) / 1000000"
        value = f"floor({seconds})" if whole else seconds
    elif source == "boolean":
        value = f"CAST({value} AS TINYINT)"
    elif not is_number:
        return _ALWAYS
    elif whole and source not in _INTEGERS:
        value = f"trunc({value})"
    return f"TRY_CAST({value} AS {want.sql(dialect='duckdb')}) IS NULL"


def _text(text: str, target: str, want: exp.DataType) -> str:
    """Return the condition for text, spaces around it aside."""
    kind = want.sql(dialect="duckdb")
    if target in {*_INTEGERS, "decimal"}:
        spelling = _NUMBER if target == "decimal" else _WHOLE_NUMBER
        return f"(NOT regexp_full_match({text}, '{spelling}') OR TRY_CAST({text} AS {kind}) IS NULL)"
    if target in _FLOATS:
        # Beyond the range lies infinity, which is a number here.
        return f"NOT regexp_full_match({text}, '{_DOUBLE}')"
    if target == "boolean":
        words = ", ".join(f"'{word}'" for word in (*_TRUE, *_FALSE))
        return f"lower({text}) NOT IN ({words})"
    if target == "date":
        day = f"regexp_extract({text}, '^({_DATE}){_TIMED}$', 1)"
        padded = f"{day} || repeat('-01', 2 - (length({day}) - length(replace({day}, '-', ''))))"
        return f"TRY_CAST({padded} AS DATE) IS NULL"
    if target in {"timestamp", "timestamp_ntz"}:
        day = f"regexp_full_match({text}, '{_DATE}')"
        padded = f"{text} || repeat('-01', 2 - (length({text}) - length(replace({text}, '-', ''))))"
        return f"TRY_CAST(CASE WHEN {day} THEN {padded} ELSE {text} END AS TIMESTAMPTZ) IS NULL"
    return _NEVER if target == "binary" else _ALWAYS


def uncastable_cells(read: NumberColumn, layout: Layout) -> Arrays:
    """Return the cell `percent_uncastable` for each group, from what `uncastable_sql` gives."""
    here = layout.numbers(read)
    valid = np.ones(len(here), np.bool_) if here.valid is None else here.valid
    fails = valid & (here.values == 1)
    found = []
    for layer in layout.layers:
        groups = layout.groups_of_rows(layer)
        # Rows of no group have the number after the last.
        counts = np.bincount(groups[valid], minlength=len(layer) + 1)[:-1]
        failing = np.bincount(groups[fails], minlength=len(layer) + 1)[:-1]
        found.append(pa.array(percent_uncastable(failing, counts), pa.float64(), mask=counts == 0))
    return {"percent_uncastable": pa.concat_arrays(found)}
