"""The benchmarks run, in their smallest form; what they measure here means nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


SMALLEST = {
    "serving.py": (
        ["--only", "plain", "--without-peers", "--rows", "1", "--concurrency", "2", "--seconds", "0.2"],
        "with log over without, 1 row",
    ),
    "unpacking.py": (["--payloads", "300", "--rows", "2"], "second run, nothing new"),
}


@pytest.mark.slow
@pytest.mark.parametrize("program", SMALLEST)
def test_a_benchmark_measures_and_publishes_no_part(program: str) -> None:
    pytest.importorskip("lightgbm", reason="the benchmark's models are LightGBM's")
    options, said = SMALLEST[program]
    results = {path.name: path.read_bytes() for path in (BENCHMARKS / "results").glob("*.json")}
    ended = subprocess.run(
        [sys.executable, str(BENCHMARKS / program), *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert said in ended.stdout
    assert {path.name: path.read_bytes() for path in (BENCHMARKS / "results").glob("*.json")} == results
