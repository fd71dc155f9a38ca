"""Serves the endpoints of one root folder and nothing else; prints its port when it listens."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import uvicorn
from fastapi import FastAPI

from databricks_monitoring.local_workspace import responses
from databricks_monitoring.local_workspace.clock import WorkspaceClock
from databricks_monitoring.local_workspace.endpoints import Endpoints
from databricks_monitoring.local_workspace.services import (
    clock as clock_service,
)
from databricks_monitoring.local_workspace.services import (
    invocations,
    serving_endpoints,
    serving_permissions,
)
from databricks_monitoring.local_workspace.storage import Store
from databricks_monitoring.local_workspace.tables import Tables

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def application(root: Path) -> FastAPI:
    """Return the application over `root`."""
    store = Store(root / "workspace.db")
    clock = WorkspaceClock(store)
    tables = Tables(root, store, clock)
    endpoints = Endpoints(root, store, clock, tables)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        endpoints.start()
        yield
        endpoints.close()
        store.close()

    app = FastAPI(lifespan=lifespan, openapi_url=None)
    responses.install(app)
    parts: Any = SimpleNamespace(
        root=root, url="http://127.0.0.1", store=store, clock=clock, tables=tables, endpoints=endpoints
    )
    for module in (clock_service, serving_endpoints, serving_permissions, invocations):
        app.include_router(module.router(parts))

    @app.get("/.well-known/databricks-config")
    def config() -> dict[str, str]:
        return {"workspace_id": "1"}

    return app


async def main(root: Path) -> None:
    """Serve until killed."""
    config = uvicorn.Config(application(root), host="127.0.0.1", port=0, log_level="warning")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - the server has no event to wait for
        await asyncio.sleep(0.01)
    sys.stdout.write(f"{server.servers[0].sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await serving


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
