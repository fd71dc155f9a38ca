"""MLflow pointed at the workspace that a client speaks to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from databricks_monitoring.errors import ConfigError

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

TRACKING_URI = "databricks"
REGISTRY_URI = "databricks-uc"


def point_mlflow_at(client: WorkspaceClient) -> None:
    """Make MLflow track runs in the workspace of `client` and register models in its Unity Catalog.

    MLflow reads its own settings (environment, profile, notebook); this checks that they lead to the same
    workspace instead of letting runs and tables end up in two.

    Raises
    ------
    ConfigError
        If MLflow would talk to another workspace.
    """
    import mlflow  # noqa: PLC0415 - takes seconds
    from mlflow.utils.databricks_utils import get_databricks_host_creds  # noqa: PLC0415 - takes seconds

    profile = client.config.profile
    tracking, registry = TRACKING_URI, REGISTRY_URI
    if profile:
        tracking, registry = f"{TRACKING_URI}://{profile}", f"{REGISTRY_URI}://{profile}"
    expected = (client.config.host or "").rstrip("/")
    # The variable is looked at first: asking MLflow takes minutes if nothing answers at that host.
    said = os.environ.get("DATABRICKS_HOST") if not profile else None
    found = (said or get_databricks_host_creds(tracking).host or "").rstrip("/")
    if found != expected:
        raise ConfigError(
            f"MLflow would talk to {found or 'no workspace'}, the client talks to {expected}. "
            f"Set DATABRICKS_HOST={expected} and its credentials, so that both are the same workspace."
        )
    mlflow.set_tracking_uri(tracking)
    mlflow.set_registry_uri(registry)
