from __future__ import annotations

from typing import Any

import pytest
from databricks.sdk.service.serving import ServingEndpointDetailed

from databricks_monitoring.errors import InvalidValueError, ServedEntityNotFoundError
from databricks_monitoring.serving.shares import active_config, with_challenger, with_only, with_shares


def entity(name: str, version: str, **more: object) -> dict[str, Any]:
    return {
        "name": name,
        "entity_name": "c.s.m",
        "entity_version": version,
        "workload_size": "Small",
        "workload_type": "CPU",
        "scale_to_zero_enabled": True,
        "environment_vars": {"KEY": "{{secrets/a/b}}"},
        "creator": "somebody@example.com",
        "state": {"deployment": "DEPLOYMENT_READY"},
        **more,
    }


def endpoint(*served: dict[str, Any]) -> ServingEndpointDetailed:
    share = 100 // len(served)
    routes = [
        {"served_entity_name": one["name"], "served_model_name": one["name"], "traffic_percentage": share}
        for one in served
    ]
    config = {"served_entities": list(served), "traffic_config": {"routes": routes}}
    return ServingEndpointDetailed.from_dict({"name": "e", "config": config})


BOTH = active_config(endpoint(entity("champion", "1"), entity("challenger", "2")))


def test_what_is_served_can_be_sent_again() -> None:
    [sent] = active_config(endpoint(entity("champion", "1"))).served_entities or []
    assert sent.as_dict() == {
        key: value for key, value in entity("champion", "1").items() if key not in {"creator", "state"}
    }
    sized = entity("a", "1", workload_size=None, min_provisioned_concurrency=0, max_provisioned_concurrency=8)
    [sent] = active_config(endpoint(sized)).served_entities or []
    assert (sent.workload_size, sent.min_provisioned_concurrency, sent.max_provisioned_concurrency) == (
        None,
        0,
        8,
    )


def test_shares_are_set_and_who_is_not_named_gets_none() -> None:
    changed = with_shares(BOTH, {"challenger": 100})
    assert changed.traffic_config is not None
    assert [
        (route.served_entity_name, route.served_model_name, route.traffic_percentage)
        for route in changed.traffic_config.routes or []
    ] == [("champion", None, 0), ("challenger", None, 100)]


@pytest.mark.parametrize(
    ("percentages", "words"),
    [
        ({}, "nothing = 0"),
        ({"champion": 60, "challenger": 50}, r"champion 60 \+ challenger 50 = 110"),
        ({"champion": 101}, "0 to 100"),
        ({"champion": 99.5}, "whole number"),
        ({"champion": True}, "whole number"),
    ],
)
def test_other_shares_are_refused_in_words(percentages: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidValueError, match=words):
        with_shares(BOTH, percentages)


def test_a_challenger_is_like_its_champion_but_for_the_version() -> None:
    changed = with_challenger(active_config(endpoint(entity("champion", "1"))), "challenger", "7", 25)
    champion, challenger = changed.served_entities or []
    assert challenger.as_dict() == {**champion.as_dict(), "name": "challenger", "entity_version": "7"}
    assert changed.traffic_config is not None
    assert [route.traffic_percentage for route in changed.traffic_config.routes or []] == [75, 25]
    again = with_challenger(BOTH, "challenger", "3", 0)
    assert [one.entity_version for one in again.served_entities or []] == ["1", "3"]


def test_one_stays() -> None:
    [kept] = with_only(BOTH, "challenger").served_entities or []
    assert kept.entity_version == "2"
    with pytest.raises(ServedEntityNotFoundError, match="challenger, champion"):
        with_only(BOTH, "third")
