"""The program that `worker` starts: reads jobs from stdin, answers outcomes on stdout."""

from __future__ import annotations

import logging
import os
import queue
import sys
import threading
from datetime import datetime
from pathlib import Path

from databricks.sdk.service.dataquality import DataProfilingConfig

from databricks_monitoring.local_workspace.refreshes.definition import monitor_definition
from databricks_monitoring.local_workspace.refreshes.job import RefreshJob, RefreshOutcome
from databricks_monitoring.metrics.refresh import TableLocations, refresh

logger = logging.getLogger(__name__)


def compute(job: RefreshJob) -> RefreshOutcome:
    """Refresh the metric tables of one monitor; a failure becomes an outcome with its reason."""
    try:
        report = refresh(
            monitor_definition(
                DataProfilingConfig.from_dict(job.config), prediction_proba_column=job.prediction_proba_column
            ),
            TableLocations(
                primary=Path(job.primary),
                baseline=Path(job.baseline) if job.baseline else None,
                profile=Path(job.profile),
                drift=Path(job.drift),
            ),
            now=datetime.fromisoformat(job.now),
            created_at=datetime.fromisoformat(job.created_at),
        )
    except Exception as error:
        # Whatever stopped it is the reason that the refresh failed.
        logger.exception("refresh failed")
        return RefreshOutcome(succeeded=False, message=f"{type(error).__name__}: {error}")
    return RefreshOutcome(succeeded=True, message=report.message)


def main() -> None:
    """Serve jobs until stdin ends, which is also how the death of the server is noticed."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", buffering=1)
    # Nothing else may write between the answers.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    jobs: queue.Queue[str] = queue.Queue()

    def read() -> None:
        for line in sys.stdin:
            jobs.put(line)
        # Without its server nobody may commit to the metric tables: a restarted one would run beside us.
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    while True:
        answers.write(compute(RefreshJob.parse(jobs.get())).line())


if __name__ == "__main__":
    main()
