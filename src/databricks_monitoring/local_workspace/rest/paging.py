"""Pages of a listing, told apart by an opaque token."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from databricks.sdk.errors import InvalidParameterValue

if TYPE_CHECKING:
    from collections.abc import Sequence

Item = TypeVar("Item")

_DEFAULT_SIZE = 100


def page(
    items: Sequence[Item], size: int | None, token: str | None, *, default_size: int = _DEFAULT_SIZE
) -> tuple[Sequence[Item], str | None]:
    """Return one page of `items` and the token of the next, None after the last.

    Examples
    --------
    >>> page(["a", "b", "c"], 2, None)
    (['a', 'b'], '2')
    >>> page(["a", "b", "c"], 2, "2")
    (['c'], None)
    """
    if token and not token.isdigit():
        raise InvalidParameterValue(f"page_token: {token!r} was not given by this service.")
    start = int(token) if token else 0
    end = start + (size if size and size > 0 else default_size)
    return items[start:end], str(end) if end < len(items) else None
