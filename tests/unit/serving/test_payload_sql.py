from __future__ import annotations

from pathlib import Path

import pytest
import sqlglot

from databricks_monitoring.errors import ConfigError
from databricks_monitoring.names import TableName
from databricks_monitoring.serving.payload_sql import (
    Reading,
    merge_quarantine_statement,
    merge_rows_statement,
)
from databricks_monitoring.serving.unpacking import Unpacking

GOLDEN = Path(__file__).parents[2] / "golden" / "sql"
TABLE = TableName("main", "sales", "inference_logs")
PAYLOAD = TableName("main", "sales", "inference_logs_payload")
GATEWAY = ["databricks_request_id", "request_date", "request_time", "status_code", "request", "response"]
LEGACY = ["databricks_request_id", "date", "timestamp_ms", "status_code", "request", "response"]
INPUTS = {
    "Height": "DOUBLE",
    "Teams": "BIGINT",
    "Magic": "BOOLEAN",
    "it's `odd`": "STRING",
    "since": "TIMESTAMP",
}


def statements() -> dict[str, str]:
    def reading(columns: list[str], answers: dict[str, str], unpacking: Unpacking, days: int) -> Reading:
        return Reading(TABLE, PAYLOAD, tuple(columns), INPUTS, answers, unpacking, days)

    plain = reading(LEGACY, {"prediction": "DOUBLE"}, Unpacking(), 1)
    objects = reading(
        GATEWAY,
        {"prediction": "STRING", "score": "DOUBLE", "prediction_proba": "MAP<STRING,DOUBLE>"},
        Unpacking(
            inputs=("Height", "Teams"),
            outputs={"score": "the score"},
            prediction_field="prediction",
            probability_field="probabilities",
            classes=("no", "yes"),
        ),
        2,
    )
    lists = reading(
        GATEWAY,
        {"prediction": "STRING", "prediction_proba": "MAP<STRING,DOUBLE>"},
        Unpacking(probability_field="$"),
        1,
    )
    quarantine = TABLE.parent.table("inference_logs_quarantine")
    return {
        "unpack_rows": merge_rows_statement(objects),
        "unpack_rows_legacy": merge_rows_statement(plain),
        "unpack_rows_probabilities": merge_rows_statement(lists),
        "unpack_quarantine": merge_quarantine_statement(quarantine, objects),
    }


NAMES = ["unpack_rows", "unpack_rows_legacy", "unpack_rows_probabilities", "unpack_quarantine"]


@pytest.mark.parametrize("name", NAMES)
def test_the_statement_is_as_reviewed(name: str, request: pytest.FixtureRequest) -> None:
    path = GOLDEN / f"{name}.sql"
    found = statements()[name] + "\n"
    if request.config.getoption("--update", default=False):
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_the_statement_is_databricks_sql(name: str) -> None:
    [tree] = sqlglot.parse(statements()[name], dialect="databricks")
    assert isinstance(tree, sqlglot.exp.Merge)


@pytest.mark.parametrize(("columns", "says"), [(["event_time"], "Unity AI Gateway"), (["x"], "neither")])
def test_another_table_is_refused(columns: list[str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        merge_rows_statement(
            Reading(TABLE, PAYLOAD, tuple(columns), {}, {"prediction": "DOUBLE"}, Unpacking())
        )
