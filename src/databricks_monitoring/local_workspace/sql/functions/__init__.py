"""What each Databricks function means in DuckDB: one table of rules, by name."""

from __future__ import annotations

from databricks_monitoring.local_workspace.sql.functions import (  # noqa: F401 - importing a module adds its rules
    aggregates,
    arrays,
    casts,
    conditions,
    dates,
    documents,
    maps,
    numbers,
    strings,
    workspace,
)
from databricks_monitoring.local_workspace.sql.functions.rules import RULES, Moment

__all__ = ["RULES", "Moment"]
