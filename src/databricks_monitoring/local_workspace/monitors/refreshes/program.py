"""The program that `worker` starts: reads jobs from stdin, answers outcomes on stdout."""

from __future__ import annotations

import logging
import os
import pickle
import queue
import sys
import threading
from typing import TYPE_CHECKING

from databricks_monitoring.local_workspace.monitors.refreshes.job import RefreshOutcome
from databricks_monitoring.metrics.refresh import TableLocations, refresh, warm_up

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.monitors.refreshes.job import RefreshJob

logger = logging.getLogger(__name__)


def compute(job: RefreshJob) -> RefreshOutcome:
    """Refresh the metric tables of one monitor; a failure becomes an outcome with its reason."""
    locations = TableLocations(
        primary=job.primary, baseline=job.baseline, profile=job.profile, drift=job.drift
    )
    try:
        report = refresh(job.definition, locations, now=job.now, created_at=job.created_at)
    except Exception as error:
        # Whatever stopped it is the reason that the refresh failed.
        logger.exception("refresh failed")
        return RefreshOutcome(succeeded=False, message=f"{type(error).__name__}: {error}")
    return RefreshOutcome(succeeded=True, message=report.message)


def main() -> None:
    """Serve jobs until stdin ends, which is also how the death of the server is noticed."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # Nothing else may write between the answers.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    jobs: queue.Queue[RefreshJob] = queue.Queue()

    def read() -> None:
        while True:
            try:
                jobs.put(pickle.load(sys.stdin.buffer))  # noqa: S301 - written by the server that started us
            except EOFError:
                # Without its server nobody may commit to the metric tables: a new one may run beside us.
                os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    warm_up()
    while True:
        pickle.dump(compute(jobs.get()), answers)
        answers.flush()


if __name__ == "__main__":
    main()
