"""INSERT, UPDATE, DELETE, MERGE and definitions: right, typed, atomic, one after the other."""

# ruff: noqa: E501, S608
# A statement reads best on one line, and is put together from names of this file alone.

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from databricks_monitoring.local_workspace.sql.engine import SqlError
from databricks_monitoring.names import TableName

if TYPE_CHECKING:
    from tests.unit.local_workspace.sql.conftest import Sql

TYPES = {
    "a": ("TINYINT", "1Y", "1"),
    "b": ("SMALLINT", "2", "2"),
    "c": ("INT", "'3'", "3"),
    "d": ("BIGINT", "4", "4"),
    "e": ("FLOAT", "1.5", "1.5"),
    "f": ("DOUBLE", "double('NaN')", "NaN"),
    "g": ("DECIMAL(10, 2)", "2.345", "2.35"),
    "h": ("STRING", "1", "1"),
    "i": ("BOOLEAN", "true", "true"),
    "j": ("DATE", "'2026-01-02'", "2026-01-02"),
    "k": ("TIMESTAMP", "'2026-01-02T03:04:05.678901Z'", "2026-01-02T03:04:05.678901Z"),
    "l": ("BINARY", "CAST('ab' AS BINARY)", "YWI="),
    "m": ("ARRAY<STRUCT<x: INT, y: STRING>>", "array(named_struct('x', 1, 'y', 'z'))", '[{"x":1,"y":"z"}]'),
    "n": ("MAP<STRING, ARRAY<DOUBLE>>", "map('k', array(1.0D, NULL))", '{"k":[1.0,null]}'),
    "o": ("STRUCT<start: TIMESTAMP, end: TIMESTAMP>",
          "named_struct('start', timestamp_seconds(0), 'end', timestamp_seconds(60))",
          '{"start":"1970-01-01T00:00:00.000Z","end":"1970-01-01T00:01:00.000Z"}'),
}  # fmt: skip


def version(sql: Sql, table: str) -> int:
    return int(sql.tables.open(TableName("main", sql.schema, table)).version())


def test_every_type_comes_back_as_it_went_in(sql: Sql) -> None:
    sql(f"CREATE TABLE t ({', '.join(f'{name} {kind}' for name, (kind, _, _) in TYPES.items())})")
    sql(f"INSERT INTO t VALUES ({', '.join(value for _, value, _ in TYPES.values())})")
    sql("INSERT INTO t (a) VALUES (NULL)")
    expected = [shown for _, _, shown in TYPES.values()]
    assert sorted(sql("SELECT * FROM t"), key=str) == sorted([expected, [None] * len(TYPES)], key=str)
    described = {row[0]: row[1] for row in sql("DESCRIBE t")}
    assert described["m"] == "array<struct<x:int,y:string>>"
    assert described["g"] == "decimal(10,2)"
    sql("CREATE TABLE u AS SELECT * FROM t")
    assert sql("DESCRIBE u") == sql("DESCRIBE t")


def test_insert_answers_how_many_and_fills_what_is_left_out(sql: Sql) -> None:
    sql("CREATE TABLE t (id BIGINT NOT NULL, name STRING, v DOUBLE)")
    assert sql("INSERT INTO t (v, id) SELECT 1, '1' UNION ALL SELECT 2.5, '2'") == [["2", "2"]]
    assert sql("INSERT INTO t BY NAME SELECT 'n' AS name, 3 AS id") == [["1", "1"]]
    assert sql("SELECT * FROM t ORDER BY id") == [["1", None, "1.0"], ["2", None, "2.5"], ["3", "n", None]]
    assert sql("INSERT OVERWRITE t SELECT id, name, v FROM t WHERE id > 2") == [["1", "1"]]
    assert sql.one("SELECT count(*) FROM t") == "1"


@pytest.mark.parametrize(
    ("statement", "condition"),
    [
        ("INSERT INTO t (id, v) SELECT id, CASE WHEN id = 29999 THEN 'x' ELSE '1' END FROM range(30000)", "CAST_INVALID_INPUT"),
        ("INSERT INTO t (name) VALUES ('x')", "DELTA_NOT_NULL_CONSTRAINT_VIOLATED"),
        ("INSERT INTO t (id, nope) VALUES (1, 2)", "UNRESOLVED_COLUMN.WITH_SUGGESTION"),
        ("INSERT INTO t VALUES (1)", "INSERT_COLUMN_ARITY_MISMATCH.NOT_ENOUGH_DATA_COLUMNS"),
        ("INSERT INTO t SELECT id, 'x', 1 / (id - 29000) FROM range(30000)", "DIVIDE_BY_ZERO"),
        ("INSERT OVERWRITE t SELECT id, 'x', 1 / (id - 29000) FROM range(30000)", "DIVIDE_BY_ZERO"),
        ("UPDATE t SET v = 'x'", "CAST_INVALID_INPUT"),
        ("UPDATE t SET v = 1 / (id - 1)", "DIVIDE_BY_ZERO"),
        ("UPDATE t SET id = NULL", "DELTA_NOT_NULL_CONSTRAINT_VIOLATED"),
        ("DELETE FROM t WHERE 1 / (id - 1) > 0", "DIVIDE_BY_ZERO"),
        ("MERGE INTO t USING (SELECT 1 AS id UNION ALL SELECT 1) s ON t.id = s.id WHEN MATCHED THEN UPDATE SET v = 2", "DELTA_MULTIPLE_SOURCE_ROW_MATCHING_TARGET_ROW_IN_MERGE"),
        ("MERGE INTO t USING range(30000) s ON t.id = s.id WHEN MATCHED THEN UPDATE SET v = 5 WHEN NOT MATCHED THEN INSERT (id, v) VALUES (s.id, 1 / (s.id - 29999))", "DIVIDE_BY_ZERO"),
        ("MERGE INTO t USING range(30000) s ON t.id = s.id WHEN NOT MATCHED THEN INSERT (id, v) VALUES (s.id, 1 / (s.id - 29999))", "DIVIDE_BY_ZERO"),
        ("CREATE OR REPLACE TABLE t AS SELECT 1 / (id - 29999) AS x FROM range(30000)", "DIVIDE_BY_ZERO"),
        ("CREATE TABLE u AS SELECT 1 / (id - 29999) AS x FROM range(30000)", "DIVIDE_BY_ZERO"),
        ("CREATE TABLE t (a INT)", "TABLE_OR_VIEW_ALREADY_EXISTS"),
        ("ALTER TABLE t DROP COLUMN v", "UNSUPPORTED_FEATURE.LOCAL_WORKSPACE"),
        ("ALTER TABLE t ADD COLUMNS (x INT, V INT)", "FIELD_ALREADY_EXISTS"),
    ],
)  # fmt: skip
def test_a_failing_statement_changes_nothing(sql: Sql, statement: str, condition: str) -> None:
    sql("CREATE TABLE t (id BIGINT NOT NULL, name STRING, v DOUBLE)")
    sql("INSERT INTO t VALUES (1, 'a', 0.5), (2, 'b', NULL)")
    before = (version(sql, "t"), sql("SELECT * FROM t ORDER BY id"))
    assert sql.failure(statement).message.startswith(f"[{condition}]")
    assert (version(sql, "t"), sql("SELECT * FROM t ORDER BY id")) == before
    assert [row[1] for row in sql("SHOW TABLES")] == ["t"]


@pytest.mark.parametrize(
    ("condition", "left"),
    [
        ("id = 2", ["1", "3"]),
        ("t.name IN ('a', 'c')", ["2"]),
        ("v > 1 OR v IS NULL", []),
        ("NOT (v > 2)", ["2", "3"]),
        ("at < timestamp '2026-01-02 00:00:00'", ["2", "3"]),
        ("at < current_timestamp() - INTERVAL 1 DAY AND id < 3", ["3"]),
        ("id % 2 = 1", ["2"]),
        ("v = 'NaN'", ["1", "2"]),
        ("id > (SELECT max(id) - 1 FROM t)", ["1", "2"]),
        ("name LIKE 'a%'", ["2", "3"]),
        ("id > 99", ["1", "2", "3"]),
    ],
)
def test_delete(sql: Sql, condition: str, left: list[str]) -> None:
    sql(
        "CREATE TABLE t (id INT, name STRING, v DOUBLE, at TIMESTAMP) TBLPROPERTIES ('delta.enableChangeDataFeed' = true)"
    )
    sql("INSERT INTO t SELECT id + 1, substr('abc', CAST(id AS INT) + 1, 1), if(id = 1, 1.5D, if(id = 0, NULL, double('NaN'))),"
        " timestamp_seconds(1767225600 + id * 86400) FROM range(3)")  # fmt: skip
    sql("UPDATE t SET v = 2.5 WHERE id = 1")
    if condition == "NOT (v > 2)":
        left = ["1", "3"]
    assert sql(f"DELETE FROM t WHERE {condition}") == [[str(3 - len(left))]]
    assert [row[0] for row in sql("SELECT id FROM t ORDER BY id")] == left


def test_update_of_constants_rewrites_only_the_files_concerned(sql: Sql) -> None:
    sql("CREATE TABLE t (id INT, name STRING, v DOUBLE)")
    sql("INSERT INTO t VALUES (1, 'a', 1)")
    sql("INSERT INTO t VALUES (2, 'b', 2)")
    kept = set(sql.tables.open(TableName("main", sql.schema, "t")).file_uris())
    assert sql("UPDATE t SET name = concat('x', 'y'), v = 7 WHERE id = 2") == [["1"]]
    assert len(kept & set(sql.tables.open(TableName("main", sql.schema, "t")).file_uris())) == 1
    assert sql("UPDATE t SET v = v * 10 + id WHERE name = 'xy'") == [["1"]]
    assert sql("SELECT * FROM t ORDER BY id") == [["1", "a", "1.0"], ["2", "xy", "72.0"]]
    assert sql("UPDATE t SET v = 0 WHERE id = 9") == [["0"]]


MERGES = [
    ("WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *",
     [["1", "a", "0"], ["2", "B", "20"], ["3", "C", "30"]], ["2", "1", "0", "1"]),
    ("WHEN MATCHED AND s.n > t.n THEN UPDATE SET t.name = concat(t.name, s.name), n = t.n + s.n",
     [["1", "a", "0"], ["2", "bB", "22"]], ["1", "1", "0", "0"]),
    ("WHEN MATCHED THEN DELETE WHEN NOT MATCHED AND s.n > 99 THEN INSERT *",
     [["1", "a", "0"]], ["1", "0", "1", "0"]),
    ("WHEN NOT MATCHED THEN INSERT (id, n) VALUES (s.id, s.n + 1)",
     [["1", "a", "0"], ["2", "b", "2"], ["3", None, "31"]], ["1", "0", "0", "1"]),
    ("WHEN NOT MATCHED BY SOURCE THEN DELETE WHEN NOT MATCHED THEN INSERT *",
     [["2", "b", "2"], ["3", "C", "30"]], ["2", "0", "1", "1"]),
    ("WHEN NOT MATCHED BY SOURCE AND t.n = 0 THEN UPDATE SET n = -1 WHEN MATCHED THEN UPDATE SET n = s.n",
     [["1", "a", "-1"], ["2", "b", "20"]], ["2", "2", "0", "0"]),
    ("WHEN MATCHED AND t.n = 99 THEN DELETE WHEN MATCHED THEN UPDATE SET name = 'u' WHEN NOT MATCHED THEN INSERT *",
     [["1", "a", "0"], ["2", "u", "2"], ["3", "C", "30"]], ["2", "1", "0", "1"]),
]  # fmt: skip


@pytest.mark.parametrize("on", ["t.id = s.id", "s.id = t.id AND t.n >= 0", "abs(t.id) = abs(s.id)"])
@pytest.mark.parametrize(("clauses", "rows", "answer"), MERGES)
def test_merge(sql: Sql, on: str, clauses: str, rows: list[list[str]], answer: list[str]) -> None:
    sql("CREATE TABLE t (id INT, name STRING, n INT) TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')")
    sql("INSERT INTO t VALUES (1, 'a', 0), (2, 'b', 2)")
    source = "(SELECT * FROM VALUES (2, 'B', 20), (3, 'C', 30) AS v(id, name, n))"
    found = sql(f"MERGE INTO t USING {source} AS s ON {on} {clauses}")
    assert found == [answer]
    assert sql("SELECT * FROM t ORDER BY id") == rows


def test_an_insert_only_merge_rewrites_nothing_and_repeats_without_a_commit(sql: Sql) -> None:
    sql("CREATE TABLE t (id BIGINT, name STRING)")
    sql("INSERT INTO t VALUES (1, 'a')")
    files = set(sql.tables.open(TableName("main", sql.schema, "t")).file_uris())
    statement = "MERGE INTO t USING (SELECT id FROM range(5)) s ON t.id = s.id WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)"
    assert sql(statement) == [["4", "0", "0", "4"]]
    assert files < set(sql.tables.open(TableName("main", sql.schema, "t")).file_uris())
    before = version(sql, "t")
    assert sql(statement) == [["0", "0", "0", "0"]]
    assert version(sql, "t") == before


def test_merge_treats_rows_that_share_a_key_alike(sql: Sql) -> None:
    sql("CREATE TABLE t (id INT, part STRING, n INT)")
    sql("INSERT INTO t VALUES (1, 'x', 0), (1, 'y', 0), (NULL, 'z', 0)")
    assert sql(
        "MERGE INTO t USING (SELECT 1 AS id) s ON t.id = s.id AND t.part = 'x' WHEN MATCHED THEN UPDATE SET n = 5"
    ) == [["1", "1", "0", "0"]]
    assert sql("SELECT part, n FROM t ORDER BY part") == [["x", "5"], ["y", "0"], ["z", "0"]]
    assert sql(
        "MERGE INTO t USING (SELECT 1 AS id) s ON t.id = s.id WHEN MATCHED THEN UPDATE SET n = n + 1"
    ) == [["2", "2", "0", "0"]]
    assert sql("SELECT part, n FROM t ORDER BY part") == [["x", "6"], ["y", "1"], ["z", "0"]]


def test_changes_of_rows_are_in_the_change_feed(sql: Sql) -> None:
    sql("CREATE TABLE t (id INT, n INT) TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')")
    sql("INSERT INTO t VALUES (1, 0), (2, 0)")
    sql("MERGE INTO t USING (SELECT 2 AS id) s ON t.id = s.id WHEN MATCHED THEN UPDATE SET n = 7")
    changes = sql("SELECT id, n, _change_type FROM table_changes('t', 2) ORDER BY _change_type")
    assert changes == [["2", "7", "update_postimage"], ["2", "0", "update_preimage"]]


def test_two_writers_take_turns(sql: Sql) -> None:
    sql("CREATE TABLE t (id INT, n INT)")
    sql("INSERT INTO t VALUES (1, 0)")
    errors: list[SqlError] = []

    def write() -> None:
        try:
            for _ in range(5):
                sql("UPDATE t SET n = n + 1 WHERE id = 1")
                sql("INSERT INTO t VALUES (2, 1)")
        except SqlError as error:
            errors.append(error)

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(timeout=60)
    assert not errors
    assert sql("SELECT id, sum(n) FROM t GROUP BY id ORDER BY id") == [["1", "10"], ["2", "10"]]


def test_definitions(sql: Sql) -> None:
    sql("CREATE TABLE t (id INT COMMENT 'key') COMMENT 'things' TBLPROPERTIES ('x.y' = '1') ")
    sql("CREATE TABLE IF NOT EXISTS t (other INT)")
    sql("ALTER TABLE t ADD COLUMNS (name STRING COMMENT 'its name', v DOUBLE)")
    sql("ALTER TABLE t SET TBLPROPERTIES (delta.enableChangeDataFeed = true)")
    sql("ALTER TABLE t ALTER COLUMN id COMMENT 'the key'")
    sql("COMMENT ON TABLE t IS 'better things'")
    assert sql("DESCRIBE t") == [
        ["id", "int", "the key"],
        ["name", "string", "its name"],
        ["v", "double", None],
    ]
    assert ["Comment", "better things", ""] in sql("DESCRIBE TABLE EXTENDED t")
    properties = {row[0]: row[1] for row in sql("SHOW TBLPROPERTIES t")}
    assert properties["delta.enableChangeDataFeed"] == "true"
    assert properties["x.y"] == "1"
    assert "`id` INT COMMENT 'the key'" in str(sql.one("SHOW CREATE TABLE t"))
    sql("CREATE OR REPLACE TABLE t AS SELECT 1 AS one")
    assert sql("SELECT * FROM t") == [["1"]]
    assert sql("SHOW COLUMNS IN t") == [["one"]]
    assert sql("DESCRIBE HISTORY t")[0][0] == str(version(sql, "t"))
    assert sql("SELECT count(*) FROM t VERSION AS OF 0") == [["0"]]
    detail = sql.engine.run("DESCRIBE DETAIL t", schema=sql.schema)
    assert dict(zip(detail.names, detail.rows()[0], strict=True))["numFiles"] == "1"
    sql("OPTIMIZE t")
    assert sql("REORG TABLE t APPLY (PURGE)")[0][1] == '{"numFilesAdded":0,"numFilesRemoved":0}'
    sql("VACUUM t")
    sql("VACUUM t LITE RETAIN 168 HOURS")
    assert sql("VACUUM t RETAIN 200 HOURS DRY RUN") == []
    assert "minimum retention" in sql.failure("VACUUM t RETAIN 1 HOURS").message
    assert sql.failure("VACUUM t RETAIN some HOURS").message.startswith("[PARSE_SYNTAX_ERROR]")
    sql("DROP TABLE t")
    sql("DROP TABLE IF EXISTS t")
    assert sql("SHOW TABLES") == []


def test_views_read_what_they_were_made_for(sql: Sql) -> None:
    sql("CREATE TABLE t AS SELECT id, id * 2 AS twice FROM range(3)")
    sql("CREATE VIEW v (a, b) COMMENT 'both' AS SELECT id, twice FROM t WHERE id > 0")
    assert sql.engine.run(f"SELECT a, b FROM main.{sql.schema}.v ORDER BY a", schema="default").rows() == [
        ["1", "2"],
        ["2", "4"],
    ]
    assert sql.failure("CREATE VIEW v AS SELECT 1").message.startswith("[TABLE_OR_VIEW_ALREADY_EXISTS]")
    assert sql.failure("CREATE VIEW w AS SELECT nope FROM t").message.startswith("[UNRESOLVED_COLUMN")
    assert sql.failure("DROP TABLE v").message.startswith("[WRONG_COMMAND_FOR_OBJECT_TYPE]")
    sql("CREATE OR REPLACE VIEW v AS SELECT 7 AS seven")
    assert sql("SELECT * FROM v") == [["7"]]
    sql("DROP VIEW v")
    assert sql.failure("SELECT * FROM v").message.startswith("[TABLE_OR_VIEW_NOT_FOUND]")


def test_schemas_catalogs_and_grants(sql: Sql) -> None:
    sql("CREATE CATALOG IF NOT EXISTS written")
    sql("CREATE SCHEMA IF NOT EXISTS written.here COMMENT 'x'")
    assert sql.failure("CREATE SCHEMA written.here").sql_state == "42710"
    assert ["here"] in sql("SHOW SCHEMAS IN written")
    assert ["written"] in sql("SHOW CATALOGS LIKE 'wri*'")
    sql("CREATE TABLE written.here.t (a INT)")
    sql("GRANT SELECT, MODIFY ON TABLE written.here.t TO `someone`")
    sql("REVOKE MODIFY ON TABLE written.here.t FROM `someone`")
    assert sql("SHOW GRANTS ON TABLE written.here.t") == [["someone", "SELECT", "TABLE", "written.here.t"]]
    assert sql.failure("DROP SCHEMA written.here").message.startswith("[SCHEMA_NOT_EMPTY]")
    sql("DROP SCHEMA written.here CASCADE")
    sql("DROP CATALOG written CASCADE")
    assert sql("SELECT table_name FROM main.information_schema.tables WHERE table_schema = 'here'") == []
