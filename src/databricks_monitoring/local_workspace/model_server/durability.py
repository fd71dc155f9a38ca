"""What a machine that loses its power may lose of the inference log.

The death of the process alone loses nothing, whatever is chosen here: what was written is the operating
system's.
"""

from __future__ import annotations

import json
import os
from enum import Enum
from typing import TYPE_CHECKING
from urllib.parse import unquote

from databricks_monitoring.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SYNC_VARIABLE = "DATABRICKS_MONITORING_SERVING_SYNC"


class Sync(Enum):
    """When the inference log waits for the disk."""

    ANSWER = "answer"
    """Before each answer: a machine that loses its power loses nothing that was answered."""

    COMMIT = "commit"
    """Before a segment is removed: it loses what was answered since the latest commit began."""

    NEVER = "never"
    """Not at all: it loses what the operating system had not written, and may leave broken table files."""

    @classmethod
    def from_environment(cls) -> Sync:
        """Return what `DATABRICKS_MONITORING_SERVING_SYNC` says, `commit` if it is not set.

        Raises
        ------
        InvalidValueError
            If it says anything else.
        """
        text = os.environ.get(SYNC_VARIABLE, cls.COMMIT.value)
        try:
            return cls(text)
        except ValueError:
            known = ", ".join(each.value for each in cls)
            raise InvalidValueError(SYNC_VARIABLE, text, f"one of {known}") from None


def sync_paths(paths: Iterable[Path]) -> None:
    """Return when the contents of files, or the entries of folders, are on the disk."""
    for path in paths:
        opened = os.open(path, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def sync_commits(table: Path, versions: Iterable[int]) -> None:
    """Return when some commits of a Delta table are on the disk: their data, then themselves.

    Delta writers leave that to the operating system.
    """
    log = table / "_delta_log"
    for version in versions:
        commit = log / f"{version:020d}.json"
        actions = [json.loads(line) for line in commit.read_text().splitlines()]
        added = [table / unquote(action["add"]["path"]) for action in actions if "add" in action]
        sync_paths([*added, *{path.parent for path in added}, commit, log])
