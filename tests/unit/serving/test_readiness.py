from __future__ import annotations

import pytest
from databricks.sdk.service.serving import ServingEndpointDetailed

from databricks_monitoring.errors import EndpointTimeoutError
from databricks_monitoring.serving import readiness


def endpoint(
    ready: str, update: str, version: str, deployment: str = "DEPLOYMENT_READY"
) -> ServingEndpointDetailed:
    entity = {
        "name": "m_1",
        "entity_version": version,
        "state": {"deployment": deployment, "deployment_state_message": "why"},
    }
    return ServingEndpointDetailed.from_dict(
        {
            "name": "e",
            "state": {"ready": ready, "config_update": update},
            "config": {"served_entities": [entity]},
        }
    )


@pytest.mark.parametrize(
    ("ready", "update", "version", "expected"),
    [
        ("READY", "NOT_UPDATING", "2", True),
        ("READY", "NOT_UPDATING", "1", False),
        ("NOT_READY", "NOT_UPDATING", "2", False),
        ("READY", "IN_PROGRESS", "2", False),
        ("READY", "UPDATE_FAILED", "2", False),
    ],
)
def test_ready_needs_all_three(ready: str, update: str, version: str, expected: bool) -> None:  # noqa: FBT001
    assert readiness.is_ready(endpoint(ready, update, version), "2") is expected


def test_a_failure_carries_the_deployments_words() -> None:
    failed = endpoint("READY", "UPDATE_FAILED", "1", "DEPLOYMENT_FAILED")
    assert "m_1 failed: why" in str(readiness.failure(failed))
    assert "still serves" in str(readiness.failure(failed))
    assert "read_logs('e')`, or http://host/page." in str(readiness.failure(failed, "http://host/page"))
    first = endpoint("NOT_READY", "UPDATE_FAILED", "1", "DEPLOYMENT_FAILED")
    assert "It serves nothing." in str(readiness.failure(first))


def test_what_was_asked_for_must_be_served_and_nothing_else() -> None:
    found = endpoint("READY", "NOT_UPDATING", "2")
    assert readiness.is_ready(found, None, frozenset({("", "2")}))
    assert not readiness.is_ready(found, None, frozenset({("", "2"), ("", "3")}))
    assert not readiness.is_ready(found, None, frozenset({("a.b.other", "2")}))


def test_waiting_ends_in_time() -> None:
    starting = endpoint("NOT_READY", "IN_PROGRESS", "1", "DEPLOYMENT_CREATING")
    with pytest.raises(EndpointTimeoutError, match="not ready, in progress, m_1 creating: why"):
        readiness.wait(lambda: starting, lambda _: False, timeout=0.3, wanted="ready")
