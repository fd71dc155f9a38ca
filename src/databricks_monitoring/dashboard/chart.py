"""What a dashboard shows, before any notation: datasets, charts over them, and where they stand.

The same chart becomes a widget of an AI/BI dashboard here, and a picture elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Scale = Literal["temporal", "quantitative", "categorical"]
Kind = Literal["counter", "table", "bar", "line", "area", "heatmap"]

GRID_COLUMNS = 12

_VERSION: dict[Kind, int] = {"counter": 2, "table": 2, "bar": 3, "line": 3, "area": 3, "heatmap": 3}
"""Version of each widget's notation that AI/BI dashboards write today."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Dataset:
    """A named statement in Databricks SQL."""

    name: str
    title: str
    sql: str


@dataclass(frozen=True)
class Field:
    """A column of a dataset and how to read it.

    Attributes
    ----------
    scale
        None for the columns of a table and the value of a counter.
    percent
        The column holds a share in [0, 1], shown as a percentage.
    digits
        Decimal places shown at most.
    """

    name: str
    title: str
    scale: Scale | None = None
    percent: bool = False
    digits: int = 2


@dataclass(frozen=True)
class Chart:
    """One chart, table or number.

    Attributes
    ----------
    y
        One field, or several drawn on one axis.
    columns
        Of a table.
    stacked
        Bars and areas of one x stand on each other rather than side by side.
    """

    name: str
    kind: Kind
    dataset: str
    title: str
    description: str = ""
    x: Field | None = None
    y: tuple[Field, ...] = ()
    color: Field | None = None
    value: Field | None = None
    target: Field | None = None
    columns: tuple[Field, ...] = ()
    stacked: bool = True


@dataclass(frozen=True)
class Text:
    """A paragraph of Markdown."""

    name: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Tile:
    """Something shown, and its place on a grid of 12 columns."""

    content: Chart | Text
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Page:
    """One page of tiles."""

    name: str
    title: str
    tiles: tuple[Tile, ...]


def dashboard_json(datasets: tuple[Dataset, ...], pages: tuple[Page, ...]) -> Json:
    """Return a dashboard in the notation of AI/BI dashboards."""
    return {
        "datasets": [_dataset(dataset) for dataset in datasets],
        "pages": [
            {
                "name": page.name,
                "displayName": page.title,
                "pageType": "PAGE_TYPE_CANVAS",
                "layoutVersion": "GRID_V1",
                "layout": [_tile(tile) for tile in page.tiles],
            }
            for page in pages
        ],
    }


def _dataset(dataset: Dataset) -> Json:
    # The lines are joined with nothing between, so each keeps its own newline.
    return {
        "name": dataset.name,
        "displayName": dataset.title,
        "queryLines": dataset.sql.splitlines(keepends=True),
    }


def _tile(tile: Tile) -> Json:
    content = tile.content
    widget = (
        {"name": content.name, "multilineTextboxSpec": {"lines": list(content.lines)}}
        if isinstance(content, Text)
        else _widget(content)
    )
    return {
        "widget": widget,
        "position": {"x": tile.x, "y": tile.y, "width": tile.width, "height": tile.height},
    }


def _widget(chart: Chart) -> Json:
    frame: Json = {"showTitle": True, "title": chart.title}
    if chart.description:
        frame |= {"showDescription": True, "description": chart.description}
    spec: Json = {
        "version": _VERSION[chart.kind],
        "widgetType": chart.kind,
        "encodings": _encodings(chart),
        "frame": frame,
    }
    if chart.kind == "bar":
        spec["mark"] = {"layout": "stack" if chart.stacked else "group"}
    used = [chart.x, *chart.y, chart.color, chart.value, chart.target, *chart.columns]
    names = dict.fromkeys(field.name for field in used if field is not None)
    query = {
        "datasetName": chart.dataset,
        "fields": [{"name": name, "expression": f"`{name}`"} for name in names],
        "disaggregated": True,
    }
    return {"name": chart.name, "queries": [{"name": "main_query", "query": query}], "spec": spec}


def _encodings(chart: Chart) -> Json:
    if chart.kind == "table":
        return {"columns": [_encoding(field) for field in chart.columns]}
    found: Json = {}
    if chart.x is not None:
        found["x"] = _encoding(chart.x)
    if len(chart.y) == 1:
        found["y"] = _encoding(chart.y[0])
    elif chart.y:
        found["y"] = {
            "scale": {"type": chart.y[0].scale},
            "fields": [{"fieldName": field.name, "displayName": field.title} for field in chart.y],
        }
    if chart.color is not None:
        found["color"] = _encoding(chart.color)
        if chart.kind == "heatmap":
            found["color"]["scale"]["colorRamp"] = {"mode": "scheme", "scheme": "YlGnBu"}
    if chart.value is not None:
        found["value"] = _encoding(chart.value)
    if chart.target is not None:
        found["target"] = _encoding(chart.target)
    return found


def _encoding(field: Field) -> Json:
    encoding: Json = {"fieldName": field.name, "displayName": field.title}
    if field.scale is not None:
        encoding["scale"] = {"type": field.scale}
    if field.percent or field.scale in {None, "quantitative"}:
        encoding["format"] = {
            "type": "number-percent" if field.percent else "number-plain",
            "decimalPlaces": {"type": "max", "places": field.digits},
        }
    return encoding
