"""Every function gives the value that Databricks gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.local_workspace.sql.values import VALUES

if TYPE_CHECKING:
    from tests.unit.local_workspace.sql.conftest import Sql

CASES = [
    pytest.param(expression, value, id=f"{group}-{place}")
    for group, pairs in VALUES.items()
    for place, (expression, value) in enumerate(pairs)
]


@pytest.mark.parametrize(("expression", "value"), CASES)
def test_value(workspace_sql: Sql, expression: str, value: str | None) -> None:
    assert workspace_sql.one(f"SELECT {expression}") == value


@pytest.mark.parametrize(
    ("expression", "condition", "state"),
    [
        ("1 / 0", "DIVIDE_BY_ZERO", "22012"),
        ("1 % 0", "DIVIDE_BY_ZERO", "22012"),
        ("CAST('1.5' AS INT)", "CAST_INVALID_INPUT", "22018"),
        ("CAST('abc' AS DOUBLE)", "CAST_INVALID_INPUT", "22018"),
        ("CAST('x' AS TIMESTAMP)", "CAST_INVALID_INPUT", "22018"),
        ("CAST('x' AS DATE)", "CAST_INVALID_INPUT", "22018"),
        ("CAST(3000000000 AS INT)", "ARITHMETIC_OVERFLOW", "22003"),
        ("9223372036854775807 + 1", "ARITHMETIC_OVERFLOW", "22003"),
        ("1 = '2.5'", "CAST_INVALID_INPUT", "22018"),
        ("2 IN ('2.5')", "CAST_INVALID_INPUT", "22018"),
        ("* FROM VALUES (1), ('2.5')", "INVALID_INLINE_TABLE.INCOMPATIBLE_TYPES_IN_INLINE_TABLE", "42000"),
        ("array(1, 2)[2]", "INVALID_ARRAY_INDEX", "22003"),
        ("to_timestamp('x', 'yyyy')", "CANNOT_PARSE_TIMESTAMP", "22007"),
        ("nosuch(1)", "UNRESOLVED_ROUTINE", "42883"),
        ("read_csv('/etc/passwd')", "UNRESOLVED_ROUTINE", "42883"),
        ("list_transform(array(1), x -> x)", "UNRESOLVED_ROUTINE", "42883"),
        ("skewness(1)", "UNRESOLVED_ROUTINE", "42883"),
        ("upper('a', 'b')", "WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "42605"),
        ("date_format(current_date(), 'QQQ')", "UNSUPPORTED_FEATURE.LOCAL_WORKSPACE", "0A000"),
        ("get_json_object('{}', '$.a[*]')", "UNSUPPORTED_FEATURE.LOCAL_WORKSPACE", "0A000"),
        ("to_json(named_struct('at', current_timestamp()))", "UNSUPPORTED_FEATURE.LOCAL_WORKSPACE", "0A000"),
        ("CAST(array(1) AS STRING)", "DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION", "42K09"),
        ("raise_error('no')", "USER_RAISED_EXCEPTION", "P0001"),
        ("(SELECT id FROM range(2))", "SCALAR_SUBQUERY_TOO_MANY_ROWS", "21000"),
        (":x", "UNBOUND_SQL_PARAMETER", "42P02"),
        ("explode(array(1)) + 1", "UNSUPPORTED_GENERATOR.NESTED_IN_EXPRESSIONS", "42K0E"),
    ],
)
def test_refusal(workspace_sql: Sql, expression: str, condition: str, state: str) -> None:
    error = workspace_sql.failure(f"SELECT {expression}")
    assert error.message.startswith(f"[{condition}]")
    assert error.message.endswith(f"SQLSTATE: {state}")
    assert error.sql_state == state
