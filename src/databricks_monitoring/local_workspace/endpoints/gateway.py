"""The AI Gateway block of an endpoint: its inference table and its rate limits."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from databricks.sdk.errors import InvalidParameterValue, RequestLimitExceeded
from databricks.sdk.service.serving import AiGatewayConfig, AiGatewayRateLimitKey

from databricks_monitoring.local_workspace.catalog.compaction import AUTO_COMPACT
from databricks_monitoring.local_workspace.model_server.payload_record import PAYLOAD_SCHEMA
from databricks_monitoring.names import SchemaName, payload_table

if TYPE_CHECKING:
    from databricks.sdk.service.serving import AiGatewayRateLimit

    from databricks_monitoring.local_workspace.catalog.tables import Tables
    from databricks_monitoring.names import TableName

_SECONDS = 60.0
_PROPERTIES = {
    "delta.enableChangeDataFeed": "true",
    AUTO_COMPACT: "true",
    # Written every second while requests come: what compaction replaced, and old commits, go after a day.
    "delta.deletedFileRetentionDuration": "interval 1 day",
    "delta.logRetentionDuration": "interval 1 day",
}


def read_gateway(config: AiGatewayConfig, endpoint_name: str) -> AiGatewayConfig:
    """Return the block with defaults filled in.

    Raises
    ------
    InvalidParameterValue
        If it is incomplete, or asks for what a local workspace does not do.
    """
    if config.guardrails is not None or config.fallback_config is not None:
        raise InvalidParameterValue("guardrails and fallback_config are not available for custom models.")
    if config.usage_tracking_config is not None and config.usage_tracking_config.enabled:
        raise InvalidParameterValue(
            "usage_tracking_config is not available: a local workspace keeps no usage tables. "
            "The inference table has every request."
        )
    for limit in config.rate_limits or []:
        _check_limit(limit)
    table = config.inference_table_config
    if table is not None:
        if table.enabled and not (table.catalog_name and table.schema_name):
            raise InvalidParameterValue(
                "inference_table_config needs catalog_name and schema_name when it is enabled."
            )
        table.table_name_prefix = table.table_name_prefix or endpoint_name
        table.enabled = bool(table.enabled)
    return config


def _check_limit(limit: AiGatewayRateLimit) -> None:
    if limit.tokens is not None:
        raise InvalidParameterValue("A custom model endpoint takes rate limits in calls, not in tokens.")
    if limit.calls is None or limit.calls < 0:
        raise InvalidParameterValue(f"Rate limit: found calls {limit.calls!r}, expected zero or more.")
    if limit.key not in {None, AiGatewayRateLimitKey.ENDPOINT, AiGatewayRateLimitKey.USER}:
        raise InvalidParameterValue(
            f"Rate limits by {limit.key.value if limit.key else None} are not available: "
            "a local workspace has one user. Use the keys endpoint or user."
        )


def inference_table(config: AiGatewayConfig | None) -> TableName | None:
    """Return the table that an endpoint with this block writes; None if it writes none."""
    table = config.inference_table_config if config else None
    if table is None or not table.enabled:
        return None
    schema = SchemaName(str(table.catalog_name).lower(), str(table.schema_name).lower())
    return payload_table(schema, str(table.table_name_prefix).lower())


def check_move(before: TableName | None, after: TableName | None) -> None:
    """Refuse another location while the inference table is enabled.

    Raises
    ------
    InvalidParameterValue
        If both are enabled and differ.
    """
    if before is not None and after is not None and before != after:
        raise InvalidParameterValue(
            f"The inference table is enabled as {before} and cannot move to {after}. "
            "Disable it first, then enable it at the new location."
        )


def ensure_inference_table(tables: Tables, name: TableName) -> None:
    """Create the table unless it is there with exactly the columns an inference table has.

    Raises
    ------
    InvalidParameterValue
        If a table of this name has other columns.
    """
    if tables.exists(name):
        found = [(column.name, column.type_text) for column in tables.get(name).columns or []]
        columns = [column for column, _ in found]
        if columns != PAYLOAD_SCHEMA.names:
            raise InvalidParameterValue(
                f"Table {name} exists and is not an inference table: found columns {columns}, "
                f"expected {PAYLOAD_SCHEMA.names}. Choose another table_name_prefix."
            )
    tables.create(name, PAYLOAD_SCHEMA, properties=_PROPERTIES, if_not_exists=True)


class RateLimiter:
    """Counts the calls of the last minute against the limits of an endpoint."""

    def __init__(self, limits: list[AiGatewayRateLimit] | None) -> None:
        # One user: what holds for a user holds for the endpoint.
        self._calls = min((limit.calls for limit in limits or [] if limit.calls is not None), default=None)
        self._recent: deque[float] = deque()
        self._lock = threading.Lock()

    def take(self) -> None:
        """Count one call.

        Raises
        ------
        RequestLimitExceeded
            If the minute's calls are used up.
        """
        if self._calls is None:
            return
        now = time.monotonic()
        with self._lock:
            while self._recent and now - self._recent[0] >= _SECONDS:
                self._recent.popleft()
            if len(self._recent) >= self._calls:
                raise RequestLimitExceeded(
                    f"The endpoint's rate limit of {self._calls} calls a minute is reached.",
                    error_code="REQUEST_LIMIT_EXCEEDED",
                )
            self._recent.append(now)
