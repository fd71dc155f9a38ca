"""Things that are made in a thread of their own, some ahead of whoever takes them."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Thing = TypeVar("Thing")


def made_ahead(things: Iterable[Thing], at_most: int) -> Iterator[Thing]:
    """Return things as they are made in another thread; what stops that is raised here.

    Parameters
    ----------
    at_most
        Things that wait to be taken.
    """
    maker = _Maker(things, at_most)
    try:
        yield from maker.taken()
    finally:
        maker.stop()


class _Maker(Generic[Thing]):
    def __init__(self, things: Iterable[Thing], at_most: int) -> None:
        self._things = things
        self._waiting: queue.Queue[tuple[Thing] | BaseException | None] = queue.Queue(at_most)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._make, daemon=True)
        self._thread.start()

    def _make(self) -> None:
        end: BaseException | None = None
        try:
            for thing in self._things:
                self._waiting.put((thing,))
                if self._stopped.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 - raised where things are taken
            end = error
        self._waiting.put(end)

    def taken(self) -> Iterator[Thing]:
        while True:
            found = self._waiting.get()
            if found is None:
                return
            if isinstance(found, BaseException):
                raise found
            yield found[0]

    def stop(self) -> None:
        """Let the thread end, whatever it is about to hand over."""
        self._stopped.set()
        while self._thread.is_alive():
            try:
                self._waiting.get(timeout=0.05)
            except queue.Empty:
                continue
