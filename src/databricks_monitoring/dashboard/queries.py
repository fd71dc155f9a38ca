"""The statements behind a monitor's dashboard, over its two metric tables.

Each is written once with stand-ins and completed as a tree: `profile` and `drift` are the metric tables,
`:scope` picks one granularity, the whole table rather than a slice, and all models together; `:closed` keeps
windows that have ended. Windows still open are shown only where an incomplete value cannot mislead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlglot
from sqlglot import expressions as exp

from databricks_monitoring.names import ALL_MODELS, TABLE_ROW

if TYPE_CHECKING:
    from databricks_monitoring.names import TableName

_DIALECT = "databricks"

DRIFT_THRESHOLD = 0.2
"""From here a population stability index is significant; the Jensen-Shannon distance is read the same way."""

SLICES_SHOWN = 8
"""Slices drawn as lines of one chart, those with the most rows."""

VOLUME = """
SELECT window.start AS window_start, count AS row_count,
  CASE WHEN window.end <= current_timestamp()
    THEN 'closed window' ELSE 'window still open' END AS window_state
FROM profile WHERE :input AND :scope AND column_name = ':table'
ORDER BY window_start
"""

VOLUME_BY_MODEL = """
SELECT window.start AS window_start, CAST(:model_column AS STRING) AS model, count AS row_count
FROM profile
WHERE :input AND :granularity AND slice_key IS NULL AND :model_column <> '*' AND column_name = ':table'
ORDER BY window_start, model
"""

ROWS_LAST_WINDOW = """
SELECT count AS row_count, lag(count) OVER (ORDER BY window.start) AS row_count_before
FROM profile WHERE :input AND :scope AND :closed AND column_name = ':table'
QUALIFY row_number() OVER (ORDER BY window.start DESC) = 1
"""

DRIFTED_COLUMNS = """
SELECT count_if(amount >= :threshold) AS drifted, count(*) AS compared
FROM (
  SELECT coalesce(population_stability_index, js_distance) AS amount,
    dense_rank() OVER (ORDER BY window.start DESC) AS age
  FROM drift WHERE :scope AND :closed AND :comparison AND :feature
) AS latest
WHERE age = 1 AND amount IS NOT NULL
"""

HIGHEST_NULL_RATE = """
SELECT max(rate) AS null_rate, max_by(column_name, rate) AS column_name
FROM (
  SELECT column_name, percent_null / 100 AS rate, dense_rank() OVER (ORDER BY window.start DESC) AS age
  FROM profile WHERE :input AND :scope AND :closed AND :feature
) AS latest
WHERE age = 1
"""

QUALITY_LAST_WINDOW = """
SELECT q.quality, b.quality AS baseline_quality
FROM (
  SELECT :quality AS quality FROM profile
  WHERE :input AND :scope AND :closed AND column_name = ':table' AND :quality IS NOT NULL
  QUALIFY row_number() OVER (ORDER BY window.start DESC) = 1
) AS q
LEFT JOIN (
  SELECT max(:quality) AS quality FROM profile
  WHERE log_type = 'BASELINE' AND slice_key IS NULL AND :model AND column_name = ':table'
) AS b ON true
"""

CLASSIFICATION_QUALITY = """
SELECT window.start AS window_start, accuracy_score AS quality, 'accuracy' AS measure
FROM profile WHERE :input AND :scope AND :closed AND column_name = ':table' AND accuracy_score IS NOT NULL
UNION ALL
SELECT window.start, f1_score.weighted, 'F1 weighted'
FROM profile WHERE :input AND :scope AND :closed AND column_name = ':table' AND f1_score.weighted IS NOT NULL
UNION ALL
SELECT w.window_start, b.quality, 'baseline accuracy'
FROM (
  SELECT window.start AS window_start FROM profile
  WHERE :input AND :scope AND :closed AND column_name = ':table' AND accuracy_score IS NOT NULL
) AS w
CROSS JOIN (
  SELECT max(accuracy_score) AS quality FROM profile
  WHERE log_type = 'BASELINE' AND slice_key IS NULL AND :model AND column_name = ':table'
) AS b
WHERE b.quality IS NOT NULL
ORDER BY measure, window_start
"""

REGRESSION_QUALITY = """
SELECT window.start AS window_start, root_mean_squared_error AS quality,
  'root mean squared error' AS measure
FROM profile
WHERE :input AND :scope AND :closed AND column_name = ':table' AND root_mean_squared_error IS NOT NULL
UNION ALL
SELECT window.start, mean_average_error, 'mean absolute error'
FROM profile WHERE :input AND :scope AND :closed AND column_name = ':table' AND mean_average_error IS NOT NULL
UNION ALL
SELECT w.window_start, b.quality, 'baseline root mean squared error'
FROM (
  SELECT window.start AS window_start FROM profile
  WHERE :input AND :scope AND :closed AND column_name = ':table' AND root_mean_squared_error IS NOT NULL
) AS w
CROSS JOIN (
  SELECT max(root_mean_squared_error) AS quality FROM profile
  WHERE log_type = 'BASELINE' AND slice_key IS NULL AND :model AND column_name = ':table'
) AS b
WHERE b.quality IS NOT NULL
ORDER BY measure, window_start
"""

QUALITY_BY_MODEL = """
SELECT window.start AS window_start, CAST(:model_column AS STRING) AS model, :quality AS quality
FROM profile
WHERE :input AND :granularity AND slice_key IS NULL AND :closed AND :model_column <> '*'
  AND column_name = ':table' AND :quality IS NOT NULL
ORDER BY window_start, model
"""


def _quality_now(measures: str) -> str:
    """Return the quality of all rows, of each slice and of the baseline, in the last window that has any."""
    return f"""
WITH quality AS (
  SELECT log_type, granularity, window.start AS window_start, slice_key, slice_value, {measures}
  FROM profile
  WHERE :model AND column_name = ':table' AND :quality IS NOT NULL
    AND (:input AND :granularity AND :closed OR log_type = 'BASELINE' AND slice_key IS NULL)
  QUALIFY row_number() OVER (PARTITION BY log_type, slice_key, slice_value ORDER BY window.start DESC) = 1
), labels AS (
  SELECT log_type, granularity, window.start AS window_start, slice_key, slice_value, count AS labelled
  FROM profile WHERE :model AND column_name = :label
)
SELECT CASE WHEN q.log_type = 'BASELINE' THEN 'baseline' WHEN q.slice_key IS NULL THEN 'all rows'
    ELSE concat(q.slice_key, ' = ', q.slice_value) END AS rows_of,
  q.window_start, l.labelled, q.* EXCEPT (log_type, granularity, window_start, slice_key, slice_value)
FROM quality AS q
LEFT JOIN labels AS l ON l.log_type = q.log_type AND l.granularity <=> q.granularity
  AND l.window_start <=> q.window_start AND l.slice_key <=> q.slice_key AND l.slice_value <=> q.slice_value
ORDER BY q.log_type DESC, q.slice_key NULLS FIRST, length(q.slice_value), q.slice_value
"""  # noqa: S608 - columns of ours


MAPE_SHOWN_BELOW = 100
"""From here, 10,000 percent, a percentage error tells of actuals next to zero and of nothing else."""

REGRESSION_QUALITY_NOW = _quality_now(
    "root_mean_squared_error AS rmse, mean_average_error AS mae, "
    f"CASE WHEN mean_absolute_percentage_error < {MAPE_SHOWN_BELOW} "
    "THEN mean_absolute_percentage_error END AS mape, r2_score AS r2"
)

CLASSIFICATION_QUALITY_NOW = _quality_now(
    "accuracy_score AS accuracy, f1_score.weighted AS f1, precision.weighted AS precision_weighted, "
    "recall.weighted AS recall_weighted"
)

QUALITY_BY_SLICE = """
SELECT p.window.start AS window_start, concat(p.slice_key, ' = ', p.slice_value) AS slice,
  :quality AS quality
FROM profile AS p
JOIN (
  SELECT slice_key, slice_value, sum(count) AS n FROM profile
  WHERE :input AND :granularity AND :model AND slice_key IS NOT NULL AND :closed AND column_name = ':table'
    AND :quality IS NOT NULL
  GROUP BY slice_key, slice_value ORDER BY n DESC, slice_key, slice_value LIMIT :slices
) AS top ON p.slice_key = top.slice_key AND p.slice_value = top.slice_value
WHERE :input AND :granularity AND :model AND :closed AND p.column_name = ':table' AND :quality IS NOT NULL
ORDER BY slice, window_start
"""

PREDICTED_CLASSES = """
SELECT window_start, item.item AS class,
  item.count / sum(item.count) OVER (PARTITION BY window_start) AS share
FROM (
  SELECT window.start AS window_start, explode(frequent_items) AS item
  FROM profile WHERE :input AND :scope AND column_name = :prediction
) AS items
ORDER BY window_start, class
"""

PREDICTED_CLASSES_COMPARED = """
SELECT class, source, n / sum(n) OVER (PARTITION BY source) AS share
FROM (
  SELECT item.item AS class, item.count AS n, 'last closed window' AS source
  FROM (
    SELECT explode(frequent_items) AS item
    FROM (
      SELECT frequent_items FROM profile WHERE :input AND :scope AND :closed AND column_name = :prediction
      QUALIFY row_number() OVER (ORDER BY window.start DESC) = 1
    ) AS latest
  ) AS present
  UNION ALL
  SELECT item.item, item.count, 'baseline'
  FROM (
    SELECT explode(frequent_items) AS item FROM profile
    WHERE log_type = 'BASELINE' AND slice_key IS NULL AND :model AND column_name = :prediction
  ) AS before
) AS mix
ORDER BY class, source
"""

PREDICTED_NUMBERS = """
SELECT window.start AS window_start, quantiles[99] AS p10, quantiles[499] AS median, quantiles[899] AS p90
FROM profile WHERE :input AND :scope AND column_name = :prediction AND quantiles IS NOT NULL
ORDER BY window_start
"""

DRIFT_BY_COLUMN = """
SELECT window.start AS window_start, column_name, coalesce(population_stability_index, js_distance) AS amount
FROM drift
WHERE :scope AND :closed AND :comparison AND :watched
  AND coalesce(population_stability_index, js_distance) IS NOT NULL
ORDER BY window_start, column_name
"""

MOST_DRIFTED = """
SELECT d.window.start AS window_start, d.column_name,
  coalesce(d.population_stability_index, d.js_distance) AS amount
FROM drift AS d
JOIN (
  SELECT column_name FROM drift
  WHERE :scope AND :closed AND :comparison AND :watched
    AND coalesce(population_stability_index, js_distance) IS NOT NULL
  QUALIFY row_number() OVER (PARTITION BY column_name ORDER BY window.start DESC) = 1
  ORDER BY coalesce(population_stability_index, js_distance) DESC, column_name LIMIT 5
) AS top ON d.column_name = top.column_name
WHERE :scope AND :closed AND :comparison
UNION ALL
SELECT DISTINCT window.start, 'threshold', :threshold
FROM drift WHERE :scope AND :closed AND :comparison AND :watched
ORDER BY column_name, window_start
"""

MOST_DRIFTED_NUMBER = """
WITH pick AS (
  SELECT column_name FROM drift
  WHERE :scope AND :closed AND :comparison AND :feature AND population_stability_index IS NOT NULL
  QUALIFY row_number() OVER (PARTITION BY column_name ORDER BY window.start DESC) = 1
  ORDER BY population_stability_index DESC, column_name LIMIT 1 OFFSET :rank
), present AS (
  SELECT p.window.start AS window_start, p.column_name, p.quantiles
  FROM profile AS p JOIN pick ON p.column_name = pick.column_name
  WHERE :input AND :scope AND :closed AND p.quantiles IS NOT NULL
), before AS (
  SELECT p.quantiles FROM profile AS p JOIN pick ON p.column_name = pick.column_name
  WHERE log_type = 'BASELINE' AND slice_key IS NULL AND :model
)
SELECT window_start, concat(column_name, ' 10 %') AS series, quantiles[99] AS amount FROM present
UNION ALL SELECT window_start, concat(column_name, ' median'), quantiles[499] FROM present
UNION ALL SELECT window_start, concat(column_name, ' 90 %'), quantiles[899] FROM present
UNION ALL SELECT window_start, 'baseline 10 %', before.quantiles[99] FROM present CROSS JOIN before
UNION ALL SELECT window_start, 'baseline median', before.quantiles[499] FROM present CROSS JOIN before
UNION ALL SELECT window_start, 'baseline 90 %', before.quantiles[899]
  FROM present CROSS JOIN before
ORDER BY series, window_start
"""

MOST_DRIFTED_CATEGORY = """
WITH pick AS (
  SELECT column_name FROM drift
  WHERE :scope AND :closed AND :comparison AND :feature AND js_distance IS NOT NULL
    AND population_stability_index IS NULL
  QUALIFY row_number() OVER (PARTITION BY column_name ORDER BY window.start DESC) = 1
  ORDER BY js_distance DESC, column_name LIMIT 1
), items AS (
  SELECT column_name, 'last closed window' AS source, explode(frequent_items) AS item
  FROM (
    SELECT p.column_name, p.frequent_items
    FROM profile AS p JOIN pick ON p.column_name = pick.column_name WHERE :input AND :scope AND :closed
    QUALIFY row_number() OVER (ORDER BY p.window.start DESC) = 1
  ) AS latest
  UNION ALL
  SELECT p.column_name, 'baseline', explode(p.frequent_items)
  FROM profile AS p JOIN pick ON p.column_name = pick.column_name
  WHERE log_type = 'BASELINE' AND slice_key IS NULL AND :model
)
SELECT concat(column_name, ' = ', item.item) AS category, source,
  item.count / sum(item.count) OVER (PARTITION BY source) AS share
FROM items
QUALIFY row_number() OVER (PARTITION BY source ORDER BY item.count DESC, item.item) <= 12
ORDER BY category, source
"""

NULL_RATES = """
SELECT window.start AS window_start, column_name, percent_null / 100 AS null_rate
FROM profile WHERE :input AND :scope AND :filled AND percent_null IS NOT NULL
ORDER BY window_start, column_name
"""

# A profile table without percent_uncastable, which the managed service does not write, finds it in the row
# beside the lateral subquery: a name means what the innermost scope has.
SCHEMA_DIFFERENCES = """
WITH monitored AS (
  SELECT column_name, lower(column_name) AS folded, full_data_type
  FROM system.information_schema.columns
  WHERE table_catalog = :monitored_catalog AND table_schema = :monitored_schema
    AND table_name = :monitored_table AND lower(column_name) <> :timestamp
), baseline AS (
  SELECT column_name, lower(column_name) AS folded, full_data_type
  FROM system.information_schema.columns
  WHERE table_catalog = :baseline_catalog AND table_schema = :baseline_schema
    AND table_name = :baseline_table AND lower(column_name) <> :timestamp
), uncastable AS (
  SELECT facts.column_name, facts.share
  FROM (SELECT CAST(NULL AS DOUBLE) AS percent_uncastable) AS absent,
  LATERAL (
    SELECT column_name, window.start AS window_start, percent_uncastable / 100 AS share
    FROM profile WHERE :input AND :scope AND :closed
  ) AS facts
  QUALIFY dense_rank() OVER (ORDER BY facts.window_start DESC) = 1
)
SELECT coalesce(m.column_name, b.column_name) AS column_name,
  CASE WHEN m.folded IS NULL THEN 'missing' WHEN b.folded IS NULL THEN 'added' ELSE 'another type'
    END AS difference,
  b.full_data_type AS expected, m.full_data_type AS found, u.share AS uncastable
FROM monitored AS m
FULL OUTER JOIN baseline AS b ON m.folded = b.folded
LEFT JOIN uncastable AS u ON lower(u.column_name) = m.folded
WHERE m.folded IS NULL OR b.folded IS NULL OR m.full_data_type <> b.full_data_type
ORDER BY CASE difference WHEN 'missing' THEN 1 WHEN 'another type' THEN 2 ELSE 3 END, column_name
"""

COLUMNS_NOW = """
SELECT p.column_name, p.data_type, p.count AS non_null_count, p.percent_null / 100 AS null_rate,
  p.distinct_count, CASE WHEN p.is_time THEN NULL ELSE p.min END AS minimum,
  CASE WHEN p.is_time THEN NULL ELSE p.median END AS median,
  CASE WHEN p.is_time THEN NULL ELSE p.max END AS maximum,
  element_at(p.frequent_items, 1).item AS most_frequent,
  coalesce(d.population_stability_index, d.js_distance) AS drift_amount
FROM (
  SELECT *, dense_rank() OVER (ORDER BY window.start DESC) AS age,
    data_type IN ('date', 'timestamp', 'timestamp_ntz') AS is_time
  FROM profile WHERE :input AND :scope AND :closed AND column_name <> ':table'
) AS p
LEFT JOIN (
  SELECT * FROM drift WHERE :scope AND :closed AND :comparison AND :watched
) AS d ON d.column_name = p.column_name AND d.window.start = p.window.start
WHERE p.age = 1
ORDER BY drift_amount DESC NULLS LAST, p.column_name
"""


def complete(
    statement: str,
    *,
    profile: TableName,
    drift: TableName,
    granularity: str | None,
    model_column: str | None,
    compared_with_baseline: bool,
    unwatched: tuple[str, ...] = (),
    prediction: str | None = None,
    label: str | None = None,
    quality: str | None = None,
    rank: int = 0,
    monitored: TableName | None = None,
    baseline: TableName | None = None,
    timestamp: str | None = None,
) -> str:
    """Return `statement` in Databricks SQL with every stand-in replaced.

    Parameters
    ----------
    granularity
        `1 day`; None for a snapshot, whose rows have none.
    model_column
        The model id column; None if the monitor has none.
    unwatched
        Columns whose drift or nulls mean nothing, such as identifiers and times.
    prediction, label
        Columns that are watched but are no features. Labels come late: that they are missing is no fault.
    quality
        Column of the profile table that measures the model.
    rank
        0 for the most drifted column, 1 for the next.
    monitored, baseline
        The tables whose columns are compared.
    timestamp
        The timestamp column, which baselines need not have.
    """
    everything = exp.true()
    granularity_is = (
        _equals("granularity", granularity) if granularity else exp.column("granularity").is_(exp.null())
    )
    model_is = _equals(model_column, ALL_MODELS) if model_column else everything
    whole = exp.column("slice_key").is_(exp.null())
    other = (TABLE_ROW, *unwatched)
    labels = (label,) if label else ()
    roles = (prediction, *labels) if prediction else labels
    stand_ins: dict[str, exp.Expr] = {
        "input": _equals("log_type", "INPUT"),
        "granularity": granularity_is,
        "model": model_is,
        "scope": exp.and_(granularity_is, whole, model_is),
        "closed": sqlglot.parse_one("window.end <= current_timestamp()", dialect=_DIALECT),
        "comparison": _equals("drift_type", "BASELINE" if compared_with_baseline else "CONSECUTIVE"),
        "feature": exp.column("column_name").isin(*other, *roles).not_(),
        "filled": exp.column("column_name").isin(*other, *labels).not_(),
        "watched": exp.column("column_name").isin(*other).not_(),
        "threshold": exp.Literal.number(DRIFT_THRESHOLD),
        "rank": exp.Literal.number(rank),
        "prediction": exp.Literal.string(prediction or ""),
        "quality": exp.column(quality or "", quoted=True),
        "model_column": exp.column(model_column or "", quoted=True),
        "label": exp.Literal.string(label or ""),
        "slices": exp.Literal.number(SLICES_SHOWN),
        "timestamp": exp.Literal.string((timestamp or "").lower()),
    }
    for role, table in (("monitored", monitored), ("baseline", baseline)):
        if table is not None:
            parts = {"catalog": table.catalog, "schema": table.schema, "table": table.name}
            stand_ins |= {f"{role}_{part}": exp.Literal.string(text) for part, text in parts.items()}
    tables = {"profile": profile, "drift": drift}

    def replaced(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Placeholder):
            value = stand_ins[node.name].copy()
            return exp.paren(value) if isinstance(value, exp.And) else value
        if isinstance(node, exp.Table) and node.name in tables and not node.db:
            name = tables[node.name]
            return exp.table_(
                name.name, db=name.schema, catalog=name.catalog, quoted=True, alias=node.alias or None
            )
        return node

    return (
        sqlglot.parse_one(statement, dialect=_DIALECT).transform(replaced).sql(dialect=_DIALECT, pretty=True)
    )


def with_named_moments(sql: str) -> str:
    """Return a statement whose `window_start`, if it has one, is the text of the moment.

    Snapshots are taken whenever somebody asks; on a scale of time most of them would be thin lines.
    """
    statement = sqlglot.parse_one(sql, dialect=_DIALECT)
    if not isinstance(statement, exp.Query) or "window_start" not in statement.named_selects:
        return sql
    named = f"""
        SELECT * EXCEPT (window_start), date_format(window_start, 'yyyy-MM-dd HH:mm:ss') AS window_start
        FROM ({sql}) AS timed
    """  # noqa: S608 - a statement of ours
    return sqlglot.parse_one(named, dialect=_DIALECT).sql(dialect=_DIALECT, pretty=True)


def _equals(column: str, value: str) -> exp.Expr:
    return exp.column(column, quoted=column not in _OWN_COLUMNS).eq(exp.Literal.string(value))


_OWN_COLUMNS = frozenset({"granularity", "log_type", "drift_type"})
