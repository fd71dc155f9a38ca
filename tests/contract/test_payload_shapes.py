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
    from collections.abc import Mapping, Sequence

    from databricks.sdk import WorkspaceClient

    from databricks_monitoring.clients import Parameter, Rows

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
    log.put("1", PAIR, [{"0": 0.25, "1": 0.75}, {"0": 0.9, "1": 0.1}])
    expected = [
        (named[1], dict(zip(named, (0.25, 0.75), strict=True))),
        (named[0], dict(zip(named, (0.9, 0.1), strict=True))),
    ]
    assert log.rows("prediction", "prediction_proba") == 2 * expected


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


def test_no_value_keeps_the_others_from_becoming_rows(sql: SqlClient) -> None:
    kinds = ("BIGINT", "INT", "TIMESTAMP", "DOUBLE", "BOOLEAN")
    columns = tuple(InputColumn(f"a {kind}", kind) for kind in kinds)
    names = [column.name for column in columns]
    log = Log(sql, Signature(columns, "regression"))
    strange = [2**63, -(10**30), 1e308, "1e400", "NaN", "Infinity", "99999-12-31", "", {"a": [1]}, [2**64]]
    for place, value in enumerate(strange):
        log.put(f"{place}", {"dataframe_records": [dict.fromkeys(names, value)]}, [value])
    log.put("good", {"dataframe_records": [dict.fromkeys(names, 1)]}, [1.5])
    assert len(log.rows("row_id")) == len(strange) + 1
    assert log.rows("a BIGINT", "a INT", "a BOOLEAN", "prediction")[-1] == (1, 1, True, 1.5)
    assert {reason for reason, _ in log.reasons()} == {"uncastable"}


def test_fields_of_an_answer_may_be_called_anything(sql: SqlClient) -> None:
    names = ["it's", 'the "one"', "a.b", "c d", "[0]", "e]f", "back\\slash", "why?", "größe", "$", "*"]
    signature = Signature(
        INPUTS, "classification", prediction_field=names[1],
        outputs=tuple(OutputField(name, "BIGINT") for name in names if name != names[1]),
    )  # fmt: skip
    log = Log(sql, signature)
    log.put("0", {"inputs": {"a": 1, "b": "x"}}, [{name: place for place, name in enumerate(names)}])
    others = [name for name in names if name != names[1]]
    assert log.rows("prediction", *others) == [("1", *(names.index(name) for name in others))]
    assert log.reasons() == []


def test_a_table_that_was_dropped_is_filled_from_all_payloads_there_are(sql: SqlClient) -> None:
    log = Log(sql, Signature(INPUTS, "classification"))
    log.put("0", PAIR, ["yes", "no"])
    log.put("1", PAIR, ["yes"])
    assert len(log.rows("row_id")) == 2
    sql.execute(f"DROP TABLE {log.table.quoted}")
    create_inference_table(sql, log.table, log.payload, Signature(INPUTS, "classification"), "classification")
    assert unpack(sql, log.table).rows_added == 2
    sql.execute(f"DROP TABLE {quarantine_table(log.table).quoted}")
    assert unpack(sql, log.table) == Unpacked(0, 2, 1)
    assert log.reasons() == [("count_mismatch", None)]


def test_a_column_whose_name_needs_it_switches_column_mapping_on(sql: SqlClient) -> None:
    class Recording(SqlClient):
        def execute(self, statement: str, parameters: Mapping[str, Parameter] | None = None) -> Rows:
            said.append(statement)
            return super().execute(statement, parameters)

    said: list[str] = []
    recording = Recording(sql.client)
    log = Log(sql, Signature(INPUTS, "classification"))
    plain = Signature((*INPUTS, InputColumn("c", "DOUBLE")), "classification")
    create_inference_table(recording, log.table, log.payload, plain, "classification")
    assert not [statement for statement in said if "columnMapping" in statement]
    spaced = Signature((*INPUTS, InputColumn("c d", "DOUBLE")), "classification")
    create_inference_table(recording, log.table, log.payload, spaced, "classification")
    added = [place for place, statement in enumerate(said) if "ADD COLUMNS (`c d`" in statement]
    mapped = [
        place for place, statement in enumerate(said) if "'delta.columnMapping.mode' = 'name'" in statement
    ]
    assert mapped == [added[0] - 1]


def labelled(
    sql: SqlClient, log: Log, truth: tuple[str, str], on: str, position_col: str | None = None
) -> list[object]:
    """Label rows from a new table and return every label, in the order of the rows."""
    table = SCHEMA.table(f"truth_{next(numbers)}")
    definition, values = truth
    sql.execute(f"CREATE TABLE {table.quoted} ({definition})")
    sql.execute(f"INSERT INTO {table.quoted} VALUES {values}")  # noqa: S608 - the test's own
    merge_labels(sql, log.table, table, on=on, position_col=position_col)
    return [label for (label,) in log.rows("label")]


def test_keys_of_labels_may_have_another_type(sql: SqlClient) -> None:
    signature = Signature((*INPUTS, InputColumn("n", "BIGINT")), "classification")
    log = Log(sql, signature)
    create_inference_table(sql, log.table, log.payload, signature, "classification", extra=("order",))
    orders = [17, 18.0, "none"]
    records = [{"a": 1, "order": order, "n": place} for place, order in enumerate(orders)]
    log.put("0", {"dataframe_records": records}, ["yes", "no", "yes"])
    assert log.rows("order") == [("17",), ("18.0",), ("none",)]
    by_order = "`order` BIGINT, label STRING", "(17, 'no'), (18, 'yes')"
    assert labelled(sql, log, by_order, "order") == ["no", "yes", None]
    by_number = "n STRING, label STRING", "('0', 'a'), ('x', 'b')"
    assert labelled(sql, log, by_number, "n") == ["a", "yes", None]
    by_place = "client_request_id STRING, place DOUBLE, label STRING", "('c-0', 2.0, 'c')"
    assert labelled(sql, log, by_place, "client_request_id", "place") == ["a", "yes", "c"]
    with pytest.raises(InvalidValueError, match="at least one column"):
        merge_labels(sql, log.table, "truth", on=[])


def test_labels_are_written_as_predictions_are(sql: SqlClient) -> None:
    """A classifier that was trained with fractions answers 1.0; the label 1 is the same class."""
    log = Log(sql, Signature(INPUTS, "classification"))
    log.put("0", {"dataframe_records": [{"a": 1}] * 3}, [1.0, 0.0, 1])
    log.rows("row_id")
    ids = "('0_0', 1), ('0_1', 1), ('0_2', 1)"
    for kind in ("INT", "DOUBLE", "STRING"):
        assert labelled(sql, log, (f"row_id STRING, label {kind}", ids), "row_id") == ["1.0", "1.0", "1"]
