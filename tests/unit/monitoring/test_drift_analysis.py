"""What an analysis finds, and what it keeps quiet about."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from databricks_monitoring.alerting.evaluation import evaluate
from databricks_monitoring.alerting.rules import parse_rule
from databricks_monitoring.monitoring.drift_analysis import analyze
from databricks_monitoring.names import TABLE_ROW
from tests.unit.monitoring.sample import DAYS, Draw, Numbers, Sample, category, day, normal, unique

if TYPE_CHECKING:
    import numpy as np

SPECIES = {"human": 0.6, "elf": 0.3, "orc": 0.1}
CHANGED = {"human": 0.5, "elf": 0.3, "orc": 0.2}


def ten_columns(**changed: Draw) -> dict[str, Draw]:
    """Return ten quiet columns, some replaced."""
    quiet: dict[str, Draw] = {f"number_{number}": normal(5.0) for number in range(6)}
    quiet |= {f"kind_{number}": category(SPECIES) for number in range(4)}
    return quiet | changed


def test_no_column_is_named_where_nothing_changed() -> None:
    for seed in range(10):
        analysis = analyze(Sample(ten_columns(), seed=seed).metrics(), days=DAYS)
        assert analysis.findings == []
        assert len(analysis.windows) == DAYS
        assert "Nothing drifted." in "\n".join(analysis.lines())


def test_changes_are_named_since_their_first_day() -> None:
    columns = ten_columns(
        Weight=normal(82.1, shift=0.5, since=10), Species=category(SPECIES, CHANGED, since=11)
    )
    for seed in range(5):
        analysis = analyze(Sample(columns, seed=seed).metrics(), days=DAYS)
        assert {finding.column: finding.since for finding in analysis.drifted} == {
            "Weight": day(10),
            "Species": day(11),
        }


def test_a_change_shows_on_the_day_it_begins() -> None:
    columns = ten_columns(Weight=normal(shift=0.5, since=10), Species=category(SPECIES, CHANGED, since=10))
    analysis = analyze(Sample(columns).metrics(days=11), days=DAYS)
    assert sorted(finding.column for finding in analysis.drifted) == ["Species", "Weight"]
    assert all(finding.run.windows == 1 for finding in analysis.drifted)


def test_a_change_that_is_over_is_not_named() -> None:
    def for_two_days(rng: np.random.Generator, number: int, rows: int) -> Numbers:
        return rng.normal(2.0 * (5 <= number < 7), 1.0, rows)

    assert analyze(Sample({"Weight": for_two_days}).metrics(), days=DAYS).findings == []


def test_a_quiet_sunday_does_not_cut_a_change_in_two() -> None:
    sample = Sample({"Weight": normal(shift=1.0, since=6)}, rows_of_day={10: 12})
    (finding,) = analyze(sample.metrics(), days=DAYS).drifted
    assert finding.since == day(6)
    assert finding.run.windows == DAYS - 6 - 1


def test_a_change_older_than_the_days_looked_at_says_so() -> None:
    (finding,) = analyze(Sample({"Weight": normal(shift=1.0, since=0)}).metrics(), days=DAYS).drifted
    assert finding.run.from_the_start
    assert "or earlier" in "\n".join(
        analyze(Sample({"W": normal(shift=1.0, since=0)}).metrics(), days=14).lines()
    )


def test_the_effect_is_said_in_words() -> None:
    columns = {"Weight": normal(82.0, shift=15.4, since=10), "Species": category(SPECIES, CHANGED, since=10)}
    analysis = analyze(Sample(columns).metrics(), days=DAYS)
    weight, species = analysis.drifted
    words = r"mean 8[12].* -> 97.* \(\+18\.\d %, \+15\.\d standard deviations\), PSI \d\.\d+"
    assert re.fullmatch(words, weight.effect)
    assert weight.severity == "critical"
    assert species.effect.startswith(("share of 'human' ", "share of 'orc' "))
    assert species.role == "feature"


def test_a_new_category_is_called_new() -> None:
    columns = {"Species": category(SPECIES, {"human": 0.6, "elf": 0.3, "ent": 0.1}, since=13)}
    (finding,) = analyze(Sample(columns).metrics(), days=DAYS).drifted
    assert finding.effect.startswith(("share of 'orc'", "'ent' is new"))


def test_identifiers_are_left_out_with_a_reason() -> None:
    columns = {"row_id": unique(), "session": unique(), "Weight": normal(), "prediction": category(SPECIES)}
    analysis = analyze(Sample(columns).metrics(), days=DAYS)
    assert analysis.columns == ["Weight", "prediction"]
    assert sorted(analysis.left_out) == ["row_id", "session"]
    assert "distinct" in analysis.left_out["session"]


def test_missing_values_are_a_finding_of_their_own() -> None:
    sample = Sample({"Weight": normal()}, nulls={("Weight", number): 400 for number in (12, 13)})
    (finding,) = analyze(sample.metrics(), days=DAYS).drifted
    assert (finding.kind, finding.since) == ("missing values", day(12))
    assert finding.effect == "missing values 0.0 % -> 11.8 %"


def test_model_quality_is_compared_with_the_baseline() -> None:
    quality = {-1: (0.85, 4000)} | {number: (0.85 if number < 9 else 0.74, 1500) for number in range(12)}
    analysis = analyze(Sample({"Weight": normal()}, quality=quality).metrics(), days=DAYS)
    finding = analysis.model_quality
    assert finding is not None
    assert (finding.column, finding.since) == (TABLE_ROW, day(9))
    assert finding.effect.startswith("accuracy 85.0 % -> 74.0 % (-11.0 points)")


def test_model_quality_that_holds_is_said_and_few_labels_decide_nothing() -> None:
    quality = {-1: (0.85, 4000)} | dict.fromkeys(range(12), (0.84, 1500)) | {12: (0.2, 10)}
    analysis = analyze(Sample({"Weight": normal()}, quality=quality).metrics(), days=DAYS)
    assert analysis.model_quality is None
    assert "Model quality holds: accuracy 85.0 % -> 84.0 %" in "\n".join(analysis.lines())


def test_without_a_labelled_baseline_the_time_before_is_the_reference() -> None:
    quality = {number: (0.85 if number < 9 else 0.7, 1500) for number in range(DAYS)}
    sample = Sample({"Weight": normal()}, quality=quality)
    finding = analyze(sample.metrics(analysed=7), days=7).model_quality
    assert finding is not None
    assert finding.since == day(9)
    assert finding.effect.endswith("in the weeks before")


def test_the_body_is_json() -> None:
    analysis = analyze(Sample({"Weight": normal(shift=1.0, since=12)}).metrics(), days=DAYS)
    body = json.loads(json.dumps(analysis.body()))
    assert body["drifted"][0]["column"] == "Weight"
    assert body["drifted"][0]["since"] == "2026-11-13T00:00:00+00:00"


def test_windows_whose_labels_are_not_due_are_not_judged() -> None:
    quality = {-1: (0.85, 4000)} | {number: (0.85 if number < 11 else 0.5, 1500) for number in range(DAYS)}
    metrics = Sample({"Weight": normal()}, quality=quality).metrics()
    assert analyze(metrics, days=DAYS).model_quality is not None
    waiting = replace(metrics, layout=replace(metrics.layout, label_delay=timedelta(days=3)))
    analysis = analyze(waiting, days=DAYS)
    assert analysis.model_quality is None
    assert analysis.waiting_for_labels == [day(11), day(12), day(13)]
    said = "\n".join(analysis.lines())
    assert "Model quality holds" in said
    assert f"not judged yet: labels of {day(11)} to {day(13)} are not due." in said
    rule = parse_rule({"metric": "model_quality", "threshold": 0.05, "recipients": ["a@example.com"]})
    [observed] = evaluate(rule, waiting)
    assert observed.run is None
    assert observed.newest is not None
    assert observed.newest.window == day(10)


def test_labels_that_are_not_due_do_not_drift() -> None:
    def labels(generator: np.random.Generator, number: int, rows: int) -> list[str]:
        # Frauds are found late: the newest days have none.
        shares = (1.0, 0.0) if number > 10 else (0.7, 0.3)
        return [str(value) for value in generator.choice(["good", "fraud"], size=rows, p=shares)]

    metrics = Sample({"label": labels}).metrics()
    assert [finding.column for finding in analyze(metrics, days=DAYS).drifted] == ["label"]
    waiting = replace(metrics, layout=replace(metrics.layout, label_delay=timedelta(days=3)))
    assert analyze(waiting, days=DAYS).drifted == []
