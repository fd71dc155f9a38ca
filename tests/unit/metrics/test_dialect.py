from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import sqlglot
from sqlglot import exp

from databricks_monitoring.errors import InvalidValueError
from databricks_monitoring.metrics.dialect import duckdb_sql
from databricks_monitoring.metrics.engines.duckdb import connect

ROWS = """
SELECT i, z, CAST(d AS DOUBLE) AS d, CAST(e AS DOUBLE) AS e, s, b, CAST(ts AS TIMESTAMPTZ) AS ts,
    CAST(n AS DOUBLE) AS n, a
FROM (VALUES
    (1, 0, 2.7, 0.0, 'Bern', true, '2026-11-01 10:00:00+00', NULL, [1, 2, 3]),
    (2, 3, -2.7, 4.0, 'Zug', false, '2026-11-02 10:00:00+00', 'nan', [4, 5, 6])
) AS t(i, z, d, e, s, b, ts, n, a)
"""


def values(text: str) -> list[object]:
    tree = sqlglot.parse_one(text, dialect="databricks", into=exp.Condition)
    with connect() as connection:
        found = connection.sql(f"SELECT {duckdb_sql(tree, 'an expression')} FROM ({ROWS})").to_arrow_table()  # noqa: S608
    return list(found.column(0).to_pylist())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # By zero there is nothing.
        ("i / z", [None, 2 / 3]),
        ("d / e", [None, -2.7 / 4]),
        ("i % z", [None, 2]),
        ("5 div z", [None, 1]),
        ("(i + 1) / (z - 3)", [pytest.approx(-2 / 3), None]),
        ("i / 4", [0.25, 0.5]),
        ("try_divide(d, e)", [None, -2.7 / 4]),
        ("pmod(-i, 3)", [2, 1]),
        # A cast to a whole number cuts off.
        ("cast(d AS int)", [2, -2]),
        ("int(d)", [2, -2]),
        ("bigint(d)", [2, -2]),
        ("try_cast(s AS int)", [None, None]),
        ("cast('7' AS int)", [7, 7]),
        ("cast(b AS int)", [1, 0]),
        ("cast(2.5 AS int)", [2, 2]),
        ("element_at(a, int((size(a) + 1) / 2))", [2, 5]),
        ("a[0]", [1, 4]),
        # The first of November 2026 is a Sunday.
        ("dayofweek(ts)", [1, 2]),
        ("weekday(ts)", [6, 0]),
        ("dayofweek_iso(ts)", [7, 1]),
        ("hour(ts)", [10, 10]),
        ("date_trunc('MONTH', ts)", [datetime(2026, 11, 1, tzinfo=UTC)] * 2),
        ("unix_timestamp(ts)", [1793527200, 1793613600]),
        ("bround(2.5)", [Decimal(2), Decimal(2)]),
        ("ln(e)", [None, math.log(4)]),
        ("log10(d)", [pytest.approx(math.log10(2.7)), None]),
        ("isnull(n)", [True, False]),
        ("isnotnull(n) AND isnan(n)", [False, True]),
        ("nanvl(n, 1)", [None, 1.0]),
        ("zeroifnull(n) = 0", [True, False]),
        ("n > 1e308", [None, True]),
        ("if(b, s, 'x')", ["Bern", "x"]),
        ("s RLIKE '^B' OR s ILIKE 'z%'", [True, True]),
        # A whole number has no point, which the text of a slice's value would show.
        ("cast(floor(d) AS string)", ["2", "-3"]),
        ("cast(ceil(i / 4) AS string)", ["1", "1"]),
        ("floor(d, 1)", [2.7, -2.7]),
        ("decimal(d)", [Decimal(3), Decimal(-3)]),
        # One within the other.
        ("cast(i / z AS int)", [None, 0]),
        ("int(dayofweek(ts))", [1, 2]),
        ("isnull(i / z)", [True, False]),
        ("nanvl(ln(e), 1)", [None, math.log(4)]),
        ("zeroifnull(pmod(i, z))", [0, 2]),
    ],
)
def test_values_are_those_of_databricks(text: str, expected: list[object]) -> None:
    assert values(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("avg(d)", 0.0),
        ("mean(d)", 0.0),
        ("std(d)", pytest.approx(math.sqrt(2 * 2.7**2))),
        ("percentile(d, 0.5)", 0.0),
        ("percentile_approx(d, 0.5)", -2.7),
        ("median(d)", 0.0),
        ("kurtosis(d)", -2.0),
        ("count_if(b) / count(*)", 0.5),
        ("sum(i) / sum(z - z)", None),
        ("cast(avg(e) + 0.9 AS int)", 2),
        ("every(b)", False),
        ("some(b)", True),
        ("max(ts)", datetime(2026, 11, 2, 10, tzinfo=UTC)),
        ("try_avg(e)", 2.0),
    ],
)
def test_aggregates_are_those_of_databricks(text: str, expected: object) -> None:
    assert values(text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "hash(s)",
        "rand() > 0.5",
        "uuid()",
        "skewness(d)",
        "avg(xxhash64(i))",
        "cast(hash(s) AS int)",
        "isnull(rand())",
        "ts > now()",
        "date(ts) = current_date()",
        "unix_timestamp()",
        "current_user()",
        "explode(a)",
        "posexplode(a)",
        "inline(a)",
        "stack(2, i, z)",
    ],
)
def test_what_differs_from_databricks_or_from_itself_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError, match=r"an expression: found .*the same as on Databricks"):
        values(text)
