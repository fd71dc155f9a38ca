"""INSERT, UPDATE, DELETE and TRUNCATE: every statement is one Delta commit or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deltalake.exceptions import DeltaError
from sqlglot import exp

from databricks_monitoring.local_workspace.sql import commits, predicates
from databricks_monitoring.local_workspace.sql.assignment import Target
from databricks_monitoring.local_workspace.sql.errors import failure, unsupported
from databricks_monitoring.local_workspace.sql.functions.rules import when
from databricks_monitoring.local_workspace.sql.result import counts
from databricks_monitoring.local_workspace.sql.translate import render, to_duckdb
from databricks_monitoring.metrics.engines.delta_scan import quoted

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb
    from deltalake import CommitProperties, DeltaTable

    from databricks_monitoring.local_workspace.sql.execution import Execution
    from databricks_monitoring.local_workspace.sql.result import Outcome


def target_of(node: exp.Expr, execution: Execution) -> Target:
    """Return the table that a statement writes, at its newest version; hold its right to write before."""
    name = execution.scope.name(node)
    return Target.of(name, execution.scope.open(name))


def insert(tree: exp.Insert, execution: Execution) -> Outcome:
    """Append or overwrite rows; answer how many."""
    node = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    if tree.args.get("partition") or tree.args.get("where"):
        raise unsupported("INSERT into a partition, and REPLACE WHERE")
    name = execution.scope.name(node)
    execution.scope.open(name)
    with execution.tables.writing(name):
        target = target_of(node, execution)
        named = [column.name for column in tree.this.expressions] if isinstance(tree.this, exp.Schema) else []
        source: exp.Expr = tree.expression or tree.args["source"]
        if tree.args.get("with_") is not None:
            source.set("with_", tree.args["with_"])
        relation = execution.relation(execution.translated(query_of(source)))
        projection = _projection(relation, target, named, by_name=bool(tree.args.get("by_name")))
        rows = append(
            relation.project(projection),
            target,
            execution,
            mode="overwrite" if tree.args.get("overwrite") else "append",
        )
    return counts({"num_affected_rows": rows, "num_inserted_rows": rows})


def query_of(source: exp.Expr) -> exp.Expr:
    """Return what gives the rows of an INSERT as a query."""
    if isinstance(source, exp.Values):
        return exp.Select(expressions=[exp.Star()], from_=exp.From(this=source))
    if isinstance(source, exp.Table):
        return exp.Select(expressions=[exp.Star()], from_=exp.From(this=source))
    return source


def append(
    relation: duckdb.DuckDBPyRelation, target: Target, execution: Execution, *, mode: str = "append"
) -> int:
    """Write the rows of a query with the target's columns; return how many. No rows, no commit."""
    kinds = [column.kind for column in target.columns]
    batches = execution.batches(relation, [column.name for column in target.columns], kinds)
    if mode == "append":
        first = next((batch for batch in batches if batch.num_rows), None)
        if first is None:
            return 0
        batches = _again(first, batches)
    stream = commits.Stream(target.schema, batches)
    return commits.write(target.table, stream, execution.moment, mode=mode)


def _again(first: object, rest: object):  # type: ignore[no-untyped-def]  # noqa: ANN202
    yield first
    yield from rest  # type: ignore[misc]


def _projection(relation: duckdb.DuckDBPyRelation, target: Target, named: list[str], *, by_name: bool) -> str:
    """Return a select list that gives the target's columns, each of its type."""
    given = [str(column) for column in relation.columns]
    if by_name:
        named = given
    if named and len(set(map(str.lower, named))) != len(named):
        raise failure("DUPLICATE_COLUMN", "A column is named twice in INSERT.", "42711")
    columns = [target.column(name) for name in named] if named else target.columns
    if len(columns) != len(given):
        raise failure(
            "INSERT_COLUMN_ARITY_MISMATCH."
            + ("NOT_ENOUGH" if len(given) < len(columns) else "TOO_MANY")
            + "_DATA_COLUMNS",
            f"Cannot write to `{target.name}`: {len(columns)} columns are written, the data has {len(given)} "
            f"({', '.join(given[:12])}).",
            "21S01",
        )
    source = {column.name: exp.column(name, quoted=True) for column, name in zip(columns, given, strict=True)}
    items = [
        target.assigned(column, source[column.name]) if column.name in source else target.missing(column)
        for column in target.columns
    ]
    return ", ".join(
        f"{render(item)} AS {quoted(column.name)}" for item, column in zip(items, target.columns, strict=True)
    )


def truncate(tree: exp.TruncateTable, execution: Execution) -> Outcome:
    """Delete every row."""
    return _delete(tree.expressions[0], None, execution)


def delete(tree: exp.Delete, execution: Execution) -> Outcome:
    """Delete the rows for which a condition is true; answer how many."""
    where = tree.args.get("where")
    return _delete(tree.this, where.this if where else None, execution)


def _delete(node: exp.Expr, condition: exp.Expr | None, execution: Execution) -> Outcome:
    name = execution.scope.name(node)
    execution.scope.open(name)
    with execution.tables.writing(name):
        target = target_of(node, execution)
        change = _Change(target, node, condition or exp.true(), execution)
        rows = change.count()
        if rows and not change.push_down_delete():
            keep = exp.Not(
                this=exp.Coalesce(this=exp.Paren(this=change.translated), expressions=[exp.false()])
            )
            change.overwrite([exp.column(column.name, quoted=True) for column in target.columns], keep)
    return counts({"num_affected_rows": rows})


def update(tree: exp.Update, execution: Execution) -> Outcome:
    """Change columns in the rows for which a condition is true; answer how many."""
    if tree.args.get("from_") is not None or tree.args.get("with_") is not None:
        raise unsupported("UPDATE with FROM or WITH; use MERGE")
    node, where = tree.this, tree.args.get("where")
    name = execution.scope.name(node)
    execution.scope.open(name)
    with execution.tables.writing(name):
        target = target_of(node, execution)
        sets = {
            target.written(each.this, node.alias_or_name).name: each.expression for each in tree.expressions
        }
        change = _Change(target, node, where.this if where else exp.true(), execution)
        values = {
            column: target.assigned(target.column(column), change.expression(value))
            for column, value in sets.items()
        }
        rows = change.count()
        if rows and not change.push_down_update(sets):
            changed: list[exp.Expr] = [
                when(
                    exp.Paren(this=change.translated.copy()),
                    values[column.name],
                    exp.column(column.name, quoted=True),
                )
                if column.name in values
                else exp.column(column.name, quoted=True)
                for column in target.columns
            ]
            change.overwrite(changed, None)
    return counts({"num_affected_rows": rows})


class _Change:
    """An UPDATE or DELETE: its condition, how many rows it meets, and the two ways to carry it out."""

    def __init__(self, target: Target, node: exp.Expr, condition: exp.Expr, execution: Execution) -> None:
        self._target = target
        self._execution = execution
        self._alias = node.alias_or_name
        self._condition = condition
        self.translated = self.expression(condition.copy())

    def expression(self, expression: exp.Expr) -> exp.Expr:
        """Return an expression over the table's columns in DuckDB's words."""
        self._execution.scope.resolve(expression)
        return to_duckdb(exp.Paren(this=expression), self._execution.moment)

    def count(self) -> int:
        """Return how many rows the condition is true for."""
        rows = self._select([exp.Count(this=exp.Star())], self.translated).fetchall()
        return int(rows[0][0])

    def push_down_delete(self) -> bool:
        """Let delta-rs delete, which rewrites only the files concerned; say whether it could."""
        predicate = self._predicate()
        if predicate is None:
            return False
        self._commit(lambda table, commit: table.delete(predicate or None, commit_properties=commit))
        return True

    def push_down_update(self, sets: dict[str, exp.Expr]) -> bool:
        """Let delta-rs write constants, which rewrites only the files concerned; say whether it could."""
        predicate = self._predicate()
        values = {
            column: predicates.constant_of(value, self._target.column(column), self._execution)
            for column, value in sets.items()
        }
        if predicate is None or any(value is None for value in values.values()):
            return False
        updates = {quoted(column): str(value) for column, value in values.items()}
        self._commit(
            lambda table, commit: table.update(
                updates=updates, predicate=predicate or None, commit_properties=commit
            )
        )
        return True

    def _predicate(self) -> str | None:
        if isinstance(self._condition, exp.Boolean):
            return ""
        return predicates.pushed_down(self._condition, self._target, self._execution, self._alias)

    def _commit(self, change: Callable[[DeltaTable, CommitProperties], object]) -> None:
        try:
            change(self._target.table, commits.properties(self._execution.moment))
        except (DeltaError, ValueError) as error:
            raise commits.delta_failure(error) from error

    def overwrite(self, values: list[exp.Expr], keep: exp.Expr | None) -> None:
        """Write the table's new rows in one commit."""
        named = [
            exp.alias_(value, column.name, quoted=True)
            for value, column in zip(values, self._target.columns, strict=True)
        ]
        append(self._select(named, keep), self._target, self._execution, mode="overwrite")

    def _select(self, items: list[exp.Expr], condition: exp.Expr | None) -> duckdb.DuckDBPyRelation:
        view = self._execution.scope.view(self._target.name)
        source = exp.Table(
            this=exp.to_identifier(view, quoted=True),
            alias=exp.TableAlias(this=exp.to_identifier(self._alias, quoted=True)),
        )
        select = exp.Select(expressions=items, from_=exp.From(this=source))
        if condition is not None:
            select.set("where", exp.Where(this=condition.copy()))
        return self._execution.relation(render(select))
