"""The pipeline: its schema, and that every name in it leads somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
FILE = PROJECT / "azure-pipelines.yml"
PIPELINE = yaml.safe_load(FILE.read_text())
STAGES: dict[str, dict[str, Any]] = {stage["stage"]: stage for stage in PIPELINE["stages"]}
BUNDLE = yaml.safe_load((PROJECT / "databricks.yml").read_text())
ENVIRONMENTS = {"DeployDev": "dev", "DeployAut": "aut", "DeployProd": "prod"}
SUFFIX = {"dev": "DEV", "aut": "AUT", "prod": "PRD"}
BRANCHES = {"DeployDev": "develop", "DeployAut": "develop", "DeployProd": "main", "Tag": "main"}
SECRET = re.compile(r"\$\((System\.AccessToken|\w*(?:TOKEN|SECRET|PASSWORD)\w*)\)")


def expanded(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return steps with those of templates in their place, parameters filled in."""
    found: list[dict[str, Any]] = []
    for step in steps:
        if "template" not in step:
            found.append(step)
            continue
        template = yaml.safe_load((PROJECT / step["template"]).read_text())
        declared = {entry["name"]: entry.get("default") for entry in template["parameters"]}
        given = step.get("parameters", {})
        assert set(given) <= set(declared)
        values = declared | given
        assert None not in values.values(), "a parameter without a value"
        found += _filled(template["steps"], values)
    return found


def _filled(node: Any, values: dict[str, str]) -> Any:  # noqa: ANN401 - any document
    if isinstance(node, dict):
        return {key: _filled(value, values) for key, value in node.items()}
    if isinstance(node, list):
        return [_filled(value, values) for value in node]
    if isinstance(node, str):
        return re.sub(r"\$\{\{ parameters\.(\w+) \}\}", lambda found: values[found[1]], node)
    return node


def steps_of(stage: str) -> list[dict[str, Any]]:
    """Return every step of a stage."""
    [job] = STAGES[stage]["jobs"]
    return expanded(job["strategy"]["runOnce"]["deploy"]["steps"] if "deployment" in job else job["steps"])


def scripts_of(stage: str) -> str:
    """Return what the steps of a stage run."""
    return "\n".join(step.get("bash", step.get("script", "")) for step in steps_of(stage))


@pytest.mark.parametrize("file", ["azure-pipelines.yml", ".azure/deploy-steps.yml"])
def test_schema_accepts_the_file(file: str) -> None:
    checker = Path(sys.executable).with_name("check-jsonschema")
    schema = ["--builtin-schema", "vendor.azure-pipelines", "--data-transform", "azure-pipelines"]
    # The schema has patterns that the other variants of regular expressions refuse.
    command = [str(checker), *schema, "--regex-variant", "nonunicode", str(PROJECT / file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_stages_come_after_stages_that_exist() -> None:
    names = list(STAGES)
    assert names == ["Build", "Test", "DeployDev", "DeployAut", "DeployProd", "Tag"]
    after = {name: stage["dependsOn"] for name, stage in STAGES.items() if "dependsOn" in stage}
    assert after == {
        "Test": "Build",
        "DeployDev": "Test",
        "DeployAut": "DeployDev",
        "DeployProd": "Test",
        "Tag": "DeployProd",
    }
    assert all(names.index(before) < names.index(name) for name, before in after.items())


@pytest.mark.parametrize("stage", STAGES)
def test_stage_runs_for_its_branch_and_only_after_success(stage: str) -> None:
    wanted = None
    if stage in BRANCHES:
        branch = f"refs/heads/{BRANCHES[stage]}"
        wanted = f"and(succeeded(), eq(variables['Build.SourceBranch'], '{branch}'))"
    assert STAGES[stage].get("condition") == wanted


def test_every_branch_of_a_condition_triggers() -> None:
    assert set(BRANCHES.values()) == set(PIPELINE["trigger"]["branches"]["include"])


@pytest.mark.parametrize("stage", ENVIRONMENTS)
def test_deployment_has_its_environment_and_its_own_secrets_only(stage: str) -> None:
    name = ENVIRONMENTS[stage]
    [job] = STAGES[stage]["jobs"]
    assert job["deployment"]
    assert job["environment"] == name
    assert STAGES[stage]["variables"] == [{"group": f"databricks-secrets-{name}"}]
    assert "variables" not in PIPELINE, "would be known to every stage"
    for other, suffix in SUFFIX.items():
        assert (f"_{suffix})" in yaml.safe_dump(steps_of(stage))) == (other == name)


def test_only_deployments_touch_a_workspace() -> None:
    touching = {name for name in STAGES if "databricks bundle" in scripts_of(name)}
    assert touching == set(ENVIRONMENTS)


@pytest.mark.parametrize("stage", ENVIRONMENTS)
def test_deployment_is_of_the_target_of_its_environment(stage: str) -> None:
    targets = set(re.findall(r"--target (\S+)", scripts_of(stage)))
    assert targets == {ENVIRONMENTS[stage]}
    assert targets <= set(BUNDLE["targets"])
    assert f"databricks bundle deploy --target {ENVIRONMENTS[stage]}" in scripts_of(stage)


@pytest.mark.parametrize("stage", ENVIRONMENTS)
def test_deployment_logs_in_without_a_stored_secret(stage: str) -> None:
    [step] = [found for found in steps_of(stage) if "bundle deploy" in found.get("bash", "")]
    suffix = SUFFIX[ENVIRONMENTS[stage]]
    assert step["env"] == {
        "DATABRICKS_AUTH_TYPE": "azure-devops-oidc",
        "DATABRICKS_HOST": f"$(DATABRICKS_HOST_{suffix})",
        "DATABRICKS_CLIENT_ID": f"$(DATABRICKS_CLIENT_ID_{suffix})",
        "SYSTEM_ACCESSTOKEN": "$(System.AccessToken)",
    }


@pytest.mark.parametrize("stage", STAGES)
def test_secrets_reach_scripts_only_through_their_environment(stage: str) -> None:
    assert not SECRET.search(scripts_of(stage))


@pytest.mark.parametrize("stage", ENVIRONMENTS)
def test_tested_wheel_is_deployed(stage: str, tmp_path: Path) -> None:
    [published] = [step for step in steps_of("Build") if "publish" in step]
    [downloaded] = [step for step in steps_of("Test") if "download" in step]
    assert published["artifact"] == downloaded["artifact"] == "wheel"
    assert '"$(Pipeline.Workspace)"/wheel/*.whl' in scripts_of("Test")
    [step] = [found for found in steps_of(stage) if "bundle deploy" in found.get("bash", "")]
    [export] = [line for line in step["bash"].splitlines() if line.startswith("export BUNDLE_VAR_")]
    variable = export.removeprefix("export BUNDLE_VAR_").partition("=")[0]
    assert BUNDLE["artifacts"]["wheel"]["build"] == f"${{var.{variable}}}"
    assert variable in BUNDLE["variables"]
    for name in ("dist/old.whl", "agent work/wheel/tested.whl"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    environment = os.environ | {"PIPELINE_WORKSPACE": str(tmp_path / "agent work")}
    shell = ["bash", "-euc", f'{export}\nbash -c "$BUNDLE_VAR_{variable}"']
    subprocess.run(shell, cwd=tmp_path, env=environment, check=True, timeout=10)
    assert [path.name for path in (tmp_path / "dist").iterdir()] == ["tested.whl"]


@pytest.mark.parametrize("stage", [*ENVIRONMENTS, "Tag"])
def test_sources_are_checked_out_where_they_are_needed(stage: str) -> None:
    """A deployment does not do it on its own."""
    assert steps_of(stage)[0]["checkout"] == "self"


@pytest.mark.parametrize("stage", ENVIRONMENTS)
def test_one_version_of_the_command_line_tool(stage: str) -> None:
    [step] = [found for found in steps_of(stage) if "CLI_VERSION" in found.get("env", {})]
    assert re.fullmatch(r"\d+\.\d+\.\d+", step["env"]["CLI_VERSION"])
    least = BUNDLE["bundle"]["databricks_cli_version"].removeprefix(">= ")
    assert _numbers(step["env"]["CLI_VERSION"]) >= _numbers(least)
    for line in step["bash"].splitlines():
        assert "pip install" not in line, "is the legacy tool without bundles"


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


@pytest.mark.parametrize("stage", STAGES)
def test_make_targets_of_the_scripts_exist(stage: str) -> None:
    makefile = (PROJECT / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)$", scripts_of(stage), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("stage", STAGES)
def test_scripts_stop_at_the_first_error_and_parse(stage: str) -> None:
    for step in steps_of(stage):
        if "bash" in step:
            assert step["bash"].startswith("set -euo pipefail\n")
            subprocess.run(["bash", "-n", "-c", step["bash"]], check=True, timeout=10)  # noqa: S607 - the agent's


def test_tag_may_be_pushed_and_is_not_pushed_twice() -> None:
    assert steps_of("Tag")[0]["persistCredentials"] == "true"
    script = scripts_of("Tag")
    assert script.index("git ls-remote") < script.index("git tag -a") < script.index("git push origin")
