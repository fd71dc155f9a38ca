"""Names, scopes, generators and types of queries."""

# ruff: noqa: E501, S608
# A statement reads best on one line, and is put together from names of this file alone.

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from databricks.sdk.service.sql import StatementParameterListItem

from databricks_monitoring.names import TableName

if TYPE_CHECKING:
    from tests.unit.local_workspace.sql.conftest import Sql


@pytest.fixture
def p(sql: Sql) -> Sql:
    sql(
        """CREATE TABLE p AS SELECT id, array(id, id + 1) AS xs, map('a', id) AS m,
        named_struct('start', timestamp_seconds(id), 'end', timestamp_seconds(id + 60)) AS window,
        concat('[{"a":', id, '},{"a":"NaN","b":"x"}]') AS doc, id / 4 AS v FROM range(4)"""
    )
    return sql


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT e.i, e.v FROM p LATERAL VIEW posexplode(xs) e AS i, v WHERE id = 1 ORDER BY 1", [["0", "1"], ["1", "2"]]),
        ("SELECT k, z FROM p LATERAL VIEW explode(m) AS k, z WHERE id = 3", [["a", "3"]]),
        ("SELECT id, explode(xs) FROM p WHERE id = 0 ORDER BY 2", [["0", "0"], ["0", "1"]]),
        ("SELECT posexplode(xs) AS (i, v) FROM p WHERE id = 2 ORDER BY 1", [["0", "2"], ["1", "3"]]),
        ("SELECT z FROM p LATERAL VIEW OUTER explode(filter(xs, x -> x > 3)) AS z ORDER BY z", [[None], [None], [None], ["4"]]),
        ("SELECT r.a, r.b FROM p LATERAL VIEW inline(from_json(doc, 'ARRAY<STRUCT<a: DOUBLE, b: STRING>>')) r AS a, b WHERE id = 1 ORDER BY 1", [["1.0", None], ["NaN", "x"]]),
        ("SELECT window.start FROM p ORDER BY window DESC LIMIT 1", [["1970-01-01T00:00:03.000Z"]]),
        ("SELECT max(window.end) FROM p WHERE window.start > timestamp_seconds(1)", [["1970-01-01T00:01:03.000Z"]]),
        ("SELECT timestampdiff(SECOND, max(window.end), timestamp_seconds(100)) FROM p", [["37"]]),
        ("SELECT id FROM p QUALIFY row_number() OVER (ORDER BY id DESC) = 1", [["3"]]),
        ("SELECT id % 2 AS odd, count(*) FROM p GROUP BY odd ORDER BY odd", [["0", "2"], ["1", "2"]]),
        ("SELECT max(id) AS m, CAST(m AS DOUBLE) FROM p", [["3", "3.0"]]),
        ("SELECT CAST(v * 4 AS INT) AS n FROM p ORDER BY n DESC LIMIT 1", [["3"]]),
        ("SELECT id % 2 AS g FROM p GROUP BY g HAVING CAST(max(v) AS DOUBLE) > 0.6", [["1"]]),
        ("WITH p AS (SELECT 7 AS id) SELECT id FROM p", [["7"]]),
        ("WITH p AS (SELECT id FROM p WHERE id = 1) SELECT id FROM p", [["1"]]),
        ("WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS y FROM a) SELECT y FROM b", [["2"]]),
        ("SELECT a.id FROM p a LEFT ANTI JOIN p b ON a.id = b.id + 1", [["0"]]),
        ("SELECT p.m['a'], p.xs[1] FROM p WHERE p.id = 2", [["2", "3"]]),
        ("SELECT col1, col2 FROM VALUES (1, 'a')", [["1", "a"]]),
        ("VALUES (1, 'a')", [["1", "a"]]),
        ("SELECT /*+ BROADCAST(p) */ count(*) FROM p", [["4"]]),
        ("SELECT * EXCEPT (xs, m, window, doc, v) FROM p WHERE id = 0", [["0"]]),
        ("SELECT listagg(CAST(id AS STRING), ',') WITHIN GROUP (ORDER BY id DESC) FROM p", [["3,2,1,0"]]),
        ("SELECT last(id) IGNORE NULLS OVER (ORDER BY id) FROM p WHERE id < 2", [["0"], ["1"]]),
        ("SELECT x FROM VALUES (1), (NULL), (2) AS t(x) ORDER BY x", [[None], ["1"], ["2"]]),
        ("SELECT x FROM VALUES (1), (NULL), (2) AS t(x) ORDER BY x DESC", [["2"], ["1"], [None]]),
        ("SELECT count(*) FROM p AS a CROSS JOIN range(3)", [["12"]]),
    ],
)  # fmt: skip
def test_query(p: Sql, query: str, rows: list[list[str | None]]) -> None:
    assert p(query) == rows


def test_columns_are_named_as_databricks_names_them(p: Sql) -> None:
    result = p.engine.run(
        "SELECT 1, 'x', count(*), max(id), id + 1, window.start, CAST(id AS INT), doc:[0].a FROM p GROUP BY ALL",
        schema=p.schema,
    )
    assert result.names == ["1", "x", "count(1)", "max(id)", "(id + 1)", "start", "id", "a"]


def test_types_are_databricks_types(sql: Sql) -> None:
    result = sql.engine.run(
        """SELECT 1 AS a, 1L AS b, 1S AS c, 1Y AS d, 1.5 AS e, 1.5D AS f, CAST(1.5 AS FLOAT) AS g, 'x' AS h, true AS i,
        DATE '2026-01-01' AS j, current_timestamp() AS k, array(1L) AS l, map('a', 1D) AS m, named_struct('x', 1) AS n,
        NULL AS o, CAST('x' AS BINARY) AS q, sum(1) AS r, INTERVAL 1 DAY AS s"""
    )
    assert [column.type_text for column in result.columns] == [
        "INT", "BIGINT", "SMALLINT", "TINYINT", "DECIMAL(2,1)", "DOUBLE", "FLOAT", "STRING", "BOOLEAN",
        "DATE", "TIMESTAMP", "ARRAY<BIGINT>", "MAP<STRING, DOUBLE>", "STRUCT<x: INT>", "VOID", "BINARY", "BIGINT", "INTERVAL",
    ]  # fmt: skip
    decimal = result.columns[4]
    assert (decimal.type_precision, decimal.type_scale) == (2, 1)
    assert [column.position for column in result.columns] == list(range(18))


@pytest.mark.parametrize(
    ("query", "condition", "named"),
    [
        ("SELECT * FROM nope", "TABLE_OR_VIEW_NOT_FOUND", "`p`"),
        ("SELECT * FROM nowhere.x.y", "NO_SUCH_CATALOG_EXCEPTION", "`main`"),
        ("SELECT * FROM main.nowhere.y", "SCHEMA_NOT_FOUND", "`default`"),
        ("SELECT idd FROM p", "UNRESOLVED_COLUMN.WITH_SUGGESTION", "`id`"),
        ("SELECT z.id FROM p", "UNRESOLVED_COLUMN.WITH_SUGGESTION", "`z`"),
        ("SELECT p.window.nope FROM p", "FIELD_NOT_FOUND", "nope"),
        ("SELECT id, count(*) FROM p", "MISSING_AGGREGATION", "id"),
        ("SELECT id FROM p a JOIN p b ON a.id = b.id", "AMBIGUOUS_REFERENCE", "id"),
        ("SELECT 1; SELECT 2", "PARSE_SYNTAX_ERROR", "2"),
        ("SELEC 1", "PARSE_SYNTAX_ERROR", "selec"),
        ("SELECT * FROM", "PARSE_SYNTAX_ERROR", "but got the end"),
        ("SELECT * FROM p VERSION AS OF 99", "DELTA_VERSION_NOT_FOUND", "99"),
        ("SELECT * FROM nosuch(1)", "UNRESOLVABLE_TABLE_VALUED_FUNCTION", "nosuch"),
        ("SELECT * FROM '/etc/passwd'", "TABLE_OR_VIEW_NOT_FOUND", "passwd"),
        ("SELECT * FROM read_files('/etc/passwd', format => 'csv')", "PATH_NOT_FOUND", "/etc/passwd"),
    ],
)
def test_what_does_not_exist_is_named_with_what_does(p: Sql, query: str, condition: str, named: str) -> None:
    error = p.failure(query)
    assert error.message.startswith(f"[{condition}]")
    assert named.lower() in error.message.lower()


def test_the_clock_is_the_workspace_s_and_one_a_statement(sql: Sql) -> None:
    moment = datetime(2030, 5, 6, 7, 8, 9, tzinfo=UTC)
    try:
        sql.clock.set(moment)
        rows = sql("SELECT current_timestamp() = now() AS same, year(current_date()) AS y, min(x) = max(x) AS one "
                   "FROM (SELECT current_timestamp() AS x FROM range(100))")  # fmt: skip
    finally:
        sql.clock.reset()
    assert rows == [["true", "2030", "true"]]


@pytest.mark.parametrize(
    "condition",
    [
        "isnan(v)",
        "v > 100",
        "NOT v <= 100",
        "v = double('NaN')",
        "s.x > 100",
        "isnan(s.y.z)",
        "l[0] > 100",
        "m['k'] > 100",
        "id = 1 AND v > 1e300",
    ],
)
def test_nan_is_found_though_file_statistics_leave_it_out(sql: Sql, condition: str) -> None:
    sql(
        """CREATE TABLE t AS SELECT id, v, named_struct('x', v, 'y', named_struct('z', v)) AS s, array(v) AS l, map('k', v) AS m
        FROM VALUES (1, double('NaN')), (2, 1.5D) AS t(id, v)"""
    )
    assert sql(f"SELECT id FROM t WHERE {condition}") == [["1"]]
    assert sql(f"SELECT count_if({condition}) FROM t") == [["1"]]


def test_parameters_are_values_never_sql(sql: Sql) -> None:
    given = [
        StatementParameterListItem(name="text", value="'; DROP TABLE x; --"),
        StatementParameterListItem(name="number", value="2.5", type="DOUBLE"),
        StatementParameterListItem(name="day", value="2026-01-02", type="DATE"),
        StatementParameterListItem(name="at", value="2026-01-02T03:04:05Z", type="TIMESTAMP"),
        StatementParameterListItem(name="nothing", type="INT"),
        StatementParameterListItem(name="limit", value="1", type="INT"),
    ]
    result = sql.engine.run(
        "SELECT :text, :number * 2, date_add(:day, 1), :at, :nothing IS NULL FROM range(5) LIMIT :limit",
        parameters=given,
    )
    assert result.rows() == [["'; DROP TABLE x; --", "5.0", "2026-01-03", "2026-01-02T03:04:05.000Z", "true"]]


def test_files_of_volumes_can_be_read_and_no_others(sql: Sql) -> None:
    sql(f"CREATE VOLUME main.{sql.schema}.files")
    folder = sql.tables.volume_path(TableName("main", sql.schema, "files"))
    (folder / "x.csv").write_text("a,b\n1,x\n2,\n", encoding="utf-8")
    (folder / "x.json").write_text('{"a": 1, "b": "x"}\n{"a": 2}\n', encoding="utf-8")
    path = f"/Volumes/main/{sql.schema}/files"
    rows = [["1", "x"], ["2", None]]
    assert (
        sql(f"SELECT * FROM read_files('{path}/x.csv', format => 'csv', header => true) ORDER BY a") == rows
    )
    assert sql(f"SELECT a, b FROM read_files('{path}', format => 'json') ORDER BY a") == rows
    typed = sql(
        f"SELECT * FROM read_files('{path}', format => 'csv', header => true, schema => 'a DOUBLE, b STRING')"
    )
    assert sorted(str(row[0]) for row in typed) == ["1.0", "2.0"]
    escape = sql.failure(f"SELECT * FROM read_files('{path}/../../../../x', format => 'csv')")
    assert escape.message.startswith("[PATH_NOT_FOUND]")
    with pytest.raises(Exception, match="file system operations are disabled"):
        sql.engine._database.connection().execute("SELECT * FROM read_text('/etc/hostname')")
