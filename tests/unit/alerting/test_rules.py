"""A rule from its dictionary, and the words when it is wrong."""

from __future__ import annotations

import pytest

from databricks_monitoring.alerting.rules import AlertRule, parse_rule, parse_rules
from databricks_monitoring.errors import ConfigError, InvalidValueError, UnknownKeyError

GIVEN: dict[str, object] = {
    "metric": "prediction_drift",
    "threshold": 0.05,
    "severity": "critical",
    "notification_type": "email",
    "recipients": ["ml-ops-team@example.com", "data-science-lead@example.com"],
}


def test_a_rule_as_people_write_it() -> None:
    rule = parse_rule(GIVEN)
    assert (rule.metric, rule.threshold, rule.severity) == ("prediction_drift", 0.05, "critical")
    assert rule.recipients == ("ml-ops-team@example.com", "data-science-lead@example.com")
    assert rule.name.startswith("prediction_drift_critical_email_")


def test_severity_and_carrier_have_defaults() -> None:
    rule = parse_rule({"metric": "row_count", "threshold": 0.5, "recipients": ["a@example.com"]})
    assert (rule.severity, rule.notification_type) == ("warning", "email")


def test_the_name_does_not_depend_on_the_threshold_but_on_the_people() -> None:
    assert parse_rule({**GIVEN, "threshold": 0.2}).name == parse_rule(GIVEN).name
    assert parse_rule({**GIVEN, "recipients": ["b@example.com"]}).name != parse_rule(GIVEN).name
    assert parse_rule({**GIVEN, "name": "mine"}).name == "mine"


def test_a_rule_survives_json() -> None:
    rule = parse_rule(GIVEN)
    assert AlertRule.model_validate_json(rule.model_dump_json()) == rule


def test_a_stale_monitor_is_one_without_fresh_data() -> None:
    assert parse_rule({**GIVEN, "metric": "monitor_stale", "threshold": 26}).metric == "data_freshness"


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"treshold": 1}, UnknownKeyError, "Did you mean 'threshold'"),
        ({"metric": "predicton_drift"}, InvalidValueError, "did you mean 'prediction_drift'"),
        ({"severity": "critcal"}, InvalidValueError, "did you mean 'critical'"),
        ({"notification_type": "mail"}, InvalidValueError, "did you mean 'email'"),
        ({"threshold": "much"}, InvalidValueError, "expected a number"),
        ({"threshold": -1}, InvalidValueError, "expected a number of at least 0"),
        ({"recipients": []}, InvalidValueError, "at least 1 item"),
        ({"recipients": ["nobody"]}, ConfigError, "'nobody' is not an e-mail address"),
        ({"metric": "null_rate", "threshold": 5}, InvalidValueError, "0 to 1"),
        ({"columns": ["a"]}, ConfigError, "leave columns out"),
    ],
)
def test_what_is_wrong_is_said(change: dict[str, object], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        parse_rule({**GIVEN, **change})


def test_a_missing_threshold_is_explained() -> None:
    with pytest.raises(InvalidValueError, match="Jensen-Shannon"):
        parse_rule({"metric": "prediction_drift", "recipients": ["a@example.com"]})


@pytest.mark.parametrize("carrier", ["slack", "teams", "pagerduty", "sms"])
def test_a_credential_does_not_belong_in_a_rule(carrier: str) -> None:
    url = "https://hooks.example.com/services/T0/B0/s3cret"
    with pytest.raises(ConfigError, match="env:NAME") as raised:
        parse_rule({**GIVEN, "notification_type": carrier, "recipients": [url]})
    assert "s3cret" not in str(raised.value)
    for reference in ("env:ALERT_URL", "ALERT_URL", "{{secrets/alerts/url}}"):
        rule = parse_rule({**GIVEN, "notification_type": carrier, "recipients": [reference]})
        assert rule.recipients == (reference,)


def test_a_webhook_may_be_a_plain_url_but_not_one_with_a_password() -> None:
    webhook = {**GIVEN, "notification_type": "webhook"}
    assert parse_rule({**webhook, "recipients": ["https://a.example.com/x"]}).recipients
    with pytest.raises(ConfigError, match="without a password"):
        parse_rule({**webhook, "recipients": ["https://u:p@a.example.com/x"]})


def test_two_rules_that_differ_in_the_threshold_alone_are_one_too_many() -> None:
    with pytest.raises(ConfigError, match="two rules are named"):
        parse_rules([GIVEN, {**GIVEN, "threshold": 0.2}])
