from __future__ import annotations

import pytest

from databricks_monitoring.errors import ColumnNotFoundError, InvalidValueError
from databricks_monitoring.metrics.slices import row_expression

COLUMNS = ["Age", "city", "order date", "ts"]


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("city", '"city"'),
        ("`age`", '"Age"'),
        ("age == 3", '"Age" = 3'),
        ('city = "Bern"', "\"city\" = 'Bern'"),
        ("`order date` IS NOT NULL", 'NOT "order date" IS NULL'),
        ("age BETWEEN 20 AND 30 AND city <> 'Bern'", '"Age" BETWEEN 20 AND 30 AND "city" <> \'Bern\''),
    ],
)
def test_databricks_sql_becomes_duckdb_sql(text: str, sql: str) -> None:
    assert row_expression(text, COLUMNS, "slicing_exprs") == sql


@pytest.mark.parametrize(
    "text", ["avg(age)", "(SELECT 1)", "row_number() OVER (ORDER BY age)", "age >", "", "*"]
)
def test_what_looks_beyond_the_row_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError, match="slicing_exprs"):
        row_expression(text, COLUMNS, "slicing_exprs")


def test_an_unknown_column_is_named() -> None:
    with pytest.raises(ColumnNotFoundError, match=r"'sity'.*'city'"):
        row_expression("sity = 'Bern'", COLUMNS, "slicing_exprs")
