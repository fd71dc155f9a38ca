"""One evaluation of a monitor's rules: incidents brought up to date, what is due sent, what was sent kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from databricks_monitoring.alerting.evaluation import evaluate
from databricks_monitoring.alerting.incidents import due, follow, load_incidents, save_incidents, told
from databricks_monitoring.alerting.message import compose
from databricks_monitoring.alerting.notify import deliver, secrets_of
from databricks_monitoring.monitoring.metric_rows import read_metrics

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from databricks_monitoring.alerting.incidents import Due, Incident
    from databricks_monitoring.alerting.message import Message
    from databricks_monitoring.alerting.rules import AlertRule, NotificationType
    from databricks_monitoring.clients import SqlClient
    from databricks_monitoring.monitoring.metric_rows import Layout, MonitorMetrics

LOOKBACK_DAYS = 28
"""How far back windows are read to say since when a condition holds."""


@dataclass(frozen=True)
class Sent:
    """One message and who it was for."""

    message: Message
    carrier: NotificationType
    recipients: tuple[str, ...]


@dataclass(frozen=True)
class DispatchReport:
    """What one evaluation did.

    Attributes
    ----------
    sent : list of Sent
        Messages that a carrier took; in a dry run those it would be given.
    failures : list of str
        Why somebody was not reached. What was not sent stays due.
    open_incidents : int
        How many conditions hold now.
    """

    monitor: str
    rules: int
    open_incidents: int
    sent: list[Sent] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def dispatch(
    sql: SqlClient,
    layout: Layout,
    rules: Sequence[AlertRule],
    *,
    granularity: str | None = None,
    dry_run: bool = False,
) -> DispatchReport:
    """Evaluate the rules of one monitor and send what is due.

    Safe to repeat: the same windows open no second incident and send no second message. What a carrier
    refused is tried again next time, and only for the recipients it was refused for.

    Parameters
    ----------
    dry_run : bool
        Write and send nothing; the report then says what would be sent.

    Raises
    ------
    TableNotFoundError
        If the monitor has no metric tables.
    ColumnNotFoundError
        If a rule names a column that the monitor does not analyse.
    """
    metrics = read_metrics(sql, layout, days=LOOKBACK_DAYS, granularity=granularity)
    monitor_name = str(layout.table)
    known = {
        one.incident_id: one
        for one in load_incidents(sql, layout.output_schema, monitor_name, create=not dry_run)
    }
    observations = [found for rule in rules for found in evaluate(rule, metrics)]
    changed = follow(known.values(), observations, rules, metrics)
    if not dry_run:
        save_incidents(sql, layout.output_schema, changed)
    known |= {one.incident_id: one for one in changed}
    report = DispatchReport(monitor_name, len(rules), _count_open(known.values()))
    for notices in _grouped(due(known.values(), rules, metrics.now)):
        message = compose(notices, metrics)
        if dry_run:
            first = notices[0]
            report.sent.append(Sent(message, first.rule.notification_type, first.recipients))
        else:
            _send(sql, metrics, notices, message, report)
    return report


def _count_open(incidents: Iterable[Incident]) -> int:
    return sum(one.state == "OPEN" for one in incidents)


def _grouped(notices: Sequence[Due]) -> list[list[Due]]:
    """Return what goes into one message: the same carrier and people; for a pager each incident alone."""
    groups: dict[tuple[str, ...], list[Due]] = {}
    for notice in notices:
        carrier = notice.rule.notification_type
        alone = (notice.incident.incident_id,) if carrier == "pagerduty" else ()
        groups.setdefault((carrier, *sorted(set(notice.recipients)), *alone), []).append(notice)
    return list(groups.values())


def _send(
    sql: SqlClient, metrics: MonitorMetrics, notices: list[Due], message: Message, report: DispatchReport
) -> None:
    first = notices[0]
    outcome = deliver(
        message,
        first.rule.notification_type,
        first.recipients,
        read_secret=secrets_of(sql.client),
        sent_at=metrics.now,
        incident_id=first.incident.incident_id,
    )
    if outcome.accepted:
        # Recorded group by group, so that a crash repeats one message at most.
        updated = [told(notice, outcome.accepted, metrics.now) for notice in notices]
        save_incidents(sql, metrics.layout.output_schema, updated)
        report.sent.append(Sent(message, first.rule.notification_type, outcome.accepted))
    reasons: dict[str, list[str]] = {}
    for recipient, reason in outcome.refused.items():
        reasons.setdefault(reason, []).append(recipient)
    report.failures.extend(f"{', '.join(people)}: {reason}" for reason, people in reasons.items())
