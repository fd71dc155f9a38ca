"""What the commands share: their arguments' meaning, progress, and exit codes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from databricks.sdk.errors.base import DatabricksError

from databricks_monitoring.config_file import DEFAULT_PATH
from databricks_monitoring.errors import ConfigError, MonitoringError

if TYPE_CHECKING:
    from collections.abc import Callable

DONE, FAILED, WRONG_USAGE = 0, 1, 2


def parser(name: str, description: str, epilog: str) -> argparse.ArgumentParser:
    """Return a parser with the arguments that every command has."""
    found = argparse.ArgumentParser(
        prog=name,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    found.add_argument("--catalog", type=_level, required=True, help="catalog of the model and its tables")
    found.add_argument("--schema", type=_level, required=True, help="schema of the model and its tables")
    return found


def _level(text: str) -> str:
    if not text.strip() or "." in text:
        raise argparse.ArgumentTypeError(f"expected one level of a name, found {text!r}")
    return text


def positive(text: str) -> float:
    """Return the number above 0 that an argument says."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, found {text!r}")
    return number


def add_environment(found: argparse.ArgumentParser) -> None:
    """Add the arguments that choose settings."""
    found.add_argument("--environment", required=True, help="environment of the configuration, such as prod")
    found.add_argument(
        "--config", type=Path, default=DEFAULT_PATH, help=f"configuration file (default: {DEFAULT_PATH})"
    )


def run(name: str, work: Callable[[], None]) -> int:
    """Do the work of a command and return its exit code; a failure is one message on stderr."""
    try:
        work()
    except ConfigError as error:
        return _told(name, error, WRONG_USAGE)
    except (MonitoringError, DatabricksError, OSError) as error:
        return _told(name, error, FAILED)
    return DONE


def leave(code: int) -> None:
    """End the process with `code` unless it is 0.

    A job on Databricks calls an entry point itself and takes whatever it returns for success; only an
    exception fails the task. After a success the caller goes on, so that no job ends in an exception.
    """
    if code != DONE:
        sys.exit(code)


def say(words: str) -> None:
    """Print a line of a command's outcome."""
    print(words)  # noqa: T201 - a command speaks


def progress(words: str) -> None:
    """Print a line about work that is going on."""
    print(words, file=sys.stderr, flush=True)  # noqa: T201 - a command speaks


def table(rows: dict[str, str]) -> str:
    """Return names and values as aligned lines.

    Examples
    --------
    >>> print(table({"endpoint": "e", "url": "u"}))
    endpoint  e
    url       u
    """
    width = max(map(len, rows), default=0)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows.items())


def _told(name: str, error: Exception, code: int) -> int:
    print(f"{name}: {error}", file=sys.stderr)  # noqa: T201 - a command speaks
    return code
