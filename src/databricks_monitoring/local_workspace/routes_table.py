"""The table of every route that the local workspace serves, as Markdown.

``python -m databricks_monitoring.local_workspace.routes_table > docs/local-workspace-routes.md``
"""

from __future__ import annotations

import importlib
import inspect
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi.routing import APIRoute

from databricks_monitoring.local_workspace.app import SERVICES
from databricks_monitoring.local_workspace.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

_HEAD = """\
# What the local workspace serves

Every route, by the module that answers it. This page is generated: `make docs` writes it from the routes
themselves. A path that is not listed answers `ENDPOINT_NOT_FOUND`.
"""
_PACKAGE = "databricks_monitoring.local_workspace"
_DEVIATION = "Deviation: "


@dataclass(frozen=True)
class RouteLine:
    """One row of the table: what a route does, and where it differs from the real one."""

    methods: str
    path: str
    summary: str
    deviation: str

    @classmethod
    def of(cls, route: APIRoute) -> RouteLine:
        """Read the first paragraph of a route's docstring; `Deviation: ...` goes to its own column."""
        described = inspect.cleandoc(route.endpoint.__doc__ or "").partition("\n\n")[0].replace("\n", " ")
        summary, _, deviation = described.partition(_DEVIATION)
        methods = " ".join(sorted(route.methods or ()))
        return cls(methods, route.path, summary.strip(), _capitalised(deviation.strip()))

    def markdown(self) -> str:
        """Return the row."""
        cells = (self.methods, f"`{self.path}`", self.summary, self.deviation)
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def routes_table() -> str:
    """Return the whole page."""
    with tempfile.TemporaryDirectory() as folder:
        # Opened, not started: the routes are the same, and nothing is served.
        workspace = Workspace.open(Path(folder), url="http://127.0.0.1", token="none")  # noqa: S106 - serves nobody
        try:
            return _HEAD + "".join(_sections(workspace))
        finally:
            workspace.close()


def _sections(workspace: Workspace) -> Iterator[str]:
    for name in SERVICES:
        module = importlib.import_module(f"{_PACKAGE}.{name}")
        routes = [route for route in module.router(workspace).routes if isinstance(route, APIRoute)]
        lines = "\n".join(RouteLine.of(route).markdown() for route in routes)
        yield (
            f"\n## {name.removeprefix('services.')}\n\n{_introduction(module)}\n\n"
            f"| method | path | does | deviation |\n| --- | --- | --- | --- |\n{lines}\n"
        )


def _introduction(module: ModuleType) -> str:
    return inspect.cleandoc(module.__doc__ or "")


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def main() -> int:
    """Print the page."""
    sys.stdout.write(routes_table())
    return 0


if __name__ == "__main__":
    sys.exit(main())
