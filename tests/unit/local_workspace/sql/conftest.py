"""An engine over the tables of a fresh workspace, without a server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from databricks_monitoring.local_workspace.catalog.tables import Tables
from databricks_monitoring.local_workspace.clock import WorkspaceClock
from databricks_monitoring.local_workspace.sql.engine import SqlEngine, SqlError
from databricks_monitoring.local_workspace.storage import Store
from databricks_monitoring.names import SchemaName

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Sql:
    """Runs statements in a schema of its own and gives their rows as text."""

    engine: SqlEngine
    tables: Tables
    clock: WorkspaceClock
    schema: str = "default"

    def __call__(self, statement: str) -> list[list[str | None]]:
        return self.engine.run(statement, catalog="main", schema=self.schema).rows()

    def one(self, statement: str) -> str | None:
        rows = self(statement)
        assert len(rows) == 1
        assert len(rows[0]) == 1
        return rows[0][0]

    def failure(self, statement: str) -> SqlError:
        with pytest.raises(SqlError) as caught:
            self(statement)
        return caught.value


@pytest.fixture(scope="session")
def workspace_sql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sql]:
    root = tmp_path_factory.mktemp("sql")
    store = Store(root / "workspace.db")
    clock = WorkspaceClock(store)
    tables = Tables(root, store, clock)
    engine = SqlEngine(tables, clock, root=root)
    yield Sql(engine, tables, clock)
    engine.close()
    store.close()


@pytest.fixture
def sql(workspace_sql: Sql, request: pytest.FixtureRequest) -> Iterator[Sql]:
    """Return a runner whose names without a schema belong to one that only this test uses."""
    name = SchemaName("main", f"s{abs(hash(request.node.nodeid))}")
    workspace_sql.tables.create_schema(name)
    yield Sql(workspace_sql.engine, workspace_sql.tables, workspace_sql.clock, name.schema)
    workspace_sql.tables.drop_schema(name, cascade=True)
