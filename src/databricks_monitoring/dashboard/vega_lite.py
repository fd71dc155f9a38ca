"""Widgets of AI/BI dashboards as Vega-Lite, for pages and for pictures.

Colours, fonts and the background are left to whoever draws, so that one specification serves a light and a
dark page and a mail.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from databricks_monitoring.dashboard.queries import DRIFT_THRESHOLD

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Json = dict[str, Any]
Row = dict[str, Any]

DRAWN = frozenset({"bar", "line", "area", "pie", "scatter", "heatmap", "histogram"})
"""Widget types that have a Vega-Lite form."""

_REFERENCE = re.compile(r"^(baseline|threshold)\b")
_FROM, _UNTIL, _WHEN, _SERIES, _VALUE = "_from", "_until", "_when", "_series", "_value"
_DRIFT = ("amount", "drift")
"""Field and title of the drift of a monitor's dashboard."""
_LABELLED_CELLS = 16
_CHARACTERS_SIDE_BY_SIDE = 70
_DAY, _TIME = "%b %d", "%H:%M"
_TIME_FORMAT = {
    "hours": _TIME,
    "minutes": _TIME,
    "day": _DAY,
    "date": _DAY,
    "week": _DAY,
    "month": _DAY,
    "year": "%Y",
}
_SHORT_NAME = 20
_SCHEMES = {"YlGnBu": "yellowgreenblue", "RdYlBu": "redyellowblue"}
_TYPE = {"temporal": "temporal", "quantitative": "quantitative", "categorical": "nominal"}


@dataclass(frozen=True)
class _Encoded:
    """One encoding of a widget."""

    field: str
    title: str
    scale: str
    percent: bool = False
    places: int | None = None
    scheme: str | None = None

    @property
    def number_format(self) -> str | None:
        """The format of tooltips, in d3's notation."""
        if self.percent:
            return f".{1 if self.places is None else self.places}~%"
        if self.places == 0:
            return ",d"
        return f",.{self.places}~f" if self.places is not None else None

    @property
    def axis_format(self) -> str | None:
        """The format of axis labels, in d3's notation."""
        if self.percent:
            return "~%"
        return ",d" if self.places == 0 else None


def vega_lite(widget: Json, rows: Sequence[Row]) -> Json:
    """Return the Vega-Lite specification of a widget over its rows.

    Parameters
    ----------
    widget
        A widget of a `.lvdash.json`, its `widgetType` one of `DRAWN`.
    rows
        One dictionary a row: numbers, texts, and times as ISO 8601; NULL is None.
    """
    spec = widget["spec"]
    kind = spec["widgetType"]
    encodings = spec["encodings"]
    base: Json = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": "container",
        "height": "container",
        "autosize": {"type": "fit", "contains": "padding"},
    }
    if kind == "pie":
        return base | _pie(encodings, rows)
    if kind == "heatmap":
        return base | _heatmap(encodings, rows)
    if kind == "histogram":
        return base | _histogram(encodings, rows)
    return base | _cartesian(kind, encodings, rows, grouped=spec.get("mark", {}).get("layout") == "group")


def _encoded(encoding: Json) -> _Encoded:
    form = encoding.get("format") or {}
    places = (form.get("decimalPlaces") or {}).get("places")
    axis = encoding.get("axis") or {}
    scale = encoding.get("scale") or {}
    return _Encoded(
        field=encoding["fieldName"],
        title=axis.get("title") or encoding.get("displayName") or encoding["fieldName"],
        scale=scale.get("type", "categorical"),
        percent=form.get("type") == "number-percent",
        places=places,
        scheme=(scale.get("colorRamp") or {}).get("scheme"),
    )


def _cartesian(kind: str, encodings: Json, rows: Sequence[Row], *, grouped: bool) -> Json:
    x = _encoded(encodings["x"])
    y, color, rows = _one_y(encodings, rows)
    rows = _with_windows(rows, x) if x.scale == "temporal" else list(rows)
    if kind == "area" and len({row[x.field] for row in rows}) == 1:
        # One point spans no area.
        kind = "bar"
    named = color if x.scale == "temporal" or kind == "line" else None
    references = [row for row in rows if named and _REFERENCE.match(str(row.get(named.field)))]
    plain = [row for row in rows if row not in references] if references else rows
    layers = [_mark_layer(kind, x, y, color, plain, grouped=grouped)]
    if references and color is not None:
        layers += _reference_layers(x, y, color, references)
    return {"layer": layers} if len(layers) > 1 else layers[0]


def _one_y(encodings: Json, rows: Sequence[Row]) -> tuple[_Encoded, _Encoded | None, Sequence[Row]]:
    """Return y, colour and rows; several y fields become one with a series each."""
    fields = encodings["y"].get("fields")
    if not fields:
        color = _encoded(encodings["color"]) if "color" in encodings else None
        return _encoded(encodings["y"]), color, rows
    titles = {field["fieldName"]: field.get("displayName", field["fieldName"]) for field in fields}
    long = [row | {_SERIES: titles[name], _VALUE: row[name]} for name in titles for row in rows]
    scale = encodings["y"].get("scale", {}).get("type", "quantitative")
    return _Encoded(_VALUE, "value", scale), _Encoded(_SERIES, "series", "categorical"), long


def _mark_layer(
    kind: str, x: _Encoded, y: _Encoded, color: _Encoded | None, rows: Sequence[Row], *, grouped: bool
) -> Json:
    marks: dict[str, Json] = {
        "bar": {"type": "bar", "cornerRadiusEnd": 2},
        "line": {"type": "line", "point": {"size": 28}, "interpolate": "monotone"},
        "area": {"type": "area", "line": {"strokeWidth": 1}, "interpolate": "monotone", "opacity": 0.85},
        "scatter": {"type": "point", "filled": True, "opacity": 0.7},
    }
    encoding: Json = {
        "x": _axis(x, kind, rows),
        "y": _axis(y, kind),
        "tooltip": [_tooltip(part) for part in (x, color, y) if part is not None],
    }
    if x.scale == "temporal" and kind == "bar":
        encoding["x"] |= {"field": _FROM}
        encoding["x2"] = {"field": _UNTIL}
        # A bar between two times would else lie on its side.
        marks["bar"] = {"type": "bar", "orient": "vertical", "style": "timed"}
        encoding["y"]["stack"] = "zero"
    elif grouped and color is not None:
        encoding["xOffset"] = {"field": color.field, "type": "nominal"}
        encoding["y"]["stack"] = None
    if color is not None:
        encoding["color"] = _series_color(color, rows)
    if kind == "line":
        encoding["y"]["scale"] = {"zero": False, "nice": True}
    return {"data": {"values": list(rows)}, "mark": marks[kind], "encoding": encoding}


def _reference_layers(x: _Encoded, y: _Encoded, color: _Encoded, rows: Sequence[Row]) -> list[Json]:
    """Return dashed lines for levels to compare with, each named at its end instead of in the legend."""
    last = max(str(row[x.field]) for row in rows)
    ends = [row for row in rows if str(row[x.field]) == last]
    shared: Json = {"x": _axis(x, "line"), "y": _axis(y, "line")}
    line: Json = {
        "data": {"values": list(rows)},
        "mark": {"type": "line", "style": "reference", "strokeDash": [5, 4], "strokeWidth": 1.5},
        "encoding": shared
        | {
            "detail": {"field": color.field},
            "tooltip": [_tooltip(part) for part in (x, color, y)],
        },
    }
    label: Json = {
        "data": {"values": ends},
        "mark": {"type": "text", "style": "reference-label", "align": "right", "dy": -7, "fontSize": 11},
        "encoding": shared | {"text": {"field": color.field}},
    }
    return [line, label]


def _heatmap(encodings: Json, rows: Sequence[Row]) -> Json:
    x, y, color = (_encoded(encodings[name]) for name in ("x", "y", "color"))
    rows = _with_windows(rows, x) if x.scale == "temporal" else list(rows)
    highest = max((float(row[color.field]) for row in rows if row[color.field] is not None), default=0.0)
    if (color.field, color.title) == _DRIFT:
        # What is far from significant must not look so.
        highest = max(highest, DRIFT_THRESHOLD)
    order = _by_highest(rows, y.field, color.field)
    encoding: Json = {
        "x": _axis(x, "heatmap", rows),
        "y": _axis(y, "heatmap") | {"sort": order},
        "color": {
            "field": color.field,
            "type": "quantitative",
            "title": color.title,
            "scale": {
                "scheme": _SCHEMES.get(color.scheme or "", color.scheme or "yellowgreenblue"),
                "domain": [0, highest or 1.0],
                # Differences among small values are what decides; a single large one must not flatten them.
                "type": "linear" if color.percent else "sqrt",
            },
            "legend": {"format": color.axis_format} if color.axis_format else {},
        },
        "tooltip": [_tooltip(part) for part in (x, y, color)],
    }
    if x.scale == "temporal":
        encoding["x"] |= {"field": _FROM}
        encoding["x2"] = {"field": _UNTIL}
    cells: Json = {"mark": {"type": "rect", "style": "heat"}, "encoding": encoding}
    spec: Json = {"data": {"values": rows}, "usermeta": {"sequential": True}}
    across = len({row[x.field] for row in rows})
    if across > _LABELLED_CELLS:
        return spec | cells
    spec["usermeta"]["cells_across"] = across
    return spec | {"layer": [cells, _cell_labels(encoding, x, color, highest)]}


def _cell_labels(encoding: Json, x: _Encoded, color: _Encoded, highest: float) -> Json:
    """Return the numbers in the cells, so that colour is not the only carrier."""
    middle = {"x": encoding["x"] | {"field": "_middle"}} if x.scale == "temporal" else {"x": encoding["x"]}
    return {
        "mark": {"type": "text", "style": "cell", "fontSize": 10},
        "encoding": middle
        | {
            "y": encoding["y"],
            "text": {
                "field": color.field,
                "type": "quantitative",
                "format": ".0%" if color.percent else ".2f",
            },
            "opacity": {"condition": {"test": f"datum[{color.field!r}] === null", "value": 0}, "value": 1},
            # The middle of the range, on a linear and on a square-root scale.
            "color": {
                "condition": {
                    "test": f"datum[{color.field!r}] > {highest / (2 if color.percent else 4)}",
                    "value": "white",
                },
                "value": "black",
            },
        },
    }


def _histogram(encodings: Json, rows: Sequence[Row]) -> Json:
    x = _encoded(encodings["x"])
    return {
        "data": {"values": list(rows)},
        "mark": {"type": "bar", "cornerRadiusEnd": 2},
        "encoding": {
            "x": {"field": x.field, "bin": {"maxbins": 40}, "title": x.title},
            "y": {"aggregate": "count", "title": "rows"},
        },
    }


def _pie(encodings: Json, rows: Sequence[Row]) -> Json:
    angle, color = _encoded(encodings["angle"]), _encoded(encodings["color"])
    return {
        "data": {"values": list(rows)},
        "mark": {"type": "arc", "innerRadius": 40},
        "encoding": {
            "theta": {"field": angle.field, "type": "quantitative", "stack": True},
            "color": _series_color(color, rows),
            "tooltip": [_tooltip(color), _tooltip(angle)],
        },
    }


def _axis(part: _Encoded, kind: str, rows: Sequence[Row] = ()) -> Json:
    found: Json = {"field": part.field, "type": _TYPE[part.scale], "title": part.title}
    if part.scale == "temporal":
        return found | {
            "scale": {"type": "utc"},
            "title": None,
            "axis": {"labelOverlap": True, "tickCount": 7, "format": _TIME_FORMAT},
        }
    if part.scale == "quantitative":
        axis: Json = {"tickCount": 5}
        if part.axis_format:
            axis["format"] = part.axis_format
        return found | {"axis": axis}
    label: Json = {"labelLimit": 190}
    if kind != "heatmap" or rows:
        # Names that do not fit side by side are read more easily slanted than cut.
        characters = sum(len(name) for name in {str(row.get(part.field)) for row in rows})
        label["labelAngle"] = -25 if characters > _CHARACTERS_SIDE_BY_SIDE else 0
    return found | {"axis": label, "title": None}


def _series_color(color: _Encoded, rows: Iterable[Row]) -> Json:
    names = list(dict.fromkeys(str(row.get(color.field)) for row in rows))
    columns = 3 if max(map(len, names), default=0) <= _SHORT_NAME else 2
    found: Json = {
        "field": color.field,
        "type": _TYPE[color.scale],
        "title": color.title,
        "legend": {"title": None, "orient": "bottom", "columns": columns, "labelLimit": 190},
    }
    if color.scale == "categorical":
        # What is compared with comes last, and so gets no colour that stands for what is new.
        found["scale"] = {"domain": sorted(names, key=lambda name: bool(_REFERENCE.match(name)))}
    return found


def _tooltip(part: _Encoded) -> Json:
    if part.scale == "temporal":
        return {"field": _WHEN, "type": "nominal", "title": part.title}
    found: Json = {"field": part.field, "type": _TYPE[part.scale], "title": part.title}
    if part.scale == "quantitative" and part.number_format:
        found["format"] = part.number_format
    return found


def _by_highest(rows: Iterable[Row], group: str, value: str) -> list[Any]:
    highest: dict[Any, float] = {}
    for row in rows:
        if row[value] is not None:
            highest[row[group]] = max(highest.get(row[group], 0.0), float(row[value]))
    return sorted(highest, key=lambda name: (-highest[name], str(name)))


def _with_windows(rows: Sequence[Row], x: _Encoded) -> list[Row]:
    """Return rows with the end of the window that begins at x, and words for it.

    A window ends where the next begins if that is about as far away as the shortest step between two.
    """
    moments = sorted({_moment(row[x.field]) for row in rows if row[x.field] is not None})
    steps = [later - earlier for earlier, later in pairwise(moments)]
    step = min(steps, default=_usual_step(moments))
    until = dict.fromkeys(moments, timedelta())
    for index, moment in enumerate(moments):
        gap = steps[index] if index < len(steps) else step
        # Months differ by a tenth, years by less.
        until[moment] = gap if gap <= step * 1.2 else step
    whole_days = all(moment.time().isoformat() == "00:00:00" for moment in moments)
    shown = "%Y-%m-%d" if whole_days else "%Y-%m-%d %H:%M"
    found = []
    for row in rows:
        if row[x.field] is None:
            continue
        start = _moment(row[x.field])
        end = start + until[start]
        middle = start + until[start] / 2
        found.append(
            row
            | {
                _FROM: start.isoformat(),
                _UNTIL: end.isoformat(),
                "_middle": middle.isoformat(),
                _WHEN: start.strftime(shown),
            }
        )
    return found


def _usual_step(moments: Sequence[datetime]) -> timedelta:
    at_midnight = all(moment.hour == 0 and moment.minute == 0 for moment in moments)
    return timedelta(days=1) if at_midnight else timedelta(hours=1)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
