"""What a statement asks the workspace: its time, its user, where it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_monitoring.local_workspace.sql.functions.rules import Moment, call, cast, rule, string

if TYPE_CHECKING:
    from sqlglot import exp


def timestamp(moment: Moment) -> exp.Expr:
    """Return the workspace's time, the same in the whole statement."""
    return cast(string(moment.now.isoformat(sep=" ")), "TIMESTAMPTZ")


@rule("current_timestamp", "now", least=0)
def current_timestamp(_arguments: list[exp.Expr], moment: Moment) -> exp.Expr:
    """Return the workspace's time."""
    return timestamp(moment)


@rule("current_date", "curdate", least=0)
def current_date(_arguments: list[exp.Expr], moment: Moment) -> exp.Expr:
    """Return the workspace's date in UTC."""
    return cast(string(moment.now.date().isoformat()), "DATE")


@rule("current_user", "user", "session_user", least=0)
def current_user(_arguments: list[exp.Expr], moment: Moment) -> exp.Expr:
    """Return the name of the user."""
    return string(moment.user)


@rule("current_catalog", least=0)
def current_catalog(_arguments: list[exp.Expr], moment: Moment) -> exp.Expr:
    """Return the catalog that names without one belong to."""
    return string(moment.catalog)


@rule("current_schema", "current_database", least=0)
def current_schema(_arguments: list[exp.Expr], moment: Moment) -> exp.Expr:
    """Return the schema that names without one belong to."""
    return string(moment.schema)


@rule("current_timezone", least=0)
def current_timezone(_arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the session's time zone."""
    return string("UTC")


@rule("uuid", least=0)
def uuid(_arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return a new random identifier for every row."""
    return cast(call("uuid"), "VARCHAR")
