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


def syntax_error(problem: str) -> SqlError:
    """Return the refusal of a text that is no statement."""
    return failure("PARSE_SYNTAX_ERROR", f"{problem}", "42601")


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
    (r"Division by zero", "DIVIDE_BY_ZERO", "Division by zero. Use `try_divide` to get NULL instead.", "22012"),
    (r"More than one row returned", "SCALAR_SUBQUERY_TOO_MANY_ROWS", "More than one row was returned by a subquery used as an expression.", "21000"),
    (r"must appear in the GROUP BY", "MISSING_AGGREGATION", "{first}", "42803"),
    (r"WHERE clause cannot contain aggregates", "INVALID_WHERE_CONDITION", "{first}", "42903"),
    (r"Ambiguous reference", "AMBIGUOUS_REFERENCE", "{first}", "42704"),
    (r"Could not find key|Cannot extract field", "FIELD_NOT_FOUND", "{first}", "42704"),
    (r"[Oo]verflow|out of range|can't be cast because the value is", "ARITHMETIC_OVERFLOW", "{first}", "22003"),
    (r"No function matches|does not support the supplied arguments|Cannot compare|Cannot mix values|"
     r"Cannot combine types|Unimplemented type for cast|requires|must be",
     "DATATYPE_MISMATCH", "{first}", "42K09"),
)  # fmt: skip


def from_duckdb(error: duckdb.Error) -> SqlError:
    """Return what Databricks would have said about a failure in DuckDB."""
    text = str(error)
    if isinstance(error, duckdb.InterruptException):
        return CanceledError()
    raised = _RAISED.search(text)
    if raised:
        return SqlError(BAD_REQUEST, raised.group(0), raised.group("state"))
    first = text.split("\n\n")[0].split("\nLINE")[0].partition("Error: ")[2] or text
    first = " ".join(first.split("\nCandidate")[0].split()).rstrip(".") + "."
    if isinstance(error, duckdb.OutOfMemoryException):
        return failure("OUT_OF_MEMORY", first, "53200", "RESOURCE_EXHAUSTED")
    if isinstance(error, duckdb.BinderException):
        column = _COLUMN.search(text)
        if column:
            return _unresolved(column.group("name") or column.group("other"), text)
    if isinstance(error, duckdb.ConversionException) and not re.search(
        r"out of range|because the value is", text
    ):
        return failure("CAST_INVALID_INPUT", f"{first} Use `try_cast` to get NULL instead.", "22018")
    for pattern, condition, message, state in _BY_TEXT:
        if re.search(pattern, text):
            return failure(condition, message.format(first=first), state)
    if isinstance(error, duckdb.BinderException | duckdb.CatalogException):
        return failure("INVALID_STATEMENT", first, "42000")
    if isinstance(error, duckdb.ParserException):
        return unsupported(f"this statement: {first}")
    if isinstance(error, duckdb.IOException):
        return failure("FAILED_READ_FILE", first, "KD001", "IO_ERROR")
    return failure("EXECUTION_ERROR", first, "XX000")


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
