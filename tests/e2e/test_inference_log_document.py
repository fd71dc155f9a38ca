"""The page on the inference log is executed, and its tables are compared with the code."""

from __future__ import annotations

import importlib
import shlex
from typing import TYPE_CHECKING

from databricks_monitoring.clients import SqlClient
from databricks_monitoring.local_workspace.catalog.compaction import MANY_FILES
from databricks_monitoring.local_workspace.model_server.durability import SYNC_VARIABLE, Sync
from databricks_monitoring.local_workspace.model_server.payload_record import PAYLOAD_SCHEMA
from databricks_monitoring.names import SchemaName
from tests.contract.payload_days import fortnight
from tests.e2e.test_documents import PROJECT, blocks

if TYPE_CHECKING:
    import pytest

    from tests.conftest import RunningWorkspace

PAGE = PROJECT / "docs" / "inference-log.md"


def test_every_block_of_the_page_runs(
    workspace_server: RunningWorkspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", workspace_server.url)
    monkeypatch.setenv("DATABRICKS_TOKEN", workspace_server.token)
    fortnight(
        SqlClient(workspace_server.client()), SchemaName("mlops_dev", "inference_log"), "inference_logs"
    )
    for number, block in enumerate(blocks(PAGE, "python"), 1):
        exec(compile(block, f"{PAGE.name}, block {number}", "exec"), {})  # noqa: S102 - that is the test
    assert capsys.readouterr().out == "200 14 14\n400 14 14\n"
    [commands] = blocks(PAGE, "bash")
    for line in commands.splitlines():
        command, *arguments = shlex.split(line)
        assert importlib.import_module(f"databricks_monitoring.scripts.{command}").main(arguments) == 0
    assert "6 payloads, 3 rows and 3 quarantined payloads" in capsys.readouterr().out


def test_the_page_says_what_the_code_does() -> None:
    text = PAGE.read_text()
    for name in PAYLOAD_SCHEMA.names:
        assert f"`{name}`" in text
    assert f"`{SYNC_VARIABLE}`" in text
    for value in Sync:
        assert f"| `{value.value}`" in text
    assert f"{MANY_FILES} small files" in text
