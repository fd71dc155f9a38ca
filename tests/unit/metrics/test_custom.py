from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from databricks_monitoring.errors import ColumnNotFoundError, InvalidValueError, MetricError
from databricks_monitoring.metrics.columns import columns_of
from databricks_monitoring.metrics.custom import aggregate_cells, aggregates
from databricks_monitoring.metrics.definition import CustomMetric, MonitorDefinition
from databricks_monitoring.metrics.engines.duckdb import DuckDBEngine, arrow_relation
from tests.unit.metrics.delta import LOG, SCHEMA, Monitored, rows

if TYPE_CHECKING:
    from pathlib import Path

STRUCTURED = '{"metadata":{},"name":"output","nullable":true,"type":"double"}'
SQUARE = CustomMetric(
    "aggregate", "squared_avg", ("age", "income"), "avg(`{{input_column}}` * `{{input_column}}`)", STRUCTURED
)
ROOT = CustomMetric("derived", "root", ("age",), "sqrt(squared_avg)", "double")
CHANGE = CustomMetric("drift", "root_change", ("age",), "{{current_df}}.root - `{{base_df}}`.root", "double")
ERRORS = CustomMetric(
    "aggregate",
    "weighted_error",
    (":table",),
    "avg(CASE WHEN {{prediction_col}} = {{label_col}} THEN 0 WHEN city = 'Bern' THEN 2 ELSE 1 END)",
    "double",
)
F1 = CustomMetric(
    "drift",
    "f1_change",
    (":table",),
    "100 * try_divide({{current_df}}.f1_score.weighted - {{base_df}}.f1_score.weighted, "
    "{{base_df}}.f1_score.weighted)",
    "double",
)


def with_metrics(*metrics: CustomMetric, **options: object) -> MonitorDefinition:
    return dataclasses.replace(LOG, custom_metrics=metrics, **options)  # type: ignore[arg-type]


@pytest.fixture
def monitored(tmp_path: Path) -> Monitored:
    found = Monitored(tmp_path, has_baseline=True)
    found.append(rows(6, 10, first=0, label="yes") + rows(6, 10, first=0, model_id="churn_2", label="no"))
    found.append(rows(6, 11, first=6, label="no"))
    schema = SCHEMA.remove(SCHEMA.get_field_index("timestamp"))
    found.append(rows(6, 1, label="yes"), to="baseline", schema=schema)
    return found


def test_aggregates_stand_on_the_rows_of_their_columns(monitored: Monitored) -> None:
    monitored.refresh(with_metrics(SQUARE, slicing_exprs=("city",)))
    found = monitored.query("SELECT model_id, slice_value, column_name, squared_avg AS v FROM profile")
    filled = [cell for cell in found if cell["v"] is not None]
    assert {cell["column_name"] for cell in filled} == {"age", "income"}
    assert len(filled) == sum(1 for cell in found if cell["column_name"] in {"age", "income"})
    whole = [
        cell["v"]
        for cell in filled
        if cell["column_name"] == "age" and cell["model_id"] == "churn_1" and cell["slice_value"] is None
    ]
    first, second = (sum(age**2 for age in range(low, low + 6)) / 6 for low in (20, 26))
    assert sorted(whole) == pytest.approx([first, first, second])


def test_derived_metrics_read_the_same_row_and_drift_metrics_two(monitored: Monitored) -> None:
    monitored.refresh(with_metrics(CHANGE, ROOT, SQUARE))
    found = monitored.query(
        "SELECT column_name, root FROM profile WHERE squared_avg IS NOT NULL ORDER BY ALL"
    )
    assert all((cell["root"] is None) == (cell["column_name"] == "income") for cell in found)
    drift = monitored.query(
        "SELECT drift_type, root_change AS v FROM drift WHERE column_name = 'age' AND model_id = 'churn_1' "
        "ORDER BY v"
    )
    low, high = ((sum(age**2 for age in range(first, first + 6)) / 6) ** 0.5 for first in (20, 26))
    assert [cell["v"] for cell in drift] == pytest.approx([0, high - low, high - low])
    assert (
        monitored.query(
            "SELECT root_change FROM drift WHERE column_name <> 'age' AND root_change IS NOT NULL"
        )
        == []
    )


def test_metrics_over_several_columns_stand_on_the_table_row(monitored: Monitored) -> None:
    monitored.refresh(with_metrics(ERRORS, F1))
    found = monitored.query(
        "SELECT weighted_error AS v FROM profile WHERE model_id = 'churn_1' AND column_name = ':table' "
        "AND log_type = 'INPUT' ORDER BY \"window\".start"
    )
    # Of rows 0 to 5 the even ones are wrong, and those divisible by three live in Bern.
    assert [cell["v"] for cell in found] == pytest.approx([4 / 6, 4 / 6])
    assert (
        monitored.query("SELECT weighted_error FROM profile WHERE column_name = 'age' AND weighted_error > 0")
        == []
    )
    drift = monitored.query(
        "SELECT f1_change AS v FROM drift WHERE column_name = ':table' AND model_id = 'churn_1' "
        "AND drift_type = 'BASELINE' ORDER BY \"window\".start"
    )
    assert drift[0]["v"] == 0.0


def test_a_derived_metric_of_other_rows_is_null(monitored: Monitored) -> None:
    other = dataclasses.replace(ROOT, input_columns=(":table",))
    monitored.refresh(with_metrics(SQUARE, other))
    assert monitored.query("SELECT root FROM profile WHERE root IS NOT NULL") == []


def test_a_derived_metric_may_use_one_defined_before_it(monitored: Monitored) -> None:
    twice = CustomMetric("derived", "twice", ("age",), "root * 2", "double")
    monitored.refresh(with_metrics(SQUARE, ROOT, twice))
    found = monitored.query("SELECT root, twice FROM profile WHERE root IS NOT NULL")
    assert found
    assert all(cell["twice"] == 2 * cell["root"] for cell in found)


def test_the_table_and_the_type_of_a_metric(tmp_path: Path) -> None:
    monitored = Monitored(tmp_path)
    monitored.append(rows(6, 10))
    cities = CustomMetric("aggregate", "cities", (":table",), "count(DISTINCT city)", "integer")
    definition = MonitorDefinition(kind="snapshot", custom_metrics=(cities,))
    monitored.refresh(definition)
    assert monitored.query("SELECT cities FROM profile WHERE cities IS NOT NULL") == [{"cities": 3}]
    assert pa.schema(monitored.delta("profile").schema().to_arrow()).field("cities").type == pa.int32()


def test_a_baseline_without_the_column_is_reported(tmp_path: Path) -> None:
    monitored = Monitored(tmp_path, has_baseline=True)
    monitored.append(rows(6, 10))
    write_deltalake(str(tmp_path / "baseline"), pa.table({"city": ["Bern"]}))
    report = monitored.refresh(with_metrics(SQUARE))
    assert "The baseline has no custom metric squared_avg on age: " in report.message


def test_a_baseline_has_the_metrics_that_it_can_have(tmp_path: Path) -> None:
    monitored = Monitored(tmp_path, has_baseline=True)
    monitored.append(rows(6, 10))
    baseline = pa.table({"city": ["Bern"], "age": ["30"], "income": [5.0]})
    write_deltalake(str(tmp_path / "baseline"), baseline)
    definition = with_metrics(
        CustomMetric("aggregate", "mean", ("age", "income"), "avg({{input_column}})", "double"),
        CustomMetric("aggregate", "cities", (":table",), "count(DISTINCT city)", "bigint"),
        CustomMetric("aggregate", "labels", (":table",), "count(label)", "bigint"),
    )
    report = monitored.refresh(definition)
    for named in ("mean on age: Binder Error", "labels on :table: Column 'label' does not exist"):
        assert f"The baseline has no custom metric {named}" in report.message
    found = monitored.query(
        "SELECT column_name, mean, cities, labels FROM profile WHERE log_type = 'BASELINE' "
        "AND (mean IS NOT NULL OR cities IS NOT NULL OR labels IS NOT NULL) ORDER BY column_name"
    )
    assert [list(cell.values()) for cell in found] == [
        [":table", None, 1, None],
        ["income", 5.0, None, None],
    ]


@pytest.mark.parametrize(("kind", "expected"), [("int", -1), ("bigint", -1), ("double", -1.75)])
def test_a_whole_number_is_cut_off_as_by_a_cast(monitored: Monitored, kind: str, expected: object) -> None:
    aggregate = CustomMetric("aggregate", "one", (":table",), "max(-1.75)", kind)
    derived = CustomMetric("derived", "two", (":table",), "-1.75 * count / count", kind)
    monitored.refresh(with_metrics(aggregate, derived))
    [cell] = monitored.query("SELECT DISTINCT one, two FROM profile WHERE column_name = ':table'")
    assert (cell["one"], cell["two"]) == (expected, expected)


def test_a_slice_that_cannot_be_evaluated_is_named_alone(monitored: Monitored) -> None:
    with pytest.raises(InvalidValueError, match=r"slicing_exprs: found 'city > 1', expected"):
        monitored.refresh(dataclasses.replace(LOG, slicing_exprs=("city", "city > 1", "age > 1")))


@pytest.mark.parametrize(
    ("metric", "named"),
    [
        (dataclasses.replace(SQUARE, definition="avg({{column}})"), "{{column}}"),
        (dataclasses.replace(SQUARE, definition="(SELECT avg(age) FROM t)"), "subquery"),
        (dataclasses.replace(SQUARE, definition="{% if x %} avg(age) {% endif %}"), "Jinja"),
        (dataclasses.replace(SQUARE, definition="avg(age) FROM"), "one SQL expression"),
        (dataclasses.replace(ROOT, definition="sqrt({{input_column}})"), "plain names"),
        (dataclasses.replace(ROOT, definition="sqrt({{input_column}})"), "INVALID_DERIVED_METRIC"),
        (dataclasses.replace(CHANGE, definition="{{current_df}}.root"), "INVALID_DRIFT_METRIC"),
        (dataclasses.replace(CHANGE, definition="{{input_column}}"), "INVALID_DRIFT_METRIC"),
        (dataclasses.replace(SQUARE, definition="avg({{column}})"), "UNDEFINED_TEMPLATE_VARIABLE"),
        (dataclasses.replace(ROOT, definition="avg(squared_avg)"), "no aggregate"),
        (dataclasses.replace(CHANGE, definition="{{current_df}}.root"), "base_df"),
        (dataclasses.replace(CHANGE, definition="root - {{base_df}}.root"), "current_df"),
        (dataclasses.replace(CHANGE, definition="{{current_df}}.rot - {{base_df}}.rot"), "rot"),
    ],
)
def test_a_definition_that_cannot_work_is_refused(
    monitored: Monitored, metric: CustomMetric, named: str
) -> None:
    others = [one for one in (SQUARE, ROOT, CHANGE) if one.name != metric.name]
    with pytest.raises(InvalidValueError, match=named.replace("{", r"\{").replace("}", r"\}")):
        monitored.refresh(with_metrics(metric, *others))
    assert not (monitored.root / "profile").exists()


def test_unknown_columns_are_named(monitored: Monitored) -> None:
    with pytest.raises(ColumnNotFoundError, match="incme"):
        monitored.refresh(with_metrics(dataclasses.replace(ERRORS, definition="avg(incme)")))
    with pytest.raises(ColumnNotFoundError, match="squared"):
        monitored.refresh(with_metrics(dataclasses.replace(ROOT, definition="sqrt(squared)")))


def test_what_fails_while_it_is_computed_is_named(monitored: Monitored) -> None:
    broken = dataclasses.replace(ERRORS, name="broken", definition="avg(CAST(city AS DOUBLE))")
    with pytest.raises(MetricError, match=r"cannot be computed: broken\. "):
        monitored.refresh(with_metrics(SQUARE, broken))


def test_a_division_by_zero_is_null(monitored: Monitored) -> None:
    share = CustomMetric("aggregate", "share", (":table",), "sum(income) / count_if(age < 0)", "double")
    monitored.refresh(with_metrics(share))
    assert monitored.query("SELECT share FROM profile WHERE share IS NOT NULL") == []


def test_nothing_is_aggregated_for_slices_without_rows(tmp_path: Path) -> None:
    visitors = [name for visits, name in ((3, "a'b"), (2, "c")) for _ in range(visits)]
    visitors += [f"visitor {number}" for number in range(200)]
    rare = sorted(visitors[5:])[:98]
    monitored = Monitored(tmp_path)
    monitored.append([row | {"city": city} for row, city in zip(rows(205, 10), visitors, strict=True)])
    oldest = CustomMetric("aggregate", "oldest", (":table",), "max(age)", "int")
    monitored.refresh(with_metrics(oldest, slicing_exprs=("city", "age > 30")))
    found = monitored.query(
        "SELECT slice_value AS v, oldest IS NULL AS none FROM profile "
        "WHERE slice_key = 'city' AND column_name = ':table' AND model_id = '*'"
    )
    assert sorted(cell["v"] for cell in found) == sorted(["a'b", "c", *rare])
    assert not any(cell["none"] for cell in found)

    columns = columns_of(monitored.delta().schema().to_json())
    engine = DuckDBEngine(
        arrow_relation(monitored.delta().to_pyarrow_table(), columns),
        columns,
        version=None,
        timestamp_column=None,
    )
    definition = with_metrics(oldest)
    cells = aggregate_cells(
        engine,
        aggregates(definition, columns),
        model=None,
        whole=None,
        slicings=engine.slicings(["city", "age > 30"]),
        calendar=None,
        span=None,
        chosen={"city": {"a'b", "c"}},
    )
    engine.close()
    places = {(group.slice_key, group.slice_value) for _, group in cells}
    assert places == {
        (None, None),
        ("city", "a'b"),
        ("city", "c"),
        ("age > 30", "true"),
        ("age > 30", "false"),
    }
