"""What becomes of Databricks expressions in DuckDB, one file a group of rules.

A file holds pairs of statements: as written for Databricks, as run by DuckDB. `--update` rewrites the second
ones.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from databricks_monitoring.local_workspace.sql.dialect import parse
from databricks_monitoring.local_workspace.sql.functions import Moment
from databricks_monitoring.local_workspace.sql.translate import render, to_duckdb

FOLDER = Path(__file__).parent / "sql" / "functions"
MOMENT = Moment(
    now=datetime(2026, 11, 23, 10, tzinfo=UTC), user="a@example.com", catalog="main", schema="default"
)


def pairs(path: Path) -> list[tuple[str, str]]:
    blocks = [block for block in path.read_text(encoding="utf-8").split("\n\n") if block.strip()]
    return [(lines[0], "\n".join(lines[1:])) for lines in (block.strip().split("\n") for block in blocks)]


def translated(statement: str) -> str:
    return render(to_duckdb(parse(statement), MOMENT)) + ";"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.sql")), ids=lambda path: path.stem)
def test_translation_is_as_recorded(path: Path, pytestconfig: pytest.Config) -> None:
    found = [(given, translated(given)) for given, _ in pairs(path)]
    if pytestconfig.getoption("--update"):
        path.write_text("\n\n".join(f"{given}\n{made}" for given, made in found) + "\n", encoding="utf-8")
    assert found == pairs(path), "Run pytest with --update if this change is meant."


def test_there_are_recorded_translations() -> None:
    assert len(list(FOLDER.glob("*.sql"))) > 5
