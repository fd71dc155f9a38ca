"""What a dashboard page shows, tile by tile, ready for its template."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markdown_it import MarkdownIt

from databricks_monitoring.dashboard.vega_lite import DRAWN, vega_lite
from databricks_monitoring.local_workspace.pages.formats import shown

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.pages.answers import Answer

Json = dict[str, Any]

_GRID = 12
_OLD_GRID = 6
"""Columns of a page that names no layout version."""

_TABLE_ROWS_AT_MOST = 500
_MARKDOWN = MarkdownIt("commonmark", {"html": False})


@dataclass(frozen=True)
class Cell:
    """One value of a table as text."""

    text: str
    is_number: bool = False


@dataclass(frozen=True)
class Tile:
    """One tile.

    Attributes
    ----------
    kind
        `text`, `counter`, `table`, `chart`, `empty` or `error`.
    columns, rows
        Place on the grid: the first, and how many.
    specification
        Vega-Lite, as JSON that may stand in a script element.
    """

    name: str
    kind: str
    columns: tuple[int, int]
    rows: tuple[int, int]
    title: str = ""
    description: str = ""
    html: str = ""
    message: str = ""
    value: str = ""
    target: str = ""
    header: tuple[Cell, ...] = ()
    body: tuple[tuple[Cell, ...], ...] = ()
    cut: bool = False
    specification: str = ""


def tile(widget: Json, place: Json, *, wide: bool, answer: Answer | None, why_empty: str) -> Tile:
    """Return the tile of a widget.

    Parameters
    ----------
    place
        `x`, `y`, `width` and `height` on the page's grid.
    wide
        The page's grid has 12 columns rather than 6.
    answer
        Its rows; None for text.
    why_empty
        What to say where there are no rows.
    """
    scale = 1 if wide else _GRID // _OLD_GRID
    columns = (int(place["x"]) * scale + 1, int(place["width"]) * scale)
    rows = (int(place["y"]) + 1, int(place["height"]))
    name = str(widget["name"])
    text = _text(widget)
    if text is not None:
        return Tile(name, "text", columns, rows, html=_MARKDOWN.render(text))
    frame = widget.get("spec", {}).get("frame", {})
    title = str(frame.get("title", "")) if frame.get("showTitle", True) else ""
    description = str(frame.get("description", "")) if frame.get("showDescription") else ""

    def made(kind: str, **parts: Any) -> Tile:  # noqa: ANN401 - the fields of Tile
        return Tile(name, kind, columns, rows, title, description, **parts)

    kind = widget.get("spec", {}).get("widgetType", "")
    if answer is None or answer.error is not None:
        return made("error", message=answer.error if answer and answer.error else "The widget has no query.")
    if kind not in DRAWN | {"counter", "table"}:
        return made("error", message=f"Widgets of type {kind!r} are not drawn here.")
    if not answer.rows:
        return made("empty", message=why_empty)
    try:
        return made(kind if kind in {"counter", "table"} else "chart", **_filled(widget, kind, answer))
    except KeyError as error:
        columns_found = ", ".join(answer.columns)
        return made("error", message=f"The widget shows {error}, but its query has only {columns_found}.")


def _text(widget: Json) -> str | None:
    if "multilineTextboxSpec" in widget:
        return "".join(widget["multilineTextboxSpec"].get("lines", []))
    return str(widget["textbox_spec"]) if "textbox_spec" in widget else None


def _filled(widget: Json, kind: str, answer: Answer) -> Json:
    encodings = widget["spec"]["encodings"]
    if kind == "counter":
        return _counter(encodings, answer.rows[0])
    if kind == "table":
        columns = [column for column in encodings["columns"] if column.get("visible", True)]
        return _table(columns, answer)
    specification = json.dumps(vega_lite(widget, answer.rows), ensure_ascii=False, separators=(",", ":"))
    # A script element ends at the first "</", wherever that stands.
    safe = specification.replace("<", "\\u003c")
    return _table([{"fieldName": name} for name in answer.columns], answer) | {"specification": safe}


def _counter(encodings: Json, row: Json) -> Json:
    value = encodings["value"]
    found: Json = {"value": shown(row[value["fieldName"]], value.get("format"))}
    target = encodings.get("target")
    if target is not None:
        label = target.get("displayName", target["fieldName"])
        found["target"] = f"{label} {shown(row[target['fieldName']], target.get('format'))}"
    return found


def _table(columns: list[Json], answer: Answer) -> Json:
    names = [column["fieldName"] for column in columns]
    numeric = {
        name
        for name in names
        if any(isinstance(row[name], int | float) for row in answer.rows[:_TABLE_ROWS_AT_MOST])
    }
    header = tuple(
        Cell(str(column.get("title") or column.get("displayName") or name), name in numeric)
        for name, column in zip(names, columns, strict=True)
    )
    body = tuple(
        tuple(
            Cell(shown(row[name], column.get("format")), name in numeric)
            for name, column in zip(names, columns, strict=True)
        )
        for row in answer.rows[:_TABLE_ROWS_AT_MOST]
    )
    return {"header": header, "body": body, "cut": answer.cut or len(answer.rows) > _TABLE_ROWS_AT_MOST}
