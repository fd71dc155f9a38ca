"""Values that one task of a Databricks job leaves for the next."""

from __future__ import annotations

import importlib.util


def set_task_value(key: str, value: int) -> bool:
    """Leave `value` under `key` for later tasks and return True; do nothing outside a job's runtime.

    Notes
    -----
    A runtime is recognised by its package `dbruntime`. Without it the SDK's own stand-in would drop the
    value silently, after connecting to a workspace for nothing.
    """
    if importlib.util.find_spec("dbruntime") is None:
        return False
    from databricks.sdk.runtime import dbutils  # noqa: PLC0415 - importing it elsewhere connects to a workspace

    dbutils.jobs.taskValues.set(key=key, value=value)
    return True
