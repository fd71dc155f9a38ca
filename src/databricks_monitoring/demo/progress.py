"""Progress of the story: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console


class StoryProgress:
    """Tell what is being done now; `advance` counts towards the steps announced at the start."""

    def __init__(self, console: Console, *, steps: int) -> None:
        self._console = console
        self._started = time.monotonic()
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("Starting", total=steps)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def say(self, doing: str) -> None:
        """Name what begins now and count what ended."""
        if self._console.is_terminal:
            self._bar.update(self._task, description=doing, advance=1)
        else:
            seconds = time.monotonic() - self._started
            self._console.print(f"{seconds:6.1f} s  {doing}", highlight=False, soft_wrap=True)
