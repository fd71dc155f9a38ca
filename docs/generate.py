"""Write the references in this folder from the code, or check that nothing moved.

`python docs/generate.py` rewrites what changed; with `--check` it exits with 1 and names what would change.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import itertools
import json
import os
import pkgutil
import re
import subprocess
import sys
import tomllib
import types
import typing
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

DOCS = Path(__file__).parent
PROJECT = DOCS.parent
NOTICE = "<!-- Written by docs/generate.py; change the code it reads, then run `make docs`. -->\n\n"
STATISTICS = {
    "Profile": "databricks_monitoring.metrics.profile",
    "Drift": "databricks_monitoring.metrics.drift",
    "Quality": "databricks_monitoring.metrics.quality",
    "Fairness": "databricks_monitoring.metrics.fairness",
    "Evidence": "databricks_monitoring.alerting.evidence",
}
SETTINGS = ("databricks_monitoring.config",)
YAML_TYPES: dict[object, str] = {str: "text", int: "whole number", float: "number", bool: "true or false"}
STATISTICS_PREFACE = """\
Each statistic is one function; the sections follow the folders they are in. What the managed service leaves
open is a constant each in [conventions.md](conventions.md).
"""
CONVENTIONS_PREFACE = """\
The names and types of the metric tables' columns are those of Databricks; some of what stands in them its
documentation leaves open. Each such choice is one constant in
[`metrics/conventions.py`](../src/databricks_monitoring/metrics/conventions.py). This page has all of them:
what each is, what is known of the managed service, and what to expect when numbers of both are compared.
"Chosen" marks a choice of ours; the others are documented.

## Where a refresh records them

Every commit that a refresh makes in a metric table carries them beside what it processed, so a number can be
traced to the conventions it was computed by even after they change:

```sql
DESCRIBE HISTORY main.monitoring.inference_logs_profile_metrics
```

shows it in the column `userMetadata`, as JSON, under `databricks_monitoring.conventions`. In Python,
`RefreshReport.conventions` of `metrics.refresh.refresh` has the same. Metric tables that the managed service
wrote have no such entry.

## The conventions
"""
SETTINGS_PREFACE = """\
The keys of the dictionaries the API takes and of the YAML files, with their defaults. A key that is not
listed is refused.
"""
PICK = "[PICK]"
"""Begins the text of a convention that no documentation of the managed service settles."""
SAID_OF_SERVICE = re.compile(r"(.*?)\s*Known: (.*?)\s*Compare: (.*)", re.DOTALL)
"""A convention's text: what it is, what is known of the managed service, how numbers compare."""
LISTED_VALUE = re.compile(r"([;:]) ([a-z]+_[a-z]+): ")
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
    calls: list[tuple[str, ...]] = [(name,) for name in scripts]
    at = calls.index(("databricks-monitoring",)) + 1
    calls[at:at] = [
        ("databricks-monitoring", "demo"),
        ("databricks-monitoring", "refresh"),
        *(("databricks-monitoring", "local", name) for name in LOCAL_COMMANDS),
    ]
    parts = ["# Commands\n"]
    parts += [f"## `{' '.join(call)}`\n\n```text\n{_help(*call)}\n```\n" for call in calls]
    return "\n".join(parts)


def _modules(package: str) -> Iterator[ModuleType]:
    """Return a module, or the modules of a package."""
    found = importlib.import_module(package)
    if not hasattr(found, "__path__"):
        yield found
        return
    for info in sorted(pkgutil.iter_modules(found.__path__), key=lambda info: info.name):
        yield importlib.import_module(f"{package}.{info.name}")


def _public_functions(module: ModuleType) -> Iterator[tuple[str, Callable[..., object]]]:
    for name, found in vars(module).items():
        # What is compiled is a function by its first name.
        member = inspect.unwrap(found) if callable(found) else found
        if inspect.isfunction(member) and member.__module__ == module.__name__ and not name.startswith("_"):
            yield name, member


def _function(name: str, function: Callable[..., object], path: Path) -> str:
    """Return a function's section: what it does as text, the details as they stand in the code."""
    summary, _, details = (inspect.getdoc(function) or "").partition("\n\n")
    parts = [f"### `{name}`", " ".join(summary.split()), f"[{path.as_posix()}](../{path.as_posix()})"]
    parts += [f"```text\n{details.strip()}\n```"] if details.strip() else []
    return "\n\n".join(parts) + "\n"


def statistics() -> str:
    """Return every statistic with its docstring."""
    parts = [
        "# Statistics\n",
        STATISTICS_PREFACE,
    ]
    for title, full in STATISTICS.items():
        parts.append(f"## {title}\n\n{inspect.getdoc(importlib.import_module(full))}\n")
        for module in _modules(full):
            path = Path(str(module.__file__)).relative_to(PROJECT)
            parts += [_function(name, function, path) for name, function in _public_functions(module)]
    return "\n".join(parts)


def conventions() -> str:
    """Return the named constants, each with what is said of it."""
    module = importlib.import_module("databricks_monitoring.metrics.conventions")
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    parts = ["# Conventions\n", CONVENTIONS_PREFACE]
    for statement, after in itertools.pairwise(tree.body):
        target = getattr(statement, "target", None) or next(iter(getattr(statement, "targets", [])), None)
        if not (isinstance(target, ast.Name) and isinstance(after, ast.Expr)):
            continue
        if isinstance(after.value, ast.Constant) and not target.id.startswith("_"):
            text = " ".join(str(after.value.value).split())
            told = SAID_OF_SERVICE.fullmatch(text.removeprefix(PICK).strip())
            if told is None:
                raise SystemExit(f"{target.id} in conventions.py says nothing after `Known:` and `Compare:`.")
            chosen = "Chosen" if text.startswith(PICK) else "Documented"
            parts.append(
                f"### `{target.id}`\n\n{chosen}: `{getattr(module, target.id)}`\n\n{told[1]}\n\n"
                f"- Known of the managed service: {told[2]}\n- In a comparison: {told[3]}\n"
            )
    return "\n".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def settings() -> str:
    """Return every key of every dictionary and configuration file."""
    models = [model for module in SETTINGS for model in _settings_of(importlib.import_module(module))]
    parts = [
        "# Settings\n",
        SETTINGS_PREFACE,
    ]
    for model in models:
        parts.append(f"## {model.__name__}\n\n{inspect.getdoc(model)}\n")
        parts.append("| key | type | default | meaning |\n| --- | --- | --- | --- |")
        for name, field in model.model_fields.items():
            default = (
                "required" if field.is_required() else _default(field.get_default(call_default_factory=True))
            )
            key, kind = field.alias or name, _type(field.annotation, models)
            parts.append(
                f"| `{key}` | {_cell(kind)} | {_cell(default)} | {_meaning(field.description or '')} |"
            )
        parts.append("")
    return "\n".join(parts)


def _settings_of(module: ModuleType) -> list[type[BaseModel]]:
    return [
        member
        for name, member in vars(module).items()
        if inspect.isclass(member)
        and issubclass(member, BaseModel)
        and member.__module__.startswith("databricks_monitoring.")
        and not name.startswith("_")
        and member.model_fields
    ]


def _type(annotation: object, models: list[type[BaseModel]]) -> str:
    """Return a type as a reader of YAML would say it."""
    if isinstance(annotation, type) and annotation in models:
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is None:
        return YAML_TYPES.get(annotation, str(annotation))
    if origin is typing.Literal:
        return ", ".join(f"`{value}`" for value in inner)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_type(part, models) for part in inner if part is not types.NoneType)
    if origin in (tuple, list):
        return f"list of {_type(inner[0], models)}"
    parts = " to ".join(_type(part, models) for part in inner[: 2 if origin is dict else 1])
    return f"map of {parts}" if origin is dict else parts


def _meaning(text: str) -> str:
    """Return a description for a cell; what it says of several values gets a line for each."""
    return _cell(LISTED_VALUE.sub(r"\1<br>`\2`: ", text).replace(";<br>", "<br>"))


def _default(value: object) -> str:
    if value in (None, "", (), {}):
        return ""
    if isinstance(value, BaseModel):
        return "the defaults"
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def routes() -> str:
    """Return every route the local workspace serves."""
    module = importlib.import_module("databricks_monitoring.local_workspace.routes_table")
    return str(module.routes_table())


PAGES: dict[str, Callable[[], str]] = {
    "commands.md": commands,
    "statistics.md": statistics,
    "conventions.md": conventions,
    "settings.md": settings,
    "local-workspace-routes.md": routes,
}


def main(argv: list[str] | None = None) -> int:
    """Write or check every generated page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
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
