"""The workspace as one ASGI application."""

from __future__ import annotations

import importlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI

from databricks_monitoring.local_workspace.auth import TokenAuth
from databricks_monitoring.local_workspace.rest import responses

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from databricks_monitoring.local_workspace.workspace import Workspace

SERVICES = (
    # First: its requests are by far the most, and a match costs a look at every route before it.
    "services.invocations",
    "services.clock",
    "services.well_known",
    "services.scim",
    "services.catalogs",
    "services.schemas",
    "services.tables",
    "services.volumes",
    "services.grants",
    "services.files",
    "services.directories",
    "services.workspace_files",
    "services.warehouses",
    "services.sql_statements",
    "services.model_registry",
    "services.registered_models",
    "services.mlflow_artifacts",
    "services.mlflow_tracking",
    "services.serving_endpoints",
    "services.serving_permissions",
    "services.secrets",
    "services.data_quality",
    "services.quality_monitors",
    "services.dashboards",
    "pages.routes",
)
"""Modules with a `router(workspace)`, in order of matching."""


def create_app(workspace: Workspace) -> FastAPI:
    """Return the application that serves `workspace`."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        workspace.start()
        yield
        workspace.close()

    app = FastAPI(title="Local workspace", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    responses.install(app)
    app.add_middleware(TokenAuth, token=workspace.token, url=workspace.url, root=str(workspace.root))
    for name in SERVICES:
        module = importlib.import_module(f"databricks_monitoring.local_workspace.{name}")
        app.include_router(module.router(workspace))
    return app
