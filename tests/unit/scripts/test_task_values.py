"""A task value is set where a job's runtime is, and nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from databricks_monitoring.scripts.task_values import set_task_value

if TYPE_CHECKING:
    from pathlib import Path

# What the SDK asks of a runtime: the names of a notebook, found through this package.
_RUNTIME = """\
import types

class _TaskValues:
    def set(self, key, value):
        print(f"{key}={value!r}")

_NAMES = {
    "dbutils": types.SimpleNamespace(jobs=types.SimpleNamespace(taskValues=_TaskValues())),
    "spark": None, "sql": None, "sqlContext": None, "sc": None, "table": None, "udf": None,
    "getArgument": None, "displayHTML": None, "display": None,
}

class UserNamespaceInitializer:
    @classmethod
    def getOrCreate(cls):
        return cls()

    def get_namespace_globals(self):
        return _NAMES
"""


def test_outside_a_runtime_nothing_happens() -> None:
    assert not set_task_value("violations", 3)


def test_in_a_runtime_the_value_reaches_dbutils(tmp_path: Path) -> None:
    (tmp_path / "dbruntime").mkdir()
    (tmp_path / "dbruntime" / "__init__.py").write_text(_RUNTIME)
    code = (
        "from databricks_monitoring.scripts.task_values import set_task_value\n"
        "assert set_task_value('violations', 3)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "violations=3"), done.stderr
