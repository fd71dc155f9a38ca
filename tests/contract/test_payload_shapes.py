"""Every shape of request and answer, delivered in every order, becomes the rows that it means."""

from __future__ import annotations

import json
from itertools import count
from typing import TYPE_CHECKING

import pytest

from databricks_monitoring.clients import SqlClient
from databricks_monitoring.errors import ColumnNotFoundError, ConfigError, InvalidValueError
from databricks_monitoring.names import SchemaName
from databricks_monitoring.serving.inference_table import (
    Unpacked,
    create_inference_table,
    quarantine_table,
    unpack,
)
from databricks_monitoring.serving.labels import merge_labels, merge_labels_counted
from databricks_monitoring.serving.signature import InputColumn, OutputField, Signature
from databricks_monitoring.unity_catalog import ensure_schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from databricks.sdk import WorkspaceClient


SCHEMA = SchemaName("mlops_aut", "payload_shapes")
INPUTS = (InputColumn("a", "DOUBLE"), InputColumn("b", "STRING"))
OBJECTS = Signature(
    INPUTS,
    "classification",
    prediction_field="prediction",
    outputs=(OutputField("score", "DOUBLE"), OutputField("label", "STRING")),
    probability_field="probabilities",
)
PAIR = {"dataframe_records": [{"a": 1, "b": "x"}, {"a": 2, "b": None}]}
numbers = count()


@pytest.fixture(scope="module")
def sql(client: WorkspaceClient) -> SqlClient:
    ensure_schema(client, SCHEMA)
    return SqlClient(client)


class Log:
    """An inference table and a payload table of the older kind, which anyone may write."""

    def __init__(self, sql: SqlClient, signature: Signature, *, classes: Sequence[str] = ()) -> None:
        self.sql = sql
        self.table = SCHEMA.table(f"t{next(numbers)}")
        self.payload = SCHEMA.table(self.table.name + "_payload")
        sql.execute(
            f"CREATE TABLE {self.payload.quoted} (client_request_id STRING, databricks_request_id STRING, "
            "`date` DATE, timestamp_ms BIGINT, status_code INT, request STRING, response STRING, "
            "request_metadata MAP<STRING, STRING>)"
        )
        create_inference_table(
            sql, self.table, self.payload, signature, signature.problem_type, classes=classes
        )

    def put(self, name: str, request: object, predictions: object, *, day: str = "2026-11-01") -> None:
        self.sql.execute(
            f"INSERT INTO {self.payload.quoted} SELECT concat('c-', :id), :id, CAST(:day AS DATE), "
            "unix_millis(CAST(:day AS TIMESTAMP)), 200, :request, :response, "
            "map('model_name', 'main.s.churn', 'model_version', '4')",
            {
                "id": name,
                "day": day,
                "request": json.dumps(request),
                "response": json.dumps({"predictions": predictions}),
            },
        )

    def rows(self, *columns: str) -> list[tuple[object, ...]]:
        """Unpack, and return columns of every row in order."""
        unpack(self.sql, self.table)
        found = self.sql.execute(f"SELECT * FROM {self.table.quoted} ORDER BY row_id")  # noqa: S608 - quoted
        return [tuple(row[column] for column in columns) for row in found]

    def reasons(self) -> list[tuple[object, object]]:
        found = self.sql.execute(
            f"SELECT reason, detail FROM {quarantine_table(self.table).quoted} "  # noqa: S608 - quoted
            "ORDER BY databricks_request_id"
        )
        return [(row["reason"], row["detail"]) for row in found]


def test_every_form_of_a_request(sql: SqlClient) -> None:
    log = Log(sql, Signature(INPUTS, "classification"))
    bodies = [
        {"dataframe_records": [{"a": 1.5, "b": "é x"}, {"b": None, "a": 2}]},
        {"dataframe_split": {"index": [0, 1], "columns": ["b", "a"], "data": [["é x", 1.5], [None, 2]]}},
        {"instances": [{"a": 1.5, "b": "é x"}, {"a": 2}]},
        {"inputs": {"a": [1.5, 2], "b": ["é x", None]}},
        {"inputs": [[1.5, "é x"], [2, None]]},
        {"columns": ["a", "b"], "data": [[1.5, "é x"], [2, None]]},
    ]
    for place, body in enumerate(bodies):
        log.put(f"r{place}", body, ["yes", "no"])
    log.put("single", {"inputs": {"a": 3, "b": "y"}}, "yes")
    log.put("torn", {"dataframe_records": 3}, ["yes"])
    found = log.rows("a", "b", "prediction", "client_request_id")
    expected = [
        row
        for place in range(6)
        for row in ((1.5, "é x", "yes", f"c-r{place}"), (2, None, "no", f"c-r{place}"))
    ]
    assert found == [*expected, (3, "y", "yes", "c-single")]
    assert log.reasons() == [("unreadable_request", None)]


def test_fields_of_an_answer_become_columns(sql: SqlClient) -> None:
    log = Log(sql, OBJECTS, classes=("no", "yes"))
    log.put("0", PAIR, [
        {"prediction": "yes", "score": 0.5, "label": "L", "probabilities": {"yes": 0.75, "no": 0.25}},
        {"prediction": "no", "probabilities": [0.75, 0.25]},
    ])  # fmt: skip
    log.put("1", PAIR, {"prediction": ["no", "yes"], "score": [1, 2], "probabilities": [[1, 0], [0, 1]]})
    log.put("2", {"inputs": {"a": 1, "b": "x"}}, {"prediction": "no", "score": 4})
    log.put("3", PAIR, ["yes", "no"])
    assert log.rows("prediction", "score", "output_label", "prediction_proba", "label") == [
        ("yes", 0.5, "L", {"yes": 0.75, "no": 0.25}, None),
        ("no", None, None, {"no": 0.75, "yes": 0.25}, None),
        ("no", 1.0, None, {"no": 1.0, "yes": 0.0}, None),
        ("yes", 2.0, None, {"no": 0.0, "yes": 1.0}, None),
        ("no", 4.0, None, None, None),
        ("yes", None, None, None, None),
        ("no", None, None, None, None),
    ]
    assert log.reasons() == []


@pytest.mark.parametrize(("classes", "named"), [((), ("0", "1")), (("no", "yes"), ("no", "yes"))])
def test_of_probabilities_the_likeliest_class_is_the_prediction(
    sql: SqlClient, classes: tuple[str, ...], named: tuple[str, str]
) -> None:
    log = Log(sql, Signature(INPUTS, "classification", probability_field="$"), classes=classes)
    log.put("0", PAIR, [[0.25, 0.75], [0.9, 0.1]])
    assert log.rows("prediction", "prediction_proba") == [
        (named[1], dict(zip(named, (0.25, 0.75), strict=True))),
        (named[0], dict(zip(named, (0.9, 0.1), strict=True))),
    ]


def test_lists_of_one_number_are_numbers(sql: SqlClient) -> None:
    log = Log(sql, Signature(INPUTS, "regression"))
    log.put("0", PAIR, [[0.5], [1.5]])
    assert log.rows("prediction") == [(0.5,), (1.5,)]


def test_a_value_that_is_not_of_its_type_leaves_a_row_and_a_reason(sql: SqlClient) -> None:
    log = Log(
        sql, Signature((*INPUTS, InputColumn("n", "BIGINT"), InputColumn("t", "BOOLEAN")), "regression")
    )
    log.put("0", {"dataframe_records": [{"a": "one", "n": 1.5, "t": 1}, {"a": "2", "n": 3.0}]}, [1, "high"])
    log.put("1", {"dataframe_records": [{"a": 1, "n": 2, "t": "false"}]}, [1])
    assert log.rows("a", "n", "t", "prediction") == [
        (None, None, True, 1.0),
        (2.0, 3, None, None),
        (1.0, 2, False, 1.0),
    ]
    [(reason, detail)] = log.reasons()
    assert reason == "uncastable"
    assert detail == "a: one is no DOUBLE; n: 1.5 is no BIGINT; prediction: high is no DOUBLE"
    assert unpack(sql, log.table) == Unpacked(0, 0, 0)


def test_payloads_are_found_however_late_and_often_they_come(sql: SqlClient) -> None:
    log = Log(sql, Signature(INPUTS, "classification"))
    log.put("new", PAIR, ["yes", "no"], day="2026-11-20")
    log.put("new", PAIR, ["yes", "no"], day="2026-11-20")
    assert unpack(sql, log.table) == Unpacked(2, 2, 0)
    assert unpack(sql, log.table) == Unpacked(0, 0, 0)
    log.put("months late", PAIR, ["yes", "no"], day="2026-06-01")
    log.put("weeks late", PAIR, ["yes", "no"], day="2026-11-02")
    log.put("new", PAIR, ["yes", "no"], day="2026-11-20")
    assert unpack(sql, log.table) == Unpacked(4, 5, 0)
    assert unpack(sql, log.table) == Unpacked(0, 0, 0)
    assert len(log.rows("row_id")) == 6


def test_names_of_columns_may_be_anything(sql: SqlClient) -> None:
    names = ["with space", "größe", "a.b", "select", "it's `x`", "[0]"]
    log = Log(sql, Signature(tuple(InputColumn(name, "BIGINT") for name in names), "classification"))
    log.put("0", {"dataframe_records": [{name: place for place, name in enumerate(names)}]}, ["yes"])
    assert log.rows(*names) == [tuple(range(len(names)))]


def test_names_that_differ_in_case_are_refused(sql: SqlClient) -> None:
    twice = Signature((InputColumn("a", "DOUBLE"), InputColumn("A", "DOUBLE")), "classification")
    with pytest.raises(ConfigError, match="upper and lower case"):
        Log(sql, twice)


def test_a_table_grows_with_its_model_and_loses_nothing(sql: SqlClient) -> None:
    log = Log(sql, Signature(INPUTS, "classification"))
    newer = Signature((InputColumn("b", "STRING"), InputColumn("c", "BIGINT")), "classification")
    create_inference_table(sql, log.table, log.payload, newer, "classification")
    log.put("0", PAIR, ["yes", "no"])
    log.put("1", {"inputs": [["z", 7]]}, ["yes"])  # in the order of the newer version
    assert log.rows("a", "b", "c") == [(1, "x", None), (2, None, None), (None, "z", 7)]
    narrower = Signature((InputColumn("a", "INT"), InputColumn("c", "INT")), "classification")
    create_inference_table(sql, log.table, log.payload, narrower, "classification")
    wider = Signature((InputColumn("c", "DOUBLE"),), "classification")
    with pytest.raises(InvalidValueError, match=r"column c of .*values would not fit"):
        create_inference_table(sql, log.table, log.payload, wider, "classification")


def test_labels_by_a_key_that_the_model_does_not_take(sql: SqlClient) -> None:
    log = Log(sql, Signature(INPUTS, "classification"))
    create_inference_table(
        sql, log.table, log.payload, Signature(INPUTS, "classification"), "classification", extra=("order",)
    )
    log.put("0", {"dataframe_records": [{"a": 1, "order": "o-1"}, {"a": 2, "order": "o-2"}]}, ["yes", "no"])
    assert log.rows("order", "label") == [("o-1", None), ("o-2", None)]
    sql.execute(f"CREATE TABLE {SCHEMA.quoted}.truth (`order` STRING, came STRING)")
    sql.execute(f"INSERT INTO {SCHEMA.quoted}.truth VALUES ('o-1', 'no'), ('o-9', 'yes')")  # noqa: S608
    merged = merge_labels_counted(sql, log.table, "truth", on="order", label_col="came")
    assert merged.words() == "1 rows labelled, 1 of 2 labels match no row"
    assert log.rows("order", "label") == [("o-1", "no"), ("o-2", None)]
    with pytest.raises(ColumnNotFoundError):
        merge_labels(sql, log.table, "truth", on="customer", label_col="came")
