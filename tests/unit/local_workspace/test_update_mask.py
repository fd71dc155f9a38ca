from __future__ import annotations

from typing import Any

import pytest
from databricks.sdk.errors import InvalidParameterValue

from databricks_monitoring.local_workspace.rest.update_mask import masked

CURRENT: dict[str, Any] = {
    "object_type": "table",
    "data_profiling_config": {
        "output_schema_id": "a",
        "slicing_exprs": ["x < 1"],
        "schedule": {"quartz_cron_expression": "0 0 12 * * ?", "timezone_id": "UTC"},
        "assets_dir": "/Shared/a",
        "monitor_version": 3,
    },
}


def changed(wanted: dict[str, Any], mask: str) -> dict[str, Any]:
    config: dict[str, Any] = masked(CURRENT, {"data_profiling_config": wanted}, mask)["data_profiling_config"]
    return config


def test_only_what_is_named_changes() -> None:
    wanted = {"slicing_exprs": ["y"], "output_schema_id": "b"}
    config = changed(wanted, "data_profiling_config.slicing_exprs")
    assert config["slicing_exprs"] == ["y"]
    assert config["output_schema_id"] == "a"


def test_a_named_field_that_is_left_out_is_cleared() -> None:
    assert "slicing_exprs" not in changed({}, "data_profiling_config.slicing_exprs")


def test_a_field_within_a_field_keeps_its_siblings() -> None:
    wanted = {"schedule": {"quartz_cron_expression": "0 0 6 * * ?"}}
    config = changed(wanted, "data_profiling_config.schedule.quartz_cron_expression")
    assert config["schedule"] == {"quartz_cron_expression": "0 0 6 * * ?", "timezone_id": "UTC"}


@pytest.mark.parametrize("mask", ["*", "data_profiling_config"])
def test_everything_that_may_change_is_replaced(mask: str) -> None:
    config = changed({"output_schema_id": "b", "assets_dir": "/other"}, mask)
    assert config == {"output_schema_id": "b", "assets_dir": "/Shared/a", "monitor_version": 3}


def test_the_current_body_stays_as_it_was() -> None:
    before = CURRENT["data_profiling_config"]["schedule"].copy()
    changed(
        {"schedule": {"timezone_id": "CET"}},
        "data_profiling_config.schedule.timezone_id,data_profiling_config.slicing_exprs",
    )
    assert CURRENT["data_profiling_config"]["schedule"] == before


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        ("", "update_mask is required"),
        ("object_id", "cannot be updated"),
        ("data_profiling_config.status", "filled in by the service"),
        ("data_profiling_config.assets_dir", "read at creation only"),
        ("data_profiling_config.slicing_expr", "Did you mean 'slicing_exprs'"),
    ],
)
def test_a_mask_that_cannot_be_followed_is_refused(mask: str, words: str) -> None:
    with pytest.raises(InvalidParameterValue, match=words):
        changed({}, mask)
