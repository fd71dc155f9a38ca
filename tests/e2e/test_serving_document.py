"""The page on serving is executed: every Python block, in order, against a running workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from databricks_monitoring.local_workspace.model_server.settings import VARIABLE_PREFIX, ServingSettings
from databricks_monitoring.names import TableName
from tests.contract.conftest import register_tall
from tests.e2e.test_documents import PROJECT, blocks

if TYPE_CHECKING:
    from tests.conftest import RunningWorkspace

PAGE = PROJECT / "docs" / "serving.md"


@pytest.mark.slow
def test_every_python_block_of_the_page_runs(
    workspace_server: RunningWorkspace,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    client = workspace_server.client()
    register_tall(client, tmp_path_factory, TableName.parse("mlops_dev.characters.ml_character_model_basic"))
    monkeypatch.setenv("DATABRICKS_HOST", workspace_server.url)
    monkeypatch.setenv("DATABRICKS_TOKEN", workspace_server.token)
    names: dict[str, Any] = {}
    said = []
    for number, block in enumerate(blocks(PAGE, "python"), 1):
        exec(compile(block, f"{PAGE.name}, block {number}", "exec"), names)  # noqa: S102 - that is the test
        said.append(capsys.readouterr().out)
    printed = "".join(said)
    assert "'git_sha': 'def456'" in printed
    assert "['2']" in printed
    assert "[0, 1]" in printed
    assert "400 BAD_REQUEST" in printed
    assert "mlops_dev.characters.inference_logs_payload" in printed
    assert "{'permission_level': 'CAN_QUERY', 'group_name': 'analysts'}" in printed
    assert "a_module_that_is_missing" in printed
    assert "The configuration from before still serves." in printed
    assert "not in any file of yours" not in printed
    assert names["endpoint_name"] not in [item.name for item in client.serving_endpoints.list()]


def test_every_setting_of_serving_is_named_on_the_page() -> None:
    text = PAGE.read_text()
    assert f"{VARIABLE_PREFIX}<NAME>" in text
    for name in ServingSettings.__dataclass_fields__:
        assert f"`{name.upper()}`" in text
