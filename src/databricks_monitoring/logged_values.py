"""Parameters and metrics as MLflow can keep them: flat names, texts and numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import SupportsFloat

from databricks_monitoring.errors import InvalidValueError

LONGEST_NAME = 250
"""Characters that MLflow keeps of the name of a parameter or metric."""

LONGEST_PARAM = 6000
"""Characters that MLflow keeps of the value of a parameter."""

_NAME = re.compile(r"[\w\-. :/]+")


def flatten(values: Mapping[str, object], where: str) -> dict[str, object]:
    """Return nested mappings as one level, names joined by periods.

    Raises
    ------
    InvalidValueError
        If a name is one that MLflow does not take, or two names become the same.

    Examples
    --------
    >>> flatten({"lr": 0.1, "tree": {"depth": 6}}, "params")
    {'lr': 0.1, 'tree.depth': 6}
    """
    flat: dict[str, object] = {}
    for name, value in _leaves(values, ""):
        if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
            expected = f"at most {LONGEST_NAME} letters, digits, spaces and any of _ - . : /"
            raise InvalidValueError(f"{where}: name", name[: LONGEST_NAME + 1], expected)
        if name in flat:
            raise InvalidValueError(
                f"{where}: name", name, "one value; two keys become this name when flattened"
            )
        flat[name] = value
    return flat


def param_texts(params: Mapping[str, object]) -> dict[str, str]:
    """Return parameters flattened, each as the text that is logged.

    Lists and tuples become JSON where they can.

    Raises
    ------
    InvalidValueError
        If a text is longer than MLflow keeps. It is not cut: half a value would look like the whole.
    """
    texts = {name: _text(value) for name, value in flatten(params, "params").items()}
    for name, text in texts.items():
        if len(text) > LONGEST_PARAM:
            raise InvalidValueError(
                f"params[{name!r}]",
                f"{text[:40]}... ({len(text)} characters)",
                f"at most {LONGEST_PARAM} characters; log longer values as an artifact with mlflow.log_dict",
            )
    return texts


def metric_numbers(metrics: Mapping[str, object]) -> dict[str, float]:
    """Return metrics flattened, each as a float.

    Raises
    ------
    InvalidValueError
        If a value is not a number.
    """
    return {name: _number(name, value) for name, value in flatten(metrics, "metrics").items()}


def _leaves(values: Mapping[str, object], prefix: str) -> list[tuple[str, object]]:
    leaves: list[tuple[str, object]] = []
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            leaves += _leaves(value, f"{name}.")
        else:
            leaves.append((name, value))
    return leaves


def _text(value: object) -> str:
    if isinstance(value, list | tuple | Mapping):
        try:
            return json.dumps(value)
        except TypeError:  # something inside has no JSON form
            return str(value)
    return str(value)


def _number(name: str, value: object) -> float:
    if isinstance(value, str | bytes) or not isinstance(value, SupportsFloat):
        raise InvalidValueError(f"metrics[{name!r}]", value, "a number")
    try:
        return float(value)
    except (TypeError, ValueError) as error:  # an array of several numbers, for one
        raise InvalidValueError(f"metrics[{name!r}]", value, "a number") from error
