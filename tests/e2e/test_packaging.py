"""The wheel, installed alone in an empty environment: light to import, and every command explains itself."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
SCRIPTS = sorted(tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["scripts"])
HEAVY = {"deltalake", "duckdb", "lightgbm", "numpy", "pandas", "pyarrow", "scipy"}
# mlflow-skinny installs these two; importing them is another matter.
NOT_IMPORTED = {*HEAVY, "fastapi", "uvicorn"}


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the `bin` folder of an environment that holds only the wheel and its plain dependencies."""
    folder = tmp_path_factory.mktemp("plain")
    _run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder / "dist")
    [wheel] = (folder / "dist").glob("*.whl")
    uv = (sys.executable, "-m", "uv")
    _run(*uv, "venv", "--quiet", "--python", sys.executable, folder / "venv")
    python = folder / "venv" / "bin" / "python"
    constraints = PROJECT / "constraints.txt"
    _run(*uv, "pip", "install", "--quiet", "--python", python, "--constraint", constraints, wheel)
    return python.parent


def test_plain_install_brings_nothing_heavy(installed: Path) -> None:
    listed = _run(
        installed / "python",
        "-c",
        "import importlib.metadata as m; print(*[d.name for d in m.distributions()])",
    )
    assert not HEAVY & set(listed.stdout.lower().split())


def test_framework_imports_without_extras(installed: Path) -> None:
    code = f"""
import sys
sys.modules.update(dict.fromkeys({sorted(NOT_IMPORTED)}))
import databricks_monitoring.alerting.notify
import databricks_monitoring.cli
import databricks_monitoring.dashboard.definition
import databricks_monitoring.mlflow_tracking
import databricks_monitoring.model_registry
import databricks_monitoring.monitoring.drift_analysis
import databricks_monitoring.monitoring.framework
import databricks_monitoring.monitoring.lakehouse_monitor
import databricks_monitoring.serving.inference_table
import databricks_monitoring.serving.labels
import databricks_monitoring.serving.model_serving_setup
print("imported")
"""
    assert _run(installed / "python", "-c", code).stdout.strip() == "imported"


@pytest.mark.parametrize("script", SCRIPTS)
def test_each_command_explains_itself(installed: Path, script: str) -> None:
    shown = _run(installed / script, "--help").stdout
    assert "usage" in shown.lower()
    assert len(shown.splitlines()) > 5, "help that teaches has more than a usage line"


def test_local_commands_say_which_extra_they_need(installed: Path) -> None:
    root = str(installed.parent / "root")
    command = [str(installed / "databricks-monitoring"), "local", "up", "--root", root, "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "databricks_monitoring[local]" in done.stderr
    assert "Traceback" not in done.stderr
