"""Choices behind the numbers, one named constant each; [PICK] marks what Databricks leaves undocumented.

Each says what it is and what is chosen; then, after `Known:`, what is known of the managed service, and after
`Compare:`, what to expect when a number is compared with the managed service's. Every refresh reports
`recorded()`, and writes it into its commits of the metric tables, so that whoever reads a number can see
which conventions produced it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

WINDOW_ZONE = "UTC"
"""[PICK] Time zone in which windows are aligned.

Known: no monitor has a parameter for it; published windows of an hour start at whole hours in UTC.
Compare: equal for windows up to a day; if other windows are shifted, the service has another zone or anchor.
"""

WEEK_ANCHOR = date(1970, 1, 5)
"""[PICK] A Monday on which a block of n weeks starts; blocks are counted from it in both directions.

Known: nothing; Spark's own `window` function counts weeks from the epoch, a Thursday.
Compare: windows of weeks may be shifted by whole days; compare days instead.
"""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""[PICK] Origin of windows of minutes, hours and days: they start at whole multiples since then.

Known: published windows fit it.
Compare: equal.
"""

LOOKBACK_DAYS = 30
"""[PICK] Rows older than this many days before the monitor's creation belong to no window.

Known: documented for the first refresh; the window that the limit cuts is computed of what is after it.
Compare: equal, but for the first window of each granularity, which depends on the moment of creation.
"""

ENFORCE_LOOKBACK = False
"""[PICK] Whether windows that began more than `LOOKBACK_DAYS` before a refresh are left as they are.

Known: the documentation says both that all new data are processed and that only the last 30 days are.
Compare: rows that arrive later than 30 days after their time change windows here, and there perhaps not.
"""

SNAPSHOT_WINDOW = "start = end = start of the refresh"
"""[PICK] The window of a snapshot monitor is a point in time.

Known: it is documented as the time of the refresh, not whether start and end are equal.
Compare: match snapshots by their order, not by their time.
"""

CONSECUTIVE_ADJACENCY = "window_cmp.end = window.start"
"""[PICK] A window is compared only with the one that ends where it starts; a gap yields no row.

Known: documented as "a consecutive time window exists"; what happens at a gap is not.
Compare: rows after a gap may exist there and not here.
"""

SNAPSHOT_CONSECUTIVE = "latest earlier refresh"
"""[PICK] A snapshot is compared with the one before it, however long ago that was.

Known: sources differ on whether snapshots have consecutive drift at all.
Compare: such rows may be absent there.
"""

RETAINED_WINDOWS = "kept as they are once rows of them were deleted by retention"
"""[PICK] Windows that began before the table's property `databricks_monitoring.retained_since` keep their
profile and drift rows, with the monitor version of those, however the definition, the baseline or the rows
change; a window that was never computed under the current definition is not computed from what is left.

Known: rows that cannot be recomputed are documented to keep the monitor version they were computed with.
Compare: windows from before the retention limit may show fewer rows there.
"""

NULL_TIMESTAMPS = "dropped and counted in the message"
"""[PICK] Rows whose timestamp is NULL or cannot be read belong to no window.

Known: nothing.
Compare: exclude such rows on both sides.
"""

NULL_SLICES = "in no slice"
"""[PICK] A row for which a slicing expression is NULL belongs to no slice of that key.

Known: nothing; a NULL `slice_value` could not be told from the whole table's.
Compare: the other slices are equal.
"""

SLICE_VALUES_AT_MOST = 100
"""Values kept of one slicing expression, the most frequent first.

Known: documented.
Compare: equal below 100 values.
"""

SLICE_VALUES_CHOSEN = "per window, over all models, ties by value"
"""[PICK] Where frequency is counted: within the window, so that each depends on its own rows alone.

Known: nothing.
Compare: beyond 100 values the lists may differ at their end.
"""

NULL_MODEL_IDS = "only in '*'"
"""[PICK] A row without a model id counts for all models together and for none alone.

Known: nothing.
Compare: equal for rows of models.
"""

BASELINE_MODEL_FALLBACK = "baseline's '*' rows when it has none of that model id"
"""[PICK] What a model without rows of its own in the baseline is compared with.

Known: nothing; it is advised to give the baseline the model id and rows of each version.
Compare: equal where the baseline has rows of each model.
"""

QUANTILES = 1000
"""Number of stored quantiles.

Known: published KS statistics are multiples of 1/1000.
Compare: the same number of them.
"""

QUANTILE_POSITION = "i-th of 1000 = sorted[ceil(i / 1000 * n) - 1]"
"""[PICK] An observed value, not an interpolation; the last quantile is the maximum.

Known: neither the definition nor the error is documented.
Compare: within the distance of neighbouring values; on large windows within the service's unknown error.
"""

MEDIAN = "mean of the two middle values"
"""[PICK] The column `median` interpolates where n is even, as Spark's `median` does.

Known: nothing.
Compare: within the distance of the two middle values.
"""

DIVISION_BY_ZERO = "NULL in slicing expressions and custom metrics"
"""[PICK] What an expression gives that divides by zero, or takes a remainder.

Known: on Databricks it is an error where ANSI mode is on, NULL where it is off; `try_divide` is NULL in both.
Compare: equal for expressions that guard against it with NULLIF or try_divide.
"""

NAN_VALUES = "counted in count, num_nan and distinct_count, left out of every other statistic"
"""[PICK] One NaN would otherwise make the whole window's statistics NaN.

Known: `num_nan` and `percent_nan` exist; the effect on the others is not documented.
Compare: equal without NaN; with NaN the service's mean may be NaN.
"""

STDDEV_DDOF = 1
"""[PICK] Sample standard deviation, NULL below two values, as Spark's `stddev`.

Known: nothing.
Compare: if the service divides by n, its values are smaller by about 1 / (2 n) of them.
"""

PERCENT_NULL_DENOMINATOR = "count + num_nulls"
"""[PICK] `percent_null` is relative to all rows; the other percentages are relative to `count`.

Known: `percent_distinct` is published as `distinct_count / count`.
Compare: equal where nothing is NULL.
"""

DISTINCT_COUNT = "exact"
"""[PICK] Distinct values are counted, not estimated.

Known: the managed service estimates; published values lie up to 5 percent below the truth.
Compare: `distinct_count` and `percent_distinct` within 5 to 10 percent.
"""

FREQUENT_ITEMS_AT_MOST = 100
"""Values listed in `frequent_items`, the most frequent first, ties by value.

Known: documented as the top 100.
Compare: equal below 100 values; ties may be ordered otherwise.
"""

DATA_TYPE_SPELLING = "Spark SQL's simple name: bigint, int, double, string"
"""[PICK] How `data_type` spells a column's type.

Known: published rows have `double` and `timestamp`, which every spelling shares.
Compare: read `long` and `integer` as `bigint` and `int`.
"""

COMPLEX_COLUMNS = "count, num_nulls and percent_null only"
"""[PICK] What is computed for arrays, maps and structs (binary columns have lengths besides).

Known: older documentation lists sizes of arrays, which no published table has.
Compare: equal in these three.
"""

SCHEMA_FACTS = "baseline_data_type, percent_uncastable, schema_mismatches: last, and only with a baseline"
"""[PICK] Columns of the profile table that tell how the schema differs from the baseline's, its timestamp
column aside. Names are compared as they are spelt.

Known: the managed service writes no such columns and compares "by best effort" where columns differ.
Compare: leave them out.
"""

CASTING = "Spark SQL's try_cast from the column's type to the baseline's"
"""[PICK] Which values count in `percent_uncastable`: those that are not NULL and become NULL; of arrays, maps
and structs those in which any value does.

Known: the managed service has no such column; its SQL has `try_cast`.
Compare: with `count_if(x IS NOT NULL AND try_cast(x AS type) IS NULL)`, equal for simple types.
"""

PSI_BINS = 10
"""[PICK] Bins of the population stability index, cut at quantiles of the comparison.

Known: not documented; published values fit 10 bins of equal frequency, 8 to 15 cannot be excluded.
Compare: by the documented reading (below 0.1, 0.1 to 0.2, above); values move with the number of bins.
"""

PSI_FLOOR = 1e-4
"""[PICK] Least share of a bin, so that an empty bin has a finite logarithm.

Known: nothing.
Compare: large values, of windows that leave bins empty, may differ several times.
"""

PSI_REPEATED_EDGES = "a value that is two edges or more gets a bin of its own"
"""[PICK] Keeps a shift below a constant visible, which merging the edges would hide.

Known: nothing.
Compare: columns that repeat a value often, such as many zeros, may differ.
"""

JS_LOG_BASE = 2
"""[PICK] Base of the logarithm of the Jensen-Shannon distance, which makes its range [0, 1].

Known: nothing; with base e the range ends at 0.8326.
Compare: equal, or smaller by the factor 0.8326 there.
"""

CHI_SQUARED_VARIANT = "homogeneity of a 2 x K table, no continuity correction"
"""[PICK] Both windows are samples; neither is taken as the truth.

Known: nothing.
Compare: if the service tests goodness of fit, its statistic is larger, about twice for equal row counts.
"""

CATEGORICAL_SOURCE = "frequent_items plus one bucket for the rest"
"""[PICK] Categorical drift reads profile rows only, like every other drift.

Known: published KS statistics show that numeric drift is computed from profile rows.
Compare: equal up to 100 values.
"""

UNLISTED_ITEMS = "the count nearest to the other side's share that the list allows"
"""[PICK] An item missing from a full list of 100 has between 0 and the hundredth item's count; of these the
one that makes the distance smallest is taken, so that the cut of the list is never itself drift.

Known: nothing.
Compare: beyond 100 values the service may show more distance.
"""

ZERO_DIVISION = 0.0
"""[PICK] Precision of a class that was never predicted, recall of one that never occurred.

Known: not documented; users guard against NaN, so it occurs.
Compare: NaN there for 0 here, and in the means that contain it.
"""

LOG_LOSS_CLIP = 1e-15
"""[PICK] Probabilities are kept within [clip, 1 - clip] before the natural logarithm.

Known: nothing.
Compare: equal unless a probability of exactly 0 was given to what happened.
"""

POSITIVE_CLASS = "the later of two class names in order of their text"
"""[PICK] Which class a single probability a row is of. The two classes are those of the monitored table and
the baseline together; when that changes what they are, everything is computed anew.

Known: nothing; a map from class to probability leaves no doubt.
Compare: equal for maps.
"""

BINARY_PAIRS = (("0", "1"), ("0.0", "1.0"), ("false", "true"), ("no", "yes"))
"""[PICK] Pairs of class names, negative and positive, of which one alone tells which of the two it is. If the
only class seen is of none of them, nothing is computed from a single probability a row.

Known: nothing.
Compare: equal once both classes have occurred.
"""

MAPE_EPSILON = 2.220446049250313e-16
"""[PICK] Least denominator of the absolute percentage error (the spacing of doubles at 1).

Known: nothing; the choice is scikit-learn's.
Compare: equal unless an actual is 0; one of those makes the mean astronomical here.
"""

R2_UNDEFINED = "NULL below two rows or for constant labels"
"""[PICK] Where the variance that R2 is relative to does not exist.

Known: nothing.
Compare: equal elsewhere.
"""

ROC_AUC_STRUCTURE = "one_vs_all, macro, weighted"
"""[PICK] Fields of `roc_auc_score`, the same as of precision, recall and f1_score.

Known: documented so in a footnote; notebooks read a field `one_vs_one`.
Compare: `macro` and `weighted`.
"""

CLASS_NAMES = (
    "text of the value; numbers of different types as double; beside a number or boolean, what spells one as "
    "that; NaN is no class"
)
"""[PICK] How a prediction and a label become the class name of maps and of the confusion matrix.

A probability is of the label whose name spells the same number or boolean.

Known: keys are text.
Compare: the same class may be called `1` on one side and `1.0` on the other.
"""

FAIRNESS_SIGN = "metric of the true (protected) group - metric of the false group"
"""[PICK] Stored on the row with slice_value 'true', NULL elsewhere.

Known: which group is protected is documented, not whether a difference or a ratio is stored, nor its sign.
Compare: the sign may be the other one.
"""

OPEN_WINDOWS = "published while incomplete, recomputed as rows arrive"
"""[PICK] Treat a window as final only when `window.end` has passed.

Known: a published window grew from one refresh to the next.
Compare: closed windows only.
"""

EXISTING_METRIC_TABLES = "kept if their columns fit, refused by name otherwise"
"""[PICK] What happens when a monitor is created over metric tables of an earlier one.

Known: nothing; deleting a monitor is documented to leave its tables.
Compare: start with none.
"""


def recorded() -> dict[str, str]:
    """Return every convention's name and value, for the report of a refresh.

    Examples
    --------
    >>> recorded()["JS_LOG_BASE"]
    '2'
    """
    return {name: str(value) for name, value in globals().items() if name.isupper() and name != "UTC"}
