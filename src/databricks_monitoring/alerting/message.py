"""The message a person gets: what drifted since when in which model, how much, how sure, what to do next."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Literal, TypedDict

from databricks_monitoring.monitoring.effect_words import number
from databricks_monitoring.monitoring.metric_rows import Window
from databricks_monitoring.names import TABLE_ROW, quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from databricks_monitoring.alerting.incidents import Due, Event, Incident
    from databricks_monitoring.alerting.rules import Severity
    from databricks_monitoring.monitoring.metric_rows import MonitorMetrics

Urgency = Literal["info", "warning", "critical", "resolved"]

_ORDER: tuple[Severity, ...] = ("info", "warning", "critical")
_NAMED_IN_SUBJECT = 3
_SURELY_NOT_CHANCE = 1e-12


class NoticeBody(TypedDict):
    """One thing told, for carriers that take JSON."""

    event: Event
    rule: str
    metric: str
    column: str
    severity: Severity
    since: str
    newest_window: str
    statistic: str
    value: float
    threshold: float
    effect: str
    reason: str | None
    incident_id: str


class MessageBody(TypedDict):
    """The whole message as JSON."""

    version: str
    message_id: str
    subject: str
    text: str
    urgency: Urgency
    monitor: str
    models: list[str]
    dashboard_url: str | None
    notices: list[NoticeBody]


@dataclass(frozen=True)
class Message:
    """One message, in every form a carrier may want.

    Parameters
    ----------
    identity : str
        The same for the same news, so that a carrier or a reader can recognise a message sent again.
    """

    identity: str
    subject: str
    text: str
    html: str
    urgency: Urgency
    body: MessageBody


@dataclass(frozen=True)
class _Block:
    heading: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class _Section:
    title: str
    blocks: tuple[_Block, ...]


def compose(notices: Sequence[Due], metrics: MonitorMetrics) -> Message:
    """Return one message about everything that some people have to be told of one monitor.

    Parameters
    ----------
    notices : sequence of Due
        At least one; of one monitor.
    """
    ongoing = [notice for notice in notices if notice.event != "resolved"]
    ended = [notice for notice in notices if notice.event == "resolved"]
    urgency: Urgency = (
        max((notice.incident.severity for notice in ongoing), key=_ORDER.index) if ongoing else "resolved"
    )
    subject = _subject(ongoing, ended, metrics, urgency)
    sections = [section for section in _sections(ongoing, ended, metrics) if section.blocks]
    facts = _facts(notices, metrics)
    identity = hashlib.sha256(
        "".join(f"{notice.incident.incident_id}{_stage(notice)}" for notice in notices).encode()
    ).hexdigest()[:24]
    text = _as_text(subject, facts, sections)
    return Message(
        identity=identity,
        subject=subject,
        text=text,
        html=_as_html(subject, facts, sections),
        urgency=urgency,
        body={
            "version": "1",
            "message_id": identity,
            "subject": subject,
            "text": text,
            "urgency": urgency,
            "monitor": str(metrics.layout.table),
            "models": list(metrics.models),
            "dashboard_url": metrics.layout.dashboard_url,
            "notices": [_notice_body(notice) for notice in notices],
        },
    )


def _stage(notice: Due) -> str:
    told_before = notice.incident.notified_at
    return notice.event + (told_before.isoformat() if notice.event == "reminder" and told_before else "")


def _subject(ongoing: Sequence[Due], ended: Sequence[Due], metrics: MonitorMetrics, urgency: Urgency) -> str:
    model = ", ".join(metrics.models) or str(metrics.layout.table)
    what = "; ".join(_headlines(ongoing)) if ongoing else "; ".join(_endings(ended))
    return f"[{urgency}] {model}: {what}"


def _headlines(notices: Sequence[Due]) -> list[str]:
    """Return what happened, the drifts in one phrase and every other metric in one of its own."""
    phrases = []
    drifted = [notice.incident for notice in notices if notice.incident.metric.endswith("_drift")]
    if drifted:
        phrases.append(f"{_names(drifted)} drifted since {_since(drifted)}")
    for metric, phrase in (
        ("model_quality", "model quality fell"),
        ("null_rate", "more values are missing in {names}"),
        ("row_count", "fewer rows than usual"),
        ("data_freshness", "no new rows"),
        ("schema_mismatch", "the schema of {names} is not the baseline's"),
    ):
        of_metric = [notice.incident for notice in notices if notice.incident.metric == metric]
        if of_metric:
            phrases.append(f"{phrase.format(names=_names(of_metric))} since {_since(of_metric)}")
    return phrases


def _endings(notices: Sequence[Due]) -> list[str]:
    phrases = {
        "model_quality": "model quality is back",
        "row_count": "row counts are back",
        "data_freshness": "rows arrive again",
    }
    incidents = [notice.incident for notice in notices]
    found = [phrase for metric, phrase in phrases.items() if any(one.metric == metric for one in incidents)]
    drifted = [one for one in incidents if one.metric.endswith("_drift")]
    missing = [one for one in incidents if one.metric == "null_rate"]
    if missing:
        found.insert(0, f"values are no longer missing in {_names(missing)}")
    reshaped = [one for one in incidents if one.metric == "schema_mismatch"]
    if reshaped:
        found.insert(0, f"the schema of {_names(reshaped)} fits again")
    if drifted:
        found.insert(0, f"{_names(drifted)} no longer drifted")
    return found


def _names(incidents: Sequence[Incident]) -> str:
    special = {"prediction_drift": "predictions", "label_drift": "labels"}
    ranked = sorted(incidents, key=lambda one: -one.value / (one.threshold or 1.0))
    names = list(dict.fromkeys(special.get(one.metric, one.column_name) for one in ranked))
    if len(names) > _NAMED_IN_SUBJECT:
        rest = len(names) - (_NAMED_IN_SUBJECT - 1)
        return ", ".join(names[: _NAMED_IN_SUBJECT - 1]) + f" and {rest} more columns"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _since(incidents: Sequence[Incident]) -> str:
    first = min(one.first_window_start for one in incidents)
    return f"{first:%Y-%m-%d}" if (first.hour, first.minute) == (0, 0) else f"{first:%Y-%m-%d %H:%M} UTC"


def _sections(ongoing: Sequence[Due], ended: Sequence[Due], metrics: MonitorMetrics) -> tuple[_Section, ...]:
    against = "baseline" if metrics.drift_type == "BASELINE" else "window before"
    return (
        _Section("What changed", tuple(_ongoing_block(notice, against) for notice in ongoing)),
        _Section("What is over", tuple(_ended_block(notice) for notice in ended)),
        _Section("What to do next", _next_steps(ongoing, metrics)),
    )


def _title(incident: Incident) -> str:
    names = {
        "prediction_drift": f"Predictions ({incident.column_name})",
        "label_drift": f"Labels ({incident.column_name})",
        "feature_drift": f"Feature {incident.column_name}",
        "null_rate": f"Missing values of {incident.column_name}",
        "row_count": "Row count",
        "model_quality": "Model quality",
        "data_freshness": "Freshness",
        "schema_mismatch": f"Schema of {incident.column_name}",
    }
    return names[incident.metric]


def _ongoing_block(notice: Due, against: str) -> _Block:
    one = notice.incident
    first = Window(one.first_window_start, one.first_window_end)
    newest = Window(one.last_window_start, one.last_window_end)
    again = " (reminder)" if notice.event == "reminder" else ""
    lines = [one.effect]
    if one.metric == "data_freshness":
        return _Block(
            f"{_title(one)}: {one.severity}{again}", (*lines, f"Allowed: {number(one.threshold)} hours")
        )
    windows = "one window" if one.windows == 1 else f"{one.windows} windows"
    if one.metric == "schema_mismatch":
        lines.append(f"Since {first}: {windows}; newest {newest}")
        return _Block(f"{_title(one)}: {one.severity}{again}", tuple(lines))
    lines.append(f"Since {first}: {windows} over the threshold of {number(one.threshold)}; newest {newest}")
    if one.metric != "row_count":
        kind = "labelled rows" if one.metric == "model_quality" else "rows"
        lines.append(f"Seen in {one.value_rows:,} {kind}, compared with {one.comparison_rows:,} ({against})")
    lines.append(f"Chance of this if nothing had changed: {_chance(one.chance)}")
    return _Block(f"{_title(one)}: {one.severity}{again}", tuple(lines))


def _chance(chance: float) -> str:
    """Return a probability in words; it already accounts for every comparison made."""
    if chance < _SURELY_NOT_CHANCE:
        return "below 1 in 1,000,000,000,000, all comparisons counted"
    return f"1 in {1 / chance:,.0f}, all comparisons counted"


def _ended_block(notice: Due) -> _Block:
    one = notice.incident
    first = Window(one.first_window_start, one.first_window_end)
    last = Window(one.last_window_start, one.last_window_end)
    lines = [f"Now: {one.reason}"] if one.reason else []
    lines.append(f"It was: {one.effect}; {first} to {last}")
    return _Block(f"{_title(one)}: resolved", tuple(lines))


def _next_steps(ongoing: Sequence[Due], metrics: MonitorMetrics) -> tuple[_Block, ...]:
    advice = {
        "feature_drift": "Ask whoever supplies the features named above whether a unit, a source or the "
        "population changed on the first day named. If the change is real and stays, train on recent rows.",
        "prediction_drift": "See whether a feature drifted on the same day: then the input explains it. If "
        "none did, check which model version was served from that day on.",
        "label_drift": "Check whether the way labels are made or delivered changed.",
        "null_rate": "Find the rows without a value and the client that sent them; the model fills the gap "
        "with what it learned, or fails.",
        "model_quality": "Compare with the drifted features of the same days; if the world changed, train a "
        "new version on rows from then on and compare it with the present one before it is served.",
        "row_count": "Check the endpoint's requests and the job that unpacks them.",
        "data_freshness": "Check that requests reach the endpoint, that unpacking runs, and that the "
        "monitor's last refresh succeeded.",
        "schema_mismatch": "Ask whoever writes the columns named above what changed on the first day named; "
        "until it is mended, the model gets values it was not trained on. If the new schema is meant, train "
        "on it and write the baseline anew.",
    }
    metric_names = dict.fromkeys(notice.incident.metric for notice in ongoing)
    blocks = [_Block(advice[metric], ()) for metric in metric_names]
    windows = [notice.incident for notice in ongoing if notice.incident.metric != "data_freshness"]
    if windows and metrics.layout.timestamp_column:
        first = min(one.first_window_start for one in windows)
        last = max(one.last_window_end for one in windows)
        time = quote(metrics.layout.timestamp_column)
        table = metrics.layout.table.quoted
        blocks.append(
            _Block(
                "Look at the rows:",
                (
                    f"SELECT * FROM {table}",  # noqa: S608 - text for a person
                    f"WHERE {time} >= '{first:%Y-%m-%dT%H:%M:%SZ}' AND {time} < '{last:%Y-%m-%dT%H:%M:%SZ}'",
                ),
            )
        )
    return tuple(blocks)


def _facts(notices: Sequence[Due], metrics: MonitorMetrics) -> list[tuple[str, str]]:
    against = "the baseline" if metrics.drift_type == "BASELINE" else "the window before"
    granularity = f"windows of {metrics.granularity}" if metrics.granularity else "each refresh"
    facts = [
        ("Model", ", ".join(metrics.models) or "not recorded"),
        ("Table", str(metrics.layout.table)),
        ("Checked", f"{metrics.now:%Y-%m-%d %H:%M} UTC, {granularity} against {against}"),
        ("Rules", ", ".join(dict.fromkeys(notice.rule.name for notice in notices))),
    ]
    if metrics.layout.dashboard_url:
        facts.append(("Dashboard", metrics.layout.dashboard_url))
    return facts


def _as_text(subject: str, facts: Sequence[tuple[str, str]], sections: Sequence[_Section]) -> str:
    parts = [subject, "\n".join(f"{name + ':':11}{value}" for name, value in facts)]
    for section in sections:
        parts.append(section.title.upper())
        parts.extend(
            "\n".join([f"* {block.heading}", *(f"    {line}" for line in block.lines)])
            for block in section.blocks
        )
    return "\n\n".join(parts) + "\n"


def _as_html(subject: str, facts: Sequence[tuple[str, str]], sections: Sequence[_Section]) -> str:
    rows = "".join(
        f"<tr><td><b>{escape(name)}</b></td><td>{_linked(value)}</td></tr>" for name, value in facts
    )
    parts = [f"<h2>{escape(subject)}</h2>", f"<table cellpadding='3'>{rows}</table>"]
    for section in sections:
        items = "".join(
            f"<li><b>{escape(block.heading)}</b>"
            + "".join(f"<br>{escape(line)}" for line in block.lines)
            + "</li>"
            if block.lines
            else f"<li>{escape(block.heading)}</li>"
            for block in section.blocks
        )
        parts.append(f"<h3>{escape(section.title)}</h3><ul>{items}</ul>")
    return f"<!doctype html><html><body style='font-family: sans-serif'>{''.join(parts)}</body></html>"


def _linked(value: str) -> str:
    shown = escape(value)
    return f"<a href='{shown}'>{shown}</a>" if value.startswith(("http://", "https://")) else shown


def _notice_body(notice: Due) -> NoticeBody:
    one = notice.incident
    return {
        "event": notice.event,
        "rule": one.rule_name,
        "metric": one.metric,
        "column": "" if one.column_name == TABLE_ROW else one.column_name,
        "severity": one.severity,
        "since": one.first_window_start.isoformat(),
        "newest_window": one.last_window_start.isoformat(),
        "statistic": one.statistic,
        "value": one.value,
        "threshold": one.threshold,
        "effect": one.effect,
        "reason": one.reason,
        "incident_id": one.incident_id,
    }
