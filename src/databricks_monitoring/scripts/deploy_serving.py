"""The command `deploy_serving`: an environment's model behind its endpoint, with an inference table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_monitoring.clients import connect
from databricks_monitoring.config_file import load_settings
from databricks_monitoring.errors import MonitoringError
from databricks_monitoring.monitoring.framework import MonitoringFramework
from databricks_monitoring.scripts import command
from databricks_monitoring.serving.model_version import only_model

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from databricks.sdk import WorkspaceClient

    from databricks_monitoring.config import EnvironmentSettings

NAME = "deploy_serving"

_DESCRIPTION = """\
Serve an environment's model and log its requests.

Creates the endpoint or updates what differs, waits until it answers with the wanted version, and creates the
inference table from the model's signature. Run again, it changes nothing that is as wanted. The version is
the one that the alias points at now; moving the alias later takes effect with the next run.
"""

_EPILOG = """\
example:
  deploy_serving --catalog mlops_prod --schema databricks_monitoring --environment prod --git-sha abc123

exit code: 0 the endpoint answers, 1 failed, 2 wrong usage or configuration.
"""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    found = command.parser(NAME, _DESCRIPTION, _EPILOG)
    command.add_environment(found)
    found.add_argument("--git-sha", help="commit that is deployed; becomes a tag of the endpoint")
    found.add_argument(
        "--model-name",
        help="registered model (default: model.name of the configuration, else the schema's only model)",
    )
    found.add_argument(
        "--model-version",
        help="version or alias (default: the configuration's model.version or model.alias, or latest-model)",
    )
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    arguments = parser().parse_args(argv)
    return command.run(NAME, lambda: _work(arguments))


def console() -> None:
    """Run the command for a shell or a job."""
    command.leave(main())


def _work(arguments: argparse.Namespace) -> None:
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 - takes a second

    settings = load_settings(arguments.config, arguments.environment)
    client = connect()
    model = arguments.model_name or _model_name(client, settings, arguments)
    framework = MonitoringFramework(
        arguments.catalog, arguments.schema, model, client, progress=command.progress
    )
    tags = {**settings.tags, "environment": arguments.environment}
    if arguments.git_sha:
        tags["git_sha"] = arguments.git_sha
    try:
        deployed = framework.deploy_endpoint(
            _version(settings, arguments.model_version),
            settings.serving,
            settings.inference_table,
            tags=tags,
            problem_type=settings.problem_type,
        )
    except MlflowException as error:
        raise MonitoringError(str(error)) from error
    shown = {
        "endpoint": deployed["endpoint_name"],
        "url": deployed["endpoint_url"],
        "model": f"{deployed['model_name']} version {deployed['model_version']}",
    }
    if settings.inference_table.enabled:
        shown |= {"payloads": deployed["payload_table"], "inference table": deployed["inference_table"]}
    command.say(command.table(shown))


def _model_name(client: WorkspaceClient, settings: EnvironmentSettings, arguments: argparse.Namespace) -> str:
    if settings.model is not None:
        return settings.model.name
    return str(only_model(client, arguments.catalog, arguments.schema))


def _version(settings: EnvironmentSettings, asked: str | None) -> str | None:
    if asked is not None or settings.serving.served_entities:
        return asked
    return settings.version_to_deploy


if __name__ == "__main__":
    console()
