from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from databricks_monitoring.scripts import (
    deploy_serving,
    refresh_all_monitors,
    setup_monitoring,
    validate_inference_table,
)
from databricks_monitoring.serving.model_serving_setup import ServingSetup

if TYPE_CHECKING:
    from pathlib import Path

    from databricks.sdk import WorkspaceClient

    from databricks_monitoring.names import TableName
    from tests.contract.conftest import Served

pytestmark = pytest.mark.usefixtures("environment")

WHERE = ["--catalog", "mlops_aut", "--schema", "characters"]
COMMANDS = [deploy_serving, validate_inference_table, setup_monitoring, refresh_all_monitors]
CONFIG = """\
model: {name: tall, type: classification}
environments:
  aut:
    serving: {endpoint_name: tall-commands, scale_to_zero: false}
    inference_table: {name: command_logs, retention_days: 90}
    monitoring:
      output_schema: characters_monitoring
      baseline_table: baseline
      refresh_schedule: "0 0 * * *"
      alerts:
        - {metric: prediction_drift, threshold: 0.1, recipients: [your-team@example.com]}
"""


@pytest.fixture
def config(tmp_path: Path) -> list[str]:
    path = tmp_path / "monitoring_config.yml"
    path.write_text(CONFIG, encoding="utf-8")
    return ["--environment", "aut", "--config", str(path)]


@pytest.mark.usefixtures("served", "baseline")
def test_the_workflows(config: list[str], capsys: pytest.CaptureFixture[str], served: Served) -> None:
    assert deploy_serving.main([*WHERE, *config, "--git-sha", "abc123"]) == 0
    shown = capsys.readouterr().out
    assert "mlops_aut.characters.tall version 1" in shown
    setup = ServingSetup(served.client)
    tags = {tag.key: tag.value for tag in setup.get("tall-commands").tags or []}
    assert tags == {
        "environment": "aut",
        "git_sha": "abc123",
        "model_alias": "latest-model",
        "model_version": "1",
    }

    assert validate_inference_table.main([*WHERE, "--table", "command_logs"]) == 0
    assert "tall-commands" in capsys.readouterr().out

    for _ in range(2):
        assert setup_monitoring.main([*WHERE, *config]) == 0
        assert "mlops_aut.characters.command_logs" in capsys.readouterr().out

    setup.invoke_endpoint("tall-commands", {"dataframe_records": [{"Height": 1.9, "Universe": "Earth-65"}]})
    assert refresh_all_monitors.main([*WHERE, *config]) == 0
    shown = capsys.readouterr().out
    assert "mlops_aut.characters.command_logs: " in shown
    assert "mlops_aut.characters.inference_logs: " in shown
    setup.delete_endpoint("tall-commands")


def test_nothing_to_do_is_no_success(client: WorkspaceClient, capsys: pytest.CaptureFixture[str]) -> None:
    client.schemas.create("nothing_here", "main")
    nowhere = ["--catalog", "main", "--schema", "nothing_here"]
    assert refresh_all_monitors.main(nowhere) == 1
    assert validate_inference_table.main(nowhere) == 1
    shown = capsys.readouterr()
    assert "setup_monitoring" in shown.err
    assert "deploy_serving" in shown.err
    assert not shown.out


def test_what_is_missing_is_named(
    tall_model: TableName, config: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert setup_monitoring.main(["--catalog", "mlops_out", "--schema", "x", *config]) == 1
    assert "mlops_aut" in capsys.readouterr().err
    assert deploy_serving.main([*WHERE, *config, "--model-version", "champion"]) == 1
    assert "latest-model" in capsys.readouterr().err
    assert deploy_serving.main([*WHERE, *config[:-1], "nothing.yml"]) == 2
    assert "nothing.yml" in capsys.readouterr().err
    assert deploy_serving.main([*WHERE, "--environment", "qa", *config[2:]]) == 2
    assert "aut" in capsys.readouterr().err
    assert tall_model.name == "tall"


@pytest.mark.parametrize("command", COMMANDS)
def test_wrong_usage_and_help(command: object, capsys: pytest.CaptureFixture[str]) -> None:
    main = command.main  # type: ignore[attr-defined] # a module
    for arguments, code in ((["--help"], 0), (["--catalog"], 2), ([], 2)):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == code
    assert "example" in capsys.readouterr().out
