"""Every route says what it does, and answers to one path."""

from __future__ import annotations

from collections import Counter

from databricks_monitoring.local_workspace.routes_table import routes_table


def test_every_route_is_described_once() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in routes_table().splitlines()
        if line.startswith(("| GET", "| POST", "| PUT", "| PATCH", "| DELETE", "| HEAD"))
    ]
    assert len(rows) > 100
    for _, path, summary, *_ in rows:
        assert summary.endswith("."), f"{path}: {summary!r}"
    counted = Counter((methods, path) for methods, path, *_ in rows)
    assert [route for route, count in counted.items() if count > 1] == []
