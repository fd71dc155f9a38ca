"""Things that are made in a thread of their own, some ahead of whoever takes them."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Thing = TypeVar("Thing")


def made_ahead(things: Iterable[Thing], at_most: int) -> Iterator[Thing]:
    """Return things as they are made in another thread; what stops that is raised here.

    Parameters
    ----------
    at_most
        Things that are made before they are taken.
    """
    maker = iter(things)

    def some() -> list[Thing]:
        return list(islice(maker, 1))

    with ThreadPoolExecutor(max_workers=1) as thread:
        waiting = deque(thread.submit(some) for _ in range(at_most))
        while found := waiting.popleft().result():
            waiting.append(thread.submit(some))
            yield from found
