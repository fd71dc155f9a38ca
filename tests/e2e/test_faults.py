"""The inference log under faults, in few rounds; `benchmarks/faults.py` runs fifty."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
KINDS = ("workspace", "segment ended", "commit appeared")


@pytest.mark.slow
def test_what_was_answered_is_in_the_table_once_whatever_was_killed() -> None:
    command = [sys.executable, str(PROJECT / "benchmarks" / "faults.py"), "--rounds", "3", "--no-record"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    for kind in KINDS:
        [line] = [line for line in done.stdout.splitlines() if line.startswith(kind)]
        rounds, _, answered, _, *wrong = map(int, line.removeprefix(kind).split())
        assert rounds == 1
        assert answered > 0
        assert wrong == [0, 0, 0]
