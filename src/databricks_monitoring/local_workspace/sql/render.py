"""Result values as the text that JSON_ARRAY and CSV carry."""

from __future__ import annotations

import base64
import json
import math
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.sql.types import DeltaType


def rows(table: pa.Table, kinds: list[DeltaType]) -> list[list[str | None]]:
    """Return the rows of a result, every value as text or None."""
    if not table.num_columns:
        return [[] for _ in range(table.num_rows)]
    columns = [texts(table.column(place), kind) for place, kind in enumerate(kinds)]
    return [list(row) for row in zip(*columns, strict=True)]


def texts(column: pa.ChunkedArray, kind: DeltaType) -> list[str | None]:
    """Return a column's values as text."""
    if isinstance(kind, str) and kind in {"string", "long", "integer", "short", "byte", "boolean", "date"}:
        found: list[str | None] = pc.cast(column, pa.string()).to_pylist()
        return found
    return [None if value is None else _text(value, kind) for value in column.to_pylist()]


def _text(value: Any, kind: DeltaType) -> str:  # noqa: ANN401 - a value of any Arrow type
    if isinstance(kind, dict):
        return json.dumps(_jsonable(value, kind), separators=(",", ":"), ensure_ascii=False)
    return scalar(value, kind)


def scalar(value: object, kind: str) -> str:  # noqa: PLR0911 - one way a type
    """Return one value that is neither NULL nor nested."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return java_float(float(str(np.float32(value))) if kind == "float" else value)
    if isinstance(value, datetime):
        return moment(value, zone="" if kind == "timestamp_ntz" else "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, pa.MonthDayNano):
        return interval(value)
    if isinstance(value, timedelta):
        return interval(pa.MonthDayNano([0, value.days, value.seconds * 10**9 + value.microseconds * 1000]))
    return str(value)


def moment(value: datetime, *, zone: str) -> str:
    """Return a time in ISO form with milliseconds, or microseconds where there are some.

    Examples
    --------
    >>> moment(datetime(2026, 11, 23, 10), zone="Z")
    '2026-11-23T10:00:00.000Z'
    """
    precision = "microseconds" if value.microsecond % 1000 else "milliseconds"
    return value.replace(tzinfo=None).isoformat(timespec=precision) + zone


def java_float(value: float) -> str:
    """Return a floating point number as Java writes it.

    Examples
    --------
    >>> [java_float(each) for each in (1.0, 1e7, 0.00012, float("nan"), float("-inf"))]
    ['1.0', '1.0E7', '1.2E-4', 'NaN', '-Infinity']
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:  # noqa: PLR2004 - where Java changes to exponents
        return repr(value) if "e" not in repr(value) else f"{value:f}"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    text = "".join(str(digit) for digit in digits)
    shown = f"{text[0]}.{text[1:] or '0'}E{int(exponent) + len(text) - 1}"
    return f"-{shown}" if sign else shown


def interval(value: pa.MonthDayNano) -> str:
    """Return an interval as Databricks writes it: years and months, or days and a time of day."""
    if value.months:
        sign = "-" if value.months < 0 else ""
        return f"{sign}{abs(value.months) // 12}-{abs(value.months) % 12}"
    seconds, nanoseconds = divmod(abs(value.days * 86_400 * 10**9 + value.nanoseconds), 10**9)
    sign = "-" if value.days < 0 or value.nanoseconds < 0 else ""
    hours, rest = divmod(seconds, 3600)
    return f"{sign}{hours // 24} {hours % 24:02d}:{rest // 60:02d}:{rest % 60:02d}.{nanoseconds:09d}"


def _jsonable(value: Any, kind: DeltaType) -> Any:  # noqa: ANN401, PLR0911 - JSON of any depth
    if value is None:
        return None
    if isinstance(kind, dict):
        if kind["type"] == "array":
            return [_jsonable(each, kind["elementType"]) for each in value]
        if kind["type"] == "map":
            pairs = value.items() if isinstance(value, dict) else value
            return {_key(key, kind["keyType"]): _jsonable(each, kind["valueType"]) for key, each in pairs}
        return {field["name"]: _jsonable(value[field["name"]], field["type"]) for field in kind["fields"]}
    if isinstance(value, float) and not math.isfinite(value):
        return java_float(value)
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Decimal):
        number = float(value)
        return number if Decimal(repr(number)) == value else format(value, "f")
    return scalar(value, kind)


def _key(value: object, kind: DeltaType) -> str:
    if isinstance(kind, dict):
        return json.dumps(_jsonable(value, kind), separators=(",", ":"))
    return scalar(value, kind)
