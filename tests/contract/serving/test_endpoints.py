"""The control plane of serving endpoints through the SDK."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest
from databricks.sdk.errors import (
    BadRequest,
    InvalidParameterValue,
    NotFound,
    ResourceAlreadyExists,
    ResourceConflict,
    ResourceDoesNotExist,
)
from databricks.sdk.service.serving import (
    AiGatewayConfig,
    AiGatewayInferenceTableConfig,
    AutoCaptureConfigInput,
    EndpointCoreConfigInput,
    EndpointStateConfigUpdate,
    EndpointStateReady,
    EndpointTag,
    Route,
    ServedEntityInput,
    ServedModelStateDeployment,
    ServingEndpointAccessControlRequest,
    ServingEndpointDetailed,
    ServingEndpointPermissionLevel,
    TrafficConfig,
)

from tests.contract.serving.running import MODEL, deployed, until

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

    from tests.contract.serving.running import Running


def _entity(version: object = "1", name: object = None, **more: object) -> ServedEntityInput:
    return ServedEntityInput.from_dict(
        {"entity_name": MODEL, "entity_version": version, "name": name, "workload_size": "Small", **more}
    )


def _config(*entities: ServedEntityInput, routes: list[Route] | None = None) -> EndpointCoreConfigInput:
    traffic = TrafficConfig(routes=routes) if routes else None
    return EndpointCoreConfigInput(name="", served_entities=list(entities), traffic_config=traffic)


def _name() -> str:
    return f"endpoint-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def plain(client: WorkspaceClient) -> str:
    """Deploy an endpoint without an AI Gateway block."""
    name = _name()
    client.serving_endpoints.create(name, config=_config(_entity()))
    deployed(client, name)
    return name


def test_create_returns_at_once_and_the_endpoint_becomes_ready(client: WorkspaceClient) -> None:
    name = _name()
    created = ServingEndpointDetailed.from_dict(
        client.serving_endpoints.create(name, config=_config(_entity())).response.as_dict()  # type: ignore[attr-defined]  # the SDK types it as a builtin
    )
    assert created.state is not None
    assert created.state.ready is EndpointStateReady.NOT_READY
    assert created.state.config_update is EndpointStateConfigUpdate.IN_PROGRESS
    assert created.config is None
    assert created.pending_config is not None
    assert created.pending_config.config_version == 1
    with pytest.raises(BadRequest, match="not ready"):
        client.serving_endpoints.query(name, dataframe_records=[{"x": 1.0}])
    with pytest.raises(ResourceAlreadyExists, match=name):
        client.serving_endpoints.create(name, config=_config(_entity()))
    with pytest.raises(ResourceConflict, match="being updated"):
        client.serving_endpoints.update_config(name, served_entities=[_entity("2")])

    ready = deployed(client, name)
    assert ready.state is not None
    assert ready.state.ready is EndpointStateReady.READY
    assert ready.config is not None
    assert ready.pending_config is None
    (served,) = ready.config.served_entities or []
    assert served.name == "obedient-1"
    assert served.workload_type is not None
    assert served.workload_type.value == "CPU"
    assert served.scale_to_zero_enabled is False
    assert served.state is not None
    assert served.state.deployment is ServedModelStateDeployment.DEPLOYMENT_READY
    assert ready.config.traffic_config is not None
    (route,) = ready.config.traffic_config.routes or []
    assert (route.served_entity_name, route.served_model_name, route.traffic_percentage) == (
        "obedient-1",
        "obedient-1",
        100,
    )
    assert name in [endpoint.name for endpoint in client.serving_endpoints.list()]

    client.serving_endpoints.delete(name)
    with pytest.raises(NotFound, match="basic"):
        client.serving_endpoints.get(name)


def test_an_update_splits_traffic_and_a_failed_one_keeps_it(client: WorkspaceClient) -> None:
    name = _name()
    client.serving_endpoints.create(name, config=_config(_entity("1", "mine")))
    deployed(client, name)
    both = [_entity("1", "mine"), _entity("2", "yours")]
    with pytest.raises(InvalidParameterValue, match="traffic_config"):
        client.serving_endpoints.update_config(name, served_entities=both)
    routes = [
        Route(served_entity_name="mine", traffic_percentage=30),
        Route(served_model_name="yours", traffic_percentage=70),  # the old name is still taken
    ]
    client.serving_endpoints.update_config(
        name, served_entities=both, traffic_config=TrafficConfig(routes=routes)
    )
    updating = client.serving_endpoints.get(name)
    assert updating.state is not None
    assert updating.state.ready is EndpointStateReady.READY
    assert updating.state.config_update is EndpointStateConfigUpdate.IN_PROGRESS
    assert client.serving_endpoints.query(name, dataframe_records=[{"x": 1.0}]).served_model_name == "mine"
    updated = deployed(client, name)
    assert updated.config is not None
    assert updated.config.config_version == 2
    answers = [client.serving_endpoints.query(name, dataframe_records=[{"x": 1.0}]) for _ in range(200)]
    # Five standard deviations around 60.
    assert 28 <= sum(answer.served_model_name == "mine" for answer in answers) <= 92

    client.serving_endpoints.update_config(name, served_entities=[_entity("3", "model")])
    failed = deployed(client, name)
    assert failed.state is not None
    assert failed.state.ready is EndpointStateReady.READY
    assert failed.state.config_update is EndpointStateConfigUpdate.UPDATE_FAILED
    assert failed.config is not None
    assert failed.config.config_version == 2
    assert failed.pending_config is not None
    (entity,) = failed.pending_config.served_entities or []
    assert entity.state is not None
    assert entity.state.deployment is ServedModelStateDeployment.DEPLOYMENT_FAILED
    assert "a_module_that_is_missing" in (entity.state.deployment_state_message or "")
    assert client.serving_endpoints.query(name, dataframe_records=[{"x": 1.0}]).predictions == [2.0]

    # What runs already is kept, so this takes no loading.
    client.serving_endpoints.update_config(name, served_entities=[_entity("1", "mine")])
    until(lambda: _version(client, name) == 4, seconds=2)
    answers = [client.serving_endpoints.query(name, dataframe_records=[{"x": 1.0}]) for _ in range(20)]
    assert {answer.served_model_name for answer in answers} == {"mine"}
    client.serving_endpoints.delete(name)


def _version(client: WorkspaceClient, name: str) -> int | None:
    config = client.serving_endpoints.get(name).config
    return config.config_version if config else None


@pytest.mark.parametrize(
    ("entity", "error", "words"),
    [
        ({"entity_version": "9"}, ResourceDoesNotExist, "Existing: 1, 2, 3"),
        ({"entity_name": "main.default.obedientt"}, ResourceDoesNotExist, "main.default.obedient"),
        ({"entity_version": "champion"}, InvalidParameterValue, "alias must be resolved"),
        ({"entity_name": "main.default.unsigned"}, BadRequest, "no signature"),
        ({"entity_name": "obedient"}, InvalidParameterValue, "catalog.schema.model"),
        ({"workload_size": "Huge"}, InvalidParameterValue, "Small"),
        ({"workload_type": "GPU_SMALL"}, InvalidParameterValue, "GPU"),
        ({"name": "a b"}, InvalidParameterValue, "letters"),
        ({"max_provisioned_concurrency": 8}, InvalidParameterValue, "not both"),
        ({"environment_vars": {"KEY": "{{secrets/a/b}} and more"}}, InvalidParameterValue, "whole value"),
        ({"environment_vars": {"A KEY": "text"}}, InvalidParameterValue, "A KEY"),
        ({"environment_vars": {"KEY": 1}}, InvalidParameterValue, "KEY: expected a text"),
    ],
)
def test_a_served_entity_that_cannot_be_served_is_refused(
    client: WorkspaceClient, entity: dict[str, object], error: type[Exception], words: str
) -> None:
    version = entity.pop("entity_version", "1")
    with pytest.raises(error, match=words):
        client.serving_endpoints.create(_name(), config=_config(_entity(version, **entity)))


@pytest.mark.parametrize("name", ["databricks-mine", "two words", "-dash", "a" * 64, ""])
def test_a_wrong_endpoint_name_is_refused(client: WorkspaceClient, name: str) -> None:
    with pytest.raises(InvalidParameterValue, match="name"):
        client.serving_endpoints.create(name, config=_config(_entity()))


@pytest.mark.parametrize(
    "routes",
    [
        [Route(served_entity_name="one", traffic_percentage=99)],
        [Route(served_entity_name="two", traffic_percentage=100)],
        [Route(served_entity_name="one", traffic_percentage=101)],
    ],
)
def test_wrong_traffic_is_refused(client: WorkspaceClient, routes: list[Route]) -> None:
    with pytest.raises(InvalidParameterValue):
        client.serving_endpoints.create(_name(), config=_config(_entity(name="one"), routes=routes))


def test_a_legacy_inference_table_is_refused_by_the_name_of_its_successor(client: WorkspaceClient) -> None:
    config = _config(_entity())
    config.auto_capture_config = AutoCaptureConfigInput(
        catalog_name="main", schema_name="default", enabled=True
    )
    with pytest.raises(BadRequest, match=r"ai_gateway\.inference_table_config"):
        client.serving_endpoints.create(_name(), config=config)


def test_tags_are_added_replaced_and_deleted(client: WorkspaceClient) -> None:
    tags = client.serving_endpoints.patch(
        "basic", add_tags=[EndpointTag("git_sha", "abc"), EndpointTag("flag")], delete_tags=["nothing"]
    )
    assert {tag.key: tag.value for tag in tags.tags or []} == {
        "environment": "test",
        "git_sha": "abc",
        "flag": None,
    }
    client.serving_endpoints.patch("basic", delete_tags=["git_sha", "flag"])
    shown = client.serving_endpoints.get("basic").tags or []
    assert [tag.as_dict() for tag in shown] == [{"key": "environment", "value": "test"}]


def test_permissions_are_kept_by_endpoint_id(client: WorkspaceClient) -> None:
    identifier = client.serving_endpoints.get("basic").id or ""
    wanted = ServingEndpointAccessControlRequest(
        group_name="analysts", permission_level=ServingEndpointPermissionLevel.CAN_QUERY
    )
    client.serving_endpoints.set_permissions(identifier, access_control_list=[wanted])
    shown = client.serving_endpoints.get_permissions(identifier).access_control_list or []
    levels = {
        entry.group_name or entry.user_name: permission.permission_level
        for entry in shown
        for permission in entry.all_permissions or []
    }
    assert levels == {
        "analysts": ServingEndpointPermissionLevel.CAN_QUERY,
        "local.user@example.com": ServingEndpointPermissionLevel.CAN_MANAGE,
    }
    described = client.serving_endpoints.get_permission_levels(identifier).permission_levels or []
    assert len(described) == 3
    with pytest.raises(NotFound):
        client.serving_endpoints.get_permissions("basic")


def test_an_inference_table_is_switched_off_moved_and_on_again(
    served: Running, client: WorkspaceClient, plain: str
) -> None:
    name = plain

    def switch(*, enabled: bool, prefix: str) -> None:
        client.serving_endpoints.put_ai_gateway(
            name,
            inference_table_config=AiGatewayInferenceTableConfig(
                enabled=enabled, catalog_name="main", schema_name="default", table_name_prefix=prefix
            ),
        )

    def ask(identifier: str) -> None:
        body = {"dataframe_records": [{"x": 1.0}], "client_request_id": identifier}
        assert served.ask(name, body).status == 200

    ask("before")
    switch(enabled=True, prefix="first")
    ask("a")
    with pytest.raises(InvalidParameterValue, match="Disable it first"):
        switch(enabled=True, prefix="second")
    switch(enabled=False, prefix="first")
    ask("off")
    switch(enabled=True, prefix="first")
    ask("b")
    client.serving_endpoints.put_ai_gateway(name)
    assert (client.serving_endpoints.get(name).ai_gateway or AiGatewayConfig()).as_dict() == {}
    switch(enabled=True, prefix="second")
    ask("c")
    assert sorted(row["client_request_id"] for row in served.payloads("first_payload", expect=2)) == [
        "a",
        "b",
    ]
    assert [row["client_request_id"] for row in served.payloads("second_payload", expect=1)] == ["c"]
    switch(enabled=False, prefix="second")
    with pytest.raises(NotFound, match="nowhere"):
        client.serving_endpoints.put_ai_gateway(
            name,
            inference_table_config=AiGatewayInferenceTableConfig(
                enabled=True, catalog_name="main", schema_name="nowhere"
            ),
        )
    client.serving_endpoints.put_ai_gateway(name)


def test_what_is_not_available_is_refused_by_name(served: Running) -> None:
    config = {"served_entities": [{"entity_name": MODEL, "entity_version": "1"}]}
    for more, word in (
        ({"route_optimized": True}, "route_optimized"),
        ({"ai_gateway": {"guardrails": {"input": {"safety": True}}}}, "guardrails"),
        ({"ai_gateway": {"usage_tracking_config": {"enabled": True}}}, "usage_tracking_config"),
        ({"telemetry_config": {"table_names": {"logs_table": "main.default.x"}}}, "telemetry_config"),
        ({"config": "served"}, "config"),
        ({"config": {"served_entities": [1]}}, "config"),
    ):
        answer = served.post("/api/2.0/serving-endpoints", {"name": _name(), "config": config} | more)
        assert answer.status in {400, 501}, answer.raw
        assert word in answer.json["message"]


def test_a_rate_limit_answers_429(served: Running, client: WorkspaceClient, plain: str) -> None:
    gateway = {"rate_limits": [{"key": "endpoint", "calls": 2, "renewal_period": "minute"}]}
    limits = AiGatewayConfig.from_dict(gateway).rate_limits
    client.serving_endpoints.put_ai_gateway(plain, rate_limits=limits)
    answers = [served.ask(plain, {"dataframe_records": [{"x": 1.0}]}) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[2].json["error_code"] == "REQUEST_LIMIT_EXCEEDED"
    assert answers[2].headers["retry-after"] == "1"
    client.serving_endpoints.put_ai_gateway(plain)
