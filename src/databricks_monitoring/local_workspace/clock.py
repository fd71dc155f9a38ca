"""The workspace's own clock, which tests and rehearsals may set and advance."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.storage import Store

_KIND, _KEY = "clock", "offset"
_MICROSECOND = timedelta(microseconds=1)


class WorkspaceClock:
    """Real time plus an offset that survives a restart.

    The clock keeps ticking after it was set. It may be set back only while nothing depends on order; the
    workspace does not forbid it, because a rehearsal starts by going back.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        saved = store.get(_KIND, _KEY)
        self._offset = timedelta(seconds=float(saved["seconds"])) if saved else timedelta()

    def now(self) -> datetime:
        """Return the workspace's time, aware, in UTC."""
        return datetime.fromtimestamp(time.time(), UTC) + self._offset

    def now_us(self) -> int:
        """Return the workspace's time in microseconds since the epoch."""
        return time.time_ns() // 1000 + self._offset // _MICROSECOND

    def now_ms(self) -> int:
        """Return the workspace's time in milliseconds since the epoch."""
        return int(self.now().timestamp() * 1000)

    @property
    def offset(self) -> timedelta:
        """How far the workspace is ahead of real time; negative when behind."""
        return self._offset

    def set(self, moment: datetime) -> datetime:
        """Make `moment` (aware) the current time and return it."""
        with self._lock:
            self._offset = moment.astimezone(UTC) - datetime.fromtimestamp(time.time(), UTC)
            self._save()
        return self.now()

    def advance(self, by: timedelta) -> datetime:
        """Move the clock by `by` and return the new time."""
        with self._lock:
            self._offset += by
            self._save()
        return self.now()

    def reset(self) -> datetime:
        """Return to real time."""
        with self._lock:
            self._offset = timedelta()
            self._save()
        return self.now()

    def _save(self) -> None:
        self._store.put(_KIND, _KEY, {"seconds": self._offset.total_seconds()})
