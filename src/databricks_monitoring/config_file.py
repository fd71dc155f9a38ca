"""Configuration files: YAML with `environments`, and sections beside it that hold for all of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from databricks_monitoring.config import EnvironmentSettings
from databricks_monitoring.errors import ConfigError, InvalidValueError, MissingError, UnknownKeyError
from databricks_monitoring.parsing import dotted, keys, parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from databricks_monitoring.parsing import Location

DEFAULT_PATH = Path("config/monitoring_config.yml")
_ENVIRONMENTS = "environments"


class EnvironmentNotFoundError(MissingError, ConfigError):
    """The configuration file has no such environment."""

    kind = "environment"


def load_settings(path: Path | str = DEFAULT_PATH, environment: str | None = None) -> EnvironmentSettings:
    """Return the settings of one environment of a configuration file.

    Sections beside `environments` are defaults, over which the environment's own are laid, key by key. A file
    without `environments` holds for each. Every environment is checked, not only the one asked for.

    Parameters
    ----------
    environment : str, optional
        May be left out where the file has one environment at most.

    Raises
    ------
    ConfigError
        If the file cannot be read, a key is unknown or a value is wrong: with file and line.
    EnvironmentNotFoundError
        Naming the environments that exist.
    """
    found = load_environments(path)
    if environment is None:
        if len(found) == 1:
            return next(iter(found.values()))
        raise InvalidValueError(f"{path}: environment", None, "one of " + ", ".join(found))
    if environment in found:
        return found[environment]
    if list(found) == [""]:
        return found[""]
    raise EnvironmentNotFoundError(environment, found, where=str(path))


def load_environments(path: Path | str = DEFAULT_PATH) -> dict[str, EnvironmentSettings]:
    """Return the settings of every environment by name; the name is empty in a file without environments."""
    source = _Source.read(Path(path))
    defaults = {key: value for key, value in source.body.items() if key != _ENVIRONMENTS}
    valid = [*keys(EnvironmentSettings), _ENVIRONMENTS]
    for key in defaults:
        if key not in valid:
            raise UnknownKeyError(str(key), source.place((str(key),)), valid)
    environments = source.body.get(_ENVIRONMENTS)
    if environments is None:
        return {"": _parsed(source, defaults, None)}
    if not isinstance(environments, dict) or not environments:
        raise InvalidValueError(source.place((_ENVIRONMENTS,)), environments, "environments by name")
    return {
        str(name): _parsed(source, _laid_over(defaults, body), str(name))
        for name, body in environments.items()
    }


def _parsed(source: _Source, body: object, environment: str | None) -> EnvironmentSettings:
    if not isinstance(body, dict):
        raise InvalidValueError(source.place((_ENVIRONMENTS, environment or "")), body, "a mapping")

    def place(location: Location) -> str:
        own = () if environment is None else (_ENVIRONMENTS, environment)
        return source.place((*own, *location), location)

    return parse(EnvironmentSettings, body, str(source.path), place=place)


def _laid_over(defaults: object, own: object) -> object:
    if isinstance(defaults, dict) and isinstance(own, dict):
        return {**defaults, **{key: _laid_over(defaults.get(key), value) for key, value in own.items()}}
    return own


def _in_words(path: Path, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return f"{path} is not YAML: {error}."
    start = getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or "it cannot be read"
    began = f" ({error.context}, which began in line {start.line + 1})" if start else ""  # type: ignore[attr-defined]
    return f"{path}:{mark.line + 1} is not YAML: {problem} at column {mark.column + 1}{began}."


class _Source:
    """A YAML file with the line of every key."""

    def __init__(self, path: Path, body: Mapping[object, object], root: yaml.Node) -> None:
        self.path = path
        self.body = body
        self._lines: dict[Location, int] = {}
        self._note(root, ())

    @classmethod
    def read(cls, path: Path) -> _Source:
        """Read a file.

        Raises
        ------
        ConfigError
            If it does not exist, is not YAML, or is not a mapping.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise ConfigError(
                f"{path} is not a text file in UTF-8: {error.reason} at byte {error.start}."
            ) from error
        except OSError as error:
            raise ConfigError(
                f"The configuration file {path} cannot be read: {error.strerror}. Name another with --config."
            ) from error
        try:
            root, body = yaml.compose(text, Loader=yaml.SafeLoader), yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigError(f"{_in_words(path, error)}") from error
        if root is None:
            raise ConfigError(f"{path} is empty, expected a mapping with the key environments.")
        if not isinstance(body, dict):
            raise InvalidValueError(str(path), body, "a mapping with the key environments")
        return cls(path, body, root)

    def place(self, *locations: Location) -> str:
        """Return file, line and dotted path of the first location that is in the file, or of its parent."""
        exact = [location for location in locations if location in self._lines]
        shown = exact[0] if exact else locations[0]
        known = shown
        while known and known not in self._lines:
            known = known[:-1]
        line = f":{self._lines[known]}" if known else ""
        return f"{self.path}{line} ({dotted(shown)})" if shown else f"{self.path}{line}"

    def _note(self, node: yaml.Node, location: Location) -> None:
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                name = str(key.value)
                line = key.start_mark.line + 1
                if name in seen:
                    where = dotted((*location, name))
                    raise ConfigError(f"{self.path}:{line} ({where}): the key is there twice. Remove one.")
                seen.add(name)
                self._lines[(*location, name)] = line
                self._note(value, (*location, name))
        elif isinstance(node, yaml.SequenceNode):
            for position, item in enumerate(node.value):
                self._lines[(*location, position)] = item.start_mark.line + 1
                self._note(item, (*location, position))
