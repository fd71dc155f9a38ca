from __future__ import annotations

from typing import Any

from databricks_monitoring.local_workspace.pages.answers import Answer
from databricks_monitoring.local_workspace.pages.tiles import Tile, tile

Json = dict[str, Any]

PLACE = {"x": 2, "y": 3, "width": 4, "height": 5}


def made(widget: Json, answer: Answer | None = None, *, wide: bool = True) -> Tile:
    return tile({"name": "w"} | widget, PLACE, wide=wide, answer=answer, why_empty="nothing has closed yet")


def counter(**encodings: Json) -> Json:
    frame = {"showTitle": True, "title": "Rows", "showDescription": True, "description": "of today"}
    return {"spec": {"version": 2, "widgetType": "counter", "encodings": encodings, "frame": frame}}


def test_places_count_from_one_and_old_pages_are_half_as_wide() -> None:
    assert made(counter(value={"fieldName": "n"}), Answer(("n",), [{"n": 1}])).columns == (3, 4)
    assert made(counter(value={"fieldName": "n"}), Answer(("n",), [{"n": 1}]), wide=False).columns == (5, 8)


def test_a_counter_shows_its_value_and_what_it_is_compared_with() -> None:
    widget = counter(
        value={"fieldName": "n", "format": {"type": "number-percent"}},
        target={"fieldName": "before", "displayName": "Before"},
    )
    shown = made(widget, Answer(("n", "before"), [{"n": 0.25, "before": 4000}]))
    assert (shown.kind, shown.title, shown.description) == ("counter", "Rows", "of today")
    assert (shown.value, shown.target) == ("25 %", "Before 4,000")


def test_text_is_markdown_without_html() -> None:
    shown = made({"multilineTextboxSpec": {"lines": ["## Title\n", "<script>alert(1)</script> *it*"]}})
    assert "<h2>Title</h2>" in shown.html
    assert "<em>it</em>" in shown.html
    assert "<script>" not in shown.html


def test_a_failed_query_shows_its_error() -> None:
    shown = made(counter(value={"fieldName": "n"}), Answer(error="[TABLE_OR_VIEW_NOT_FOUND] ..."))
    assert (shown.kind, shown.message) == ("error", "[TABLE_OR_VIEW_NOT_FOUND] ...")


def test_no_rows_say_why() -> None:
    shown = made(counter(value={"fieldName": "n"}), Answer(("n",), []))
    assert (shown.kind, shown.message) == ("empty", "nothing has closed yet")


def test_a_column_that_the_query_lacks_is_named() -> None:
    shown = made(counter(value={"fieldName": "m"}), Answer(("n",), [{"n": 1}]))
    assert shown.kind == "error"
    assert "'m'" in shown.message


def test_a_widget_that_is_not_drawn_is_named() -> None:
    shown = made({"spec": {"widgetType": "pivot", "encodings": {}}}, Answer(("n",), [{"n": 1}]))
    assert shown.kind == "error"
    assert "'pivot'" in shown.message


def test_the_data_of_a_chart_cannot_end_its_script_element() -> None:
    encodings = {
        "x": {"fieldName": "name", "scale": {"type": "categorical"}},
        "y": {"fieldName": "n", "scale": {"type": "quantitative"}},
    }
    widget = {"spec": {"version": 3, "widgetType": "bar", "encodings": encodings, "frame": {}}}
    shown = made(widget, Answer(("name", "n"), [{"name": "</script><b>", "n": 1}]))
    assert shown.kind == "chart"
    assert "</" not in shown.specification
    assert shown.body[0][0].text == "</script><b>"
