from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
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
    ConfigError,
    DeploymentFailedError,
    EndpointNotFoundError,
    EndpointTimeoutError,
    InvalidValueError,
    InvocationError,
    MissingError,
    ModelNotFoundError,
    ModelVersionNotFoundError,
    SchemaNotFoundError,
    ServedEntityNotFoundError,
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
        "model_version": "1",
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


@pytest.mark.parametrize(
    "payload",
    [
        pd.DataFrame([ROW, ROW]),
        [ROW, ROW],
        {"dataframe_split": pd.DataFrame([ROW, ROW])},
        {"dataframe_records": pd.DataFrame([ROW, ROW])},
        {"inputs": pd.DataFrame([ROW, ROW])},
    ],
    ids=["frame", "rows", "split", "records", "inputs"],
)
def test_rows_and_frames_are_sent_as_what_they_are(
    setup: ServingSetup, endpoint: str, payload: object
) -> None:
    assert setup.invoke_endpoint(endpoint, payload, timeout=30)["predictions"] == [1, 1]


def test_failures_of_requests(setup: ServingSetup, endpoint: str) -> None:
    with pytest.raises(InvocationError, match="refused") as refused:
        setup.invoke_endpoint(endpoint, {"dataframe_records": [{**ROW, "Universe": "refuse"}]})
    assert (refused.value.status, refused.value.error_code) == (400, "BAD_REQUEST")
    assert refused.value.body["error_code"] == "BAD_REQUEST"
    assert isinstance(refused.value.__cause__, BadRequest)
    with pytest.raises(InvocationError, match="no served entity 'nobody'") as missing:
        setup.invoke_endpoint(endpoint, [ROW], served_entity="nobody")
    assert missing.value.status == 404
    with pytest.raises(EndpointNotFoundError, match=endpoint):
        setup.invoke_endpoint("setup-servin", {"dataframe_records": [ROW]})
    with pytest.raises(InvalidValueError, match="DataFrame"):
        setup.invoke_endpoint(endpoint, "rows")


def test_what_takes_too_long_or_is_refused_for_long_is_said(setup: ServingSetup, endpoint: str) -> None:
    with pytest.raises(EndpointTimeoutError, match="did not answer in time"):
        setup.invoke_endpoint(endpoint, [{**ROW, "Universe": "slow"}], timeout=0.3)
    gateway = setup.get(endpoint).ai_gateway
    assert gateway is not None
    limit = AiGatewayRateLimit(
        calls=0,
        key=AiGatewayRateLimitKey.ENDPOINT,
        renewal_period=AiGatewayRateLimitRenewalPeriod.MINUTE,
    )
    api = setup.client.serving_endpoints
    api.put_ai_gateway(endpoint, inference_table_config=gateway.inference_table_config, rate_limits=[limit])
    try:
        with pytest.raises(InvocationError, match="rate limit") as refused:
            setup.invoke_endpoint(endpoint, [ROW], timeout=1)
        assert (refused.value.status, refused.value.error_code) == (429, "REQUEST_LIMIT_EXCEEDED")
    finally:
        api.put_ai_gateway(endpoint, inference_table_config=gateway.inference_table_config)


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
        # The first deployment is under way: the service would refuse another with 409.
        setup.create_endpoint(name, str(tall_model), 2, scale_to_zero=False)
        # Version 1 answers meanwhile; what was asked for last is waited for.
        found = setup.wait_for_endpoint_ready(name, timeout=120)
        assert found.config is not None
        assert [entity.entity_version for entity in found.config.served_entities or []] == ["2"]
        assert found.config.config_version == 2
        setup.create_endpoint(name, str(tall_model), 3, scale_to_zero=False)
        said: list[str] = []
        waiting = ServingSetup(setup.client, progress=said.append)
        with pytest.raises(EndpointTimeoutError, match=r"in progress.*tall_3 creating"):
            waiting.wait_for_endpoint_ready(name, timeout=0, model_version=3)
        with pytest.raises(DeploymentFailedError, match="a_module_that_is_missing") as failed:
            waiting.wait_for_endpoint_ready(name, timeout=120, model_version=3)
        assert "The configuration from before still serves." in str(failed.value)
        assert f"/ml/endpoints/{name}" in str(failed.value)
        assert "tall_3 creating" in said[0]
        assert "a_module_that_is_missing" in setup.read_logs(name)["tall_3"]
        with pytest.raises(ServedEntityNotFoundError, match="tall_2, tall_3"):
            setup.read_logs(name, "tall_4")
        assert setup.invoke_endpoint(name, {"dataframe_records": [ROW]})["predictions"] == [1]
    finally:
        assert setup.delete_endpoint(name)
    assert not setup.delete_endpoint(name)


def test_champion_and_challenger(setup: ServingSetup, tall_model: TableName) -> None:
    def shares() -> dict[str | None, tuple[str | None, int]]:
        config = setup.get("setup-two").config
        assert config is not None
        assert config.traffic_config is not None
        versions = {entity.name: entity.entity_version for entity in config.served_entities or []}
        routes = config.traffic_config.routes or []
        return {
            route.served_entity_name: (versions[route.served_entity_name], route.traffic_percentage)
            for route in routes
        }

    entities = [
        {"name": "champion", "alias": "latest-model", "traffic_percentage": 90},
        {"name": "challenger", "model_version": 2, "traffic_percentage": 10},
    ]
    with pytest.raises(ConfigError, match="adds up to 100, not 90"):
        setup.create_endpoint("setup-two", str(tall_model), served_entities=entities[:1])
    name = setup.create_endpoint("setup-two", str(tall_model), served_entities=entities, scale_to_zero=False)
    try:
        setup.wait_for_endpoint_ready(name, timeout=120)
        assert shares() == {"champion": ("1", 90), "challenger": ("2", 10)}
        answer = setup.invoke_endpoint(name, {"dataframe_records": [ROW]}, served_entity="challenger")
        assert answer["predictions"] == [1]
        _rearranged(setup, name)
        assert shares() == {"challenger": ("2", 100)}
        assert {tag.key: tag.value for tag in setup.get(name).tags or []} == {"model_version": "2"}
    finally:
        setup.delete_endpoint(name)


def _rearranged(setup: ServingSetup, name: str) -> None:
    with pytest.raises(InvalidValueError, match="champion 50 = 50', expected percentages"):
        setup.set_traffic(name, {"champion": 50})
    with pytest.raises(ServedEntityNotFoundError, match="Did you mean 'challenger'"):
        setup.set_traffic(name, {"challengr": 100})
    setup.set_traffic(name, {"champion": 50, "challenger": 50})
    setup.wait_for_endpoint_ready(name, timeout=60)
    version = _config_version(setup, name)
    setup.set_traffic(name, {"champion": 50, "challenger": 50})
    assert _config_version(setup, name) == version
    assert setup.add_challenger(name, 2, 20) == "2"
    setup.wait_for_endpoint_ready(name, timeout=60)
    assert _config_version(setup, name) == version + 1
    with pytest.raises(AliasNotFoundError, match="latest-model"):
        setup.add_challenger(name, "latest", 20)
    with pytest.raises(InvalidValueError, match="one served entity to challenge"):
        setup.add_challenger(name, 2, 20, name="third")
    with pytest.raises(ServedEntityNotFoundError, match="challenger, champion"):
        setup.promote(name, "nobody")
    assert setup.promote(name) == "2"
    setup.wait_for_endpoint_ready(name, timeout=60)


def _config_version(setup: ServingSetup, name: str) -> int:
    config = setup.get(name).config
    assert config is not None
    assert config.config_version is not None
    return config.config_version


def test_only_what_differs_is_sent(setup: ServingSetup, endpoint: str, tall_model: TableName) -> None:
    def deploy(**changes: Any) -> tuple[int, int | None]:  # noqa: ANN401 - any argument of create_endpoint
        wanted: dict[str, Any] = {
            "scale_to_zero": False,
            "inference_table_config": LOG,
            "tags": {"environment": "aut"},
        }
        setup.create_endpoint(endpoint, str(tall_model), "latest-model", **(wanted | changes))
        found = setup.wait_for_endpoint_ready(endpoint, timeout=60)
        return _config_version(setup, endpoint), found.last_updated_timestamp

    version, updated = deploy()
    assert deploy() == (version, updated)
    analysts = {"group_name": "analysts", "permission_level": "CAN_QUERY"}
    assert deploy(permissions=[analysts]) == (version, updated)
    assert analysts in setup.get_permissions(endpoint)
    assert deploy(tags={"environment": "aut", "git_sha": "abc"})[0] == version
    # Tags are added only; the other tests expect those of the beginning.
    setup.client.serving_endpoints.patch(endpoint, delete_tags=["git_sha"])
    with pytest.raises(ConfigError, match="exactly one of user_name"):
        deploy(permissions=[{"permission_level": "CAN_QUERY"}])
    with pytest.raises(InvalidValueError, match="CAN_VIEW"):
        setup.grant_permission(endpoint, "CAN_DO", group_name="analysts")
    setup.grant_permission(endpoint, "CAN_VIEW", user_name="ann@example.com")
    kept = {tuple(sorted(one.items())) for one in setup.get_permissions(endpoint)}
    assert tuple(sorted(analysts.items())) in kept
    setup.set_permissions(endpoint, [])
    assert [one["permission_level"] for one in setup.get_permissions(endpoint)] == ["CAN_MANAGE"]
