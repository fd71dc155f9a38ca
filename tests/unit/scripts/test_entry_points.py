"""Entry points as a job calls them: with nothing, whatever they return being a success."""

from __future__ import annotations

import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from databricks_monitoring.scripts import command

PROJECT = Path(__file__).parents[3]
COMMANDS = {
    name: EntryPoint(name, value, "console_scripts")
    for name, value in tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["scripts"].items()
    if ".scripts." in value
}
CONFIG = PROJECT / "config" / "monitoring_config.yml"


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Stand where a job stands, before a workspace that does not answer."""
    monkeypatch.setenv("DATABRICKS_HOST", "http://127.0.0.1:1")
    monkeypatch.setenv("DATABRICKS_TOKEN", "token")
    return monkeypatch


@pytest.mark.parametrize("name", COMMANDS)
def test_failure_is_an_exception(name: str, job: pytest.MonkeyPatch) -> None:
    arguments = ["--catalog=mlops_dev", "--schema=databricks_monitoring"]
    if name in {"deploy_serving", "setup_monitoring", "refresh_all_monitors", "apply_retention"}:
        arguments.append(f"--config={CONFIG}")
    if name not in {"validate_inference_table", "analyze_drift"}:
        arguments.append("--environment=dev")
    job.setattr("sys.argv", ["databricks_monitoring", *arguments])
    with pytest.raises(SystemExit) as raised:
        COMMANDS[name].load()()
    assert raised.value.code == command.FAILED


def test_success_returns() -> None:
    command.leave(command.DONE)
