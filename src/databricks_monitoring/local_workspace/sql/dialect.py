"""Databricks SQL as a tree that keeps every function under the name it was written with.

sqlglot turns known functions into classes of its own and changes their arguments on the way. Here each
stays an `Anonymous` call, so that one table of rules, by Databricks name, decides what it means and what is
refused.
"""

from __future__ import annotations

import logging
from typing import Any, ClassVar

import sqlglot
from sqlglot import exp
from sqlglot.dialects.databricks import Databricks
from sqlglot.errors import SqlglotError
from sqlglot.tokens import TokenType  # type: ignore[attr-defined] # re-exported from a compiled module

from databricks_monitoring.local_workspace.sql.errors import syntax_error

_KEPT_SYNTAX = (
    "CAST",
    "TRY_CAST",
    "EXTRACT",
    "LISTAGG",
    "POSITION",
    "STRING_AGG",
    "SUBSTRING",
    "SUBSTR",
    "TRIM",
)


class DatabricksNames(Databricks):
    """The Databricks dialect without sqlglot's knowledge of functions."""

    class Parser(Databricks.Parser):  # type: ignore[misc, valid-type] # made by a metaclass
        """The parser; only functions with a syntax of their own keep their classes."""

        FUNCTIONS: ClassVar[dict[str, Any]] = {}
        ARRAY_CONSTRUCTORS: ClassVar[dict[str, Any]] = {}
        FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
            name: parser
            for name, parser in Databricks.Parser.FUNCTION_PARSERS.items()
            if name in _KEPT_SYNTAX
        }

        def _parse_describe(self) -> exp.Describe:
            described: exp.Describe = super()._parse_describe()
            if described.args.get("style") == "HISTORY" and self._match(TokenType.LIMIT):
                described.set("limit", self._parse_number())
            return described


def parse(statement: str) -> exp.Expr:
    """Return the tree of exactly one statement.

    Raises
    ------
    SqlError
        PARSE_SYNTAX_ERROR.
    """
    try:
        trees = [tree for tree in sqlglot.parse(statement, read=DatabricksNames) if tree is not None]
    except SqlglotError as error:
        first = str(error).replace("\x1b[4m", "").replace("\x1b[0m", "").split("\n")
        raise syntax_error(" ".join(part.strip() for part in first if part.strip())) from error
    if len(trees) != 1:
        raise syntax_error(f"Expected one statement, found {len(trees)}.")
    return trees[0]


def text(tree: exp.Expr) -> str:
    """Return a tree as Databricks SQL."""
    return str(tree.sql(dialect=DatabricksNames))


def _is_news(record: logging.LogRecord) -> bool:
    # sqlglot warns when it keeps a statement as plain text; such statements are refused by name.
    return "Falling back to parsing as a 'Command'" not in record.msg


logging.getLogger("sqlglot").addFilter(_is_news)
