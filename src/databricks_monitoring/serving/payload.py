"""Requests to an endpoint: checked, and made of plain JSON values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

from databricks_monitoring.errors import InvalidValueError, UnknownKeyError

FORMATS = ("dataframe_split", "dataframe_records", "instances", "inputs")
_BESIDE = ("params", "client_request_id", "usage_context")


def request_body(
    payload: object, *, client_request_id: str | None, params: Mapping[str, object] | None
) -> dict[str, object]:
    """Return the JSON body of a request.

    Missing values (None, NaN, NaT) become null, numpy values plain ones, dates ISO text.

    Parameters
    ----------
    payload : mapping, DataFrame or sequence of mapping
        The parts of the body by name, of which one may be a DataFrame; or the rows themselves.

    Raises
    ------
    UnknownKeyError, InvalidValueError
        Unless the payload has exactly one of `FORMATS`, and beside it only what the protocol knows.
    """
    valid = [*FORMATS, *_BESIDE]
    payload = _named(payload)
    for key in payload:
        if key not in valid:
            raise UnknownKeyError(str(key), "payload", valid)
    given = [key for key in payload if key in FORMATS]
    if len(given) != 1:
        raise InvalidValueError("payload", given or "none of them", "exactly one of " + ", ".join(FORMATS))
    body = {key: _plain(_in_format(key, value)) for key, value in payload.items()}
    if client_request_id is not None:
        body["client_request_id"] = client_request_id
    if params is not None:
        body["params"] = _plain(params)
    return body


def _named(payload: object) -> Mapping[str, object]:
    """Return rows under the name of their format; a mapping has named them already."""
    if isinstance(payload, Mapping):
        return payload
    if _is_frame(payload):
        return {"dataframe_split": payload}
    if isinstance(payload, Sequence) and payload and all(isinstance(row, Mapping) for row in payload):
        return {"dataframe_records": payload}
    shown = "no rows" if isinstance(payload, Sequence) and not payload else type(payload).__name__
    raise InvalidValueError("payload", shown, "a dictionary, a DataFrame or a list of dictionaries")


def _is_frame(value: object) -> bool:
    # pandas is optional, so nothing of it is imported to ask.
    return hasattr(value, "to_dict") and hasattr(value, "columns")


def _in_format(name: str, value: object) -> object:
    """Return a DataFrame in the shape that a format has; anything else as it is."""
    if not _is_frame(value):
        return value
    if name == "dataframe_split":
        split = value.to_dict(orient="split")  # type: ignore[attr-defined] # asked for just above
        return {"columns": split["columns"], "data": split["data"]}
    orient = "list" if name == "inputs" else "records"
    return value.to_dict(orient=orient)  # type: ignore[attr-defined] # asked for just above


def _plain(value: object) -> object:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float | Decimal):
        # numpy's float64 is a float as well; float() makes it a plain one.
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime | date):
        text = value.isoformat()
        return None if text == "NaT" else text
    return _plain_of_numpy(value)


def _plain_of_numpy(value: object) -> object:
    """Return the plain value of what numpy and pandas have."""
    if getattr(getattr(value, "dtype", None), "kind", None) == "M":
        # For some units, among them the nanoseconds of pandas, a time's own plain value is a number.
        if isinstance(value, Iterable) and getattr(value, "shape", None) != ():
            return [_plain(item) for item in value]
        return None if str(value) == "NaT" else str(value)
    for method in ("tolist", "item"):
        if hasattr(value, method):
            return _plain(getattr(value, method)())
    if str(value) == "<NA>":
        return None
    raise InvalidValueError("payload", type(value).__name__, "values that JSON has")
