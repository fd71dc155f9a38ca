"""Each example runs as a user runs it, against a running workspace."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from databricks_monitoring.clients import SqlClient

if TYPE_CHECKING:
    from tests.conftest import RunningWorkspace

PROJECT = Path(__file__).parents[2]
EXAMPLE = PROJECT / "examples" / "monitor_a_model.py"


def _run(workspace: RunningWorkspace, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, EXAMPLE, *arguments],
        env=os.environ | {"DATABRICKS_HOST": workspace.url, "DATABRICKS_TOKEN": workspace.token},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_example_sees_the_longer_ways(workspace_server: RunningWorkspace) -> None:
    done = _run(workspace_server, "--schema", "deliveries", "--model-name", "minutes", "--patience", "60")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "200 of 200 predictions are in mlops_dev.deliveries.minutes_requests." in done.stdout
    found = {
        column: float(value)
        for column, value in re.findall(r"^  (\w+) +\w+ ([\d.]+)$", done.stdout, re.MULTILINE)
    }
    assert set(found) == {"distance_km", "weight_kg", "vehicle", "prediction"}
    assert min(found["distance_km"], found["prediction"]) > 0.5
    assert max(found["weight_kg"], found["vehicle"]) < 0.2
    client = workspace_server.client()
    rows = SqlClient(client).execute("SELECT count(*) AS n FROM mlops_dev.deliveries.minutes_requests")
    assert rows.scalar() == 200
    client.serving_endpoints.delete("minutes")


def test_example_names_the_catalogs_that_exist(workspace_server: RunningWorkspace) -> None:
    done = _run(workspace_server, "--catalog", "mlops_missing")
    assert done.returncode == 1
    assert "mlops_missing" in done.stderr
    assert "Traceback" not in done.stderr
