"""Write the references in this folder from the code, or check that nothing moved.

    python docs/generate.py            rewrite what changed
    python docs/generate.py --check    exit 1 and name what would change
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import os
import pkgutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

DOCS = Path(__file__).parent
PROJECT = DOCS.parent
NOTICE = "<!-- Written by docs/generate.py; change the code it reads, then run `make docs`. -->\n\n"
STATISTICS = ("profile", "drift", "quality", "fairness")
LOCAL_COMMANDS = ("up", "down", "status", "env")


def _help(*command: str) -> str:
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
    shown = subprocess.run(  # noqa: S603 - our own commands
        [str(Path(sys.executable).with_name(command[0])), *command[1:], "--help"],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    ).stdout
    return "\n".join(line.rstrip() for line in shown.strip().splitlines())


def commands() -> str:
    """Return the help of every command."""
    scripts = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["scripts"]
    calls = [(name,) for name in scripts]
    at = calls.index(("databricks-monitoring",)) + 1
    calls[at:at] = [
        ("databricks-monitoring", "demo"),
        *(("databricks-monitoring", "local", name) for name in LOCAL_COMMANDS),
    ]
    parts = ["# Commands\n"]
    parts += [f"## `{' '.join(call)}`\n\n```text\n{_help(*call)}\n```\n" for call in calls]
    return "\n".join(parts)


def _modules(package: str) -> Iterator[ModuleType]:
    found = importlib.import_module(package)
    for info in sorted(pkgutil.iter_modules(found.__path__), key=lambda info: info.name):
        yield importlib.import_module(f"{package}.{info.name}")


def _public_functions(module: ModuleType) -> Iterator[tuple[str, Callable[..., object]]]:
    for name, member in vars(module).items():
        if inspect.isfunction(member) and member.__module__ == module.__name__ and not name.startswith("_"):
            yield name, member


def statistics() -> str:
    """Return every statistic with its docstring, and the conventions."""
    parts = [
        "# Statistics\n",
        "Each statistic is one function in one file. Conventions that the managed service leaves open are at the end.\n",
    ]
    for package in STATISTICS:
        full = f"databricks_monitoring.metrics.{package}"
        parts.append(f"## {package.capitalize()}\n\n{inspect.getdoc(importlib.import_module(full))}\n")
        for module in _modules(full):
            for name, function in _public_functions(module):
                path = Path(str(module.__file__)).relative_to(PROJECT)
                parts.append(f"### `{name}`\n\n[{path}](../{path})\n\n```text\n{inspect.getdoc(function)}\n```\n")
    parts.append(_conventions())
    return "\n".join(parts)


def _conventions() -> str:
    """Return the named constants with the text that follows each."""
    import ast  # noqa: PLC0415 - only this reference reads source

    module = importlib.import_module("databricks_monitoring.metrics.conventions")
    tree = ast.parse(Path(str(module.__file__)).read_text())
    rows = ["## Conventions\n", "| name | value | meaning |", "| --- | --- | --- |"]
    for statement, after in zip(tree.body, tree.body[1:], strict=False):
        target = getattr(statement, "target", None) or next(iter(getattr(statement, "targets", [])), None)
        documented = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        if isinstance(target, ast.Name) and documented and not target.id.startswith("_"):
            meaning = " ".join(str(after.value.value).split()).replace("|", "\\|")
            value = str(getattr(module, target.id)).replace("|", "\\|")
            rows.append(f"| `{target.id}` | `{value}` | {meaning} |")
    return "\n".join(rows) + "\n"


def settings() -> str:
    """Return every key of every dictionary and configuration file."""
    module = importlib.import_module("databricks_monitoring.config")
    parts = ["# Settings\n", "The keys of the dictionaries the API takes and of the YAML files, with their defaults.\n"]
    models = [
        member
        for member in vars(module).values()
        if inspect.isclass(member) and issubclass(member, BaseModel) and member is not BaseModel and member.model_fields
    ]
    for model in models:
        parts.append(f"## {model.__name__}\n\n{inspect.getdoc(model)}\n")
        parts.append("| key | type | default | meaning |\n| --- | --- | --- | --- |")
        for name, field in model.model_fields.items():
            kind = str(model.__annotations__.get(name, field.annotation)).replace("|", "or")
            default = "required" if field.is_required() else _default(field.get_default(call_default_factory=True))
            meaning = (field.description or "").replace("|", "\\|")
            parts.append(f"| `{field.alias or name}` | {kind} | {default} | {meaning} |")
        parts.append("")
    return "\n".join(parts)


def _default(value: object) -> str:
    return "" if value is None or value is PydanticUndefined else f"`{value}`"


def routes() -> str:
    """Return every route the local workspace serves."""
    module = importlib.import_module("databricks_monitoring.local_workspace.routes_table")
    return str(module.routes_table())


PAGES: dict[str, Callable[[], str]] = {
    "commands.md": commands,
    "statistics.md": statistics,
    "settings.md": settings,
    "local-workspace-routes.md": routes,
}


def main(argv: list[str] | None = None) -> int:
    """Write or check every generated page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a page would change")
    check = parser.parse_args(argv).check
    moved = []
    for name, write in PAGES.items():
        path = DOCS / name
        text = NOTICE + write().rstrip() + "\n"
        if not path.exists() or path.read_text() != text:
            moved.append(name)
            if not check:
                path.write_text(text)
    if moved:
        print(f"{'These pages are out of date; run `make docs`' if check else 'Rewrote'}: {', '.join(moved)}")  # noqa: T201
    return 1 if check and moved else 0


if __name__ == "__main__":
    sys.exit(main())
