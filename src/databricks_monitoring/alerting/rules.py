"""Alert rules: what is watched, from which value on, and who is told.

A rule enters as a dictionary (YAML or `monitoring_config["alerts"]`), is parsed once into an `AlertRule`,
and is kept in the table `alert_rules` of the monitor's output schema, where `send_alerts` finds it.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Literal, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from databricks_monitoring.alerting.merge import ensure_table, merge_rows, table_exists
from databricks_monitoring.errors import (
    ConfigError,
    InvalidValueError,
    UnknownKeyError,
    nearest,
)
from databricks_monitoring.parsing import expected_words, not_bool

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from databricks_monitoring.clients import Parameter, SqlClient
    from databricks_monitoring.names import SchemaName, TableName

ALERT_RULES_TABLE = "alert_rules"

_COLUMNS = {
    "monitor_name": "STRING",
    "rule_name": "STRING",
    "metric": "STRING",
    "threshold": "DOUBLE",
    "severity": "STRING",
    "notification_type": "STRING",
    "rule": "STRING",
}

Metric = Literal[
    "prediction_drift",
    "label_drift",
    "feature_drift",
    "null_rate",
    "row_count",
    "model_quality",
    "data_freshness",
    "schema_mismatch",
]
Severity = Literal["info", "warning", "critical"]
NotificationType = Literal["email", "slack", "teams", "pagerduty", "webhook", "sms"]

THRESHOLD_MEANING: dict[str, str] = {
    "prediction_drift": (
        "distance between the predictions of a window and of its comparison: for classes the Jensen-Shannon "
        "distance (base 2, 0 to 1, sampling bias removed), for numbers the population stability index"
    ),
    "label_drift": "the same distance as prediction_drift, between labels",
    "feature_drift": (
        "distance between a feature's values in a window and in its comparison: population stability index "
        "for numbers, Jensen-Shannon distance (base 2, sampling bias removed) for categories"
    ),
    "null_rate": "rise of the share of missing values over the comparison, 0 to 1 (0.05 = five points)",
    "row_count": "fall of a window's row count below the median of the windows before, 0 to 1 (0.5 = half)",
    "model_quality": (
        "classification: fall of the accuracy, 0 to 1 (0.05 = five points); "
        "regression: relative rise of the root mean squared error (0.2 = 20 % more)"
    ),
    "data_freshness": "hours from the end of the newest window that has rows to now",
    "schema_mismatch": (
        "share of a column that is of no use where the baseline's schema is expected, 0 to 1: 1 for a column "
        "that is missing or whose type is of another kind (a text for a number), else the share of values "
        "that do not cast to the baseline's type (0.01 = one in a hundred; 0 = any other type)"
    ),
}
"""What `threshold` is compared with, for each metric. A rule fires at the threshold or beyond it."""

_SHARES = frozenset({"null_rate", "row_count", "schema_mismatch"})
_OTHER_NAMES = {"monitor_stale": "data_freshness"}
_COLUMN_METRICS = frozenset({"feature_drift", "null_rate", "schema_mismatch"})

_EMAIL = re.compile(r"^[^@\s,;<>]+@[^@\s,;<>]+$")
_ENVIRONMENT_NAME = re.compile(r"^(?:env:)?[A-Z][A-Z0-9_]*$")
_SECRET_REFERENCE = re.compile(r"^\{\{\s*secrets/[^/{}\s]+/[^/{}\s]+\s*\}\}$")


def is_reference(recipient: str) -> bool:
    """Say whether `recipient` names an environment variable or a secret, rather than being an address."""
    return bool(_ENVIRONMENT_NAME.match(recipient) or _SECRET_REFERENCE.match(recipient))


def _checked_recipient(recipient: str, carrier: str) -> str:
    recipient = recipient.strip()
    if carrier == "email":
        if not _EMAIL.match(recipient):
            if "/" in recipient:
                # Perhaps a credential, so it is not repeated.
                raise ValueError("e-mail addresses; for a URL set notification_type to its carrier")
            raise ValueError(f"e-mail addresses; {recipient!r} is not an e-mail address")
        return recipient
    if is_reference(recipient):
        return recipient
    url = urlsplit(recipient)
    if carrier == "webhook" and url.scheme in {"http", "https"} and url.hostname and "@" not in url.netloc:
        return recipient
    kind = "an http(s) URL without a password, or " if carrier == "webhook" else ""
    raise ValueError(
        f"{kind}the name of an environment variable (`env:NAME`) or of a secret "
        f"(`{{{{secrets/scope/key}}}}`) that holds the {carrier} URL, because the URL itself is a credential"
    )


class AlertRule(BaseModel):
    """One condition on a monitor and the people it concerns."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: Metric = Field(description="What is watched.")
    threshold: float = Field(
        ge=0,
        allow_inf_nan=False,
        description="From this value on the rule fires; its meaning depends on the metric: "
        + "; ".join(f"{metric}: {meaning}" for metric, meaning in THRESHOLD_MEANING.items())
        + ".",
    )
    severity: Severity = Field(default="warning", description="How urgent the message is.")
    notification_type: NotificationType = Field(default="email", description="The carrier.")
    recipients: tuple[str, ...] = Field(
        min_length=1,
        description="E-mail addresses; for a webhook its URL; for every other carrier the name of an "
        "environment variable (`env:NAME`) or secret (`{{secrets/scope/key}}`) that holds the URL.",
    )
    columns: tuple[str, ...] = Field(
        default=(), description="Only these columns; empty means every column of the metric's role."
    )
    notify_on_resolve: bool = Field(
        default=True, description="Whether a message is sent when the condition ends."
    )
    reminder_hours: float | None = Field(
        default=None,
        gt=0,
        description="Repeat the message this often while the condition lasts; never if absent.",
    )
    name: str = Field(
        default="",
        validate_default=True,
        description="Name of the rule, unique within a monitor; "
        "derived from everything but the threshold if absent.",
    )

    @field_validator("metric", mode="before")
    @classmethod
    def _one_name_per_metric(cls, value: object) -> object:
        return _OTHER_NAMES.get(value, value) if isinstance(value, str) else value

    @field_validator("threshold", "reminder_hours", mode="before")
    @classmethod
    def _numbers(cls, value: object) -> object:
        return not_bool(value)

    @field_validator("recipients")
    @classmethod
    def _addresses(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        carrier = info.data.get("notification_type", "email")
        return tuple(_checked_recipient(recipient, carrier) for recipient in value)

    @field_validator("columns")
    @classmethod
    def _only_where_columns_matter(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        metric = info.data.get("metric")
        if value and metric and metric not in _COLUMN_METRICS:
            raise ValueError(f"no columns: {metric} is not a metric of chosen columns; leave columns out")
        return value

    @field_validator("name")
    @classmethod
    def _derived(cls, value: str, info: ValidationInfo) -> str:
        needed = ("metric", "severity", "notification_type", "recipients", "columns")
        if value or any(key not in info.data for key in needed):
            return value
        # The threshold is left out: tuning it must not close one incident and open another.
        identity = json.dumps([info.data[key] for key in needed])
        digest = hashlib.sha256(identity.encode()).hexdigest()[:8]
        return "_".join(str(info.data[key]) for key in needed[:3]) + "_" + digest


def parse_rule(body: Mapping[str, object], *, where: str = "alerts") -> AlertRule:
    """Return the rule that a dictionary describes.

    Parameters
    ----------
    body : mapping
        Keys `metric`, `threshold`, `recipients` and optionally `severity`, `notification_type`, `columns`,
        `notify_on_resolve`, `reminder_hours`, `name`.
    where : str
        The place of the dictionary in its configuration, for messages.

    Raises
    ------
    UnknownKeyError
        If a key means nothing; names the nearest.
    InvalidValueError
        If a value is missing or not accepted.

    Examples
    --------
    >>> rule = parse_rule({"metric": "prediction_drift", "threshold": 0.1, "recipients": ["a@example.com"]})
    >>> rule.severity, rule.name
    ('warning', 'prediction_drift_warning_email_ac01ab6d')
    """
    for key in body:
        if key not in AlertRule.model_fields:
            raise UnknownKeyError(str(key), where, list(AlertRule.model_fields))
    _check_choice(body, "metric", [*get_args(Metric), *_OTHER_NAMES], where)
    _check_choice(body, "severity", get_args(Severity), where)
    _check_choice(body, "notification_type", get_args(NotificationType), where)
    try:
        rule = AlertRule.model_validate(dict(body))
    except ValidationError as error:
        raise _in_words(error, body, where) from None
    if rule.metric in _SHARES and rule.threshold > 1:
        raise InvalidValueError(
            f"{where}.threshold", rule.threshold, f"a share from 0 to 1 ({THRESHOLD_MEANING[rule.metric]})"
        )
    return rule


def parse_rules(bodies: Sequence[Mapping[str, object]], *, where: str = "alerts") -> list[AlertRule]:
    """Return the rules of a list of dictionaries, each named once.

    Raises
    ------
    ConfigError
        As `parse_rule`, or if two rules have one name (they differ in the threshold only).
    """
    rules = [parse_rule(body, where=f"{where}[{position}]") for position, body in enumerate(bodies)]
    _refuse_same_names(rules, where)
    return rules


def _refuse_same_names(rules: Sequence[AlertRule], where: str) -> None:
    seen: set[str] = set()
    for rule in rules:
        if rule.name in seen:
            raise ConfigError(
                f"{where}: two rules are named {rule.name!r}. Rules that differ only in their threshold tell "
                "the same people the same thing twice; remove one, or give each a name."
            )
        seen.add(rule.name)


def _check_choice(body: Mapping[str, object], key: str, valid: Sequence[str], where: str) -> None:
    found = body.get(key)
    if key not in body or found in valid:
        return
    guess = nearest(found, valid) if isinstance(found, str) else None
    hint = f" (did you mean {guess!r}?)" if guess else ""
    raise InvalidValueError(f"{where}.{key}", found, "one of " + ", ".join(valid) + hint)


def _in_words(error: ValidationError, body: Mapping[str, object], where: str) -> ConfigError:
    first = error.errors()[0]
    place = ".".join([where, *(str(part) for part in first["loc"])])
    if first["type"] == "missing":
        key = str(first["loc"][0])
        meaning = THRESHOLD_MEANING.get(str(body.get("metric"))) if key == "threshold" else None
        return InvalidValueError(place, "nothing", meaning or AlertRule.model_fields[key].description or key)
    if first["type"] == "value_error":
        # Our own validators' words; the value is not repeated, for it may be a credential.
        return ConfigError(f"{place}: expected {expected_words(first)}.")
    return InvalidValueError(place, first["input"], expected_words(first))


def rules_table(output_schema: SchemaName) -> TableName:
    """Return the table that keeps the rules of every monitor with this output schema."""
    return output_schema.table(ALERT_RULES_TABLE)


def save_rules(
    sql: SqlClient, output_schema: SchemaName, monitor_name: str, rules: Sequence[AlertRule]
) -> list[str]:
    """Make `rules` the rules of a monitor and return their names.

    Rules that the monitor had and that are not given are removed; other monitors' rules stay. Saving the
    same rules again writes nothing.

    Parameters
    ----------
    monitor_name : str
        Full name of the monitored table.

    Raises
    ------
    ConfigError
        If two rules have one name.
    """
    _refuse_same_names(rules, "alerts")
    table = rules_table(output_schema)
    ensure_table(sql, table, _COLUMNS, "Alert rules by monitor; rule is the whole rule as JSON")
    existing = _rules_of(sql, output_schema, monitor_name)
    wanted = {rule.name: rule for rule in rules}
    changed = [rule for name, rule in wanted.items() if existing.get(name) != rule]
    merge_rows(
        sql,
        table,
        _COLUMNS,
        ("monitor_name", "rule_name"),
        [_as_row(monitor_name, rule) for rule in changed],
    )
    for name in existing.keys() - wanted.keys():
        sql.execute(
            f"DELETE FROM {table.quoted} "  # noqa: S608 - a quoted name, values bound
            "WHERE monitor_name = :monitor_name AND rule_name = :rule_name",
            {"monitor_name": monitor_name, "rule_name": name},
        )
    return list(wanted)


def load_rules(sql: SqlClient, output_schema: SchemaName) -> dict[str, list[AlertRule]]:
    """Return the rules kept in an output schema by monitor name, in order of name; empty without any."""
    if not table_exists(sql, rules_table(output_schema)):
        return {}
    found: dict[str, list[AlertRule]] = {}
    for row in sql.execute(
        f"SELECT monitor_name, rule FROM {rules_table(output_schema).quoted} "  # noqa: S608 - a quoted name
        "ORDER BY monitor_name, rule_name"
    ):
        found.setdefault(str(row["monitor_name"]), []).append(_from_json(str(row["rule"])))
    return found


def _rules_of(sql: SqlClient, output_schema: SchemaName, monitor_name: str) -> dict[str, AlertRule]:
    rows = sql.execute(
        f"SELECT rule FROM {rules_table(output_schema).quoted} "  # noqa: S608 - a quoted name, values bound
        "WHERE monitor_name = :monitor_name",
        {"monitor_name": monitor_name},
    )
    rules = [_from_json(str(row["rule"])) for row in rows]
    return {rule.name: rule for rule in rules}


def _from_json(text: str) -> AlertRule:
    return parse_rule(json.loads(text), where=f"a row of {ALERT_RULES_TABLE}")


def _as_row(monitor_name: str, rule: AlertRule) -> dict[str, Parameter]:
    return {
        "monitor_name": monitor_name,
        "rule_name": rule.name,
        "metric": rule.metric,
        "threshold": rule.threshold,
        "severity": rule.severity,
        "notification_type": rule.notification_type,
        "rule": rule.model_dump_json(),
    }
