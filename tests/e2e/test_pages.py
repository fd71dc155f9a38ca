"""The pages in a real browser."""

from __future__ import annotations

import json
import os
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from databricks.sdk.service.dashboards import Dashboard

from tests.contract.monitored import inference_config, inference_table, monitor, succeeded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from databricks.sdk import WorkspaceClient
    from playwright.sync_api import Browser, Page

    from tests.conftest import RunningWorkspace

CHROMIUM = Path("/usr/bin/chromium")
CHARTS = {
    "volume",
    "volume_by_model",
    "quality",
    "quality_by_model",
    "predictions",
    "predictions_compared",
    "drift_heatmap",
    "drift_lines",
    "drifted_number_1",
    "drifted_number_2",
    "drifted_category",
    "null_rates",
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        reason = f"{CHROMIUM} is missing; install it with `apt-get install chromium`"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where there is a browser

    options = ["--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"]
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=CHROMIUM, args=options, chromium_sandbox=os.geteuid() != 0
        )
        yield found
        found.close()


class Visit:
    """A signed-in tab, and what the browser complained about in it."""

    def __init__(self, page: Page, server: RunningWorkspace) -> None:
        self.page = page
        self.complaints: list[str] = []
        self._server = server
        page.on("console", lambda message: self._hear(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("requestfailed", lambda request: self.complaints.append(f"{request.url}: {request.failure}"))

    def _hear(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.complaints.append(text)

    def open(self, path: str) -> None:
        self.page.goto(f"{self._server.url}{path}?token={self._server.token}")
        if "sql/" in path or "dashboardsv3" in path:
            self.page.wait_for_selector("html[data-drawn=true]")


@pytest.fixture
def visit(browser: Browser, workspace_server: RunningWorkspace) -> Iterator[Visit]:
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    yield Visit(context.new_page(), workspace_server)
    context.close()


@pytest.fixture(scope="module")
def dashboard_id(client: WorkspaceClient) -> str:
    """Return the dashboard of a monitor that has been refreshed."""
    name = f"main.default.paged_{uuid.uuid4().hex[:8]}"
    table_id = inference_table(client, name)
    config = inference_config(client, name)
    config.skip_builtin_dashboard = False
    monitor(client, table_id, config)
    succeeded(client, table_id)
    found = client.data_quality.get_monitor("table", table_id).data_profiling_config
    assert found is not None
    return str(found.dashboard_id)


def test_a_monitors_dashboard_shows_every_chart(visit: Visit, dashboard_id: str) -> None:
    visit.open(f"/sql/dashboardsv3/{dashboard_id}")
    page = visit.page
    assert visit.complaints == []
    drawn = page.locator(".tile.chart[data-drawn=true]")
    assert {tile.get_attribute("data-name") for tile in drawn.all()} == CHARTS
    for tile in drawn.all():
        marks = tile.locator(
            "svg .mark-rect path, svg .mark-line path, svg .mark-area path, svg .mark-symbol path"
        )
        assert marks.count() > 0, tile.get_attribute("data-name")
    assert page.locator(".tile.error").count() == 0
    values = {
        str(tile.get_attribute("data-name")): tile.locator(".value").inner_text()
        for tile in page.locator(".tile.counter").all()
    }
    assert values["counter_rows"] == "60"
    assert values["counter_nulls"] == "10 %"
    assert values["counter_quality"] == "90 %"
    table = page.locator(".tile.table tbody tr")
    assert {row.locator("td").first.inner_text() for row in table.all()} >= {"age", "height_cm", "universe"}


def test_every_chart_has_a_name_and_its_data_as_a_table(visit: Visit, dashboard_id: str) -> None:
    visit.open(f"/dashboardsv3/{dashboard_id}/published")
    page = visit.page
    for tile in page.locator(".tile.chart").all():
        name = tile.locator("h2").inner_text()
        assert name
        heading = tile.locator("h2").get_attribute("id")
        chart = tile.locator(".chart")
        assert chart.get_attribute("aria-labelledby") == heading
        assert chart.get_attribute("role") == "graphics-document"
        tile.locator("summary").click()
        assert tile.locator("details table tbody tr").first.is_visible()
        tile.locator("summary").click()
    assert visit.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_both_schemes(visit: Visit, dashboard_id: str, scheme: str) -> None:
    visit.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    visit.open(f"/sql/dashboardsv3/{dashboard_id}")
    pairs = visit.page.evaluate(
        """() => [...document.querySelectorAll("h2, p, td, th, .chart text")].map((node) => {
          const style = getComputedStyle(node);
          const tile = node.closest(".tile");
          const behind = tile && !tile.matches(".text") ? tile : document.body;
          const back = getComputedStyle(behind).backgroundColor;
          return [node.closest("svg") ? style.fill : style.color, back, node.textContent.slice(0, 30),
            !!node.closest(".mark-text")];
        })"""
    )
    faint = [text for ink, back, text, on_cell in pairs if not on_cell and _contrast(ink, back) < 4.5]
    assert faint == []


def _contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        parts = [float(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_nothing_moves_and_nothing_hangs_over_on_a_phone(
    browser: Browser, workspace_server: RunningWorkspace, dashboard_id: str
) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 800})
    visit = Visit(context.new_page(), workspace_server)
    visit.page.add_init_script(
        """window.moved = 0; new PerformanceObserver((list) => {
          for (const entry of list.getEntries()) window.moved += entry.value;
        }).observe({ type: "layout-shift", buffered: true });"""
    )
    visit.open(f"/sql/dashboardsv3/{dashboard_id}")
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert visit.page.evaluate("window.moved") < 0.02
    context.close()


def test_a_failed_statement_and_an_empty_one_leave_the_rest_alone(
    visit: Visit, client: WorkspaceClient
) -> None:
    statements = {
        "good": "SELECT 7 AS n",
        "bad": "SELECT * FROM main.default.no_such_table",
        "none": "SELECT 1 AS n WHERE false",
    }
    encodings = {"value": {"fieldName": "n"}}
    layout = [
        {
            "widget": {
                "name": name,
                "queries": [
                    {
                        "name": "main_query",
                        "query": {
                            "datasetName": name,
                            "fields": [{"name": "n", "expression": "`n`"}],
                            "disaggregated": True,
                        },
                    }
                ],
                "spec": {
                    "version": 2,
                    "widgetType": "counter",
                    "encodings": encodings,
                    "frame": {"showTitle": True, "title": name},
                },
            },
            "position": {"x": 4 * index, "y": 0, "width": 4, "height": 3},
        }
        for index, name in enumerate(statements)
    ]
    content = {
        "datasets": [{"name": name, "displayName": name, "query": sql} for name, sql in statements.items()],
        "pages": [{"name": "p", "displayName": "P", "layoutVersion": "GRID_V1", "layout": layout}],
    }
    client.workspace.mkdirs("/Shared/pages")
    board = client.lakeview.create(
        Dashboard(
            display_name=f"Faults {uuid.uuid4().hex[:6]}",
            parent_path="/Shared/pages",
            serialized_dashboard=json.dumps(content),
        )
    )
    visit.open(f"/sql/dashboardsv3/{board.dashboard_id}")
    tile = visit.page.locator
    assert tile("[data-name=good] .value").inner_text() == "7"
    assert "no_such_table" in tile("[data-name=bad] .message").inner_text()
    assert "No rows" in tile("[data-name=none] .message").inner_text()
    assert visit.complaints == []


def test_the_first_page_leads_to_the_dashboard(visit: Visit, dashboard_id: str) -> None:
    visit.open("/")
    link = visit.page.locator(f"a[href='/sql/dashboardsv3/{dashboard_id}']")
    assert "monitoring" in link.inner_text()
    assert visit.page.locator("td", has_text="main.default.paged_").count() >= 1
    assert visit.complaints == []
    link.click()
    visit.page.wait_for_selector("html[data-drawn=true]")
    assert visit.complaints == []


def test_a_page_is_there_within_two_seconds(visit: Visit, dashboard_id: str) -> None:
    visit.open(f"/sql/dashboardsv3/{dashboard_id}")
    start = time.monotonic()
    visit.open(f"/sql/dashboardsv3/{dashboard_id}")
    assert time.monotonic() - start < 2


def test_a_dashboard_that_is_not_there_says_so(visit: Visit) -> None:
    visit.page.goto(f"{visit._server.url}/sql/dashboardsv3/{'0' * 32}?token={visit._server.token}")
    assert "Unable to find dashboard" in visit.page.locator("main").inner_text()
