"""The guide is executed: every Python block, in order, against a running workspace."""

from __future__ import annotations

import importlib
import re
import shlex
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from databricks_monitoring.alerting.rules import parse_rules
from databricks_monitoring.clients import SqlClient, connect
from databricks_monitoring.config import CustomMetric
from databricks_monitoring.demo.characters import FEATURES, TARGET, make_characters
from databricks_monitoring.demo.data_set import Landing
from databricks_monitoring.demo.training import make_pipeline
from databricks_monitoring.names import TableName

if TYPE_CHECKING:
    import pandas as pd

    from tests.conftest import RunningWorkspace

PROJECT = Path(__file__).parents[2]
GUIDE = PROJECT / "docs" / "guide.md"
FORECASTING = PROJECT / "docs" / "forecasting.md"
SCRIPTS = set(tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["scripts"])
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(document: Path, language: str) -> list[str]:
    """Return the fenced blocks of a language, in order."""
    return [text for found, text in _BLOCK.findall(document.read_text()) if found == language]


@pytest.fixture
def names(workspace_server: RunningWorkspace, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what the guide takes as given: frames in tables, an untrained model, a way to write a table."""
    monkeypatch.setenv("DATABRICKS_HOST", workspace_server.url)
    monkeypatch.setenv("DATABRICKS_TOKEN", workspace_server.token)
    client = workspace_server.client()
    sql = SqlClient(client)
    sql.execute("CREATE SCHEMA IF NOT EXISTS mlops_dev.databricks_monitoring")
    landing = Landing(client, sql, TableName.parse("mlops_dev.databricks_monitoring.train_set").parent)
    frame = make_characters(1200, seed=3)
    train, test = frame[:1000], frame[1000:].reset_index(drop=True)
    landing.write_table(train, TableName.parse("mlops_dev.databricks_monitoring.train_set"))
    landing.write_table(test, TableName.parse("mlops_dev.databricks_monitoring.test_set"))

    def write_table(rows: pd.DataFrame, name: str) -> None:
        landing.write_table(rows, TableName.parse(name))

    features = list(FEATURES)
    return {
        "train_df": train,
        "test_df": test,
        "X_train": train[features],
        "y_train": train[TARGET],
        "X_test": test[features],
        "y_test": test[TARGET],
        "model": make_pipeline(),
        "write_table": write_table,
    }


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # MLflow's advice to developers must not end a user's run
def test_every_python_block_of_the_guide_runs(names: dict[str, Any]) -> None:
    found = blocks(GUIDE, "python")
    assert len(found) > 10
    for number, block in enumerate(found, 1):
        exec(compile(block, f"{GUIDE.name}, block {number}", "exec"), names)  # noqa: S102 - that is the test
    assert names["response"]["predictions"]
    assert names["metrics"]
    assert names["deployment"]["monitor_name"] == names["monitor_name"]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # MLflow's advice to developers must not end a user's run
def test_every_block_on_forecasting_runs(names: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    SqlClient(connect()).execute("CREATE SCHEMA IF NOT EXISTS mlops_dev.forecasting")
    found = _BLOCK.findall(FORECASTING.read_text())
    for number, (language, block) in enumerate(found, 1):
        if language == "python":
            exec(compile(block, f"{FORECASTING.name}, block {number}", "exec"), names)  # noqa: S102 - the test
        elif language == "bash":
            for line in block.splitlines():
                command, *arguments = shlex.split(line)
                script = importlib.import_module(f"databricks_monitoring.scripts.{command}")
                assert script.main(arguments) == 0, line
        else:
            assert CustomMetric.model_validate(yaml.safe_load(block)["custom_metrics"][0])
    errors = names["by_horizon"]
    assert set(errors) == {1, 7, 28}
    assert 0 < errors[1] < errors[7] < 0.1
    assert errors[28] is None


@cache
def _help(name: str, *subcommands: str) -> str:
    command = [str(Path(sys.executable).with_name(name)), *subcommands, "--help"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def test_every_command_of_the_guide_exists_with_its_options() -> None:
    """Each option of each command line in the guide is in that command's help."""
    lines = [
        line.split(" #")[0]
        for block in blocks(GUIDE, "bash")
        for line in block.splitlines()
        if line.split(" ")[0] in SCRIPTS
    ]
    assert lines
    for line in lines:
        name, *rest = shlex.split(line)
        subcommands = [
            word for word in rest[:2] if re.fullmatch(r"[a-z]+", word) and name == "databricks-monitoring"
        ]
        shown = _help(name, *subcommands)
        for option in (word for word in rest if word.startswith("--")):
            assert option in shown, f"{line}: {option}"


@pytest.mark.parametrize(
    "document", [*sorted(PROJECT.glob("docs/*.md")), PROJECT / "README.md"], ids=lambda p: p.name
)
def test_links_lead_somewhere(document: Path) -> None:
    text = re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not target.startswith(("http", "#")):
            assert (document.parent / target.split("#")[0]).exists(), target


def test_yaml_of_the_guide_is_accepted() -> None:
    [block] = blocks(GUIDE, "yaml")
    assert parse_rules(yaml.safe_load(block)["alerts"])
