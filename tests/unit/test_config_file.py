from __future__ import annotations

from pathlib import Path

import pytest

from databricks_monitoring.config_file import EnvironmentNotFoundError, load_environments, load_settings
from databricks_monitoring.errors import ConfigError, InvalidValueError, UnknownKeyError

PROJECT = Path(__file__).parents[2]

DOCUMENTED = """\
environments:
  dev:
    catalog: mlops_dev
    schema: databricks_monitoring
    serving:
      endpoint_name: ml-model-model-serving-dev
      workload_size: Small
      scale_to_zero: true
    inference_table:
      name: inference_logs
      retention_days: 90
    monitoring:
      output_schema: monitoring
      granularities: ["1 day"]
      refresh_schedule: "0 0 * * *"
      alerts:
        - metric: prediction_drift
          threshold: 0.1
          notification_type: email
          recipients: ["your-team@example.com"]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "settings.yml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_documented_file(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, DOCUMENTED), "dev")
    assert (settings.catalog, settings.schema_name) == ("mlops_dev", "databricks_monitoring")
    assert settings.serving.endpoint_name == "ml-model-model-serving-dev"
    assert settings.inference_table.retention_days == 90
    assert settings.monitoring.refresh_schedule == "0 0 0 * * ?"
    assert settings.version_to_deploy == "latest-model"


@pytest.mark.parametrize(
    "path", [PROJECT / "config/monitoring_config.yml", *sorted(PROJECT.glob("config_templates/*.yml"))]
)
def test_shipped_files_load(path: Path) -> None:
    assert load_environments(path)


def test_templates_hold_for_every_environment() -> None:
    template = PROJECT / "config_templates/forecasting_model.yml"
    assert load_settings(template, "prod") == load_settings(template, "dev")
    assert load_settings(template).problem_type == "regression"


def test_a_missing_environment_names_the_existing(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentNotFoundError, match="Did you mean 'dev'") as caught:
        load_settings(written(tmp_path, DOCUMENTED), "devv")
    assert caught.value.available == ["dev"]


def test_the_environment_must_be_said_where_there_are_several() -> None:
    with pytest.raises(InvalidValueError, match="dev, aut, prod"):
        load_settings(PROJECT / "config/monitoring_config.yml")


def test_own_settings_are_laid_over_shared_ones(tmp_path: Path) -> None:
    text = """\
serving: {endpoint_name: shared, workload_size: Large}
environments:
  dev:
    serving: {endpoint_name: own}
  prod: {}
"""
    found = load_environments(written(tmp_path, text))
    assert (found["dev"].serving.endpoint_name, found["dev"].serving.workload_size) == ("own", "Large")
    assert found["prod"].serving.endpoint_name == "shared"


@pytest.mark.parametrize(
    ("changed", "line", "path", "nearest"),
    [
        (("threshold", "treshold"), 17, "environments.dev.monitoring.alerts[0]", "threshold"),
        (("workload_size", "worklod_size"), 5, "environments.dev.serving", "workload_size"),
        (("inference_table:", "inference_tables:"), 2, "environments.dev", "inference_table"),
        (("environments:", "enviroments:"), 1, "enviroments", "environments"),
    ],
)
def test_an_unknown_key_is_found_by_line(
    tmp_path: Path, changed: tuple[str, str], line: int, path: str, nearest: str
) -> None:
    source = written(tmp_path, DOCUMENTED.replace(*changed))
    with pytest.raises(UnknownKeyError) as caught:
        load_settings(source, "dev")
    assert caught.value.where.startswith(f"{source}:{line} ({path}")
    assert caught.value.nearest == nearest


def test_a_wrong_value_is_found_by_line(tmp_path: Path) -> None:
    source = written(tmp_path, DOCUMENTED.replace("0 0 * * *", "0 25 * * *"))
    with pytest.raises(InvalidValueError, match="hour from 0 to 23") as caught:
        load_settings(source, "dev")
    assert f"{source}:15 (environments.dev.monitoring.refresh_schedule)" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [", "is not YAML"),
        ("", "expected a mapping"),
        ("- 1", "expected a mapping"),
        ("environments: {}", "environments by name"),
        ("environments: {dev: 3}", "a mapping"),
        ("serving: {endpoint_name: a, endpoint_name: b}", "is there twice"),
    ],
)
def test_what_is_no_configuration_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load_settings(written(tmp_path, text), "dev")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--config"):
        load_settings(tmp_path / "nothing.yml", "dev")
