"""Failures of statements, in the words and SQLSTATEs of Databricks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import duckdb

if TYPE_CHECKING:
    from collections.abc import Iterable

BAD_REQUEST = "BAD_REQUEST"


class SqlError(Exception):
    """A statement failed, and left every table as it was.

    Attributes
    ----------
    error_code : str
        A `ServiceErrorCode` of the statement execution API.
    message : str
        `[CONDITION] what happened. SQLSTATE: xxxxx`.
    sql_state : str
        Five characters; `57014` for a cancelled statement.
    """

    def __init__(self, error_code: str, message: str, sql_state: str) -> None:
        super().__init__(message)
        self.error_code = error_code
        self.message = message
        self.sql_state = sql_state


class CanceledError(SqlError):
    """The statement was interrupted."""

    def __init__(self) -> None:
        super().__init__(
            "CANCELLED", "[OPERATION_CANCELED] The statement was canceled. SQLSTATE: HY008", "HY008"
        )


def failure(condition: str, message: str, sql_state: str, error_code: str = BAD_REQUEST) -> SqlError:
    """Return the error of a named condition."""
    return SqlError(error_code, f"[{condition}] {message} SQLSTATE: {sql_state}", sql_state)


def unsupported(what: str) -> SqlError:
    """Return the refusal of something Databricks can do and the local workspace cannot."""
    return failure(
        "UNSUPPORTED_FEATURE.LOCAL_WORKSPACE", f"The local workspace does not support {what}.", "0A000"
    )


_TOKEN = re.compile(r"<Token token_type: [^,]*, text: (?P<text>.*?), line: [^>]*>")
_CLASS = re.compile(r"<class 'sqlglot\.[\w.]*\.(?P<name>\w+)'>")
"""How the parser shows its own objects in its messages."""


def syntax_error(problem: str) -> SqlError:
    """Return the refusal of a text that is no statement."""
    readable = _TOKEN.sub(
        lambda token: "the end" if token["text"] == "SENTINEL" else f"'{token['text']}'", problem
    )
    readable = _CLASS.sub(lambda found: found["name"].upper(), readable)
    return failure("PARSE_SYNTAX_ERROR", readable, "42601")


def existing(names: Iterable[str]) -> str:
    """Return names for the end of a message: at most twelve, quoted."""
    listed = sorted(names)
    shown = ", ".join(f"`{name}`" for name in listed[:12])
    return f"{shown} and {len(listed) - 12} more" if len(listed) > 12 else shown or "none"  # noqa: PLR2004


_RAISED = re.compile(r"\[[A-Z][A-Z_.]+\] .*? SQLSTATE: (?P<state>[0-9A-Z]{5})", re.DOTALL)
_COLUMN = re.compile(
    r"(?:Referenced column|Referenced table|column) \"?(?P<name>[^\"\n]+?)\"? "
    r"(?:not found|that cannot be)|does not have a column named \"(?P<other>[^\"]+)\"",
)
_CANDIDATES = re.compile(
    r"Candidate (?:bindings|tables|Entries)\s*:?\s*(?P<names>.+?)(?:\n|$)", re.IGNORECASE
)

_BY_TEXT = (
    ("Division by zero", "DIVIDE_BY_ZERO", "22012"),
    ("More than one row returned", "SCALAR_SUBQUERY_TOO_MANY_ROWS", "21000"),
    ("must appear in the GROUP BY", "MISSING_AGGREGATION", "42803"),
    ("WHERE clause cannot contain aggregates", "INVALID_WHERE_CONDITION", "42903"),
    ("Ambiguous reference", "AMBIGUOUS_REFERENCE", "42704"),
    ("Could not find key|Cannot extract field", "FIELD_NOT_FOUND", "42704"),
    ("Could not parse string", "CANNOT_PARSE_TIMESTAMP", "22007"),
    ("[Oo]verflow|out of range|can't be cast because the value is", "ARITHMETIC_OVERFLOW", "22003"),
    ("Conversion Error", "CAST_INVALID_INPUT", "22018"),
    ("No function matches|does not support the supplied", "DATATYPE_MISMATCH", "42K09"),
    ("Cannot (?:compare|mix|combine)|Unimplemented type", "DATATYPE_MISMATCH", "42K09"),
)  # fmt: skip

_BY_KIND: tuple[tuple[type[duckdb.Error], str, str, str], ...] = (
    (duckdb.OutOfMemoryException, "OUT_OF_MEMORY", "53200", "RESOURCE_EXHAUSTED"),
    (duckdb.IOException, "FAILED_READ_FILE", "KD001", "IO_ERROR"),
    (duckdb.BinderException, "INVALID_STATEMENT", "42000", BAD_REQUEST),
    (duckdb.CatalogException, "INVALID_STATEMENT", "42000", BAD_REQUEST),
    (duckdb.ParserException, "UNSUPPORTED_FEATURE.LOCAL_WORKSPACE", "0A000", BAD_REQUEST),
    (duckdb.Error, "EXECUTION_ERROR", "XX000", BAD_REQUEST),
)

_HINTS = {
    "DIVIDE_BY_ZERO": " Use `try_divide` to get NULL instead.",
    "CAST_INVALID_INPUT": " Use `try_cast` to get NULL instead.",
}


def from_duckdb(error: duckdb.Error) -> SqlError:
    """Return what Databricks would have said about a failure in DuckDB."""
    text = str(error)
    if isinstance(error, duckdb.InterruptException):
        return CanceledError()
    raised = _RAISED.search(text)
    if raised:
        return SqlError(BAD_REQUEST, raised.group(0), raised.group("state"))
    column = _COLUMN.search(text) if isinstance(error, duckdb.BinderException) else None
    if column:
        return _unresolved(column.group("name") or column.group("other"), text)
    return _classified(error, text, _first_sentence(text))


def _first_sentence(text: str) -> str:
    first = re.split(r"\n\n|\nLINE|\nCandidate", text, maxsplit=1)[0]
    return " ".join((first.partition("Error: ")[2] or first).split()).rstrip(".") + "."


def _classified(error: duckdb.Error, text: str, first: str) -> SqlError:
    if not isinstance(error, duckdb.OutOfMemoryException | duckdb.IOException):
        for pattern, condition, state in _BY_TEXT:
            if re.search(pattern, text):
                return failure(condition, first + _HINTS.get(condition, ""), state)
    _, condition, state, code = next(each for each in _BY_KIND if isinstance(error, each[0]))
    return failure(condition, first, state, code)


def _unresolved(name: str, text: str) -> SqlError:
    found = _CANDIDATES.search(text)
    names = re.findall(r"\"([^\"]+)\"", found.group("names")) if found else []
    if names:
        suggestion = ", ".join(f"`{each}`" for each in names)
        return failure(
            "UNRESOLVED_COLUMN.WITH_SUGGESTION",
            f"A column, variable, or function parameter with name `{name}` cannot be resolved. "
            f"Did you mean one of the following? [{suggestion}].",
            "42703",
        )
    return failure(
        "UNRESOLVED_COLUMN.WITHOUT_SUGGESTION",
        f"A column, variable, or function parameter with name `{name}` cannot be resolved.",
        "42703",
    )
