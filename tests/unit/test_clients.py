from __future__ import annotations

import math
import socket
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from databricks.sdk.service.sql import ColumnInfo, ColumnInfoTypeName

from databricks_monitoring.clients import Parameter, Rows, _bound, _typed, connect
from databricks_monitoring.errors import ConfigError, WorkspaceUnreachableError

EAST = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("INT", "7", 7),
        ("LONG", "-9007199254740993", -9007199254740993),
        ("DOUBLE", "1.5", 1.5),
        ("DOUBLE", "Infinity", math.inf),
        ("BOOLEAN", "true", True),
        ("BOOLEAN", "false", False),
        ("DATE", "2026-11-23", date(2026, 11, 23)),
        ("TIMESTAMP", "2026-11-23T10:00:00.000Z", datetime(2026, 11, 23, 10, tzinfo=UTC)),
        ("TIMESTAMP", "2026-11-23T10:00:00.123456+02:00", datetime(2026, 11, 23, 8, 0, 0, 123456, UTC)),
        ("DECIMAL", "1.10", Decimal("1.10")),
        ("STRING", "7", "7"),
        ("ARRAY", '["a",null]', ["a", None]),
        ("STRUCT", '{"start":"2026-11-23T00:00:00.000Z"}', {"start": "2026-11-23T00:00:00.000Z"}),
        ("MAP", '{"a":1}', {"a": 1}),
        ("BINARY", "AAE=", b"\x00\x01"),
        ("USER_DEFINED_TYPE", "{}", "{}"),
        ("DOUBLE", None, None),
    ],
)
def test_values_are_typed_by_the_manifest(kind: str, text: str | None, value: object) -> None:
    found = _typed(text, ColumnInfo(name="x", type_name=ColumnInfoTypeName(kind)))
    assert found == value
    assert type(found) is type(value)


def test_nan_is_a_float() -> None:
    found = _typed("NaN", ColumnInfo(name="x", type_name=ColumnInfoTypeName.DOUBLE))
    assert isinstance(found, float)
    assert math.isnan(found)


@pytest.mark.parametrize(
    ("value", "text", "kind"),
    [
        ("a", "a", "STRING"),
        (True, "true", "BOOLEAN"),
        (3, "3", "BIGINT"),
        (0.1, "0.1", "DOUBLE"),
        (Decimal("-12.50"), "-12.50", "DECIMAL(4,2)"),
        (Decimal("0.001"), "0.001", "DECIMAL(3,3)"),
        (date(2026, 11, 23), "2026-11-23", "DATE"),
        (datetime(2026, 11, 23, 10, tzinfo=EAST), "2026-11-23T08:00:00+00:00", "TIMESTAMP"),
        (datetime(2026, 11, 23, 10), "2026-11-23T10:00:00+00:00", "TIMESTAMP"),  # noqa: DTZ001 - taken as UTC
        (None, None, None),
    ],
)  # fmt: skip
def test_parameters_are_bound_with_their_types(value: Parameter, text: str | None, kind: str | None) -> None:
    bound = _bound("x", value)
    assert (bound.name, bound.value, bound.type) == ("x", text, kind)


def test_rows_are_a_sequence() -> None:
    rows = Rows(["a", "b"], [{"a": 1, "b": 2}])
    assert (len(rows), rows[0]["b"], list(rows), rows.columns, rows.scalar()) == (
        1,
        2,
        [{"a": 1, "b": 2}],
        ("a", "b"),
        1,
    )
    assert Rows(["a"], []).scalar() is None


def test_a_dead_host_on_this_machine_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    monkeypatch.setenv("DATABRICKS_HOST", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("DATABRICKS_TOKEN", "t")
    with pytest.raises(WorkspaceUnreachableError, match="local up"):
        connect()


def test_no_configuration_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOST", "TOKEN", "CONFIG_PROFILE", "CLIENT_ID", "CLIENT_SECRET"):
        monkeypatch.delenv(f"DATABRICKS_{name}", raising=False)
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(ConfigError, match="DATABRICKS_HOST"):
        connect()
