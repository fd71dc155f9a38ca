"""The bundle: what a deployment would only find out in a workspace, and what no schema says."""

from __future__ import annotations

import importlib
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from databricks_monitoring.config_file import load_settings
from databricks_monitoring.cron import to_quartz

PROJECT = Path(__file__).parents[2]
METADATA = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
SCRIPTS: dict[str, str] = METADATA["scripts"]
BUNDLE = yaml.safe_load((PROJECT / "databricks.yml").read_text())
FILES = [path for pattern in BUNDLE["include"] for path in sorted(PROJECT.glob(pattern))]
JOBS: dict[str, dict[str, Any]] = {
    key: job for path in FILES for key, job in yaml.safe_load(path.read_text())["resources"]["jobs"].items()
}
JOB_FILE = {key: path for path in FILES for key in yaml.safe_load(path.read_text())["resources"]["jobs"]}
TARGETS: dict[str, dict[str, Any]] = BUNDLE["targets"]
TASKS = [(key, task) for key, job in JOBS.items() for task in job["tasks"]]
REFERENCE = re.compile(r"\$\{([^}]*)\}")
KNOWN = {
    "bundle.name",
    "bundle.target",
    "bundle.git.commit",
    "workspace.file_path",
}
TASK_TYPES = {"python_wheel_task", "condition_task", "notebook_task", "sql_task", "run_job_task"}
RUN_IF = {
    "ALL_SUCCESS",
    "ALL_DONE",
    "NONE_FAILED",
    "AT_LEAST_ONE_SUCCESS",
    "ALL_FAILED",
    "AT_LEAST_ONE_FAILED",
}
READ_CONFIGURATION = {"deploy_serving", "setup_monitoring", "refresh_all_monitors", "apply_retention"}
AUTHENTICATION = ("host", "profile", "client_id", "auth_type", "azure_client_id", "azure_tenant_id")


def variables(target: str) -> dict[str, Any]:
    """Return every variable's value in a target."""
    defaults = {name: spec["default"] for name, spec in BUNDLE["variables"].items() if "default" in spec}
    return {**defaults, **TARGETS[target].get("variables", {})}


def resolved(text: str, target: str) -> Any:  # noqa: ANN401 - a complex variable is any document
    """Return `text` with the target's values; what the workspace decides becomes a word."""
    values = {f"var.{name}": value for name, value in variables(target).items()}
    if whole := REFERENCE.fullmatch(text):
        return values.get(whole[1], "word")
    return REFERENCE.sub(lambda found: str(values.get(found[1], "word")), text)


def texts(node: object) -> list[str]:
    """Return every string in a document."""
    if isinstance(node, dict):
        return [text for value in node.values() for text in texts(value)]
    if isinstance(node, list):
        return [text for value in node for text in texts(value)]
    return [node] if isinstance(node, str) else []


def ids(task: tuple[str, dict[str, Any]]) -> str:
    return f"{task[0]}.{task[1]['task_key']}"


def test_both_workflows_are_there() -> None:
    assert {path.name: key for key, path in JOB_FILE.items()} == {
        "serving_deployment.yml": "serving_and_monitoring_deployment",
        "monitoring_refresh.yml": "monitoring_refresh",
    }


def test_every_include_matches_files_only() -> None:
    for pattern in BUNDLE["include"]:
        assert "**" not in pattern, "would match one level only"
        found = list(PROJECT.glob(pattern))
        assert found, pattern
        assert all(path.suffix in {".yml", ".yaml", ".json"} and path.is_file() for path in found)


def test_every_workflow_file_is_included() -> None:
    assert sorted((PROJECT / "resources").rglob("*.y*ml")) == sorted(FILES)


def test_targets_are_the_documented_ones() -> None:
    catalogs = {name: variables(name)["catalog"] for name in TARGETS}
    assert catalogs == {"local": "mlops_dev", "dev": "mlops_dev", "aut": "mlops_aut", "prod": "mlops_prod"}
    assert [name for name, target in TARGETS.items() if target.get("default")] == ["dev"]


@pytest.mark.parametrize("target", TARGETS)
def test_target_names_an_environment_of_the_configuration(target: str) -> None:
    values = variables(target)
    settings = load_settings(PROJECT / "config" / "monitoring_config.yml", values["environment"])
    assert (settings.catalog, settings.schema_name) == (values["catalog"], values["schema"])


@pytest.mark.parametrize("target", TARGETS)
def test_every_variable_has_a_value_and_every_value_a_variable(target: str) -> None:
    assert set(variables(target)) == set(BUNDLE["variables"])


def test_every_reference_resolves() -> None:
    documents = [BUNDLE, *JOBS.values()]
    references = {name for node in documents for text in texts(node) for name in REFERENCE.findall(text)}
    assert references - KNOWN == {f"var.{name}" for name in BUNDLE["variables"]}


@pytest.mark.parametrize("target", TARGETS)
def test_mode_keeps_its_rules(target: str) -> None:
    spec = TARGETS[target]
    assert spec["mode"] in {"development", "production"}
    if spec["mode"] == "production":
        assert spec["workspace"]["root_path"].startswith("/Workspace/")


@pytest.mark.parametrize(
    "workspace", [BUNDLE.get("workspace", {}), *(t["workspace"] for t in TARGETS.values())]
)
def test_authentication_is_literal_and_without_profile(workspace: dict[str, str]) -> None:
    for field in AUTHENTICATION:
        assert "${" not in workspace.get(field, ""), field
    assert "profile" not in workspace


def test_local_target_is_this_machine() -> None:
    assert TARGETS["local"]["workspace"]["host"].startswith("http://127.0.0.1:")


@pytest.mark.parametrize("task", TASKS, ids=ids)
def test_task_is_one_wheel_task_of_this_package(task: tuple[str, dict[str, Any]]) -> None:
    assert TASK_TYPES & set(task[1]) == {"python_wheel_task"}
    assert task[1]["python_wheel_task"]["package_name"] == METADATA["name"]
    assert task[1].get("run_if", "ALL_SUCCESS") in RUN_IF


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("task", TASKS, ids=ids)
def test_command_exists_and_accepts_its_arguments(task: tuple[str, dict[str, Any]], target: str) -> None:
    wheel_task = task[1]["python_wheel_task"]
    module = SCRIPTS[wheel_task["entry_point"]].partition(":")[0]
    arguments = [resolved(text, target) for text in wheel_task["parameters"]]
    parsed = importlib.import_module(module).parser().parse_args(arguments)
    assert parsed.catalog == TARGETS[target]["variables"]["catalog"]


@pytest.mark.parametrize("task", TASKS, ids=ids)
def test_configuration_is_read_from_where_it_is_synchronised(task: tuple[str, dict[str, Any]]) -> None:
    """A job's working directory has no configuration file."""
    wheel_task = task[1]["python_wheel_task"]
    given = [text for text in wheel_task["parameters"] if text.startswith("--config=")]
    if wheel_task["entry_point"] in READ_CONFIGURATION:
        [option] = given
        prefix, path = option.split("}/")
        assert prefix == "--config=${workspace.file_path"
        assert (PROJECT / path).is_file()
        assert path.split("/", maxsplit=1)[0] in BUNDLE["sync"]["paths"]
    else:
        assert not given, "these read what is deployed"


@pytest.mark.parametrize("task", TASKS, ids=ids)
def test_task_finds_its_environment_and_predecessors(task: tuple[str, dict[str, Any]]) -> None:
    job = JOBS[task[0]]
    assert task[1]["environment_key"] in {found["environment_key"] for found in job["environments"]}
    keys = [found["task_key"] for found in job["tasks"]]
    assert len(keys) == len(set(keys))
    earlier = keys[: keys.index(task[1]["task_key"])]
    for dependency in task[1].get("depends_on", []):
        assert dependency["task_key"] in earlier
        assert "outcome" not in dependency, "only conditions have outcomes"


@pytest.mark.parametrize("key", JOBS)
def test_wheel_is_found_from_the_file_that_names_it(key: str) -> None:
    for environment in JOBS[key]["environments"]:
        [wheel] = environment["spec"]["dependencies"]
        folder = (JOB_FILE[key].parent / wheel).resolve().parent
        assert folder == PROJECT / BUNDLE["artifacts"]["wheel"]["path"] / "dist"
        assert environment["spec"]["environment_version"].isdecimal()


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("key", [key for key, job in JOBS.items() if "schedule" in job])
def test_schedule_is_quartz(key: str, target: str) -> None:
    schedule = {name: resolved(text, target) for name, text in JOBS[key]["schedule"].items()}
    cron = schedule["quartz_cron_expression"]
    assert len(cron.split()) in {6, 7}
    assert to_quartz(cron) == cron
    assert "?" in (cron.split()[3], cron.split()[5])
    assert schedule["pause_status"] in {"PAUSED", "UNPAUSED"}
    assert schedule["timezone_id"] == "UTC"


def test_refresh_is_daily_where_it_counts() -> None:
    status = {name: variables(name)["refresh_status"] for name in TARGETS}
    assert status == {"local": "PAUSED", "dev": "PAUSED", "aut": "UNPAUSED", "prod": "UNPAUSED"}


@pytest.mark.parametrize("target", ["aut", "prod"])
@pytest.mark.parametrize("task", TASKS, ids=ids)
def test_somebody_is_told_of_each_failure(task: tuple[str, dict[str, Any]], target: str) -> None:
    """A run that ends in a success is one, whatever failed before; so its tasks must tell."""
    job = JOBS[task[0]]
    survives = any("run_if" in other for other in job["tasks"])
    told = (task[1] if survives else job)["email_notifications"]["on_failure"]
    addresses = resolved(told, target)
    assert addresses
    assert all("@" in address for address in addresses)


def test_alerts_are_sent_whatever_the_analysis_found() -> None:
    [task] = [found for key, found in TASKS if found["task_key"] == "send_alerts"]
    assert task["depends_on"] == [{"task_key": "analyze_drift"}]
    assert task["run_if"] == "ALL_DONE"
