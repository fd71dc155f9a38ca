"""Conventions are explained one by one, and stand with the numbers that were computed by them."""

from __future__ import annotations

import ast
import json
from pathlib import Path

from databricks_monitoring.metrics import conventions
from databricks_monitoring.metrics.metric_table import CONVENTIONS_KEY, USER_METADATA
from tests.unit.metrics.delta import Monitored, rows


def test_each_says_what_is_known_and_how_numbers_compare() -> None:
    tree = ast.parse(Path(conventions.__file__).read_text(encoding="utf-8"))
    texts = [
        str(statement.value.value)
        for statement in tree.body[1:]
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    ]
    assert len(texts) == len(conventions.recorded())
    for text in texts:
        assert text.index("\nKnown: ") < text.index("\nCompare: "), text


def test_a_commit_of_either_table_carries_them(tmp_path: Path) -> None:
    monitored = Monitored(tmp_path)
    monitored.append(rows(5, 10))
    report = monitored.refresh()
    for name in ("profile", "drift"):
        [commit] = monitored.delta(name).history(1)
        assert json.loads(commit[USER_METADATA])[CONVENTIONS_KEY] == report.conventions
