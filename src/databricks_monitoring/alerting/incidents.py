"""Incidents: one row for each time a rule's condition began to hold on a column, and what was told to whom.

The table `alert_incidents` of the output schema is the memory of `send_alerts`. Evaluating the same windows
again changes nothing and tells nobody twice; a message counts as sent only once its carrier took it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, cast

from databricks_monitoring.alerting.evaluation import why_not_watched
from databricks_monitoring.alerting.merge import ensure_table, merge_rows, table_exists

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from databricks_monitoring.alerting.evaluation import Observation
    from databricks_monitoring.alerting.rules import AlertRule, Severity
    from databricks_monitoring.clients import Parameter, SqlClient
    from databricks_monitoring.monitoring.metric_rows import MonitorMetrics
    from databricks_monitoring.names import SchemaName, TableName

INCIDENTS_TABLE = "alert_incidents"

_COLUMNS = {
    "incident_id": "STRING",
    "monitor_name": "STRING",
    "rule_name": "STRING",
    "column_name": "STRING",
    "metric": "STRING",
    "severity": "STRING",
    "state": "STRING",
    "first_window_start": "TIMESTAMP",
    "first_window_end": "TIMESTAMP",
    "last_window_start": "TIMESTAMP",
    "last_window_end": "TIMESTAMP",
    "windows": "BIGINT",
    "statistic": "STRING",
    "value": "DOUBLE",
    "threshold": "DOUBLE",
    "chance": "DOUBLE",
    "value_rows": "BIGINT",
    "comparison_rows": "BIGINT",
    "effect": "STRING",
    "reason": "STRING",
    "opened_at": "TIMESTAMP",
    "resolved_at": "TIMESTAMP",
    "notified_at": "TIMESTAMP",
    "closed_at": "TIMESTAMP",
    "accepted_by": "STRING",
}

State = Literal["OPEN", "RESOLVED"]
Event = Literal["opened", "reminder", "resolved"]


@dataclass(frozen=True)
class Incident:
    """A condition on a column, from the window in which it began to the newest in which it holds.

    Parameters
    ----------
    state : str
        `OPEN` or `RESOLVED`.
    first_window_start, first_window_end, last_window_start, last_window_end : datetime
        Aware, UTC.
    windows : int
        How many windows are over the threshold.
    value, threshold, chance : float
        Of the newest window that holds; see `evidence.Evidence`.
    effect : str
        The change in words; once resolved, as it was at its last.
    reason : str or None
        Why it was resolved.
    notified_at : datetime or None
        When every recipient had been told that it is open.
    closed_at : datetime or None
        When nobody had to hear of it any more.
    accepted_by : str
        JSON list of the recipients whose carrier took the message that is due, while others are missing.
    """

    incident_id: str
    monitor_name: str
    rule_name: str
    column_name: str
    metric: str
    severity: Severity
    state: State
    first_window_start: datetime
    first_window_end: datetime
    last_window_start: datetime
    last_window_end: datetime
    windows: int
    statistic: str
    value: float
    threshold: float
    chance: float
    value_rows: int
    comparison_rows: int
    effect: str
    reason: str | None
    opened_at: datetime
    resolved_at: datetime | None = None
    notified_at: datetime | None = None
    closed_at: datetime | None = None
    accepted_by: str = "[]"

    @property
    def accepted(self) -> list[str]:
        """Recipients who have the message that is due."""
        return [str(recipient) for recipient in json.loads(self.accepted_by)]


@dataclass(frozen=True)
class Due:
    """Something to tell some people."""

    incident: Incident
    rule: AlertRule
    event: Event
    recipients: tuple[str, ...]


def incidents_table(output_schema: SchemaName) -> TableName:
    """Return the table that keeps the incidents of every monitor with this output schema."""
    return output_schema.table(INCIDENTS_TABLE)


def load_incidents(
    sql: SqlClient, output_schema: SchemaName, monitor_name: str, *, create: bool = True
) -> list[Incident]:
    """Return the incidents of a monitor that are open or of which somebody still has to hear.

    Parameters
    ----------
    create : bool
        Whether the table is created if it does not exist.
    """
    table = incidents_table(output_schema)
    if create:
        ensure_table(sql, table, _COLUMNS, "Alert incidents by monitor, rule and column")
    elif not table_exists(sql, table):
        return []
    listed = ", ".join(f"`{column}`" for column in _COLUMNS)
    rows = sql.execute(
        f"SELECT {listed} FROM {table.quoted} "  # noqa: S608 - a quoted name, values bound
        "WHERE monitor_name = :monitor_name AND (state = 'OPEN' OR closed_at IS NULL) "
        "ORDER BY opened_at, rule_name, column_name",
        {"monitor_name": monitor_name},
    )
    return [_from_row(row) for row in rows]


def _from_row(row: Mapping[str, object]) -> Incident:
    # The table's columns are this class's fields, by name and type; the query names each of them.
    return Incident(**cast("dict[str, Any]", dict(row)))


def save_incidents(sql: SqlClient, output_schema: SchemaName, incidents: Sequence[Incident]) -> None:
    """Write incidents, each in place of the row with its id."""
    rows: list[dict[str, Parameter]] = [asdict(incident) for incident in incidents]
    merge_rows(sql, incidents_table(output_schema), _COLUMNS, ("incident_id",), rows)


def follow(
    incidents: Iterable[Incident],
    observations: Sequence[Observation],
    rules: Iterable[AlertRule],
    metrics: MonitorMetrics,
) -> list[Incident]:
    """Return the incidents that the observations open, change or resolve; unchanged ones are left out.

    An observation without a deciding window leaves its incident as it is. An open incident on a column that
    none of the windows read has metrics of, or that the rule does not watch any more, is resolved with that
    reason. One whose rule is gone is closed and nobody is told, for nobody asked any more.

    Parameters
    ----------
    metrics : MonitorMetrics
        What the observations were made of.
    """
    monitor_name, now = str(metrics.layout.table), metrics.now
    open_ones = {
        (incident.rule_name, incident.column_name): incident
        for incident in incidents
        if incident.state == "OPEN"
    }
    changed: list[Incident] = []
    for observation in observations:
        before = open_ones.pop((observation.rule.name, observation.column), None)
        after = _followed(before, observation, monitor_name, now)
        if after is not None and after != before:
            changed.append(after)
    by_name = {rule.name: rule for rule in rules}
    for incident in open_ones.values():
        rule = by_name.get(incident.rule_name)
        if rule is None:
            changed.append(_resolved(incident, "the rule was removed", now, silent=True))
            continue
        reason = why_not_watched(rule, incident.column_name, metrics)
        if reason is not None:
            changed.append(_resolved(incident, reason, now, silent=not rule.notify_on_resolve))
    return changed


def _followed(
    before: Incident | None, observation: Observation, monitor_name: str, now: datetime
) -> Incident | None:
    if observation.newest is None:
        return before
    if observation.run is None:
        silent = not observation.rule.notify_on_resolve
        return _resolved(before, observation.newest.effect, now, silent=silent) if before else None
    fresh = _opened(observation, monitor_name, now)
    if fresh is None or before is None:
        return fresh
    if before.first_window_start < fresh.first_window_start:
        # The stretch may have left the days that are read; the incident remembers where it began.
        fresh = replace(
            fresh,
            first_window_start=before.first_window_start,
            first_window_end=before.first_window_end,
            windows=max(before.windows, fresh.windows),
        )
    return replace(
        fresh,
        incident_id=before.incident_id,
        opened_at=before.opened_at,
        notified_at=before.notified_at,
        accepted_by=before.accepted_by,
    )


def _opened(observation: Observation, monitor_name: str, now: datetime) -> Incident | None:
    run, rule = observation.run, observation.rule
    if run is None or run.last.evidence is None:
        return None
    first, last, evidence = run.first.window, run.last.window, run.last.evidence
    identity = json.dumps([monitor_name, rule.name, observation.column, first.start.isoformat()])
    return Incident(
        incident_id=hashlib.sha256(identity.encode()).hexdigest()[:16],
        monitor_name=monitor_name,
        rule_name=rule.name,
        column_name=observation.column,
        metric=rule.metric,
        severity=rule.severity,
        state="OPEN",
        first_window_start=first.start,
        first_window_end=first.end,
        last_window_start=last.start,
        last_window_end=last.end,
        windows=run.windows,
        statistic=evidence.statistic,
        value=evidence.value,
        threshold=evidence.threshold,
        chance=evidence.chance,
        value_rows=run.last.rows,
        comparison_rows=run.last.comparison_rows,
        effect=run.last.effect,
        reason=None,
        opened_at=now,
    )


def _resolved(incident: Incident, reason: str, now: datetime, *, silent: bool) -> Incident:
    closed_at = now if silent else None
    return replace(
        incident, state="RESOLVED", resolved_at=now, closed_at=closed_at, reason=reason, accepted_by="[]"
    )


def due(incidents: Iterable[Incident], rules: Iterable[AlertRule], now: datetime) -> list[Due]:
    """Return what has to be told now: new incidents, resolved ones, and open ones to be reminded of."""
    by_name = {rule.name: rule for rule in rules}
    found = []
    for incident in incidents:
        rule = by_name.get(incident.rule_name)
        event = _event(incident, rule, now) if rule else None
        if rule is None or event is None:
            continue
        missing = tuple(one for one in rule.recipients if one not in incident.accepted)
        found.append(Due(incident, rule, event, missing or rule.recipients))
    return found


def _event(incident: Incident, rule: AlertRule, now: datetime) -> Event | None:
    if incident.state == "RESOLVED":
        return "resolved" if incident.closed_at is None else None
    if incident.notified_at is None:
        return "opened"
    if rule.reminder_hours is None:
        return None
    waited = now - incident.notified_at >= timedelta(hours=rule.reminder_hours)
    return "reminder" if waited or incident.accepted else None


def told(notice: Due, accepted: Sequence[str], now: datetime) -> Incident:
    """Return the incident after carriers took the message for these recipients.

    Only when nobody is missing any more is the notification recorded as sent.
    """
    incident = notice.incident
    reached = [*incident.accepted, *(one for one in accepted if one not in incident.accepted)]
    if any(one not in reached for one in notice.rule.recipients):
        return replace(incident, accepted_by=json.dumps(reached))
    if notice.event == "resolved":
        return replace(incident, closed_at=now, accepted_by="[]")
    return replace(incident, notified_at=now, accepted_by="[]")
