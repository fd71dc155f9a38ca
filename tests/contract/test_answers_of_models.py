"""Models that answer in every form are served and asked; their answers become the columns that they mean.

MLflow makes the signatures from the answers, an endpoint serves the models and logs, the warehouse unpacks.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from databricks_monitoring.clients import SqlClient
from databricks_monitoring.config import InferenceTableConfig, ServingConfig
from databricks_monitoring.monitoring.framework import MonitoringFramework
from databricks_monitoring.monitoring.lakehouse_monitor import LakehouseMonitor
from databricks_monitoring.names import SchemaName, TableName
from databricks_monitoring.serving.inference_table import Unpacked, quarantine_table, unpack
from databricks_monitoring.serving.labels import merge_configured_labels
from databricks_monitoring.serving.model_serving_setup import ServingSetup
from databricks_monitoring.unity_catalog import ensure_schema
from tests.contract import answering_model

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

SCHEMA = SchemaName("mlops_aut", "answers")
EXAMPLE = pd.DataFrame({"Height": [1.9, 1.7], "Home town": ["Genosha", "Wakanda"]})
PROBABILITIES = {True: {"small": 0.25, "tall": 0.75}, False: {"small": 0.875, "tall": 0.125}}
BY_PLACE = {tall: dict(zip("01", likely.values(), strict=True)) for tall, likely in PROBABILITIES.items()}


@dataclass(frozen=True)
class Case:
    """What the table of a form should hold.

    Attributes
    ----------
    answers
        The columns of the answer for somebody tall and for somebody small.
    config
        Keys of `InferenceTableConfig`.
    types
        SQL types of columns of the answer.
    """

    answers: dict[bool, dict[str, object]]
    types: dict[str, str]
    config: dict[str, object] = field(default_factory=dict)


def case(tall: dict[str, object], small: dict[str, object], types: dict[str, str], **config: object) -> Case:
    return Case({True: tall, False: small}, types, config)


CLASS = {"prediction": "string"}
NUMBER = {"prediction": "double"}
SCORED = {**CLASS, "prediction_proba": "map<string,double>"}
CASES = {
    "series": case({"prediction": 1.5}, {"prediction": 0.0}, NUMBER),
    "frame": case(
        {"prediction": "tall", "it's.sure": 0.75, "prediction_proba": PROBABILITIES[True]},
        {"prediction": "small", "it's.sure": 0.875, "prediction_proba": PROBABILITIES[False]},
        {**SCORED, "it's.sure": "double"},
        prediction_field='the "class"',
        classes=["small", "tall"],
    ),
    "frame_without_names": case(
        {"prediction": 0.25, "1": 0.75}, {"prediction": 0.875, "1": 0.125}, {**NUMBER, "1": "double"}
    ),
    "objects": case(
        {
            "prediction": "tall",
            "prediction_proba": PROBABILITIES[True],
            "because": '{"of":["height"],"weight":2}',
        },
        {
            "prediction": "small",
            "prediction_proba": PROBABILITIES[False],
            "because": '{"of":["height"],"weight":2}',
        },
        {**SCORED, "because": "string"},
    ),
    "object_of_lists": case(
        {"prediction": 1.5, "band": "b", "score": 1},
        {"prediction": 0.0, "band": "a", "score": 0},
        {**NUMBER, "band": "string", "score": "bigint"},
    ),
    "lists_of_probabilities": case(
        {"prediction": "1", "prediction_proba": BY_PLACE[True]},
        {"prediction": "0", "prediction_proba": BY_PLACE[False]},
        SCORED,
    ),
}


def register(form: str, example: pd.DataFrame = EXAMPLE, name: str | None = None) -> str:
    """Log a model that answers in a form, with the signature that MLflow infers; return its version."""
    import mlflow  # noqa: PLC0415 - takes seconds, and only here

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answer: Any = answering_model.answer(form, example)
        signature = mlflow.models.infer_signature(example, answer)
        with mlflow.start_run():
            info = mlflow.pyfunc.log_model(
                name="model",
                python_model=str(answering_model.__file__),
                model_config={"form": form},
                signature=signature,
                registered_model_name=f"{SCHEMA}.{name or form}",
                pip_requirements=[],
            )
    return str(info.registered_model_version)


@pytest.fixture(scope="module")
def versions(client: WorkspaceClient, environment: pytest.MonkeyPatch) -> dict[str, str]:  # noqa: ARG001
    """Register a model of every form."""
    import mlflow  # noqa: PLC0415 - takes seconds, and only here

    ensure_schema(client, SCHEMA)
    mlflow.set_tracking_uri("databricks")
    mlflow.set_registry_uri("databricks-uc")
    mlflow.set_experiment("/Shared/answers")
    return {form: register(form) for form in CASES}


def deploy(client: WorkspaceClient, form: str, version: str) -> TableName:
    """Serve a form's model as `deploy_serving` does and return its inference table."""
    framework = MonitoringFramework(SCHEMA.catalog, SCHEMA.schema, form, client)
    deployed = framework.deploy_endpoint(
        version,
        ServingConfig(endpoint_name=f"answers-{form}", scale_to_zero=False),
        InferenceTableConfig.model_validate({"name": f"{form}_logs", **CASES[form].config}),
        tags={},
    )
    return TableName.parse(deployed["inference_table"])


@pytest.mark.parametrize("form", CASES)
def test_every_form_of_an_answer(client: WorkspaceClient, versions: dict[str, str], form: str) -> None:
    table = deploy(client, form, versions[form])
    sql, setup, endpoint = SqlClient(client), ServingSetup(client), f"answers-{form}"
    requests: list[Any] = [
        EXAMPLE,
        {"dataframe_records": EXAMPLE.to_dict("records")},
        {"instances": EXAMPLE.to_dict("records")},
        {"inputs": EXAMPLE.to_dict("list")},
    ]
    for number, request in enumerate(requests):
        setup.invoke_endpoint(endpoint, request, client_request_id=f"both-{number}")
    setup.invoke_endpoint(endpoint, [{"Height": 1.85, "Home town": "Krakoa"}], client_request_id="single")
    assert unpack(sql, table) == Unpacked(9, 5, 0)
    assert unpack(sql, table) == Unpacked(0, 0, 0)
    expected = CASES[form]
    heights = {1.9: True, 1.7: False, 1.85: True}
    rows = list(sql.execute(f"SELECT * FROM {table.quoted}"))  # noqa: S608 - quoted
    for row in rows:
        wanted = expected.answers[heights[float(str(row["Height"]))]]
        assert {name: row[name] for name in wanted} == wanted
        assert (row["model_id"], row["label"]) == (f"{form}_{versions[form]}", None)
    kept = {
        (row["client_request_id"], str(row["row_id"])[-2:], row["Height"], row["Home town"]) for row in rows
    }
    assert kept == {
        *((f"both-{number}", f"_{place}", height, town)
          for number in range(4) for place, (height, town) in enumerate(EXAMPLE.itertuples(index=False))),
        ("single", "_0", 1.85, "Krakoa"),
    }  # fmt: skip
    types = {column.name: column.type_text for column in client.tables.get(str(table)).columns or []}
    assert {name: types[name] for name in expected.types} == expected.types
    extra = types.keys() - {"row_id", "client_request_id", "timestamp", "model_id", "label", *EXAMPLE}
    assert extra == expected.types.keys()
    assert not sql.execute(f"SELECT * FROM {quarantine_table(table).quoted}")  # noqa: S608 - quoted
    setup.delete_endpoint(endpoint)


def test_a_challenger_with_a_column_more_is_labelled_and_judged(
    client: WorkspaceClient,
    versions: dict[str, str],  # noqa: ARG001 - sets MLflow up
) -> None:
    larger = EXAMPLE.assign(**{"Team, size": [2, 5]})
    for example in (EXAMPLE, larger):
        register("objects", example, "grown")
    framework = MonitoringFramework(SCHEMA.catalog, SCHEMA.schema, "grown", client)
    setup, sql = ServingSetup(client), SqlClient(client)
    serving: dict[str, object] = {"endpoint_name": "answers-grown", "scale_to_zero": False}
    inference = {
        "name": "grown_logs",
        "labels": {
            "table": "grown_truth", "key_columns": "client_request_id", "position_col": "n",
            "label_col": "was", "timestamp_col": "known",
        },
    }  # fmt: skip
    monitoring = {
        "output_schema": SCHEMA.schema,
        "granularities": ["1 day"],
        "problem_type": "classification",
    }
    framework.deploy_with_monitoring("1", serving, inference, monitoring)
    setup.invoke_endpoint("answers-grown", EXAMPLE, client_request_id="before")
    both = [
        {"name": "champion", "model_version": "1", "traffic_percentage": 50},
        {"name": "challenger", "model_version": "2", "traffic_percentage": 50},
    ]
    deployed = framework.deploy_with_monitoring(
        None, {**serving, "served_entities": both}, inference, monitoring
    )
    for name in ("champion", "challenger"):
        setup.invoke_endpoint("answers-grown", larger, client_request_id=name, served_entity=name)
    table = TableName.parse(deployed["inference_table"])
    assert unpack(sql, table) == Unpacked(6, 3, 0)
    rows = sql.execute(
        "SELECT client_request_id, model_id, `Home town`, `Team, size`, prediction "  # noqa: S608 - quoted
        f"FROM {table.quoted} ORDER BY client_request_id, row_id"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("before", "grown_1", "Genosha", None, "tall"), ("before", "grown_1", "Wakanda", None, "small"),
        ("challenger", "grown_2", "Genosha", 2, "tall"), ("challenger", "grown_2", "Wakanda", 5, "small"),
        ("champion", "grown_1", "Genosha", 2, "tall"), ("champion", "grown_1", "Wakanda", 5, "small"),
    ]  # fmt: skip
    truth = SCHEMA.table("grown_truth").quoted
    sql.execute(f"CREATE TABLE {truth} (client_request_id STRING, n DOUBLE, was STRING, known TIMESTAMP)")
    sql.execute(
        f"""INSERT INTO {truth} VALUES
        ('challenger', 0, 'small', TIMESTAMP'2026-11-01'), ('challenger', 0, 'tall', TIMESTAMP'2026-11-02'),
        ('challenger', 1, 'small', TIMESTAMP'2026-11-01'), ('champion', 0, 'small', TIMESTAMP'2026-11-01')"""  # noqa: S608
    )
    config = InferenceTableConfig.model_validate(inference).labels
    assert config is not None
    assert merge_configured_labels(sql, table, config).words() == "3 rows labelled"
    assert merge_configured_labels(sql, table, config).words() == "0 rows labelled"
    LakehouseMonitor(SCHEMA.catalog, SCHEMA.schema, client).refresh_monitor(str(table))
    judged = sql.execute(
        "SELECT model_id, count, accuracy_score FROM "  # noqa: S608 - quoted
        f"{TableName.parse(deployed['profile_metrics_table']).quoted} "
        "WHERE column_name = ':table' AND slice_key IS NULL ORDER BY model_id"
    )
    found = {row["model_id"]: (row["count"], row["accuracy_score"]) for row in judged}
    assert (found["grown_1"], found["grown_2"]) == ((4, 0.0), (2, 1.0))
    setup.delete_endpoint("answers-grown")
