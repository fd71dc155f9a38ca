from __future__ import annotations

from databricks.sdk.service.serving import AiGatewayConfig

from databricks_monitoring.names import SchemaName
from databricks_monitoring.serving.endpoint_config import PayloadLog, with_log

LOG = PayloadLog(SchemaName("c", "s"), "p", enabled=True)
TABLE = {"catalog_name": "c", "schema_name": "s", "table_name_prefix": "p", "enabled": True}


def test_all_but_the_inference_table_stays() -> None:
    others = {
        "fallback_config": {"enabled": True},
        "guardrails": {"input": {"safety": True}},
        "rate_limits": [{"calls": 10, "key": "endpoint", "renewal_period": "minute"}],
        "usage_tracking_config": {"enabled": True},
    }
    before = AiGatewayConfig.from_dict({**others, "inference_table_config": {**TABLE, "enabled": False}})
    assert with_log(before, LOG).as_dict() == {**others, "inference_table_config": TABLE}
    assert set(others) | {"inference_table_config"} == set(AiGatewayConfig.__dataclass_fields__)


def test_a_block_begins_with_the_inference_table() -> None:
    assert with_log(None, LOG).as_dict() == {"inference_table_config": TABLE}
