"""The page on unpacking and labels is executed, in order, against a running workspace."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from databricks_monitoring.clients import SqlClient
from databricks_monitoring.config import InferenceTableConfig, MonitoringConfig
from databricks_monitoring.scripts import validate_inference_table

if TYPE_CHECKING:
    from tests.conftest import RunningWorkspace

PAGE = Path(__file__).parents[2] / "docs" / "unpacking-and-labels.md"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def test_every_block_runs(
    workspace_server: RunningWorkspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", workspace_server.url)
    monkeypatch.setenv("DATABRICKS_TOKEN", workspace_server.token)
    SqlClient(workspace_server.client()).execute("CREATE SCHEMA IF NOT EXISTS mlops_dev.unpacking")
    names: dict[str, Any] = {}
    for number, (language, block) in enumerate(_BLOCK.findall(PAGE.read_text(encoding="utf-8")), 1):
        if language == "python":
            exec(compile(block, f"{PAGE.name}, block {number}", "exec"), names)  # noqa: S102 - that is the test
        elif language == "yaml":
            body = yaml.safe_load(block)
            assert InferenceTableConfig.model_validate(body["inference_table"]).labels is not None
            assert MonitoringConfig.model_validate(body["monitoring"]).label_delay == "3 days"
        else:
            assert validate_inference_table.main(shlex.split(block)[1:]) == 1
    assert "no endpoint logs to" in capsys.readouterr().err


@pytest.mark.parametrize("words", ["no traffic yet", "capture is off", "only errors", "late by", "no labels"])
def test_what_the_page_quotes_is_said(words: str) -> None:
    source = Path(__file__).parents[2] / "src" / "databricks_monitoring" / "serving" / "validation.py"
    assert words in PAGE.read_text(encoding="utf-8")
    assert words in source.read_text(encoding="utf-8")
