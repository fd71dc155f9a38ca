"""Text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from databricks_monitoring.local_workspace.sql.errors import unsupported
from databricks_monitoring.local_workspace.sql.functions.rules import (
    Moment,
    call,
    cast,
    function,
    number,
    renamed,
    rule,
    same,
    string,
    text_of,
    variable,
    when,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

same("upper lower reverse ascii md5 levenshtein")
same("left right repeat contains", 2)
same("replace translate split_part", 3)
renamed("ucase", "upper")
renamed("lcase", "lower")
renamed("startswith", "starts_with", 2)
renamed("endswith", "ends_with", 2)
renamed("chr", "chr")
renamed("char", "chr")
renamed("btrim", "trim", 1, 2)
renamed("hex", "hex")
renamed("base64", "to_base64")
renamed("unhex", "unhex")
renamed("unbase64", "from_base64")
renamed("sha1", "sha1")
renamed("sha", "sha1")


@rule("length", "char_length", "character_length", "len")
def length(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the number of characters, an INT."""
    return cast(call("length", *arguments), "INTEGER")


@rule("instr", least=2)
def instr(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the 1-based position of a substring."""
    return cast(call("instr", *arguments), "INTEGER")


@rule("locate", "position", least=2)
def locate(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the 1-based position of the first argument in the second."""
    return cast(call("instr", arguments[1], arguments[0]), "INTEGER")


@rule("ltrim", "rtrim", "trim")
def trimmed(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Stand for a call that the parser turns into TRIM itself."""
    return call("trim", *arguments)


renamed("ltrim", "ltrim", 1)
renamed("rtrim", "rtrim", 1)


@rule("lpad", least=2, most=3)
def lpad(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Pad on the left, with blanks unless told otherwise."""
    return call("lpad", *arguments, *([string(" ")] if len(arguments) == 2 else []))  # noqa: PLR2004


@rule("rpad", least=2, most=3)
def rpad(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Pad on the right, with blanks unless told otherwise."""
    return call("rpad", *arguments, *([string(" ")] if len(arguments) == 2 else []))  # noqa: PLR2004


@rule("space")
def space(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return so many blanks."""
    return call("repeat", string(" "), *arguments)


@rule("concat", most=None)
def concat(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Join texts or arrays; NULL if one of them is."""
    return _joined(arguments)


def _joined(arguments: Sequence[exp.Expr]) -> exp.Expr:
    joined = arguments[0]
    for each in arguments[1:]:
        joined = exp.DPipe(this=joined, expression=exp.Paren(this=each), safe=True)
    return exp.Paren(this=joined)


@rule("concat_ws", least=1, most=None)
def concat_ws(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Join what is not NULL; one argument may be an array, several have to be texts."""
    if len(arguments) == 1:
        return string("")
    if len(arguments) == 2:  # noqa: PLR2004
        return call("spark_concat_ws", *arguments)
    return call("concat_ws", arguments[0], *(call("spark_string", each) for each in arguments[1:]))


@rule("substring", "substr", least=2, most=3)
def substring(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return a part; position 0 means 1, negative ones count from the end."""
    return call("spark_substring", *arguments)


@rule("initcap")
def initcap(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the text with each word's first letter in upper case and the others in lower case."""
    word = variable("word")
    capital = exp.DPipe(
        this=call("upper", call("left", word, number(1))),
        expression=call("lower", call("substring", word.copy(), number(2))),
    )
    words = call("string_split", arguments[0], string(" "))
    return call("array_to_string", call("list_transform", words, function(["word"], capital)), string(" "))


@rule("split", least=2, most=3)
def split(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Split at a regular expression."""
    if len(arguments) == 3:  # noqa: PLR2004
        raise unsupported("split with a limit")
    return call("string_split_regex", *arguments)


@rule("regexp_like", "regexp", "rlike", least=2)
def regexp_like(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Say whether a regular expression is found."""
    return call("regexp_matches", *arguments)


@rule("regexp_extract", least=2, most=3)
def regexp_extract(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return a group of the first match, the first group unless told otherwise; empty without a match."""
    return call("regexp_extract", *arguments, *([number(1)] if len(arguments) == 2 else []))  # noqa: PLR2004


@rule("regexp_extract_all", least=2, most=3)
def regexp_extract_all(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return a group of every match."""
    return call("regexp_extract_all", *arguments, *([number(1)] if len(arguments) == 2 else []))  # noqa: PLR2004


@rule("regexp_replace", least=3)
def regexp_replace(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Replace every match; `$1` is the first group."""
    replacement = re.sub(r"\$(\d)", r"\\\1", text_of(arguments[2], "The replacement of regexp_replace"))
    return call("regexp_replace", arguments[0], arguments[1], string(replacement), string("g"))


@rule("sha2", least=2)
def sha2(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return a SHA-2 digest in hexadecimal; only the one of 256 bits."""
    if arguments[1].name not in {"256", "0"}:
        raise unsupported("sha2 of another length than 256")
    return call("sha256", arguments[0])


@rule("array_join", least=2, most=3)
def array_join(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Join the elements that are not NULL, or with a text in their place."""
    items = arguments[0]
    if len(arguments) == 3:  # noqa: PLR2004
        element = call("spark_string", variable("element"))
        items = call(
            "list_transform",
            items,
            function(["element"], exp.Coalesce(this=element, expressions=[arguments[2]])),
        )
    return call("array_to_string", items, arguments[1])


@rule("encode", least=2)
def encode(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the bytes of a text in UTF-8."""
    _utf8(arguments[1])
    return call("encode", arguments[0])


def _utf8(charset: exp.Expr) -> None:
    if text_of(charset, "The character set").lower() not in {"utf-8", "utf8"}:
        raise unsupported("another character set than UTF-8")


@rule("is_valid_utf8")
def is_valid_utf8(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Say that a text is valid, which every text in DuckDB is."""
    return when(exp.Is(this=arguments[0], expression=exp.Null()), exp.Null(), exp.true())
