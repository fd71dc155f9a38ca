"""Field masks: which parts of a body an update replaces."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from databricks.sdk.errors import InvalidParameterValue
from databricks.sdk.service.dataquality import DataProfilingConfig

from databricks_monitoring.errors import nearest
from databricks_monitoring.local_workspace.monitors.stored_monitor import INPUT_FIELDS, OUTPUT_FIELDS

_ROOT = "data_profiling_config"
_FROZEN = frozenset({"assets_dir", "skip_builtin_dashboard", "warehouse_id"})
"""Inputs that only creation reads."""


def masked(current: dict[str, Any], wanted: dict[str, Any], mask: str) -> dict[str, Any]:
    """Return `current` with every field that `mask` names taken from `wanted`.

    A named field that `wanted` lacks is cleared. Naming `data_profiling_config` itself replaces every field
    that may change.

    Parameters
    ----------
    mask
        Field paths with commas between, such as `data_profiling_config.slicing_exprs`.

    Raises
    ------
    InvalidParameterValue
        If the mask is empty or names a field that does not exist or cannot change.
    """
    paths = [path.strip() for path in mask.split(",") if path.strip()]
    if not paths:
        raise InvalidParameterValue(f"update_mask is required, such as '{_ROOT}.slicing_exprs'.")
    result = deepcopy(current)
    for path in paths:
        for field_path in _expanded(path):
            _copy(result, wanted, field_path)
    return result


def _expanded(path: str) -> list[list[str]]:
    parts = path.split(".")
    if path in {"*", _ROOT}:
        return [[_ROOT, field] for field in sorted(INPUT_FIELDS - _FROZEN)]
    if parts[0] != _ROOT:
        raise InvalidParameterValue(f"update_mask: {path!r} cannot be updated; paths begin with '{_ROOT}.'.")
    field = parts[1]
    if field in OUTPUT_FIELDS:
        raise InvalidParameterValue(
            f"update_mask: {path!r} is filled in by the service and cannot be updated."
        )
    if field in _FROZEN:
        raise InvalidParameterValue(f"update_mask: {path!r} is read at creation only and cannot be updated.")
    if field not in INPUT_FIELDS:
        guess = nearest(field, INPUT_FIELDS)
        hint = f" Did you mean {guess!r}?" if guess else ""
        raise InvalidParameterValue(
            f"update_mask: {DataProfilingConfig.__name__} has no field {field!r}.{hint} "
            f"Fields: {', '.join(sorted(INPUT_FIELDS - _FROZEN))}."
        )
    return [parts]


def _copy(result: dict[str, Any], wanted: dict[str, Any], path: list[str]) -> None:
    *parents, last = path
    source: Any = wanted
    for part in parents:
        source = source.get(part) if isinstance(source, dict) else None
    target = result
    for part in parents:
        target = target.setdefault(part, {})
    if isinstance(source, dict) and last in source:
        target[last] = source[last]
    else:
        target.pop(last, None)
