"""Whether an inference table, its payloads, its endpoint and its baseline fit together, in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from databricks.sdk.errors import NotFound

from databricks_monitoring.clients import SqlClient
from databricks_monitoring.errors import ValidationFailedError
from databricks_monitoring.serving import logged_traffic as traffic
from databricks_monitoring.serving.baseline_match import baseline_findings
from databricks_monitoring.serving.endpoint_config import payload_log
from databricks_monitoring.serving.inference_table import payload_of, quarantine_table, retained_since
from databricks_monitoring.serving.label_delay import delay_of
from databricks_monitoring.serving.payload_sql import REASONS, RESERVED_COLUMNS, UNCASTABLE
from databricks_monitoring.serving.progress import Source
from databricks_monitoring.unity_catalog import column_names, find_table, require_table

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.service.catalog import TableInfo
    from databricks.sdk.service.serving import ServingEndpointDetailed

    from databricks_monitoring.names import TableName

_CHANGE_FEED = "delta.enableChangeDataFeed"
_PAYLOAD_COLUMNS = ("databricks_request_id", "client_request_id", "status_code", "request", "response")
_TIME_COLUMNS = ("request_time", "timestamp_ms")

DEFAULT_MAX_DELAY = timedelta(hours=26)
"""How long an answered request may wait to become rows: a daily refresh, and two hours for it to run."""

GROWING_SHARE = 0.01
"""Recent payloads in quarantine count as growth from this share of the recent requests on ..."""

GROWING_FACTOR = 2.0
"""... if the share is this many times that of the time before."""

FIRST_SHARE = 0.1
"""The same where there is no time before."""

FEWEST_QUARANTINED = 5
"""Fewer recent payloads in quarantine are a warning, whatever their share."""


@dataclass(frozen=True)
class Inspection:
    """What was found: facts in order, faults, and warnings, which are no faults."""

    table: TableName
    facts: dict[str, str]
    faults: list[str]
    warnings: list[str]


def validate_inference_table(
    client: WorkspaceClient, table: TableName, *, max_delay: timedelta = DEFAULT_MAX_DELAY
) -> dict[str, str]:
    """Return what was checked and found in order, in words; warnings under the key `warning`.

    Raises
    ------
    TableNotFoundError
        If the inference table does not exist, naming what does.
    ConfigError
        If it is another kind of table.
    ValidationFailedError
        With every fault found.
    """
    found = inspect_inference_table(client, table, max_delay=max_delay)
    if found.faults:
        raise ValidationFailedError(f"Inference table {table}", found.faults)
    return {**found.facts, **({"warning": "; ".join(found.warnings)} if found.warnings else {})}


def inspect_inference_table(
    client: WorkspaceClient, table: TableName, *, max_delay: timedelta = DEFAULT_MAX_DELAY
) -> Inspection:
    """Return everything that can be said about an inference table; see `validate_inference_table`."""
    info = require_table(client, table)
    payload = payload_of(info)
    endpoint = endpoint_of(client, payload)
    payload_info = find_table(client, payload)
    of_payloads = _payload_faults(payload_info, payload, endpoint)
    faults = [
        *_table_faults(info),
        *of_payloads,
        *_endpoint_faults(endpoint, payload),
    ]
    quarantine = find_table(client, quarantine_table(table))
    if quarantine is None:
        faults.append(
            f"the quarantine table {quarantine_table(table)} does not exist; run deploy_serving again"
        )
    features = [name for name in column_names(info) if name.lower() not in RESERVED_COLUMNS]
    facts = {
        "inference table": str(table),
        "columns of the model": ", ".join(features),
        "change data feed": "on" if _feeds(info) else "off",
        "payloads": str(payload),
        "endpoint": str(endpoint.name) if endpoint else "none",
    }
    found = Inspection(table, facts, faults, [])
    if payload_info is not None and quarantine is not None and not of_payloads:
        _judge_traffic(SqlClient(client), found, info, payload_info, endpoint, max_delay)
    return found


def endpoint_of(client: WorkspaceClient, payload: TableName) -> ServingEndpointDetailed | None:
    """Return an endpoint that logs to a payload table; if there is none, one that did so last."""
    former = None
    for listed in client.serving_endpoints.list():
        if listed.ai_gateway is None:
            continue
        try:
            endpoint = client.serving_endpoints.get(listed.name or "")
        except NotFound:
            continue  # deleted in between
        log = payload_log(endpoint)
        if log is None or str(log.table).lower() != str(payload).lower():
            continue
        if log.enabled:
            return endpoint
        former = former or endpoint
    return former


def _judge_traffic(  # noqa: PLR0917 - everything that was looked up
    sql: SqlClient,
    found: Inspection,
    info: TableInfo,
    payload_info: TableInfo,
    endpoint: ServingEndpointDetailed | None,
    max_delay: timedelta,
) -> None:
    now = sql.workspace_time()
    since = max(now - traffic.RECENT, _changed_at(endpoint))
    payload, columns = payload_of(info), column_names(payload_info)
    delay = delay_of(info)
    asked = traffic.requests(sql, payload, columns, now=now, since=since)
    if not asked.total:
        found.facts["requests"] = "none yet"
        found.warnings.append(
            f"no traffic yet: the tables are ready, but {payload} is empty. Send a request to endpoint "
            f"{endpoint.name if endpoint else '(none)'}; it is delivered within minutes, on a busy workspace "
            "within an hour"
        )
        return
    rows = traffic.in_rows(sql, found.table, due_before=now - (delay or timedelta()))
    kept = traffic.quarantined(sql, quarantine_table(found.table), since=since)
    found.facts["requests"] = f"{asked.total:,}, the newest {_moment(asked.newest)}"
    found.facts["rows"] = f"{rows.total:,}" + (f", the newest {_moment(rows.newest)}" if rows.newest else "")
    found.facts["labels"] = _labels(rows, delay)
    found.facts["quarantine"] = f"{kept.total:,} payloads"
    if delay is not None and rows.due and not rows.due_labelled:
        found.warnings.append(
            f"no labels: none of the {rows.due:,} rows older than the label delay of {_span(delay)} has one; "
            "is the table of labels filled, and do its keys match?"
        )
    _judge_requests(found, asked, kept, since)
    source = Source(found.table, payload, tuple(columns), quarantine_table(found.table))
    waiting = traffic.oldest_waiting(sql, source, retained=retained_since(info))
    _judge_delay(found, waiting, now, max_delay)
    _judge_quarantine(sql, found, asked, kept, since)
    errors, warnings = baseline_findings(sql, info, rows.newest)
    found.faults.extend(errors)
    found.warnings.extend(warnings)


def _judge_requests(
    found: Inspection, asked: traffic.Requests, kept: traffic.Quarantined, since: datetime
) -> None:
    if asked.recent and asked.recent_failed == asked.recent:
        status = f"status {asked.status}" if asked.status else "no status"
        said = f", {asked.message!r}" if asked.message else ""
        found.faults.append(
            f"only errors: all {asked.recent:,} requests since {_moment(since)} failed; most often "
            f"{status}{said}"
        )
    elif asked.recent_failed:
        found.facts["failed requests"] = (
            f"{asked.recent_failed:,} of {asked.recent:,} since {_moment(since)}; "
            f"most often status {asked.status}"
        )
    if not asked.recent and not kept.recent:
        found.warnings.append(f"no request since {_moment(since)}; the newest is of {_moment(asked.newest)}")


def _judge_delay(found: Inspection, waiting: datetime | None, now: datetime, max_delay: timedelta) -> None:
    if waiting is None or now - waiting <= max_delay:
        return
    minutes = int((now - waiting) / timedelta(minutes=1))
    found.faults.append(
        f"late by {minutes:,} minutes: a request of {_moment(waiting)} is logged and not "
        f"unpacked yet, and at most {max_delay / timedelta(minutes=1):,.0f} minutes are expected. Is the job "
        "refresh_all_monitors running?"
    )


def _judge_quarantine(
    sql: SqlClient, found: Inspection, asked: traffic.Requests, kept: traffic.Quarantined, since: datetime
) -> None:
    if not kept.recent_total or not asked.recent:
        return
    share = kept.recent_total / asked.recent
    before = asked.total - asked.recent
    share_before = (kept.total - kept.recent_total) / before if before else 0.0
    grows = (
        kept.recent_total >= FEWEST_QUARANTINED
        and share >= (GROWING_SHARE if before else FIRST_SHARE)
        and share >= GROWING_FACTOR * share_before
    )
    reasons = ", ".join(
        f"{reason} {n:,} ({REASONS.get(reason, 'unknown')})" for reason, n in kept.recent.items()
    )
    earlier = f" ({share_before:.1%} before)" if before else ""
    example = (
        traffic.uncastable_example(sql, quarantine_table(found.table)) if UNCASTABLE in kept.recent else None
    )
    state = "grows" if grows else "is not empty"
    (found.faults if grows else found.warnings).append(
        f"quarantine {state}: {kept.recent_total:,} of {asked.recent:,} requests since "
        f"{_moment(since)}{earlier}; {reasons}" + (f"; for example {example}" if example else "")
    )


def _labels(rows: traffic.InRows, delay: timedelta | None) -> str:
    words = f"{rows.labelled:,} of {rows.total:,} rows"
    return f"{words}; {rows.due_labelled:,} of the {rows.due:,} that are due" if delay is not None else words


def _changed_at(endpoint: ServingEndpointDetailed | None) -> datetime:
    """Return when an endpoint was last changed; what was before says nothing about what it is now."""
    millis = endpoint.last_updated_timestamp if endpoint else None
    return datetime.fromtimestamp((millis or 0) / 1000, tz=UTC)


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "never"


def _span(length: timedelta) -> str:
    days = length / timedelta(days=1)
    return f"{days:g} days" if days >= 1 else f"{length / timedelta(hours=1):g} hours"


def _feeds(info: TableInfo) -> bool:
    return (info.properties or {}).get(_CHANGE_FEED, "").lower() == "true"


def _table_faults(info: TableInfo) -> list[str]:
    faults = []
    existing = {name.lower() for name in column_names(info)}
    missing = [name for name in RESERVED_COLUMNS if name not in existing]
    if missing:
        faults.append(f"columns are missing: {', '.join(missing)}")
    if not existing - set(RESERVED_COLUMNS):
        faults.append("it has no column of the model's input")
    if not _feeds(info):
        faults.append(
            f"the change data feed is off, so every refresh reads the whole table; "
            f"ALTER TABLE ... SET TBLPROPERTIES ('{_CHANGE_FEED}' = 'true')"
        )
    return faults


def _payload_faults(
    info: TableInfo | None, payload: TableName, endpoint: ServingEndpointDetailed | None
) -> list[str]:
    if info is None and endpoint is not None and not _endpoint_faults(endpoint, payload):
        words = (
            f"the payload table {payload} does not exist, although endpoint {endpoint.name} logs to it; it "
            "was dropped or renamed, or is not made yet. If it does not appear within minutes, disable the "
            "endpoint's inference table and enable it again"
        )
        return [words]
    if info is None:
        return [f"the payload table {payload} does not exist; the endpoint makes it when logging is on"]
    existing = {name.lower() for name in column_names(info)}
    missing = [name for name in _PAYLOAD_COLUMNS if name not in existing]
    if not existing.intersection(_TIME_COLUMNS):
        missing.append(" or ".join(_TIME_COLUMNS))
    return [f"the payload table {payload} lacks {', '.join(missing)}"] if missing else []


def _endpoint_faults(endpoint: ServingEndpointDetailed | None, payload: TableName) -> list[str]:
    if endpoint is None:
        return [f"no endpoint logs to {payload}; run deploy_serving"]
    log = payload_log(endpoint)
    if log is None or not log.enabled:
        words = (
            f"capture is off: endpoint {endpoint.name} has logging switched off, so its requests are lost; "
            "run deploy_serving to switch it on, or enable the inference table in its AI Gateway settings"
        )
        return [words]
    return []
