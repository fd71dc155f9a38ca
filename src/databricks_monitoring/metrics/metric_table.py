"""What every engine's metric tables have in common: which columns fit, and what a commit says of its refresh.

What a refresh has processed is written into the commit that holds its rows, so neither can exist without
the other.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from databricks_monitoring.errors import MetricTableMismatchError
from databricks_monitoring.metrics import conventions, tables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

STATE_KEY = "databricks_monitoring.refresh"
"""Name under which a commit's `userMetadata` holds what its refresh processed."""

CONVENTIONS_KEY = "databricks_monitoring.conventions"
"""Name under which it holds the conventions that the refresh computed by."""

USER_METADATA = "userMetadata"
"""The part of a commit that every Delta writer lets a user fill, and `DESCRIBE HISTORY` shows."""

State = dict[str, object]
"""What a refresh processed: versions and fingerprints by name."""


def missing_columns(found: pa.Schema, schema: pa.Schema, core: set[str], name: str) -> Sequence[str]:
    """Return the columns that an existing metric table lacks and can be given.

    Parameters
    ----------
    found, schema
        The table's columns, and those that will be written.
    core
        Names of those that every monitor of this kind writes.
    name
        The table's, for the message.

    Raises
    ------
    MetricTableMismatchError
        If the columns do not fit.
    """
    missing = [column for column in schema.names if column not in found.names]
    faults = [f"lacks {column}" for column in missing if column in core]
    types = [
        (column, tables.sql_type(found.field(column).type), tables.sql_type(schema.field(column).type))
        for column in schema.names
        if column in found.names
    ]
    faults += [f"{column} is {here}, not {wanted}" for column, here, wanted in types if here != wanted]
    strangers = sorted(set(found.names) - set(schema.names) - tables.OPTIONAL_NAMES)
    if faults:
        others = f" It also has {', '.join(strangers)}." if strangers else ""
        raise MetricTableMismatchError(
            f"The metric table {name} exists with other columns than this monitor writes: "
            f"{'; '.join(faults)}.{others} Drop it, or give the monitor another output schema."
        )
    return missing


def metadata_of(state: State) -> str:
    """Return the text that a commit carries as its `userMetadata`."""
    return json.dumps({STATE_KEY: state, CONVENTIONS_KEY: conventions.recorded()}, sort_keys=True)


def state_in(commit: Mapping[str, object]) -> State | None:
    """Return what the refresh that wrote a commit had processed; None if no refresh wrote it.

    Parameters
    ----------
    commit
        The commit's information: an entry of the table's history.
    """
    # Commits of earlier releases carry it beside the user's metadata.
    text = commit.get(STATE_KEY)
    if isinstance(text, str):
        found: State = json.loads(text)
        return found
    given = commit.get(USER_METADATA)
    if not isinstance(given, str) or STATE_KEY not in given:
        return None
    try:
        named = json.loads(given)
    except json.JSONDecodeError:
        # Somebody else's words.
        return None
    return named.get(STATE_KEY) if isinstance(named, dict) else None
