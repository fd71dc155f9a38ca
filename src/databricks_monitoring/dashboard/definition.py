"""The dashboard of a monitor: what stands where, over which statements."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from databricks_monitoring.dashboard import queries
from databricks_monitoring.dashboard.chart import (
    GRID_COLUMNS,
    Chart,
    Dataset,
    Field,
    Page,
    Text,
    Tile,
    dashboard_json,
)

if TYPE_CHECKING:
    from databricks_monitoring.names import TableName

ProblemType = Literal["classification", "regression"]

_COUNTER_HEIGHT, _TEXT_HEIGHT, _SHORT_TABLE, _CHART_HEIGHT, _TALL, _TABLE_HEIGHT = 3, 2, 5, 6, 8, 9

_WINDOW = Field("window_start", "window start (UTC)", "temporal")
_REFRESH = Field("window_start", "refresh (UTC)", "categorical")


@dataclass(frozen=True)
class MonitorDashboard:
    """What a dashboard must know of its monitor.

    Attributes
    ----------
    granularity
        Of the windows shown, such as `1 day`; None for a snapshot monitor.
    problem_type, prediction_column, label_column, model_id_column
        None where the monitor has none; without a label nothing about quality is shown.
    has_baseline
        Compare with the baseline; otherwise each window is compared with the one before.
    baseline_table
        Where known, its columns are compared with the monitored table's.
    has_slices
        The monitor has slicing expressions.
    ignored_columns
        Columns whose drift and nulls mean nothing, such as identifiers of rows.
    """

    title: str
    monitored_table: TableName
    profile_table: TableName
    drift_table: TableName
    granularity: str | None
    problem_type: ProblemType | None = None
    timestamp_column: str | None = None
    prediction_column: str | None = None
    label_column: str | None = None
    model_id_column: str | None = None
    has_baseline: bool = True
    ignored_columns: tuple[str, ...] = ()
    baseline_table: TableName | None = None
    has_slices: bool = False

    @property
    def quality_column(self) -> str | None:
        """Column of the profile table that measures the model; None if nothing does."""
        if self.label_column is None or self.problem_type is None:
            return None
        return "accuracy_score" if self.problem_type == "classification" else "root_mean_squared_error"

    @property
    def compared_with(self) -> str:
        """What drift is measured against, in words."""
        return "the baseline" if self.has_baseline else f"the {self.unit} before"

    @property
    def unit(self) -> str:
        """What the metrics are of, in a word."""
        return "snapshot" if self.granularity is None else "window"

    @property
    def latest(self) -> str:
        """What numbers are of that name no time, in words."""
        return "latest snapshot" if self.granularity is None else "last closed window"


def monitor_dashboard(spec: MonitorDashboard) -> str:
    """Return the dashboard of a monitor as the text that `Dashboard.serialized_dashboard` takes.

    The same `spec` gives the same text.
    """
    layout = _Layout(spec)
    _overview(layout)
    if spec.quality_column is not None:
        _quality(layout)
    if spec.prediction_column is not None:
        _predictions(layout)
    _drift(layout)
    _data_quality(layout)
    page = Page("overview", spec.title, tuple(layout.tiles))
    return json.dumps(dashboard_json(tuple(layout.datasets), (page,)), indent=2, ensure_ascii=False)


class _Layout:
    """Datasets and tiles, gathered row by row from the top."""

    def __init__(self, spec: MonitorDashboard) -> None:
        self.spec = spec
        self.datasets: list[Dataset] = []
        self.tiles: list[Tile] = []
        self._top = 0

    @property
    def time(self) -> Field:
        """The axis of time: windows, or the moments of snapshots."""
        return _REFRESH if self.spec.granularity is None else _WINDOW

    def dataset(self, name: str, title: str, statement: str, *, rank: int = 0) -> str:
        """Add a statement and return its name."""
        spec = self.spec
        unwatched = (spec.timestamp_column, spec.model_id_column)
        sql = queries.complete(
            statement,
            profile=spec.profile_table,
            drift=spec.drift_table,
            granularity=spec.granularity,
            model_column=spec.model_id_column,
            compared_with_baseline=spec.has_baseline,
            unwatched=tuple(name for name in (*spec.ignored_columns, *unwatched) if name),
            label=spec.label_column,
            prediction=spec.prediction_column,
            quality=spec.quality_column,
            rank=rank,
            monitored=spec.monitored_table,
            baseline=spec.baseline_table,
            timestamp=spec.timestamp_column,
        )
        if spec.granularity is None:
            sql = queries.with_named_moments(sql)
        self.datasets.append(Dataset(name, title, sql))
        return name

    def row(self, height: int, *contents: Chart | Text) -> None:
        """Add tiles of equal width side by side."""
        width = GRID_COLUMNS // len(contents)
        for index, content in enumerate(contents):
            self.tiles.append(Tile(content, index * width, self._top, width, height))
        self._top += height

    def heading(self, name: str, *lines: str) -> None:
        """Add a line of text over the full width."""
        self.row(_TEXT_HEIGHT, Text(name, lines))


def _overview(layout: _Layout) -> None:
    spec = layout.spec
    window = f"windows of {spec.granularity}" if spec.granularity else "a snapshot at every refresh"
    layout.heading(
        "heading",
        f"## {spec.title}\n",
        f"Table `{spec.monitored_table}`, {window}, compared with {spec.compared_with}. "
        f"Numbers are those of the {spec.latest} unless a title says otherwise; times are UTC.",
    )
    counters = [
        Chart(
            "counter_rows",
            "counter",
            layout.dataset("rows_last_window", "Rows in the last window", queries.ROWS_LAST_WINDOW),
            "Rows in the latest snapshot" if spec.granularity is None else "Rows in the last window",
            f"Compared with the {spec.unit} before",
            value=Field("row_count", "Rows", digits=0),
            target=Field("row_count_before", f"{spec.unit.capitalize()} before", digits=0),
        ),
        Chart(
            "counter_drifted",
            "counter",
            layout.dataset("drifted_columns", "Drifted columns", queries.DRIFTED_COLUMNS),
            "Drifted features",
            f"Drift of {queries.DRIFT_THRESHOLD} or more",
            value=Field("drifted", "Drifted", digits=0),
            target=Field("compared", "Features compared", digits=0),
        ),
    ]
    if spec.quality_column is not None:
        classes = spec.problem_type == "classification"
        counters.append(
            Chart(
                "counter_quality",
                "counter",
                layout.dataset(
                    "quality_last_window", "Quality in the last window", queries.QUALITY_LAST_WINDOW
                ),
                "Accuracy" if classes else "Root mean squared error",
                "In the last window with labels",
                value=Field("quality", "Last labelled window", percent=classes, digits=1 if classes else 3),
                target=Field("baseline_quality", "Baseline", percent=classes, digits=1 if classes else 3),
            )
        )
    counters.append(
        Chart(
            "counter_nulls",
            "counter",
            layout.dataset("highest_null_rate", "Highest null rate", queries.HIGHEST_NULL_RATE),
            "Highest null rate",
            "Of any feature",
            value=Field("null_rate", "Null rate", percent=True, digits=1),
            target=Field("column_name", "Column"),
        )
    )
    layout.row(_COUNTER_HEIGHT, *counters)
    volume = Chart(
        "volume",
        "bar",
        layout.dataset("volume", "Rows by window", queries.VOLUME),
        "Rows over time",
        x=layout.time,
        y=(Field("row_count", "rows", "quantitative", digits=0),),
        color=None if spec.granularity is None else Field("window_state", "state", "categorical"),
    )
    if spec.model_id_column is None:
        layout.row(_CHART_HEIGHT, volume)
        return
    by_model = Chart(
        "volume_by_model",
        "bar",
        layout.dataset("volume_by_model", "Rows by model", queries.VOLUME_BY_MODEL),
        "Rows by model version",
        x=layout.time,
        y=(Field("row_count", "rows", "quantitative", digits=0),),
        color=Field("model", "model version", "categorical"),
    )
    layout.row(_CHART_HEIGHT, volume, by_model)


def _quality(layout: _Layout) -> None:
    classes = layout.spec.problem_type == "classification"
    statement = queries.CLASSIFICATION_QUALITY if classes else queries.REGRESSION_QUALITY
    axis = Field("quality", "quality" if classes else "error", "quantitative", percent=classes, digits=3)
    over_time = Chart(
        "quality",
        "line",
        layout.dataset("quality", "Model quality", statement),
        "Model quality over time",
        "Windows that have labels; the level of the baseline for reference",
        x=layout.time,
        y=(axis,),
        color=Field("measure", "measure", "categorical"),
    )
    by_model = Chart(
        "quality_by_model",
        "line",
        layout.dataset("quality_by_model", "Quality by model", queries.QUALITY_BY_MODEL),
        f"{'Accuracy' if classes else 'Root mean squared error'} by model version",
        x=layout.time,
        y=(axis,),
        color=Field("model", "model version", "categorical"),
    )
    layout.row(_CHART_HEIGHT, over_time, by_model)
    if layout.spec.has_slices:
        by_slice = Chart(
            "quality_by_slice",
            "line",
            layout.dataset("quality_by_slice", "Quality by slice", queries.QUALITY_BY_SLICE),
            f"{'Accuracy' if classes else 'Root mean squared error'} by slice",
            f"The {queries.SLICES_SHOWN} slices with the most rows",
            x=layout.time,
            y=(axis,),
            color=Field("slice", "slice", "categorical"),
        )
        layout.row(_CHART_HEIGHT, by_slice)
    layout.row(_TALL if layout.spec.has_slices else _SHORT_TABLE, _quality_now(layout, classes=classes))


def _quality_now(layout: _Layout, *, classes: bool) -> Chart:
    measures = (
        (
            Field("accuracy", "Accuracy", percent=True, digits=1),
            Field("f1", "F1, weighted", percent=True, digits=1),
            Field("precision_weighted", "Precision, weighted", percent=True, digits=1),
            Field("recall_weighted", "Recall, weighted", percent=True, digits=1),
        )
        if classes
        else (
            Field("rmse", "Root mean squared error", digits=3),
            Field("mae", "Mean absolute error", digits=3),
            Field("mape", "Mean absolute percentage error", percent=True, digits=1),
            Field("r2", "R2", digits=3),
        )
    )
    statement = queries.CLASSIFICATION_QUALITY_NOW if classes else queries.REGRESSION_QUALITY_NOW
    return Chart(
        "quality_now",
        "table",
        layout.dataset("quality_now", "Quality in the last labelled window", statement),
        "Quality in the last labelled window",
        "Of all rows, of each slice in its own last labelled window, and of the baseline"
        + (
            "" if classes else ". No percentage error is shown where actuals next to zero make it meaningless"
        ),
        columns=(
            Field("rows_of", "Rows of"),
            Field("window_start", "Window start (UTC)"),
            Field("labelled", "Labelled rows", digits=0),
            *measures,
        ),
    )


def _predictions(layout: _Layout) -> None:
    if layout.spec.problem_type == "classification":
        share = Field("share", "share of predictions", "quantitative", percent=True, digits=1)
        over_time = Chart(
            "predictions",
            "area",
            layout.dataset("predictions", "Predicted classes", queries.PREDICTED_CLASSES),
            "Predictions over time",
            "Share of each predicted class; the last window may still be open",
            x=layout.time,
            y=(share,),
            color=Field("class", "class", "categorical"),
        )
        compared = Chart(
            "predictions_compared",
            "bar",
            layout.dataset(
                "predictions_compared", "Predicted classes compared", queries.PREDICTED_CLASSES_COMPARED
            ),
            "Predictions now and at the baseline",
            x=Field("class", "class", "categorical"),
            y=(share,),
            color=Field("source", "source", "categorical"),
            stacked=False,
        )
        layout.row(_CHART_HEIGHT, over_time, compared)
        return
    layout.row(
        _CHART_HEIGHT,
        Chart(
            "predictions",
            "line",
            layout.dataset("predictions", "Predicted numbers", queries.PREDICTED_NUMBERS),
            "Predictions over time",
            "Median and the band of the middle 80 percent; the last window may still be open",
            x=layout.time,
            y=(
                Field("p10", "10th percentile", "quantitative"),
                Field("median", "median", "quantitative"),
                Field("p90", "90th percentile", "quantitative"),
            ),
        ),
    )


def _drift(layout: _Layout) -> None:
    spec = layout.spec
    amount = Field("amount", "drift", "quantitative", digits=3)
    layout.row(
        _TALL,
        Chart(
            "drift_heatmap",
            "heatmap",
            layout.dataset("drift_by_column", "Drift by column", queries.DRIFT_BY_COLUMN),
            f"Drift of each column from {spec.compared_with}",
            "Population stability index of numbers, Jensen-Shannon distance of categories; "
            f"{queries.DRIFT_THRESHOLD} and more is significant",
            x=layout.time,
            y=(Field("column_name", "column", "categorical"),),
            color=amount,
        ),
        Chart(
            "drift_lines",
            "line",
            layout.dataset("most_drifted", "Most drifted", queries.MOST_DRIFTED),
            "The five most drifted columns",
            x=layout.time,
            y=(amount,),
            color=Field("column_name", "column", "categorical"),
        ),
    )
    if not spec.has_baseline:
        return
    numbers = [
        Chart(
            f"drifted_number_{rank + 1}",
            "line",
            layout.dataset(
                f"drifted_number_{rank + 1}",
                f"Drifted number {rank + 1}",
                queries.MOST_DRIFTED_NUMBER,
                rank=rank,
            ),
            title,
            "10th percentile, median and 90th percentile; the baseline's dashed",
            x=layout.time,
            y=(Field("amount", "value", "quantitative", digits=4),),
            color=Field("series", "series", "categorical"),
        )
        for rank, title in enumerate(("The most drifted number", "The second most drifted number"))
    ]
    layout.row(_CHART_HEIGHT, *numbers)
    layout.row(
        _CHART_HEIGHT,
        Chart(
            "drifted_category",
            "bar",
            layout.dataset("drifted_category", "Drifted category", queries.MOST_DRIFTED_CATEGORY),
            "The most drifted category",
            "Share of each value, now and at the baseline",
            x=Field("category", "value", "categorical"),
            y=(Field("share", "share of rows", "quantitative", percent=True, digits=1),),
            color=Field("source", "source", "categorical"),
            stacked=False,
        ),
    )


def _schema(layout: _Layout) -> Chart:
    return Chart(
        "schema_differences",
        "table",
        layout.dataset("schema_differences", "Schema against the baseline", queries.SCHEMA_DIFFERENCES),
        "Schema against the baseline",
        "As both tables are now; empty where they have the same columns and types. "
        f"The share of values that do not cast to the baseline's type is that of the {layout.spec.latest}",
        columns=(
            Field("column_name", "Column"),
            Field("difference", "Difference"),
            Field("expected", "Type in the baseline"),
            Field("found", "Type in the table"),
            Field("uncastable", "Values that do not cast", percent=True, digits=1),
        ),
    )


def _data_quality(layout: _Layout) -> None:
    if layout.spec.baseline_table is not None:
        layout.row(_SHORT_TABLE, _schema(layout))
    layout.row(
        _TALL,
        Chart(
            "null_rates",
            "heatmap",
            layout.dataset("null_rates", "Null rates", queries.NULL_RATES),
            "Null rates over time",
            "" if layout.spec.granularity is None else "The last window may still be open",
            x=layout.time,
            y=(Field("column_name", "column", "categorical"),),
            color=Field("null_rate", "null rate", "quantitative", percent=True, digits=1),
        ),
    )
    layout.row(
        _TABLE_HEIGHT,
        Chart(
            "columns",
            "table",
            layout.dataset("columns_now", "Columns now", queries.COLUMNS_NOW),
            f"Columns in the {layout.spec.latest}",
            columns=(
                Field("column_name", "Column"),
                Field("data_type", "Type"),
                Field("non_null_count", "Not null", digits=0),
                Field("null_rate", "Null rate", percent=True, digits=1),
                Field("distinct_count", "Distinct", digits=0),
                Field("minimum", "Minimum", digits=4),
                Field("median", "Median", digits=4),
                Field("maximum", "Maximum", digits=4),
                Field("most_frequent", "Most frequent"),
                Field("drift_amount", "Drift", digits=3),
            ),
        ),
    )
