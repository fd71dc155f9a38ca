"""One row of an inference table: its columns, and its form in a segment file."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.json

from databricks_monitoring.local_workspace.model_server.frames import storable
from databricks_monitoring.local_workspace.model_server.segment import framed

if TYPE_CHECKING:
    from collections.abc import Sequence

PAYLOAD_SCHEMA = pa.schema(
    [
        ("databricks_request_id", pa.string()),
        ("request_date", pa.date32()),
        ("client_request_id", pa.string()),
        ("request_time", pa.timestamp("us", tz="UTC")),
        ("status_code", pa.int32()),
        ("sampling_fraction", pa.float64()),
        ("execution_duration_ms", pa.int64()),
        ("request", pa.string()),
        ("response", pa.string()),
        ("logging_error_codes", pa.list_(pa.string())),
        ("served_entity_id", pa.string()),
        ("requester", pa.string()),
    ]
)
"""Columns of an AI Gateway inference table, in order."""

MAX_LOGGED_BYTES = 1024 * 1024
"""A longer request or response is NULL in the table, with a code that says so."""

REQUEST_TOO_LARGE = "MAX_REQUEST_SIZE_EXCEEDED"
RESPONSE_TOO_LARGE = "MAX_RESPONSE_SIZE_EXCEEDED"


_DERIVED = ("request_date", "request_time", "sampling_fraction")
_RECORD_SCHEMA = pa.schema(
    [
        *[field for field in PAYLOAD_SCHEMA if field.name not in _DERIVED],
        pa.field("request_time_us", pa.int64()),
    ]
)


class PayloadRecord(NamedTuple):
    """One answered request.

    Attributes
    ----------
    request_time_us
        Arrival by the workspace's clock, in microseconds since the epoch.
    execution_duration_ms
        What the model took; None if it never saw the request.
    """

    databricks_request_id: str
    client_request_id: str | None
    request_time_us: int
    status_code: int
    execution_duration_ms: int | None
    request: str | None
    response: str | None
    logging_error_codes: list[str]
    served_entity_id: str | None
    requester: str | None

    @classmethod
    def of(
        cls,
        *,
        request_id: str,
        client_request_id: str | None,
        arrived_us: int,
        status: int,
        duration_ms: int | None,
        request: bytes | None,
        response: bytes,
        served_entity_id: str | None,
        requester: str,
    ) -> PayloadRecord:
        """Return the record of one exchange; `request` is None when it was too large to be read."""
        codes = []
        if request is None or len(request) > MAX_LOGGED_BYTES:
            request = None
            codes.append(REQUEST_TOO_LARGE)
        logged: bytes | None = response
        if len(response) > MAX_LOGGED_BYTES:
            logged = None
            codes.append(RESPONSE_TOO_LARGE)
        return cls(
            databricks_request_id=request_id,
            client_request_id=None if client_request_id is None else storable(client_request_id),
            request_time_us=arrived_us,
            status_code=status,
            execution_duration_ms=duration_ms,
            request=None if request is None else request.decode(errors="replace"),
            response=None if logged is None else logged.decode(errors="replace"),
            logging_error_codes=codes,
            served_entity_id=served_entity_id,
            requester=requester,
        )

    def text(self) -> bytes:
        """Return the record as JSON."""
        return orjson.dumps(
            {
                "databricks_request_id": self.databricks_request_id,
                "client_request_id": self.client_request_id,
                "request_time_us": self.request_time_us,
                "status_code": self.status_code,
                "execution_duration_ms": self.execution_duration_ms,
                "request": self.request,
                "response": self.response,
                "logging_error_codes": self.logging_error_codes,
                "served_entity_id": self.served_entity_id,
                "requester": self.requester,
            }
        )

    def line(self) -> bytes:
        """Return the record as one line of a segment file."""
        return framed(self.text())


def payload_table(texts: Sequence[bytes | memoryview]) -> pa.Table:
    """Return the rows of the inference table for the texts of records, in their order.

    Read by Arrow, without Python objects: requests are answered meanwhile by a thread of the same
    interpreter.

    Raises
    ------
    pyarrow.ArrowException
        If a text is not a record.
    """
    lines = b"\n".join([*texts, b""])
    # One block for all of them: no record may be longer than a block.
    reading = pa.json.ReadOptions(use_threads=False, block_size=len(lines) + 1)
    parsing = pa.json.ParseOptions(explicit_schema=_RECORD_SCHEMA, unexpected_field_behavior="error")
    records = pa.json.read_json(pa.BufferReader(lines), reading, parsing)
    moments = records["request_time_us"].cast(PAYLOAD_SCHEMA.field("request_time").type)
    derived = {
        "request_time": moments,
        "request_date": moments.cast(pa.date32(), safe=False),
        "sampling_fraction": pa.repeat(pa.scalar(1.0), len(records)),
    }
    columns = [derived[name] if name in derived else records[name] for name in PAYLOAD_SCHEMA.names]
    return pa.Table.from_arrays(columns, schema=PAYLOAD_SCHEMA)
