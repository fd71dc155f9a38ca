"""Spark's workers have no deltalake: what they and a refresh on Spark import must do without."""

from __future__ import annotations

import subprocess
import sys


def test_workers_do_without_deltalake() -> None:
    program = (
        "import sys; sys.modules['deltalake'] = None\n"
        "import databricks_monitoring.metrics.engines.spark_worker, databricks_monitoring.metrics.refresh"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
