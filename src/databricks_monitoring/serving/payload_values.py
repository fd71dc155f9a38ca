"""SQL expressions for the values in a payload: casts, predictions, probabilities, what does not cast."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from databricks_monitoring.serving.unpacking import WHOLE_ANSWER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from databricks_monitoring.serving.unpacking import Unpacking

PROBABILITY_TYPE = "MAP<STRING,DOUBLE>"
_WHOLE_NUMBERS = frozenset({"BIGINT", "INT", "SMALLINT", "TINYINT", "LONG"})
_SHOWN_CHARACTERS = 40
# The years 1 to 9999. On what is no time at all the statement would fail, on later years those who read it.
_FIRST_MILLIS, _LAST_MILLIS = -62_135_596_800_000, 253_402_300_799_999
_IN_A_PATH = re.compile(r"[A-Za-z0-9_ .-]+")


@dataclass(frozen=True)
class AnswerColumn:
    """A column that comes from the answer: its SQL type, and its text as an expression of the answer."""

    sql_type: str
    text: Callable[[str], str]

    def value(self, answer: str) -> str:
        """Return the SQL of the column's value."""
        return (
            self.text(answer) if self.sql_type == PROBABILITY_TYPE else cast(self.text(answer), self.sql_type)
        )


def literal(text: str) -> str:
    """Return a SQL string literal."""
    return exp.Literal.string(text).sql(dialect="databricks")


def cast(value: str, sql_type: str) -> str:
    """Return `value`, a text, as another type; NULL where it is not one."""
    kind = sql_type.upper()
    as_double = f"try_cast({value} AS DOUBLE)"
    if kind in _WHOLE_NUMBERS:
        # A whole number may arrive as 3.0, from clients whose column also has missing values.
        # Not by floor(), which has no value for a number that is too large for a BIGINT.
        whole = f"CASE WHEN {as_double} % 1 = 0 THEN try_cast({as_double} AS {kind}) END"
        return f"coalesce(try_cast({value} AS {kind}), {whole})"
    if kind == "BOOLEAN":
        return (
            f"coalesce(try_cast({value} AS BOOLEAN), CASE {as_double} WHEN 1 THEN true WHEN 0 THEN false END)"
        )
    if kind == "TIMESTAMP":
        millis = f"try_cast({value} AS BIGINT)"
        known = f"CASE WHEN {millis} BETWEEN {_FIRST_MILLIS} AND {_LAST_MILLIS} THEN {millis} END"
        text = f"try_cast({value} AS TIMESTAMP)"
        return (
            f"coalesce(CASE WHEN year({text}) BETWEEN 1 AND 9999 THEN {text} END, timestamp_millis({known}))"
        )
    if kind == "STRING":
        return value
    return f"try_cast({value} AS {kind})"


def field(document: str, name: str) -> str:
    """Return the text of one field of a JSON object."""
    if not _IN_A_PATH.fullmatch(name):
        # A JSON path has no way to write a quote or a bracket in a key, and other letters may be escaped.
        return f"from_json({document}, 'MAP<STRING,STRING>')[{literal(name)}]"
    path = f"$.{name}" if name.isascii() and name.isidentifier() else f"$['{name}']"
    return f"get_json_object({document}, {literal(path)})"


def probabilities(answer: str, unpacking: Unpacking) -> str:
    """Return the probability of each class by its name, from a list of numbers or an object."""
    given = unpacking.probability_field
    text = answer if given in {None, WHOLE_ANSWER} else field(answer, given or "")
    numbers = f"from_json({text}, 'ARRAY<DOUBLE>')"
    names = f"transform(sequence(0, size({numbers}) - 1), i -> CAST(i AS STRING))"
    named = f"from_json({text}, '{PROBABILITY_TYPE}')"
    if unpacking.classes:
        listed = ", ".join(map(literal, unpacking.classes))
        # The columns of a DataFrame without names are numbers.
        places = ", ".join(literal(str(place)) for place in range(len(unpacking.classes)))
        by_class = f"map_from_arrays(array({listed}), map_values({named}))"
        named = f"CASE WHEN map_keys({named}) = array({places}) THEN {by_class} ELSE {named} END"
        names = f"CASE WHEN size({numbers}) = {len(unpacking.classes)} THEN array({listed}) ELSE {names} END"
    return (
        f"CASE WHEN {text} LIKE '{{%' THEN {named} "
        f"WHEN {text} LIKE '[%' AND size({numbers}) > 1 THEN map_from_arrays({names}, {numbers}) END"
    )


def prediction(answer: str, unpacking: Unpacking) -> str:
    """Return the text of the prediction: the answer, its chosen field or position, or the likeliest class."""
    chosen = unpacking.prediction_field
    cases = []
    if unpacking.probability_field is not None and chosen is None:
        found = f"({probabilities(answer, unpacking)})"
        place = f"array_position(map_values({found}), array_max(map_values({found})))"
        cases.append(f"WHEN {found} IS NOT NULL THEN get(map_keys({found}), CAST({place} AS INT) - 1)")
    listed = f"from_json({answer}, 'ARRAY<STRING>')"
    if chosen is not None and chosen.isdigit():
        cases.append(f"WHEN {answer} LIKE '[%' THEN get({listed}, {int(chosen)})")
    if chosen is not None:
        cases.append(f"WHEN {answer} LIKE '{{%' THEN {field(answer, chosen)}")
    else:
        # A pandas Series without a name is answered as objects of one field, called 0.
        values = f"map_values(from_json({answer}, 'MAP<STRING,STRING>'))"
        cases.append(f"WHEN {answer} LIKE '{{%' AND size({values}) = 1 THEN get({values}, 0)")
    # Some models answer every row with a list of one value.
    cases.append(f"WHEN {answer} LIKE '[%' AND size({listed}) = 1 THEN get({listed}, 0)")
    return f"CASE {' '.join(cases)} ELSE {answer} END"


def output(answer: str, name: str) -> str:
    """Return the text of one field of an answer; NULL where answers are not objects."""
    return f"CASE WHEN {answer} LIKE '{{%' THEN {field(answer, name)} END"


def faults(inputs: Mapping[str, str], answers: Mapping[str, AnswerColumn]) -> str:
    """Return the list of a payload's values that are not of their column's type, each in words.

    Parameters
    ----------
    inputs : mapping
        SQL type of every column of the request, by name.
    answers : mapping
        Every column of the answer, by name.
    """
    of_request = [
        _fault(name, kind, f"item[{literal(name)}]") for name, kind in inputs.items() if _checked(kind)
    ]
    of_answer = [
        _fault(name, column.sql_type, column.text("item"))
        for name, column in answers.items()
        if _checked(column.sql_type)
    ]
    parts = [
        f"flatten(transform({source}, item -> array_compact(array({', '.join(found)}))))"
        for source, found in (("records_in_order", of_request), ("predictions", of_answer))
        if found
    ]
    if not parts:
        return "CAST(array() AS ARRAY<STRING>)"
    return parts[0] if len(parts) == 1 else f"concat({', '.join(parts)})"


def _checked(sql_type: str) -> bool:
    return sql_type.upper() not in {"STRING", PROBABILITY_TYPE}


def _fault(name: str, sql_type: str, text: str) -> str:
    shown = f"substr({text}, 1, {_SHOWN_CHARACTERS})"
    words = f"concat({literal(f'{name}: ')}, {shown}, {literal(f' is no {sql_type}')})"
    return f"CASE WHEN {text} IS NOT NULL AND {cast(text, sql_type)} IS NULL THEN {words} END"
