from __future__ import annotations

from typing import Any

import pytest
import vl_convert

from databricks_monitoring.dashboard.vega_lite import DRAWN, vega_lite

Json = dict[str, Any]

DAYS = [f"2026-11-{day:02d}T00:00:00+00:00" for day in (10, 11, 14)]


def encoding(name: str, scale: str, **more: object) -> Json:
    return {"fieldName": name, "displayName": name, "scale": {"type": scale}, **more}


def widget(kind: str, encodings: Json, **spec: object) -> Json:
    return {"name": "w", "spec": {"version": 3, "widgetType": kind, "encodings": encodings, **spec}}


OVER_TIME = {"x": encoding("day", "temporal"), "y": encoding("n", "quantitative")}
BY_SERIES = OVER_TIME | {"color": encoding("series", "categorical")}
ROWS = [
    {"day": day, "n": index + 1.5, "series": name} for index, day in enumerate(DAYS) for name in ("a", "b")
]


def leaves(spec: Json) -> list[Json]:
    layers: list[Json] = spec.get("layer", [spec])
    return layers


def drawn(spec: Json) -> str:
    sized = spec | {"width": 400, "height": 200}
    return str(vl_convert.vegalite_to_svg(sized))


@pytest.mark.parametrize(
    ("kind", "encodings", "mark"),
    [
        ("bar", BY_SERIES, "bar"),
        ("bar", {"x": encoding("series", "categorical"), "y": encoding("n", "quantitative")}, "bar"),
        ("line", BY_SERIES, "line"),
        ("area", BY_SERIES, "area"),
        ("scatter", {"x": encoding("n", "quantitative"), "y": encoding("n", "quantitative")}, "point"),
        ("pie", {"angle": encoding("n", "quantitative"), "color": encoding("series", "categorical")}, "arc"),
        ("histogram", {"x": encoding("n", "quantitative")}, "bar"),
        (
            "heatmap",
            {
                "x": encoding("day", "temporal"),
                "y": encoding("series", "categorical"),
                "color": encoding("n", "quantitative"),
            },
            "rect",
        ),
    ],
)
def test_every_drawn_kind_has_marks(kind: str, encodings: Json, mark: str) -> None:
    spec = vega_lite(widget(kind, encodings), ROWS)
    assert kind in DRAWN
    assert leaves(spec)[0]["mark"]["type"] == mark
    assert f'aria-roledescription="{mark}"'.encode() in drawn(spec).encode() or "<path" in drawn(spec)


def test_a_window_ends_where_the_next_begins_or_after_the_shortest_step() -> None:
    spec = vega_lite(widget("bar", OVER_TIME), [{"day": day, "n": 1} for day in DAYS])
    ends = [row["_until"][:10] for row in spec["data"]["values"]]
    assert ends == ["2026-11-11", "2026-11-12", "2026-11-15"]


def test_months_touch_each_other() -> None:
    months = ["2026-01-01T00:00:00+00:00", "2026-02-01T00:00:00+00:00", "2026-03-01T00:00:00+00:00"]
    spec = vega_lite(widget("bar", OVER_TIME), [{"day": month, "n": 1} for month in months])
    assert [row["_until"][:10] for row in spec["data"]["values"]][:2] == ["2026-02-01", "2026-03-01"]


def test_bars_over_time_stand_up_and_stack() -> None:
    layer = vega_lite(widget("bar", BY_SERIES), ROWS)
    assert layer["mark"]["orient"] == "vertical"
    assert layer["encoding"]["y"]["stack"] == "zero"


def test_grouped_bars_stand_side_by_side() -> None:
    encodings = {
        "x": encoding("series", "categorical"),
        "y": encoding("n", "quantitative"),
        "color": encoding("day", "categorical"),
    }
    layer = vega_lite(widget("bar", encodings, mark={"layout": "group"}), ROWS)
    assert layer["encoding"]["xOffset"]["field"] == "day"


def test_one_point_is_drawn_as_a_bar_instead_of_an_empty_area() -> None:
    layer = vega_lite(widget("area", BY_SERIES), ROWS[:2])
    assert layer["mark"]["type"] == "bar"


def test_levels_to_compare_with_are_dashed_and_not_in_the_legend() -> None:
    rows = ROWS + [{"day": day, "n": 2.0, "series": "baseline accuracy"} for day in DAYS]
    main, line, label = leaves(vega_lite(widget("line", BY_SERIES), rows))
    assert {row["series"] for row in main["data"]["values"]} == {"a", "b"}
    assert main["encoding"]["color"]["scale"]["domain"] == ["a", "b"]
    assert line["mark"]["strokeDash"]
    assert [row["day"] for row in label["data"]["values"]] == [DAYS[-1]]


def test_several_y_fields_become_series_with_their_titles() -> None:
    y = {
        "scale": {"type": "quantitative"},
        "fields": [{"fieldName": "low", "displayName": "10th"}, {"fieldName": "high", "displayName": "90th"}],
    }
    rows = [{"day": day, "low": 1, "high": 2} for day in DAYS]
    layer = vega_lite(widget("line", {"x": encoding("day", "temporal"), "y": y}), rows)
    assert {(row["_series"], row["_value"]) for row in layer["data"]["values"]} == {("10th", 1), ("90th", 2)}


def test_a_heatmap_puts_the_highest_row_on_top_and_writes_numbers_in_few_cells() -> None:
    rows = [
        {"day": day, "column": column, "amount": amount}
        for day in DAYS
        for column, amount in (("calm", 0.01), ("drifting", 0.5), ("empty", None))
    ]
    encodings = {
        "x": encoding("day", "temporal"),
        "y": encoding("column", "categorical"),
        "color": encoding("amount", "quantitative"),
    }
    cells, numbers = leaves(vega_lite(widget("heatmap", encodings), rows))
    assert cells["encoding"]["y"]["sort"] == ["drifting", "calm"]
    assert numbers["mark"]["type"] == "text"


def test_percentages_are_shown_as_such() -> None:
    share = encoding(
        "n", "quantitative", format={"type": "number-percent", "decimalPlaces": {"type": "max", "places": 1}}
    )
    layer = vega_lite(widget("line", {"x": encoding("day", "temporal"), "y": share}), ROWS)
    assert layer["encoding"]["y"]["axis"]["format"] == "~%"
    assert layer["encoding"]["tooltip"][-1]["format"] == ".1~%"
