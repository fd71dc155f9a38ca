"""Choices that Databricks leaves undocumented, one named constant each.

Every refresh reports `recorded()`, so that whoever reads a number can see which conventions produced it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

WINDOW_ZONE = "UTC"
"""[PICK] Time zone in which windows are aligned; no monitor configuration has a parameter for it."""

WEEK_ANCHOR = date(1970, 1, 5)
"""[PICK] A Monday on which a block of n weeks starts; blocks are counted from it in both directions."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""[PICK] Origin of windows of minutes, hours and days: they start at whole multiples since then."""

LOOKBACK_DAYS = 30
"""[PICK] Rows older than this many days before the monitor's creation belong to no window."""

ENFORCE_LOOKBACK = False
"""[PICK] Whether windows that began more than `LOOKBACK_DAYS` before a refresh are left as they are."""

SNAPSHOT_WINDOW = "start = end = start of the refresh"
"""[PICK] The window of a snapshot monitor is a point in time."""

CONSECUTIVE_ADJACENCY = "window_cmp.end = window.start"
"""[PICK] A window is compared only with the one that ends where it starts; a gap yields no row."""

SNAPSHOT_CONSECUTIVE = "latest earlier refresh"
"""[PICK] A snapshot is compared with the one before it, however long ago that was."""

RETAINED_WINDOWS = "kept as they are once rows of them were deleted by retention"
"""[PICK] Windows that began before the table's property `databricks_monitoring.retained_since` keep their
profile and drift rows, with the monitor version of those, however the definition, the baseline or the rows
change; a window that was never computed under the current definition is not computed from what is left."""

NULL_TIMESTAMPS = "dropped and counted in the message"
"""[PICK] Rows whose timestamp is NULL or cannot be read belong to no window."""

NULL_SLICES = "in no slice"
"""[PICK] A row for which a slicing expression is NULL belongs to no slice of that key."""

SLICE_VALUES_AT_MOST = 100
"""Values kept of one slicing expression, the most frequent first."""

SLICE_VALUES_CHOSEN = "per window, over all models, ties by value"
"""[PICK] Where frequency is counted: within the window, so that each depends on its own rows alone."""

NULL_MODEL_IDS = "only in '*'"
"""[PICK] A row without a model id counts for all models together and for none alone."""

BASELINE_MODEL_FALLBACK = "baseline's '*' rows when it has none of that model id"
"""[PICK] What a model without rows of its own in the baseline is compared with."""

QUANTILES = 1000
"""Number of stored quantiles."""

QUANTILE_POSITION = "i-th of 1000 = sorted[ceil(i / 1000 * n) - 1]"
"""[PICK] An observed value, not an interpolation; the last quantile is the maximum."""

MEDIAN = "mean of the two middle values"
"""[PICK] The column `median` interpolates where n is even, as Spark's `median` does."""

NAN_VALUES = "counted in count, num_nan and distinct_count, left out of every other statistic"
"""[PICK] One NaN would otherwise make the whole window's statistics NaN."""

STDDEV_DDOF = 1
"""[PICK] Sample standard deviation, NULL below two values, as Spark's `stddev`."""

PERCENT_NULL_DENOMINATOR = "count + num_nulls"
"""[PICK] `percent_null` is relative to all rows; the other percentages are relative to `count`."""

DISTINCT_COUNT = "exact"
"""[PICK] The managed service approximates; compare with it at a tolerance of 5 to 10 percent."""

FREQUENT_ITEMS_AT_MOST = 100
"""Values listed in `frequent_items`, the most frequent first, ties by value."""

DATA_TYPE_SPELLING = "Spark SQL's simple name: bigint, int, double, string"
"""[PICK] How `data_type` spells a column's type."""

COMPLEX_COLUMNS = "count, num_nulls and percent_null only"
"""[PICK] What is computed for arrays, maps and structs (binary columns have lengths besides)."""

PSI_BINS = 10
"""[PICK] Bins of the population stability index, cut at quantiles of the comparison."""

PSI_FLOOR = 1e-4
"""[PICK] Least share of a bin, so that an empty bin has a finite logarithm."""

PSI_REPEATED_EDGES = "a value that is two edges or more gets a bin of its own"
"""[PICK] Keeps a shift below a constant visible, which merging the edges would hide."""

JS_LOG_BASE = 2
"""[PICK] Base of the logarithm of the Jensen-Shannon distance, which makes its range [0, 1]."""

CHI_SQUARED_VARIANT = "homogeneity of a 2 x K table, no continuity correction"
"""[PICK] Both windows are samples; neither is taken as the truth."""

CATEGORICAL_SOURCE = "frequent_items plus one bucket for the rest"
"""[PICK] Categorical drift reads profile rows only, like every other drift."""

UNLISTED_ITEMS = "the count nearest to the other side's share that the list allows"
"""[PICK] An item missing from a full list of 100 has between 0 and the hundredth item's count; of these the
one that makes the distance smallest is taken, so that the cut of the list is never itself drift."""

ZERO_DIVISION = 0.0
"""[PICK] Precision of a class that was never predicted, recall of one that never occurred."""

LOG_LOSS_CLIP = 1e-15
"""[PICK] Probabilities are kept within [clip, 1 - clip] before the natural logarithm."""

POSITIVE_CLASS = "the later of two class names in order of their text"
"""[PICK] Which class a single probability a row is of; with one class seen, nothing is computed from it."""

MAPE_EPSILON = 2.220446049250313e-16
"""[PICK] Least denominator of the absolute percentage error (the spacing of doubles at 1)."""

R2_UNDEFINED = "NULL below two rows or for constant labels"
"""[PICK] Where the variance that R2 is relative to does not exist."""

ROC_AUC_STRUCTURE = "one_vs_all, macro, weighted"
"""[PICK] Fields of `roc_auc_score`, the same as of precision, recall and f1_score."""

CLASS_NAMES = "text of the value; numbers of different types are compared as double"
"""[PICK] How a prediction and a label become the class name of maps and of the confusion matrix."""

FAIRNESS_SIGN = "metric of the true (protected) group - metric of the false group"
"""[PICK] Stored on the row with slice_value 'true', NULL elsewhere."""

OPEN_WINDOWS = "published while incomplete, recomputed as rows arrive"
"""[PICK] Treat a window as final only when `window.end` has passed."""

EXISTING_METRIC_TABLES = "kept if their columns fit, refused by name otherwise"
"""[PICK] What happens when a monitor is created over metric tables of an earlier one."""


def recorded() -> dict[str, str]:
    """Return every convention's name and value, for the report of a refresh.

    Examples
    --------
    >>> recorded()["JS_LOG_BASE"]
    '2'
    """
    return {name: str(value) for name, value in globals().items() if name.isupper() and name != "UTC"}
