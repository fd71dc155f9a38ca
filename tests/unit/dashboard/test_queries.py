from __future__ import annotations

import pytest
import sqlglot
from sqlglot import expressions as exp

from databricks_monitoring.dashboard import queries
from databricks_monitoring.names import TableName

PROFILE = TableName.parse("main.`out`.logs_profile_metrics")
DRIFT = TableName.parse("main.`out`.logs_drift_metrics")
STATEMENTS = {
    name: value
    for name, value in vars(queries).items()
    if name.isupper() and isinstance(value, str) and "SELECT" in value
}


def completed(statement: str, **changes: object) -> str:
    values: dict[str, object] = {
        "profile": PROFILE,
        "drift": DRIFT,
        "granularity": "1 day",
        "model_column": "model id",
        "compared_with_baseline": True,
        "unwatched": ("timestamp",),
        "prediction": "pred'iction",
        "quality": "accuracy_score",
        "monitored": TableName.parse("main.ml.lo'gs"),
        "baseline": TableName.parse("main.ml.test_set"),
    }
    return queries.complete(statement, **(values | changes))  # type: ignore[arg-type]  # mixed on purpose


@pytest.mark.parametrize("name", sorted(STATEMENTS))
def test_every_stand_in_is_replaced(name: str) -> None:
    tree = sqlglot.parse_one(completed(STATEMENTS[name]), dialect="databricks")
    assert not list(tree.find_all(exp.Placeholder))
    tables = {table.sql("databricks", comments=False).split(" AS ")[0] for table in tree.find_all(exp.Table)}
    own = {cte.alias for cte in tree.find_all(exp.CTE)}
    real = {table for table in tables if table.strip("`") not in own}
    assert real <= {PROFILE.quoted, DRIFT.quoted, "system.information_schema.columns"}


@pytest.mark.parametrize("name", sorted(STATEMENTS))
def test_aggregates_of_the_whole_table_exclude_slices(name: str) -> None:
    assert "slice_key IS NULL" in completed(STATEMENTS[name])


def test_identifiers_and_texts_are_quoted() -> None:
    sql = completed(queries.PREDICTED_NUMBERS)
    assert "`model id` = '*'" in sql
    assert "column_name = 'pred\\'iction'" in sql
    assert "table_name = 'lo\\'gs'" in completed(queries.SCHEMA_DIFFERENCES)


def test_a_snapshot_has_no_granularity_and_other_monitors_no_model() -> None:
    sql = completed(queries.NULL_RATES, granularity=None, model_column=None)
    assert "granularity IS NULL" in sql
    assert "'*'" not in sql


def test_without_a_baseline_windows_are_compared_with_the_one_before() -> None:
    assert "'CONSECUTIVE'" in completed(queries.DRIFT_BY_COLUMN, compared_with_baseline=False)


def test_moments_of_snapshots_are_texts_and_other_columns_stay() -> None:
    timed = queries.with_named_moments(completed(queries.NULL_RATES, granularity=None))
    assert "DATE_FORMAT(window_start, 'yyyy-MM-dd HH:mm:ss') AS window_start" in timed
    plain = completed(queries.HIGHEST_NULL_RATE, granularity=None)
    assert queries.with_named_moments(plain) == plain
