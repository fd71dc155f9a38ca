from __future__ import annotations

import pytest

from databricks_monitoring.errors import InvalidValueError
from databricks_monitoring.local_workspace.model_server.settings import ServingSettings


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_MONITORING_SERVING_IDLE_SECONDS", "2.5")
    assert ServingSettings.from_environment() == ServingSettings(idle_seconds=2.5)


@pytest.mark.parametrize("value", ["soon", "0", "-1", "nan"])
def test_a_setting_that_is_no_duration_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("DATABRICKS_MONITORING_SERVING_IDLE_SECONDS", value)
    with pytest.raises(InvalidValueError, match="IDLE_SECONDS"):
        ServingSettings.from_environment()
