"""What a schema that is not the baseline's leads to: findings, notes, messages, and their end."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from databricks_monitoring.alerting.evaluation import evaluate
from databricks_monitoring.alerting.incidents import Incident, due, follow, told
from databricks_monitoring.alerting.message import compose
from databricks_monitoring.alerting.rules import parse_rule
from databricks_monitoring.errors import ColumnNotFoundError, InvalidValueError
from databricks_monitoring.monitoring.drift_analysis import analyze
from databricks_monitoring.monitoring.schema_facts import SchemaMismatch, facts_of_window
from tests.unit.monitoring.sample import DAYS, Sample, day, normal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from databricks_monitoring.monitoring.metric_rows import MonitorMetrics

PEOPLE = ["ml-ops@example.com"]
RULE = parse_rule({"metric": "schema_mismatch", "threshold": 0.01, "recipients": PEOPLE})
TEXT = SchemaMismatch("Weight", "changed_type", "string", "double", 0.1, 3000)
GONE = SchemaMismatch("Height", "missing", None, "bigint")
WIDER = SchemaMismatch("Weight", "changed_type", "double", "int", 0.0, 3000)
MORE = SchemaMismatch("colour", "added", "string", None)


def metrics_with(
    since: Mapping[int, Sequence[SchemaMismatch]], *, until: int = DAYS, days: int = DAYS
) -> MonitorMetrics:
    """Return quiet metrics whose schema differs from some days on."""
    plain = Sample({"Weight": normal(80.0)}).metrics(days=days)
    schemas = {
        window: {
            mismatch.column: mismatch
            for first, mismatches in since.items()
            for mismatch in mismatches
            if day(first) <= window < day(until)
        }
        for window in plain.windows
    }
    return replace(plain, schemas=schemas)


def test_another_kind_of_type_is_a_finding_since_its_first_window() -> None:
    analysis = analyze(metrics_with({10: [TEXT]}), days=DAYS)
    (finding,) = analysis.schema
    assert (finding.column, finding.kind, finding.since) == ("Weight", "schema", day(10))
    assert finding.effect == (
        "expected double as in the baseline, found string; 10.0 % of 3,000 values do not cast"
    )
    assert "critical  schema of feature Weight: expected double" in "\n".join(analysis.lines())
    assert analysis.body()["schema"][0]["statistic"] == "schema_mismatch"
    assert analysis.body()["schema"][0]["value"] == 1.0


def test_a_missing_column_is_a_finding_though_it_has_no_metrics() -> None:
    (finding,) = analyze(metrics_with({4: [GONE]}), days=DAYS).schema
    assert (finding.column, finding.since) == ("Height", day(4))
    assert finding.effect == "expected bigint as in the baseline, found no such column"


def test_what_does_no_harm_is_a_note() -> None:
    identifier = SchemaMismatch("row_id", "added", "string", None)
    analysis = analyze(metrics_with({0: [WIDER, MORE, identifier]}), days=DAYS)
    assert analysis.findings == []
    assert analysis.schema_notes == [
        "Weight: expected int as in the baseline, found double; every value casts",
        "colour: string, which the baseline does not have",
    ]
    assert "without harm: Weight: expected int" in "\n".join(analysis.lines())


def test_a_number_that_stops_fitting_is_a_finding() -> None:
    some = replace(WIDER, uncastable=0.02)
    (finding,) = analyze(metrics_with({12: [some]}), days=DAYS).schema
    assert finding.effect.endswith("2.0 % of 3,000 values do not cast")
    assert (finding.evidence.statistic, finding.evidence.value) == ("percent_uncastable", 0.02)
    rare = replace(WIDER, uncastable=0.004)
    assert analyze(metrics_with({12: [rare]}), days=DAYS).schema == []


def test_predictions_are_compared_by_their_text() -> None:
    sample = Sample({"prediction": normal()}).metrics()
    mismatch = SchemaMismatch("prediction", "changed_type", "string", "bigint", 0.0, 3000)
    metrics = replace(sample, schemas={window: {"prediction": mismatch} for window in sample.windows})
    assert analyze(metrics, days=DAYS).schema == []


def test_of_what_only_the_catalog_knows_the_newest_window_speaks() -> None:
    plain = Sample({"Weight": normal()}).metrics()
    unknown = replace(TEXT, uncastable=None, values=0)
    analysis = analyze(replace(plain, schemas={day(DAYS - 1): {"Weight": unknown}}), days=DAYS)
    assert [finding.since for finding in analysis.schema] == [day(DAYS - 1)]
    assert analysis.schema[0].effect == "expected double as in the baseline, found string"


def test_without_facts_there_is_nothing_to_watch() -> None:
    metrics = Sample({"Weight": normal()}).metrics()
    assert analyze(metrics, days=DAYS).schema == []
    assert evaluate(RULE, metrics) == []


def incidents_of(metrics: MonitorMetrics, known: Sequence[Incident] = ()) -> list[Incident]:
    return follow(known, evaluate(RULE, metrics), [RULE], metrics)


def test_the_message_names_the_column_what_was_expected_and_since_when() -> None:
    metrics = metrics_with({10: [TEXT], 12: [GONE]})
    message = compose(due(incidents_of(metrics), [RULE], metrics.now), metrics)
    assert "the schema of Height and Weight is not the baseline's since 2026-11-11" in message.subject
    for words in (
        "Schema of Weight: warning",
        "expected double as in the baseline, found string; 10.0 % of 3,000 values do not cast",
        "Since 2026-11-11: 4 windows; newest 2026-11-14",
        "found no such column",
        "write the baseline anew",
    ):
        assert words in message.text
    assert "Chance" not in message.text


def test_an_incident_ends_when_the_schema_fits_again() -> None:
    broken = metrics_with({10: [TEXT]}, days=12)
    opened = [told(notice, PEOPLE, broken.now) for notice in due(incidents_of(broken), [RULE], broken.now)]
    assert incidents_of(broken, opened) == []
    mended = metrics_with({10: [TEXT]}, until=12)
    (resolved,) = incidents_of(mended, opened)
    assert (resolved.state, resolved.reason) == ("RESOLVED", "double, as the baseline has it")
    message = compose(due([resolved], [RULE], mended.now), mended)
    assert "the schema of Weight fits again" in message.subject


def test_an_incident_ends_with_its_baseline() -> None:
    broken = metrics_with({10: [TEXT]})
    opened = incidents_of(broken)
    (resolved,) = incidents_of(replace(broken, schemas={}), opened)
    assert resolved.reason == "there is no baseline any more whose schema could be compared"


def test_a_threshold_of_zero_fires_on_any_other_type_and_on_nothing_else() -> None:
    strict = parse_rule({"metric": "schema_mismatch", "threshold": 0, "recipients": PEOPLE})
    metrics = metrics_with({3: [WIDER]})
    (seen,) = evaluate(strict, metrics)
    assert seen.run is not None
    assert seen.run.first.window == day(3)
    (quiet,) = evaluate(strict, metrics_with({}))
    assert quiet.run is None
    assert quiet.newest is not None


def test_a_rule_may_name_columns_but_no_others() -> None:
    named = parse_rule({**RULE.model_dump(), "columns": ["Weight"], "name": ""})
    assert [one.column for one in evaluate(named, metrics_with({3: [TEXT, GONE]}))] == ["Weight"]
    wrong = parse_rule({**RULE.model_dump(), "columns": ["Wieght"], "name": ""})
    with pytest.raises(ColumnNotFoundError, match="Weight"):
        evaluate(wrong, metrics_with({3: [TEXT]}))
    with pytest.raises(InvalidValueError, match="0 to 1"):
        parse_rule({**RULE.model_dump(), "threshold": 5})


def test_facts_are_read_from_the_rows_of_a_window() -> None:
    entry = {"mismatch": "changed_type", "column_name": "a", "data_type": "string"}
    rows: list[dict[str, object]] = [
        {
            "column_name": ":table",
            "value_count": 10,
            "percent_uncastable": None,
            "schema_mismatches": [{**entry, "baseline_data_type": "int"}],
        },
        {"column_name": "a", "value_count": 8, "percent_uncastable": 12.5, "schema_mismatches": None},
    ]
    assert facts_of_window(rows) == {"a": SchemaMismatch("a", "changed_type", "string", "int", 0.125, 8)}
    assert facts_of_window(rows[1:]) is None
