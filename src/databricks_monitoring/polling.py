"""Asking again and again, ever more slowly."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_FIRST_SECONDS = 0.1
_SLOWEST_SECONDS = 5.0
_GROWTH = 1.3

T = TypeVar("T")


def poll(
    ask: Callable[[], T | None],
    *,
    deadline: float,
    words: str,
    progress: Callable[[str], None] | None = None,
) -> T | None:
    """Return the first answer that is not None, or None at the deadline.

    Parameters
    ----------
    deadline : float
        In seconds of `time.monotonic()`.
    words : str
        What is waited for; said to `progress` every five seconds.
    """
    pause = _FIRST_SECONDS
    told = time.monotonic()
    while True:
        found = ask()
        if found is not None:
            return found
        now = time.monotonic()
        if now + pause > deadline:
            return None
        if progress and now - told > _SLOWEST_SECONDS:
            progress(words)
            told = now
        time.sleep(pause)
        pause = min(pause * _GROWTH, _SLOWEST_SECONDS)
