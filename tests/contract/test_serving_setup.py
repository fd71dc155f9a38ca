from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from databricks.sdk.errors import BadRequest
from databricks.sdk.service.serving import (
    AiGatewayRateLimit,
    AiGatewayRateLimitKey,
    AiGatewayRateLimitRenewalPeriod,
)

from databricks_monitoring.errors import (
    AliasNotFoundError,
    CatalogNotFoundError,
    DeploymentFailedError,
    EndpointNotFoundError,
    InvalidValueError,
    MissingError,
    ModelNotFoundError,
    ModelVersionNotFoundError,
    SchemaNotFoundError,
    UnknownKeyError,
)
from databricks_monitoring.serving.model_serving_setup import ServingSetup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from databricks.sdk import WorkspaceClient

    from databricks_monitoring.names import TableName

LOG = {"catalog": "mlops_aut", "schema": "characters", "table_name": "setup_logs", "enabled": True}
ROW = {"Height": 1.9, "Universe": "Earth-616", "Teams": 2, "Magic": True}


@pytest.fixture(scope="module")
def setup(client: WorkspaceClient) -> ServingSetup:
    return ServingSetup(client)


@pytest.fixture(scope="module")
def endpoint(setup: ServingSetup, tall_model: TableName) -> Iterator[str]:
    name = setup.create_endpoint(
        endpoint_name="setup-serving",
        model_name=str(tall_model),
        model_version="latest-model",
        workload_size="Small",
        scale_to_zero=False,
        inference_table_config=LOG,
        tags={"environment": "aut"},
    )
    setup.wait_for_endpoint_ready(name, timeout=120)
    yield name
    setup.delete_endpoint(name)


def test_what_was_asked_for_is_there(setup: ServingSetup, endpoint: str) -> None:
    found = setup.get(endpoint)
    assert found.config is not None
    [entity] = found.config.served_entities or []
    assert (entity.entity_version, entity.workload_size, entity.scale_to_zero_enabled) == (
        "1",
        "Small",
        False,
    )
    assert {tag.key: tag.value for tag in found.tags or []} == {
        "environment": "aut",
        "model_alias": "latest-model",
    }


def test_the_same_again_changes_nothing(setup: ServingSetup, endpoint: str, tall_model: TableName) -> None:
    before = setup.get(endpoint)
    setup.create_endpoint(
        endpoint,
        str(tall_model),
        "latest-model",
        scale_to_zero=False,
        inference_table_config=LOG,
        tags={"environment": "aut"},
    )
    assert setup.get(endpoint).as_dict() == before.as_dict()


@pytest.mark.parametrize(
    ("model", "version", "error", "names"),
    [
        ("mlops_aut.characters.tal", "1", ModelNotFoundError, "tall"),
        ("mlops_aut.characters.tall", "9", ModelVersionNotFoundError, "1, 2, 3"),
        ("mlops_aut.characters.tall", "@champion", AliasNotFoundError, "latest-model"),
        ("mlops_aut.charcters.tall", "1", SchemaNotFoundError, "characters"),
        ("mlops_aud.characters.tall", "1", CatalogNotFoundError, "mlops_aut"),
    ],
)
@pytest.mark.usefixtures("tall_model")
def test_what_is_missing_is_named_and_nothing_created(
    setup: ServingSetup,
    model: str,
    version: str,
    error: type[MissingError],
    names: str,
) -> None:
    with pytest.raises(error, match=names):
        setup.create_endpoint("never-made", model, version)
    assert setup.find("never-made") is None


def test_wrong_arguments_are_named(setup: ServingSetup, tall_model: TableName) -> None:
    with pytest.raises(UnknownKeyError, match="Did you mean"):
        setup.create_endpoint("never-made", str(tall_model), "1", inference_table_config={"table_nam": "x"})
    with pytest.raises(InvalidValueError, match="Medium"):
        setup.create_endpoint("never-made", str(tall_model), "1", workload_size="Huge")
    with pytest.raises(InvalidValueError, match="served_entities"):
        setup.create_endpoint("never-made", str(tall_model))


@pytest.mark.parametrize(
    "payload",
    [
        {"dataframe_records": [ROW, ROW]},
        {"dataframe_split": {"columns": list(ROW), "data": [list(ROW.values())] * 2}},
        {"inputs": {name: [value] * 2 for name, value in ROW.items()}},
        {"instances": [ROW, ROW]},
    ],
)
def test_every_format_is_answered(setup: ServingSetup, endpoint: str, payload: dict[str, object]) -> None:
    assert setup.invoke_endpoint(endpoint, payload)["predictions"] == [1, 1]


def test_failures_of_requests(setup: ServingSetup, endpoint: str) -> None:
    with pytest.raises(BadRequest, match="refused"):
        setup.invoke_endpoint(endpoint, {"dataframe_records": [{**ROW, "Universe": "refuse"}]})
    with pytest.raises(EndpointNotFoundError, match=endpoint):
        setup.invoke_endpoint("setup-servin", {"dataframe_records": [ROW]})


def test_logging_may_stop_move_and_start_again(setup: ServingSetup, endpoint: str) -> None:
    limit = AiGatewayRateLimit(
        calls=10_000,
        key=AiGatewayRateLimitKey.ENDPOINT,
        renewal_period=AiGatewayRateLimitRenewalPeriod.MINUTE,
    )
    setup.client.serving_endpoints.put_ai_gateway(
        endpoint,
        inference_table_config=setup.get(endpoint).ai_gateway.inference_table_config,  # type: ignore[union-attr] # set above
        rate_limits=[limit],
    )
    setup.disable_inference_table(endpoint)
    moved = setup.enable_inference_table(endpoint, "mlops_aut", "characters", "moved_logs")
    assert moved == "mlops_aut.characters.moved_logs_payload"
    back = setup.enable_inference_table(endpoint, "mlops_aut", "characters", "setup_logs")
    assert back == "mlops_aut.characters.setup_logs_payload"
    gateway = setup.get(endpoint).ai_gateway
    assert gateway is not None
    assert gateway.rate_limits == [limit]
    with pytest.raises(SchemaNotFoundError):
        setup.enable_inference_table(endpoint, "mlops_aut", "nowhere", "logs")


def test_a_new_version_takes_over_and_a_broken_one_does_not(
    setup: ServingSetup, tall_model: TableName
) -> None:
    name = setup.create_endpoint("setup-update", str(tall_model), 1, scale_to_zero=False)
    try:
        setup.wait_for_endpoint_ready(name, timeout=120, model_version=1)
        setup.create_endpoint(name, str(tall_model), 2, scale_to_zero=False)
        setup.wait_for_endpoint_ready(name, timeout=120, model_version=2)
        setup.create_endpoint(name, str(tall_model), 3, scale_to_zero=False)
        with pytest.raises(DeploymentFailedError, match="a_module_that_is_missing"):
            setup.wait_for_endpoint_ready(name, timeout=120, model_version=3)
        assert setup.invoke_endpoint(name, {"dataframe_records": [ROW]})["predictions"] == [1]
    finally:
        assert setup.delete_endpoint(name)
    assert not setup.delete_endpoint(name)


def test_champion_and_challenger(setup: ServingSetup, tall_model: TableName) -> None:
    entities = [
        {"name": "champion", "alias": "latest-model", "traffic_percentage": 90},
        {"name": "challenger", "model_version": 2, "traffic_percentage": 10},
    ]
    name = setup.create_endpoint("setup-two", str(tall_model), served_entities=entities, scale_to_zero=False)
    try:
        found = setup.wait_for_endpoint_ready(name, timeout=120)
        assert found.config is not None
        assert found.config.traffic_config is not None
        routes = found.config.traffic_config.routes or []
        assert {route.served_entity_name: route.traffic_percentage for route in routes} == {
            "champion": 90,
            "challenger": 10,
        }
        answer = setup.invoke_endpoint(name, {"dataframe_records": [ROW]}, served_entity="challenger")
        assert answer["predictions"] == [1]
    finally:
        setup.delete_endpoint(name)
