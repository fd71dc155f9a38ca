"""Whether an inference table, its payloads and its endpoint fit together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_monitoring.errors import ValidationFailedError
from databricks_monitoring.serving.endpoint_config import payload_log
from databricks_monitoring.serving.inference_table import payload_of, quarantine_table
from databricks_monitoring.serving.payload_sql import RESERVED_COLUMNS
from databricks_monitoring.unity_catalog import column_names, find_table, require_table

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.service.catalog import TableInfo
    from databricks.sdk.service.serving import ServingEndpointDetailed

    from databricks_monitoring.names import TableName

_CHANGE_FEED = "delta.enableChangeDataFeed"
_PAYLOAD_COLUMNS = ("databricks_request_id", "client_request_id", "status_code", "request", "response")
_TIME_COLUMNS = ("request_time", "timestamp_ms")


def validate_inference_table(client: WorkspaceClient, table: TableName) -> dict[str, str]:
    """Return what was checked and found in order, in words.

    Raises
    ------
    TableNotFoundError
        If the inference table does not exist, naming what does.
    ConfigError
        If it is another kind of table.
    ValidationFailedError
        With every fault found.
    """
    info = require_table(client, table)
    payload = payload_of(info)
    endpoint = endpoint_of(client, payload)
    faults = [*_table_faults(info), *_payload_faults(client, payload), *_endpoint_faults(endpoint, payload)]
    if find_table(client, quarantine_table(table)) is None:
        faults.append(
            f"the quarantine table {quarantine_table(table)} does not exist; run deploy_serving again"
        )
    if faults:
        raise ValidationFailedError(f"Inference table {table}", faults)
    features = [name for name in column_names(info) if name.lower() not in RESERVED_COLUMNS]
    return {
        "inference table": str(table),
        "columns of the model": ", ".join(features),
        "change data feed": "on",
        "payloads": str(payload),
        "endpoint": str(endpoint.name) if endpoint else "",
    }


def endpoint_of(client: WorkspaceClient, payload: TableName) -> ServingEndpointDetailed | None:
    """Return the endpoint that logs, or last logged, to a payload table."""
    for listed in client.serving_endpoints.list():
        if listed.ai_gateway is None:
            continue
        endpoint = client.serving_endpoints.get(listed.name or "")
        log = payload_log(endpoint)
        if log is not None and str(log.table).lower() == str(payload).lower():
            return endpoint
    return None


def _table_faults(info: TableInfo) -> list[str]:
    faults = []
    existing = {name.lower() for name in column_names(info)}
    missing = [name for name in RESERVED_COLUMNS if name not in existing]
    if missing:
        faults.append(f"columns are missing: {', '.join(missing)}")
    if not existing - set(RESERVED_COLUMNS):
        faults.append("it has no column of the model's input")
    if (info.properties or {}).get(_CHANGE_FEED, "").lower() != "true":
        faults.append(
            f"the change data feed is off, so every refresh reads the whole table; "
            f"ALTER TABLE ... SET TBLPROPERTIES ('{_CHANGE_FEED}' = 'true')"
        )
    return faults


def _payload_faults(client: WorkspaceClient, payload: TableName) -> list[str]:
    info = find_table(client, payload)
    if info is None:
        return [f"the payload table {payload} does not exist yet; the endpoint makes it when logging is on"]
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
        return [f"endpoint {endpoint.name} has logging switched off; run deploy_serving to switch it on"]
    return []
