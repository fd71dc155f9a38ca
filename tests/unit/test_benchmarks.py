"""The benchmark scripts run; their figures are another matter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_a_small_run_of_the_engine_ends_in_a_page(tmp_path: Path) -> None:
    environment = os.environ | {
        "BENCH_FOLDER": str(tmp_path / "data"),
        "BENCH_RESULTS": str(tmp_path / "results"),
    }
    small = ("--rows", "1500", "--repeat", "1", "--part", "million")
    page = tmp_path / "performance.md"
    for script, arguments in (("engine.py", small), ("report.py", ("--page", page))):
        command = [sys.executable, BENCHMARKS / script, *arguments]
        subprocess.run(command, check=True, env=environment, capture_output=True)
    [section] = json.loads((tmp_path / "results" / "engine.json").read_text())["sections"]
    figures = {row["what"]: row for row in section["rows"]}
    assert figures["full refresh"]["value"] > 0
    assert figures["full refresh / scan"]["target"] == "at most 6 times the scan"
    assert "| full refresh / scan |" in page.read_text()
    assert str(tmp_path) not in page.read_text()


def test_the_page_says_what_the_recorded_results_say() -> None:
    subprocess.run([sys.executable, BENCHMARKS / "report.py", "--check"], check=True)
